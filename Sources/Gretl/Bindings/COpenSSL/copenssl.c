// libssl by dlopen(3), behind copenssl.h. Finds what it needs once, by name; without the library
// everything but tethers through an API server works. Sets what all streams of ours have in common:
// TLS 1.2 at least, http/1.1, writes that may be taken in part.

#include "copenssl.h"

#include <dlfcn.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FUNCTIONS(F)                                                                               \
    F(const SSL_METHOD *, TLS_client_method, (void))                                               \
    F(const SSL_METHOD *, TLS_server_method, (void))                                               \
    F(SSL_CTX *, SSL_CTX_new, (const SSL_METHOD *))                                                \
    F(void, SSL_CTX_free, (SSL_CTX *))                                                             \
    F(long, SSL_CTX_ctrl, (SSL_CTX *, int, long, void *))                                          \
    F(X509_STORE *, SSL_CTX_get_cert_store, (const SSL_CTX *))                                     \
    F(int, SSL_CTX_set_default_verify_paths, (SSL_CTX *))                                          \
    F(void, SSL_CTX_set_verify, (SSL_CTX *, int, SSL_verify_cb))                                   \
    F(int, SSL_CTX_use_certificate, (SSL_CTX *, X509 *))                                           \
    F(int, SSL_CTX_use_PrivateKey, (SSL_CTX *, EVP_PKEY *))                                        \
    F(int, SSL_CTX_check_private_key, (const SSL_CTX *))                                           \
    F(int, SSL_CTX_set_alpn_protos, (SSL_CTX *, const unsigned char *, unsigned))                  \
    F(void, SSL_CTX_set_alpn_select_cb,                                                            \
      (SSL_CTX *,                                                                                  \
       int (*)(SSL *, const unsigned char **, unsigned char *, const unsigned char *, unsigned,    \
               void *),                                                                            \
       void *))                                                                                    \
    F(int, SSL_CTX_set_session_id_context, (SSL_CTX *, const unsigned char *, unsigned))           \
    F(void, SSL_CTX_set_client_CA_list, (SSL_CTX *, STACK_OF(X509_NAME) *))                        \
    F(SSL *, SSL_new, (SSL_CTX *))                                                                 \
    F(void, SSL_free, (SSL *))                                                                     \
    F(int, SSL_set_fd, (SSL *, int))                                                               \
    F(long, SSL_ctrl, (SSL *, int, long, void *))                                                  \
    F(int, SSL_set1_host, (SSL *, const char *))                                                   \
    F(X509_VERIFY_PARAM *, SSL_get0_param, (SSL *))                                                \
    F(int, X509_VERIFY_PARAM_set1_ip_asc, (X509_VERIFY_PARAM *, const char *))                     \
    F(void, SSL_set_connect_state, (SSL *))                                                        \
    F(void, SSL_set_accept_state, (SSL *))                                                         \
    F(int, SSL_do_handshake, (SSL *))                                                              \
    F(int, SSL_read, (SSL *, void *, int))                                                         \
    F(int, SSL_write, (SSL *, const void *, int))                                                  \
    F(int, SSL_shutdown, (SSL *))                                                                  \
    F(int, SSL_pending, (const SSL *))                                                             \
    F(int, SSL_get_error, (const SSL *, int))                                                      \
    F(long, SSL_get_verify_result, (const SSL *))                                                  \
    F(const char *, X509_verify_cert_error_string, (long))                                         \
    F(SSL_SESSION *, SSL_get1_session, (SSL *))                                                    \
    F(int, SSL_set_session, (SSL *, SSL_SESSION *))                                                \
    F(int, SSL_SESSION_is_resumable, (const SSL_SESSION *))                                        \
    F(void, SSL_SESSION_free, (SSL_SESSION *))                                                     \
    F(int, SSL_session_reused, (const SSL *))                                                      \
    F(X509 *, SSL_get1_peer_certificate, (const SSL *))                                            \
    F(BIO *, BIO_new_mem_buf, (const void *, int))                                                 \
    F(int, BIO_free, (BIO *))                                                                      \
    F(X509 *, PEM_read_bio_X509, (BIO *, X509 **, pem_password_cb *, void *))                      \
    F(EVP_PKEY *, PEM_read_bio_PrivateKey, (BIO *, EVP_PKEY **, pem_password_cb *, void *))        \
    F(int, X509_STORE_add_cert, (X509_STORE *, X509 *))                                            \
    F(void, X509_free, (X509 *))                                                                   \
    F(void, EVP_PKEY_free, (EVP_PKEY *))                                                           \
    F(X509_NAME *, X509_get_subject_name, (const X509 *))                                          \
    F(int, X509_NAME_get_index_by_NID, (const X509_NAME *, int, int))                              \
    F(X509_NAME_ENTRY *, X509_NAME_get_entry, (const X509_NAME *, int))                            \
    F(ASN1_STRING *, X509_NAME_ENTRY_get_data, (const X509_NAME_ENTRY *))                          \
    F(int, ASN1_STRING_length, (const ASN1_STRING *))                                              \
    F(const unsigned char *, ASN1_STRING_get0_data, (const ASN1_STRING *))                         \
    F(int, OBJ_sn2nid, (const char *))                                                             \
    F(unsigned long, ERR_get_error, (void))                                                        \
    F(void, ERR_clear_error, (void))                                                               \
    F(const char *, ERR_reason_error_string, (unsigned long))

