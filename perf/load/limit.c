// The limit of the HTTP comparison: the least a single-threaded epoll server can do for a GET.
// For each readiness one read(), a search for the ends of heads, one write() of canned replies, all
// replies of one read joined. It parses nothing else and keeps one byte of state a connection.
// Started by perf/harness/servers.py; speaks to loopback only. It must never grow features: what
// is added here makes every ratio of the comparison look better than it is. With --turns it takes
// the time of each turn of its loop and prints the longest when it is told to end: how long a turn
// of a program that does nothing takes on this machine (perf/turns; never in the comparison).

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
    READ_BYTES = 64 * 1024,
    // More heads than one read can hold of the shortest request this generator sends (about 60).
    MOST_REPLIES = 1024,
    MOST_EVENTS = 512,
    MOST_DESCRIPTORS = 65536,
    LEAST_REPLY = 154,
    MOST_REPLY = 4096,
};

static const char END_OF_HEAD[4] = "\r\n\r\n";

// How many bytes of END_OF_HEAD the last read of a descriptor ended with.
static unsigned char matched[MOST_DESCRIPTORS];
static char *replies;
static size_t reply_bytes = LEAST_REPLY;
static int closes = 0;
static int epoll_descriptor;
static volatile sig_atomic_t is_over = 0;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

// One reply of exactly reply_bytes: an 83-byte body, the rest is made up by one padding header.
static void render_replies(void) {
    enum { BODY = 83 };
    char body[BODY + 1];
    int written = snprintf(body, sizeof body,
                           "{\"name\":\"svc-0500\",\"port\":20500,\"status\":\"stopped\","
                           "\"url\":\"http://localhost:20500\"}");
    memset(body + written, ' ', BODY - written);
    body[BODY] = 0;
    const char *fixed =
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 83\r\n";
    const char *closing = closes ? "Connection: close\r\n" : "";
    size_t least = strlen(fixed) + strlen(closing) + 2 + BODY;
    const char *pad = "X-Pad: ";
    char reply[MOST_REPLY + 1];
    size_t at = (size_t)snprintf(reply, sizeof reply, "%s%s", fixed, closing);
    if (reply_bytes > least + strlen(pad) + 2) {
        size_t padding = reply_bytes - least - strlen(pad) - 2;
        at += (size_t)snprintf(reply + at, sizeof reply - at, "%s", pad);
        memset(reply + at, 'p', padding);
        at += padding;
        memcpy(reply + at, "\r\n", 2);
        at += 2;
    }
    memcpy(reply + at, "\r\n", 2);
    memcpy(reply + at + 2, body, BODY);
    reply_bytes = at + 2 + BODY;
    replies = malloc(reply_bytes * MOST_REPLIES);
    if (!replies)
        fail("malloc");
    for (size_t i = 0; i < MOST_REPLIES; i++)
        memcpy(replies + i * reply_bytes, reply, reply_bytes);
}

// Counts the heads that end in this read. The bytes matched by the read before are put in front,
// so that a head cut anywhere is counted once.
static size_t count_heads(int descriptor, char *buffer, size_t count) {
    size_t carried = matched[descriptor];
    char *at = buffer - carried, *end = buffer + count;
    memcpy(at, END_OF_HEAD, carried);
    size_t heads = 0;
    for (char *found; (found = memmem(at, (size_t)(end - at), END_OF_HEAD, 4)); heads++)
        at = found + 4;
    size_t tail = (size_t)(end - at) < 3 ? (size_t)(end - at) : 3;
    while (tail > 0 && memcmp(end - tail, END_OF_HEAD, tail) != 0)
        tail--;
    matched[descriptor] = (unsigned char)tail;
    return heads;
}

