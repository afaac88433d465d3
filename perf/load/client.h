// What the client programs share: the clock, one connected socket, the request's text and
// the hard stop. Included by the programs of this folder only; small enough to stay in a header.
// Nothing here may allocate or log in a measured phase.

#ifndef PERF_CLIENT_H
#define PERF_CLIENT_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static inline uint64_t nanoseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline void fail(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static inline void raise_descriptor_limit(void) {
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

/// A connected socket or -1 with errno. `source` is the last byte of the 127.0.0.x to come from,
/// 0 for the kernel's choice: one source address has 28,232 ports at most.
static inline int connected_socket(int port, int source) {
    int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    if (descriptor < 0)
        return -1;
    struct sockaddr_in address = {.sin_family = AF_INET};
    if (source) {
        setsockopt(descriptor, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        address.sin_addr.s_addr = htonl(0x7f000000u | (uint32_t)source);
        if (bind(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
            goto failed;
    }
    address.sin_port = htons((uint16_t)port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(descriptor, (struct sockaddr *)&address, sizeof address) < 0)
        goto failed;
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return descriptor;
failed:
    close(descriptor);
    return -1;
}

/// Writes the text of one GET; the caller gives at least 1,024 bytes.
static inline size_t render_request(char *text, const char *path, int port, int closes) {
    int bytes = snprintf(text, 1024, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n%s\r\n", path, port,
                         closes ? "Connection: close\r\n" : "");
    if (bytes < 0 || bytes >= 1024)
        fail("the path is too long");
    return (size_t)bytes;
}

/// Waits for a line on stdin; 0 when the other side has closed it.
static inline int wait_for_line(void) {
    char line[64];
    return fgets(line, sizeof line, stdin) != NULL;
}

#endif
