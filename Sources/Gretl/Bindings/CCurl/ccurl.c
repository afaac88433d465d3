// libcurl by dlopen(3), behind ccurl.h. Finds what it needs once, by name; without the library
// everything but clusters and models works. Sets what every transfer of ours has in common: no
// signals, no redirects, HTTP/1.1 over http and https only, sockets that no child inherits.

#include "ccurl.h"

#include <curl/curl.h>
#include <dlfcn.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FUNCTIONS(F)                                                                               \
    F(CURLcode, global_init, (long))                                                               \
    F(curl_version_info_data *, version_info, (CURLversion))                                       \
    F(CURL *, easy_init, (void))                                                                   \
    F(void, easy_cleanup, (CURL *))                                                                \
    F(CURLcode, easy_setopt, (CURL *, CURLoption, ...))                                            \
    F(CURLcode, easy_getinfo, (CURL *, CURLINFO, ...))                                             \
    F(CURLcode, easy_pause, (CURL *, int))                                                         \
    F(CURLM *, multi_init, (void))                                                                 \
    F(CURLMcode, multi_cleanup, (CURLM *))                                                         \
    F(CURLMcode, multi_setopt, (CURLM *, CURLMoption, ...))                                        \
    F(CURLMcode, multi_add_handle, (CURLM *, CURL *))                                              \
    F(CURLMcode, multi_remove_handle, (CURLM *, CURL *))                                           \
    F(CURLMcode, multi_socket_action, (CURLM *, curl_socket_t, int, int *))                        \
    F(CURLMsg *, multi_info_read, (CURLM *, int *))                                                \
    F(const char *, easy_strerror, (CURLcode))                                                     \
    F(struct curl_slist *, slist_append, (struct curl_slist *, const char *))                      \
    F(void, slist_free_all, (struct curl_slist *))

static struct {
    void *library;
#define DECLARE(type, name, arguments) type(*name) arguments;
    FUNCTIONS(DECLARE)
} curl;

static pthread_mutex_t loading = PTHREAD_MUTEX_INITIALIZER;

// OpenSSL makes its tables with the first connection, which takes 2 ms: here that is off the
// reactor's thread. Another TLS library, or none, is none of our business.
static void warm_up(void) {
    void *tls = dlopen("libssl.so.3", RTLD_NOW | RTLD_NOLOAD);
    if (!tls)
        return;
    const void *(*method)(void);
    void *(*make)(const void *);
    void *(*open)(void *);
    void (*end)(void *);
    void (*close)(void *);
    *(void **)&method = dlsym(tls, "TLS_client_method");
    *(void **)&make = dlsym(tls, "SSL_CTX_new");
    *(void **)&open = dlsym(tls, "SSL_new");
    *(void **)&close = dlsym(tls, "SSL_free");
    *(void **)&end = dlsym(tls, "SSL_CTX_free");
    void *context = method && make && open && close && end ? make(method()) : NULL;
    if (context) {
        close(open(context));
        end(context);
    }
    dlclose(tls);
}

static const char *load(void) {
    if (curl.library)
        return NULL;
    void *library = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return "libcurl.so.4 cannot be loaded: install libcurl4";
#define FIND(type, name, arguments)                                                                \
    *(void **)&curl.name = dlsym(library, "curl_" #name);                                          \
    if (!curl.name) {                                                                              \
        dlclose(library);                                                                          \
        return "libcurl.so.4 lacks curl_" #name ": install a newer libcurl4";                      \
    }
    FUNCTIONS(FIND)
    if (curl.version_info(CURLVERSION_NOW)->version_num < 0x075500) {
        dlclose(library);
        return "libcurl.so.4 is older than 7.85: install a newer libcurl4";
    }
    if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        dlclose(library);
        return "libcurl.so.4 cannot be initialised";
    }
    curl.library = library;
    warm_up();
    return NULL;
}

const char *ccurl_load(void) {
    pthread_mutex_lock(&loading);
    const char *failure = load();
    pthread_mutex_unlock(&loading);
    return failure;
}

const char *ccurl_version(void) {
    return curl.library ? curl.version_info(CURLVERSION_NOW)->version : NULL;
}

// The multi handle.

struct ccurl_multi {
    CURLM *handle;
    const struct ccurl_owner *owner;
};

static int socket_wanted(CURL *easy, curl_socket_t socket, int what, void *context, void *own) {
    (void)easy;
    (void)own;
    struct ccurl_multi *multi = context;
    int wanted = CCURL_NOTHING;
    if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
        wanted |= CCURL_READ;
    if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
        wanted |= CCURL_WRITE;
    multi->owner->socket_wanted(multi->owner->context, socket, wanted);
    return 0;
}

static int timeout_wanted(CURLM *handle, long milliseconds, void *context) {
    (void)handle;
    struct ccurl_multi *multi = context;
    multi->owner->timeout_wanted(multi->owner->context, milliseconds);
    return 0;
}