// Returns 1 when the connection is over.
static int serve(int descriptor) {
    static char buffer[4 + READ_BYTES];
    ssize_t count = read(descriptor, buffer + 4, READ_BYTES);
    if (count < 0 && errno == EAGAIN)
        return 0;
    if (count <= 0)
        return 1;
    size_t heads = count_heads(descriptor, buffer + 4, (size_t)count);
    if (heads == 0)
        return 0;
    if (heads > MOST_REPLIES)
        return 1;
    // A reader this slow is not part of the comparison: a short write ends the connection.
    size_t bytes = heads * reply_bytes;
    return write(descriptor, replies, bytes) != (ssize_t)bytes || closes;
}

static void accept_all(int listener) {
    for (int i = 0; i < 64; i++) {
        int descriptor = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor < 0)
            return;
        if (descriptor >= MOST_DESCRIPTORS) {
            close(descriptor);
            continue;
        }
        int on = 1;
        setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        matched[descriptor] = 0;
        // A one-shot connection has its request here already and then needs no registration.
        if (closes && serve(descriptor)) {
            close(descriptor);
            continue;
        }
        struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
        if (epoll_ctl(epoll_descriptor, EPOLL_CTL_ADD, descriptor, &event) < 0)
            fail("epoll_ctl");
    }
}

static int listen_on(int port) {
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    if (bind(listener, (struct sockaddr *)&address, length) < 0 || listen(listener, 4096) < 0 ||
        getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        fail("listen");
    printf("listening on http://127.0.0.1:%d\n", ntohs(address.sin_port));
    fflush(stdout);
    return listener;
}

static long long microseconds(clockid_t clock) {
    struct timespec now;
    clock_gettime(clock, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void end(int number) {
    (void)number;
    is_over = 1;
}

// The longest turn so far by the wall clock, and the one with the most CPU time.
static void measure(long long wall, long long cpu, int is_last) {
    static long long longest = 0, busiest = 0;
    wall = microseconds(CLOCK_MONOTONIC) - wall;
    cpu = microseconds(CLOCK_THREAD_CPUTIME_ID) - cpu;
    longest = wall > longest ? wall : longest;
    busiest = cpu > busiest ? cpu : busiest;
    if (is_last)
        printf("longest turn %lld us, busiest %lld us\n", longest, busiest);
}

int main(int argc, char **argv) {
    int port = 0, turns = 0;
    for (int i = 1; i < argc; i++) {
        if (!strcmp(argv[i], "--close"))
            closes = 1;
        else if (!strcmp(argv[i], "--turns"))
            turns = 1;
        else if (!strcmp(argv[i], "--port") && i + 1 < argc)
            port = atoi(argv[++i]);
        else if (!strcmp(argv[i], "--reply-bytes") && i + 1 < argc)
            reply_bytes = strtoul(argv[++i], NULL, 10);
        else
            return fprintf(stderr,
                           "usage: limit [--port N] [--reply-bytes N] [--close] [--turns]\n"),
                   2;
    }
    if (reply_bytes < LEAST_REPLY || reply_bytes > MOST_REPLY)
        return fprintf(stderr, "reply bytes: %d to %d\n", LEAST_REPLY, MOST_REPLY), 2;
    signal(SIGPIPE, SIG_IGN);
    // Without restart: the wait has to notice.
    struct sigaction ends = {.sa_handler = end};
    if (turns)
        sigaction(SIGTERM, &ends, NULL);
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    render_replies();
    epoll_descriptor = epoll_create1(EPOLL_CLOEXEC);
    int listener = listen_on(port);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[MOST_EVENTS];
    epoll_ctl(epoll_descriptor, EPOLL_CTL_ADD, listener, &event);
    while (!is_over) {
        int count = epoll_wait(epoll_descriptor, ready, MOST_EVENTS, -1);
        if (count < 0 && errno != EINTR)
            fail("epoll_wait");
        long long wall = turns ? microseconds(CLOCK_MONOTONIC) : 0;
        long long cpu = turns ? microseconds(CLOCK_THREAD_CPUTIME_ID) : 0;
        for (int i = 0; i < count; i++) {
            if (ready[i].data.fd == listener)
                accept_all(listener);
            else if (serve(ready[i].data.fd))
                close(ready[i].data.fd);
        }
        if (turns)
            measure(wall, cpu, is_over);
    }
}
