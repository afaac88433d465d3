// OpenSSL 3 as Swift can call it, loaded at first use: linked, it would cost memory in a daemon
// that knows no cluster. TLS over a connected, non-blocking socket, as client or as server. Flat
// and without policy beyond TLS 1.2 and http/1.1. Called by Sources/Gretl/Outbound/TLSContext.swift
// and TLSStream.swift only.

#ifndef COPENSSL_H
#define COPENSSL_H

#include <stddef.h>
#include <stdint.h>

/// Loads the library once; takes milliseconds and reads files. NULL when it is there, else why it
/// is not (a static text).
const char *copenssl_load(void);

/// Trust and identity of any number of streams.
struct copenssl_context;

/// NULL without memory.
struct copenssl_context *copenssl_context_new(int is_server);
void copenssl_context_free(struct copenssl_context *context);
/// Trusts authorities in PEM; how many there were, 0 when none could be read.
int copenssl_trust(struct copenssl_context *context, const void *pem, size_t count);
/// Trusts what the system trusts; 0 when that cannot be read.
int copenssl_trust_system(struct copenssl_context *context);
/// Whether the peer has to show a certificate: 0 no, 1 if it has one, 2 yes.
void copenssl_verify(struct copenssl_context *context, int how);

enum copenssl_identity {
    COPENSSL_IDENTITY_FINE,
    COPENSSL_IDENTITY_CERTIFICATE,
    COPENSSL_IDENTITY_KEY,
    COPENSSL_IDENTITY_MISMATCH,
};
/// A certificate with what leads to its authority, and its key, in PEM. What cannot be used.
enum copenssl_identity copenssl_identify(struct copenssl_context *context, const void *certificate,
                                         size_t certificate_count, const void *key,
                                         size_t key_count);

/// One end of one connection.
struct copenssl_stream;

/// What a call came to, when it is not a count of bytes.
enum {
    COPENSSL_ENDED = 0,
    COPENSSL_WANTS_READ = -1,
    COPENSSL_WANTS_WRITE = -2,
    COPENSSL_FAILED = -3,
    /// The connection ended without a farewell: something may be missing.
    COPENSSL_CUT = -4,
};

/// Over `socket`, which stays the caller's. A client asks for and verifies `name`, a host name or
/// an address; NULL: neither. NULL without memory or for a name no certificate can hold.
struct copenssl_stream *copenssl_stream_new(struct copenssl_context *context, int socket,
                                            const char *name, int is_address);
void copenssl_stream_free(struct copenssl_stream *stream);
/// 1 when it is done, else what it waits for or how it failed.
int copenssl_handshake(struct copenssl_stream *stream);
/// At most an int's worth. A write that waits is repeated with the same bytes.
int copenssl_read(struct copenssl_stream *stream, void *bytes, size_t count);
int copenssl_write(struct copenssl_stream *stream, const void *bytes, size_t count);
/// Whether a read gives bytes although the socket has none.
int copenssl_pending(struct copenssl_stream *stream);
/// Says farewell, as far as the socket takes it, and keeps what makes the next handshake short.
void copenssl_farewell(struct copenssl_stream *stream);
/// Why the last call failed, as text.
const char *copenssl_reason(struct copenssl_stream *stream);
/// Whether the handshake was a short one.
int copenssl_resumed(struct copenssl_stream *stream);
/// The value of a kind ("CN", "O") in the subject of the peer's certificate, at `index`; its
/// length, or -1 when there is none.
int copenssl_subject(struct copenssl_stream *stream, const char *kind, int index, char *text,
                     size_t room);

#endif