struct ccurl_multi *ccurl_multi_new(const struct ccurl_owner *owner, long connections) {
    struct ccurl_multi *multi = calloc(1, sizeof *multi);
    if (!multi)
        return NULL;
    multi->owner = owner;
    multi->handle = curl.multi_init();
    if (!multi->handle) {
        free(multi);
        return NULL;
    }
    curl.multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION, socket_wanted);
    curl.multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi);
    curl.multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION, timeout_wanted);
    curl.multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi);
    curl.multi_setopt(multi->handle, CURLMOPT_MAXCONNECTS, connections);
    curl.multi_setopt(multi->handle, CURLMOPT_PIPELINING, CURLPIPE_NOTHING);
    return multi;
}

void ccurl_multi_free(struct ccurl_multi *multi) {
    curl.multi_cleanup(multi->handle);
    free(multi);
}

void ccurl_ready(struct ccurl_multi *multi, int socket, int ready) {
    int mask = 0;
    if (ready & CCURL_READ)
        mask |= CURL_CSELECT_IN;
    if (ready & CCURL_WRITE)
        mask |= CURL_CSELECT_OUT;
    int running;
    curl.multi_socket_action(multi->handle, socket, mask, &running);
}

void ccurl_timeout(struct ccurl_multi *multi) {
    int running;
    curl.multi_socket_action(multi->handle, CURL_SOCKET_TIMEOUT, 0, &running);
}

// One transfer.

struct ccurl_transfer {
    CURL *easy;
    struct ccurl_sink sink;
    struct curl_slist *headers;
    struct curl_slist *connect_to;
    char failure[CURL_ERROR_SIZE];
};

static size_t take_head(char *bytes, size_t size, size_t count, void *context) {
    struct ccurl_transfer *transfer = context;
    long taken = transfer->sink.head(transfer->sink.context, (const uint8_t *)bytes, size * count);
    return taken < 0 ? 0 : (size_t)taken;
}

static size_t take_body(char *bytes, size_t size, size_t count, void *context) {
    struct ccurl_transfer *transfer = context;
    size_t total = size * count;
    long taken = transfer->sink.body(transfer->sink.context, (const uint8_t *)bytes, total);
    if (taken == CCURL_PAUSE)
        return CURL_WRITEFUNC_PAUSE;
    // Fewer than there are is a failure, and so is more when there are none.
    return taken < 0 ? (total == 0 ? 1 : 0) : (size_t)taken;
}

static curl_socket_t open_socket(void *context, curlsocktype purpose,
                                 struct curl_sockaddr *address) {
    (void)context;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static int close_socket(void *context, curl_socket_t socket) {
    const struct ccurl_owner *owner = context;
    owner->socket_closes(owner->context, socket);
    return close(socket);
}

struct ccurl_transfer *ccurl_transfer_new(const struct ccurl_sink *sink,
                                          const struct ccurl_owner *owner) {
    struct ccurl_transfer *transfer = calloc(1, sizeof *transfer);
    if (!transfer)
        return NULL;
    transfer->sink = *sink;
    CURL *easy = curl.easy_init();
    if (!easy) {
        free(transfer);
        return NULL;
    }
    transfer->easy = easy;
    curl.easy_setopt(easy, CURLOPT_PRIVATE, sink->context);
    curl.easy_setopt(easy, CURLOPT_ERRORBUFFER, transfer->failure);
    curl.easy_setopt(easy, CURLOPT_HEADERFUNCTION, take_head);
    curl.easy_setopt(easy, CURLOPT_HEADERDATA, transfer);
    curl.easy_setopt(easy, CURLOPT_WRITEFUNCTION, take_body);
    curl.easy_setopt(easy, CURLOPT_WRITEDATA, transfer);
    curl.easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket);
    curl.easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket);
    curl.easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, (void *)owner);
    curl.easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    // Else giving up a look-up waits for the thread that does it.
    curl.easy_setopt(easy, CURLOPT_QUICK_EXIT, 1L);
    curl.easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    curl.easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl.easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl.easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl.easy_setopt(easy, CURLOPT_SSL_ENABLE_ALPN, 1L);
    curl.easy_setopt(easy, CURLOPT_TCP_KEEPALIVE, 1L);
    curl.easy_setopt(easy, CURLOPT_TCP_NODELAY, 1L);
    // API servers close what idles for 90 s.
    curl.easy_setopt(easy, CURLOPT_MAXAGE_CONN, 60L);
    curl.easy_setopt(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    return transfer;
}

void ccurl_transfer_free(struct ccurl_transfer *transfer) {
    curl.easy_cleanup(transfer->easy);
    curl.slist_free_all(transfer->headers);
    curl.slist_free_all(transfer->connect_to);
    free(transfer);
}

