// Sockets: addresses, listening, accepting, connecting, options.

#include "cepoll.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/un.h>
#include <unistd.h>

int cepoll_address_parse(struct cepoll_address *address, const char *text, uint16_t port) {
    memset(address, 0, sizeof *address);
    struct sockaddr_in *v4 = (struct sockaddr_in *)&address->storage;
    struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&address->storage;
    if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
        v4->sin_family = AF_INET;
        v4->sin_port = htons(port);
        address->length = sizeof *v4;
        return 0;
    }
    if (inet_pton(AF_INET6, text, &v6->sin6_addr) == 1) {
        v6->sin6_family = AF_INET6;
        v6->sin6_port = htons(port);
        address->length = sizeof *v6;
        return 0;
    }
    return -EINVAL;
}

int cepoll_address_text(const struct cepoll_address *address, char *text, int capacity) {
    const void *bytes =
        address->storage.ss_family == AF_INET6
            ? (const void *)&((const struct sockaddr_in6 *)&address->storage)->sin6_addr
            : (const void *)&((const struct sockaddr_in *)&address->storage)->sin_addr;
    if (capacity <= 0 || !inet_ntop(address->storage.ss_family, bytes, text, (socklen_t)capacity))
        return -errno;
    return (int)strlen(text);
}

int cepoll_address_family(const struct cepoll_address *address) {
    return address->length == 0 ? 0 : address->storage.ss_family;
}

int cepoll_address_port(const struct cepoll_address *address) {
    if (address->storage.ss_family == AF_INET6)
        return ntohs(((const struct sockaddr_in6 *)&address->storage)->sin6_port);
    if (address->storage.ss_family == AF_INET)
        return ntohs(((const struct sockaddr_in *)&address->storage)->sin_port);
    return 0;
}

int cepoll_address_unix(struct cepoll_address *address, const char *path) {
    memset(address, 0, sizeof *address);
    struct sockaddr_un *name = (struct sockaddr_un *)&address->storage;
    size_t length = strlen(path);
    if (length >= sizeof name->sun_path)
        return -ENAMETOOLONG;
    name->sun_family = AF_UNIX;
    memcpy(name->sun_path, path, length + 1);
    address->length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length + 1);
    return 0;
}

static int close_with(int descriptor, int error) {
    close(descriptor);
    return -error;
}

int cepoll_listen(const struct cepoll_address *address, int backlog) {
    int family = address->storage.ss_family;
    int descriptor = socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (descriptor < 0)
        return -errno;
    int on = 1;
    if (family != AF_UNIX && setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) < 0)
        return close_with(descriptor, errno);
    // Without V6ONLY, [::] would also take 0.0.0.0, and our own IPv4 listener with it.
    if (family == AF_INET6 && setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) < 0)
        return close_with(descriptor, errno);
    if (bind(descriptor, (const struct sockaddr *)&address->storage, address->length) < 0)
        return close_with(descriptor, errno);
    if (listen(descriptor, backlog) < 0)
        return close_with(descriptor, errno);
    return descriptor;
}

int cepoll_accept(int listener, struct cepoll_address *peer) {
    CEPOLL_FAULT(CEPOLL_CALL_ACCEPT, NULL);
    peer->length = sizeof peer->storage;
    int descriptor = accept4(listener, (struct sockaddr *)&peer->storage, &peer->length,
                             SOCK_CLOEXEC | SOCK_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int cepoll_connect(const struct cepoll_address *address, int type, int *descriptor) {
    *descriptor = -1;
    CEPOLL_FAULT(CEPOLL_CALL_CONNECT, NULL);
    int made = socket(address->storage.ss_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (made < 0)
        return -errno;
    errno = 0;
    if (connect(made, (const struct sockaddr *)&address->storage, address->length) == 0 ||
        errno == EINPROGRESS) {
        int result = errno == EINPROGRESS ? -EINPROGRESS : 0;
        *descriptor = made;
        return result;
    }
    return close_with(made, errno);
}

int cepoll_local_address(int descriptor, struct cepoll_address *address) {
    address->length = sizeof address->storage;
    return getsockname(descriptor, (struct sockaddr *)&address->storage, &address->length) < 0
               ? -errno
               : 0;
}

int cepoll_peer_address(int descriptor, struct cepoll_address *address) {
    address->length = sizeof address->storage;
    return getpeername(descriptor, (struct sockaddr *)&address->storage, &address->length) < 0
               ? -errno
               : 0;
}

int cepoll_socket_error(int descriptor) {
    int error = 0;
    socklen_t length = sizeof error;
    if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &length) < 0)
        return -errno;
    return -error;
}

int cepoll_set_nodelay(int descriptor) {
    int on = 1;
    return setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) < 0 ? -errno : 0;
}

int cepoll_peer_user(int descriptor, uint32_t *uid) {
    struct ucred peer = {.uid = (uid_t)-1};
    socklen_t length = sizeof peer;
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
        return -errno;
    *uid = peer.uid;
    return 0;
}

int cepoll_open_folder(const char *path) {
    int descriptor = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

int cepoll_set_reset_on_close(int descriptor) {
    struct linger linger = {.l_onoff = 1, .l_linger = 0};
    return setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) < 0 ? -errno : 0;
}

int cepoll_socketpair(int type, int descriptors[2]) {
    return socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, descriptors) < 0 ? -errno
                                                                                        : 0;
}