static struct {
    void *library;
#define DECLARE(type, name, arguments) type(*name) arguments;
    FUNCTIONS(DECLARE)
} ssl;

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

static const char *load(void) {
    if (ssl.library)
        return NULL;
    void *library = dlopen("libssl.so.3", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return "libssl.so.3 cannot be loaded: install libssl3";
        // Those of libcrypto are found through it.
#define FIND(type, name, arguments)                                                                \
    *(void **)&ssl.name = dlsym(library, #name);                                                   \
    if (!ssl.name) {                                                                               \
        dlclose(library);                                                                          \
        return "libssl.so.3 lacks " #name ": install a newer libssl3";                             \
    }
    FUNCTIONS(FIND)
    ssl.library = library;
    return NULL;
}

const char *copenssl_load(void) {
    pthread_mutex_lock(&loading);
    const char *failure = load();
    pthread_mutex_unlock(&loading);
    return failure;
}

// Contexts.

struct copenssl_context {
    SSL_CTX *handle;
    /// What a client resumes; NULL: nothing yet.
    SSL_SESSION *session;
    int is_server;
};

static const unsigned char protocols[] = "\x08http/1.1";

/// Takes http/1.1 or nothing: a client without it goes on without.
static int choose(SSL *stream, const unsigned char **chosen, unsigned char *length,
                  const unsigned char *offered, unsigned count, void *context) {
    (void)stream;
    (void)context;
    for (unsigned at = 0; at < count; at += offered[at] + 1u) {
        if (offered[at] == 8 && at + 8 < count && !memcmp(offered + at + 1, protocols + 1, 8)) {
            *chosen = offered + at + 1;
            *length = 8;
            return SSL_TLSEXT_ERR_OK;
        }
    }
    return SSL_TLSEXT_ERR_NOACK;
}

struct copenssl_context *copenssl_context_new(int is_server) {
    struct copenssl_context *context = calloc(1, sizeof *context);
    if (!context)
        return NULL;
    context->is_server = is_server;
    context->handle =
        ssl.SSL_CTX_new(is_server ? ssl.TLS_server_method() : ssl.TLS_client_method());
    if (!context->handle) {
        free(context);
        return NULL;
    }
    ssl.SSL_CTX_ctrl(context->handle, SSL_CTRL_SET_MIN_PROTO_VERSION, TLS1_2_VERSION, NULL);
    ssl.SSL_CTX_ctrl(context->handle, SSL_CTRL_MODE,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                         SSL_MODE_RELEASE_BUFFERS,
                     NULL);
    if (is_server) {
        ssl.SSL_CTX_set_alpn_select_cb(context->handle, choose, NULL);
        ssl.SSL_CTX_set_session_id_context(context->handle, (const unsigned char *)"gretl", 5);
    } else {
        ssl.SSL_CTX_set_alpn_protos(context->handle, protocols, 9);
    }
    return context;
}

void copenssl_context_free(struct copenssl_context *context) {
    ssl.SSL_SESSION_free(context->session);
    ssl.SSL_CTX_free(context->handle);
    free(context);
}

int copenssl_trust(struct copenssl_context *context, const void *pem, size_t count) {
    BIO *bytes = ssl.BIO_new_mem_buf(pem, (int)count);
    if (!bytes)
        return 0;
    X509_STORE *store = ssl.SSL_CTX_get_cert_store(context->handle);
    int added = 0;
    X509 *authority;
    while ((authority = ssl.PEM_read_bio_X509(bytes, NULL, NULL, NULL))) {
        added += ssl.X509_STORE_add_cert(store, authority);
        ssl.X509_free(authority);
    }
    // The end of the text is an error of its own.
    ssl.ERR_clear_error();
    ssl.BIO_free(bytes);
    return added;
}

int copenssl_trust_system(struct copenssl_context *context) {
    return ssl.SSL_CTX_set_default_verify_paths(context->handle);
}

void copenssl_verify(struct copenssl_context *context, int how) {
    static const int modes[] = {
        SSL_VERIFY_NONE,
        SSL_VERIFY_PEER,
        SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
    };
    ssl.SSL_CTX_set_verify(context->handle, modes[how], NULL);
}

/// No password: an encrypted key is one that cannot be used.
static int no_password(char *text, int room, int is_writing, void *context) {
    (void)text;
    (void)room;
    (void)is_writing;
    (void)context;
    return -1;
}

enum copenssl_identity copenssl_identify(struct copenssl_context *context, const void *certificate,
                                         size_t certificate_count, const void *key,
                                         size_t key_count) {
    enum copenssl_identity result = COPENSSL_IDENTITY_CERTIFICATE;
    X509 *own = NULL;
    EVP_PKEY *secret = NULL;
    BIO *chain = ssl.BIO_new_mem_buf(certificate, (int)certificate_count);
    BIO *bytes = ssl.BIO_new_mem_buf(key, (int)key_count);
    if (!chain || !bytes)
        goto out;
    own = ssl.PEM_read_bio_X509(chain, NULL, NULL, NULL);
    if (!own || ssl.SSL_CTX_use_certificate(context->handle, own) != 1)
        goto out;
    X509 *issuer;
    while ((issuer = ssl.PEM_read_bio_X509(chain, NULL, NULL, NULL))) {
        // Takes the reference over.
        if (ssl.SSL_CTX_ctrl(context->handle, SSL_CTRL_CHAIN_CERT, 0, issuer) != 1)
            ssl.X509_free(issuer);
    }
    result = COPENSSL_IDENTITY_KEY;
    secret = ssl.PEM_read_bio_PrivateKey(bytes, NULL, no_password, NULL);
    if (!secret)
        goto out;
    result = COPENSSL_IDENTITY_MISMATCH;
    if (ssl.SSL_CTX_use_PrivateKey(context->handle, secret) == 1 &&
        ssl.SSL_CTX_check_private_key(context->handle) == 1)
        result = COPENSSL_IDENTITY_FINE;
out:
    ssl.EVP_PKEY_free(secret);
    ssl.X509_free(own);
    ssl.BIO_free(bytes);
    ssl.BIO_free(chain);
    ssl.ERR_clear_error();
    return result;
}

// Streams.

struct copenssl_stream {
    SSL *handle;
    struct copenssl_context *context;
    char reason[256];
    int is_done;
};

struct copenssl_stream *copenssl_stream_new(struct copenssl_context *context, int socket,
                                            const char *name, int is_address) {
    struct copenssl_stream *stream = calloc(1, sizeof *stream);
    if (!stream)
        return NULL;
    stream->context = context;
    stream->handle = ssl.SSL_new(context->handle);
    if (!stream->handle || ssl.SSL_set_fd(stream->handle, socket) != 1)
        goto failed;
    if (context->is_server) {
        ssl.SSL_set_accept_state(stream->handle);
        return stream;
    }
    if (name && is_address) {
        X509_VERIFY_PARAM *param = ssl.SSL_get0_param(stream->handle);
        if (ssl.X509_VERIFY_PARAM_set1_ip_asc(param, name) != 1)
            goto failed;
    } else if (name) {
        if (ssl.SSL_set1_host(stream->handle, name) != 1 ||
            ssl.SSL_ctrl(stream->handle, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                         (void *)name) != 1)
            goto failed;
    }
    if (context->session)
        ssl.SSL_set_session(stream->handle, context->session);
    ssl.SSL_set_connect_state(stream->handle);
    return stream;
failed:
    ssl.SSL_free(stream->handle);
    free(stream);
    ssl.ERR_clear_error();
    return NULL;
}

void copenssl_stream_free(struct copenssl_stream *stream) {
    ssl.SSL_free(stream->handle);
    free(stream);
}

static void note(struct copenssl_stream *stream, const char *text) {
    snprintf(stream->reason, sizeof stream->reason, "%s", text ? text : "unknown");
}

/// What a call that did not succeed came to. The queue of errors was empty before it.
static int outcome(struct copenssl_stream *stream, int result) {
    switch (ssl.SSL_get_error(stream->handle, result)) {
    case SSL_ERROR_WANT_READ:
        return COPENSSL_WANTS_READ;
    case SSL_ERROR_WANT_WRITE:
        return COPENSSL_WANTS_WRITE;
    case SSL_ERROR_ZERO_RETURN:
        return COPENSSL_ENDED;
    case SSL_ERROR_SYSCALL:
        note(stream, "the connection was cut");
        ssl.ERR_clear_error();
        return COPENSSL_CUT;
    default:
        break;
    }
    unsigned long code = ssl.ERR_get_error();
    ssl.ERR_clear_error();
    if (ERR_GET_REASON(code) == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
        note(stream, "the connection was cut");
        return COPENSSL_CUT;
    }
    long verified = ssl.SSL_get_verify_result(stream->handle);
    if (!stream->is_done && verified != X509_V_OK)
        note(stream, ssl.X509_verify_cert_error_string(verified));
    else
        note(stream, ssl.ERR_reason_error_string(code));
    return COPENSSL_FAILED;
}

int copenssl_handshake(struct copenssl_stream *stream) {
    ssl.ERR_clear_error();
    int result = ssl.SSL_do_handshake(stream->handle);
    if (result != 1) {
        int came = outcome(stream, result);
        return came == COPENSSL_ENDED ? COPENSSL_CUT : came;
    }
    stream->is_done = 1;
    return 1;
}

int copenssl_read(struct copenssl_stream *stream, void *bytes, size_t count) {
    ssl.ERR_clear_error();
    int result = ssl.SSL_read(stream->handle, bytes, count > 1 << 30 ? 1 << 30 : (int)count);
    return result > 0 ? result : outcome(stream, result);
}

int copenssl_write(struct copenssl_stream *stream, const void *bytes, size_t count) {
    ssl.ERR_clear_error();
    int result = ssl.SSL_write(stream->handle, bytes, count > 1 << 30 ? 1 << 30 : (int)count);
    if (result > 0)
        return result;
    int came = outcome(stream, result);
    return came == COPENSSL_ENDED ? COPENSSL_CUT : came;
}

int copenssl_pending(struct copenssl_stream *stream) {
    return ssl.SSL_pending(stream->handle);
}

void copenssl_farewell(struct copenssl_stream *stream) {
    if (!stream->is_done)
        return;
    if (!stream->context->is_server) {
        SSL_SESSION *session = ssl.SSL_get1_session(stream->handle);
        if (session && ssl.SSL_SESSION_is_resumable(session)) {
            ssl.SSL_SESSION_free(stream->context->session);
            stream->context->session = session;
        } else {
            ssl.SSL_SESSION_free(session);
        }
    }
    ssl.ERR_clear_error();
    ssl.SSL_shutdown(stream->handle);
    ssl.ERR_clear_error();
}

const char *copenssl_reason(struct copenssl_stream *stream) {
    return stream->reason;
}

int copenssl_resumed(struct copenssl_stream *stream) {
    return ssl.SSL_session_reused(stream->handle);
}

int copenssl_subject(struct copenssl_stream *stream, const char *kind, int index, char *text,
                     size_t room) {
    X509 *peer = ssl.SSL_get1_peer_certificate(stream->handle);
    if (!peer)
        return -1;
    X509_NAME *name = ssl.X509_get_subject_name(peer);
    int place = -1;
    for (int left = index; left >= 0; left--) {
        place = ssl.X509_NAME_get_index_by_NID(name, ssl.OBJ_sn2nid(kind), place);
        if (place < 0)
            break;
    }
    int length = -1;
    if (place >= 0) {
        ASN1_STRING *value = ssl.X509_NAME_ENTRY_get_data(ssl.X509_NAME_get_entry(name, place));
        length = ssl.ASN1_STRING_length(value);
        if (length < 0 || (size_t)length > room)
            length = -1;
        else
            memcpy(text, ssl.ASN1_STRING_get0_data(value), (size_t)length);
    }
    ssl.X509_free(peer);
    return length;
}