int ccurl_set_text(struct ccurl_transfer *transfer, enum ccurl_text what, const char *text) {
    static const CURLoption options[] = {
        [CCURL_URL] = CURLOPT_URL,
        [CCURL_METHOD] = CURLOPT_CUSTOMREQUEST,
        [CCURL_NOPROXY] = CURLOPT_NOPROXY,
    };
    return curl.easy_setopt(transfer->easy, options[what], text) == CURLE_OK;
}

int ccurl_set_blob(struct ccurl_transfer *transfer, enum ccurl_blob what, const void *bytes,
                   size_t count) {
    static const CURLoption options[] = {
        [CCURL_AUTHORITIES] = CURLOPT_CAINFO_BLOB,
        [CCURL_CERTIFICATE] = CURLOPT_SSLCERT_BLOB,
        [CCURL_KEY] = CURLOPT_SSLKEY_BLOB,
    };
    struct curl_blob blob = {.data = (void *)bytes, .len = count, .flags = CURL_BLOB_COPY};
    if (what == CCURL_AUTHORITIES) {
        // Only these are trusted, not what the system trusts beside them.
        curl.easy_setopt(transfer->easy, CURLOPT_CAINFO, NULL);
        curl.easy_setopt(transfer->easy, CURLOPT_CAPATH, NULL);
    }
    return curl.easy_setopt(transfer->easy, options[what], &blob) == CURLE_OK;
}

int ccurl_set_body(struct ccurl_transfer *transfer, const void *bytes, size_t count) {
    return curl.easy_setopt(transfer->easy, CURLOPT_POST, 1L) == CURLE_OK &&
           curl.easy_setopt(transfer->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)count) ==
               CURLE_OK &&
           curl.easy_setopt(transfer->easy, CURLOPT_COPYPOSTFIELDS, bytes) == CURLE_OK;
}

static int append(struct curl_slist **list, const char *text) {
    struct curl_slist *longer = curl.slist_append(*list, text);
    if (!longer)
        return 0;
    *list = longer;
    return 1;
}

int ccurl_add_header(struct ccurl_transfer *transfer, const char *line) {
    return append(&transfer->headers, line) &&
           curl.easy_setopt(transfer->easy, CURLOPT_HTTPHEADER, transfer->headers) == CURLE_OK;
}

int ccurl_connect_to(struct ccurl_transfer *transfer, const char *entry) {
    return append(&transfer->connect_to, entry) &&
           curl.easy_setopt(transfer->easy, CURLOPT_CONNECT_TO, transfer->connect_to) == CURLE_OK;
}

int ccurl_set_times(struct ccurl_transfer *transfer, long connect, long total) {
    return curl.easy_setopt(transfer->easy, CURLOPT_CONNECTTIMEOUT_MS, connect) == CURLE_OK &&
           curl.easy_setopt(transfer->easy, CURLOPT_TIMEOUT_MS, total) == CURLE_OK;
}

int ccurl_set_unverified(struct ccurl_transfer *transfer) {
    return curl.easy_setopt(transfer->easy, CURLOPT_SSL_VERIFYPEER, 0L) == CURLE_OK &&
           curl.easy_setopt(transfer->easy, CURLOPT_SSL_VERIFYHOST, 0L) == CURLE_OK;
}

int ccurl_add(struct ccurl_multi *multi, struct ccurl_transfer *transfer) {
    return curl.multi_add_handle(multi->handle, transfer->easy);
}

void ccurl_remove(struct ccurl_multi *multi, struct ccurl_transfer *transfer) {
    curl.multi_remove_handle(multi->handle, transfer->easy);
}

void ccurl_resume(struct ccurl_transfer *transfer) {
    curl.easy_pause(transfer->easy, CURLPAUSE_CONT);
}

void *ccurl_take_ended(struct ccurl_multi *multi, int *code) {
    int left;
    CURLMsg *message;
    while ((message = curl.multi_info_read(multi->handle, &left))) {
        if (message->msg != CURLMSG_DONE)
            continue;
        *code = message->data.result;
        void *context = NULL;
        curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &context);
        return context;
    }
    return NULL;
}

long ccurl_status(struct ccurl_transfer *transfer) {
    long status = 0;
    curl.easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

const char *ccurl_failure(struct ccurl_transfer *transfer) {
    return transfer->failure;
}

enum ccurl_kind ccurl_kind_of(int code) {
    switch (code) {
    case CURLE_OK:
        return CCURL_FINE;
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_URL_MALFORMAT:
        return CCURL_BAD_REQUEST;
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
        return CCURL_NAME;
    case CURLE_COULDNT_CONNECT:
        return CCURL_CONNECT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
        return CCURL_TLS;
    case CURLE_OPERATION_TIMEDOUT:
        return CCURL_TIME;
    case CURLE_WRITE_ERROR:
    case CURLE_ABORTED_BY_CALLBACK:
        return CCURL_ENDED_BY_US;
    default:
        return CCURL_BROKEN;
    }
}
