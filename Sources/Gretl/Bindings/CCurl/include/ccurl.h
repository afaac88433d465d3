// libcurl as Swift can call it, loaded at first use: linked, it would cost 6 MB of resident memory
// in a daemon that knows no cluster. Flat and without policy: what is set on a transfer,
// HTTPSClient decides. Called by Sources/Gretl/Outbound only.

#ifndef CCURL_H
#define CCURL_H

#include <stddef.h>
#include <stdint.h>

/// Loads and initialises the library once; takes a few milliseconds and may read files. NULL when
/// it is there, else why it is not (a static text).
const char *ccurl_load(void);

/// Its version, such as "7.88.1"; NULL before it is loaded.
const char *ccurl_version(void);

/// What a socket is wanted for.
enum { CCURL_NOTHING = 0, CCURL_READ = 1, CCURL_WRITE = 2 };

/// What a callback that takes bytes answers with besides their count.
enum { CCURL_ABORT = -1, CCURL_PAUSE = -2 };

/// What the library tells its owner. All are called within a call of a function below.
struct ccurl_owner {
    void *context;
    /// `wanted` of CCURL_READ and CCURL_WRITE; CCURL_NOTHING: forget the socket.
    void (*socket_wanted)(void *context, int socket, int wanted);
    /// The socket is about to be closed.
    void (*socket_closes)(void *context, int socket);
    /// Call ccurl_timeout in so many milliseconds; -1: no longer.
    void (*timeout_wanted)(void *context, long milliseconds);
};

/// The transfers of one client.
struct ccurl_multi;

/// NULL when there is no memory. `owner` must outlive it, filled before anything else is called.
struct ccurl_multi *ccurl_multi_new(const struct ccurl_owner *owner, long connections);
void ccurl_multi_free(struct ccurl_multi *multi);
/// A socket is ready for `ready` (CCURL_READ, CCURL_WRITE), or failed (both).
void ccurl_ready(struct ccurl_multi *multi, int socket, int ready);
void ccurl_timeout(struct ccurl_multi *multi);

/// One transfer.
struct ccurl_transfer;

/// What a transfer is told. `bytes` live for the call only.
struct ccurl_sink {
    void *context;
    /// A line of a head with its end; how many bytes were taken, else it ends.
    long (*head)(void *context, const uint8_t *bytes, size_t count);
    /// A piece of the body; its count, CCURL_PAUSE to get it again later, CCURL_ABORT.
    long (*body)(void *context, const uint8_t *bytes, size_t count);
};

enum ccurl_text {
    CCURL_URL,
    CCURL_METHOD,
    /// Loopback, and what the environment says.
    CCURL_NOPROXY,
};

enum ccurl_blob {
    /// Authorities in PEM; those of the system are not trusted then.
    CCURL_AUTHORITIES,
    CCURL_CERTIFICATE,
    CCURL_KEY,
};

struct ccurl_transfer *ccurl_transfer_new(const struct ccurl_sink *sink,
                                          const struct ccurl_owner *owner);
void ccurl_transfer_free(struct ccurl_transfer *transfer);
/// These copy what they are given; false when it was refused.
int ccurl_set_text(struct ccurl_transfer *transfer, enum ccurl_text what, const char *text);
int ccurl_set_blob(struct ccurl_transfer *transfer, enum ccurl_blob what, const void *bytes,
                   size_t count);
int ccurl_set_body(struct ccurl_transfer *transfer, const void *bytes, size_t count);
int ccurl_add_header(struct ccurl_transfer *transfer, const char *line);
/// Dials `address` in place of the URL's host and port: "host:port:address:port".
int ccurl_connect_to(struct ccurl_transfer *transfer, const char *entry);
/// Milliseconds; 0: no limit.
int ccurl_set_times(struct ccurl_transfer *transfer, long connect, long total);
int ccurl_set_unverified(struct ccurl_transfer *transfer);

/// Begins and ends it; not within a callback. 0, or a code of the library.
int ccurl_add(struct ccurl_multi *multi, struct ccurl_transfer *transfer);
void ccurl_remove(struct ccurl_multi *multi, struct ccurl_transfer *transfer);
/// Goes on with one that paused; delivers what waits at once.
void ccurl_resume(struct ccurl_transfer *transfer);

/// Takes one that ended, with the context of its sink and the library's code; NULL: none did.
void *ccurl_take_ended(struct ccurl_multi *multi, int *code);
long ccurl_status(struct ccurl_transfer *transfer);
/// What went wrong, in the library's words; may be empty.
const char *ccurl_failure(struct ccurl_transfer *transfer);

/// What a code means.
enum ccurl_kind {
    CCURL_FINE,
    CCURL_BAD_REQUEST,
    CCURL_NAME,
    CCURL_CONNECT,
    CCURL_TLS,
    CCURL_TIME,
    CCURL_ENDED_BY_US,
    CCURL_BROKEN,
};
enum ccurl_kind ccurl_kind_of(int code);

#endif
