// The two ends of the tether comparison. `stream sink` takes connections: after a first byte S it
// drops what comes and answers the end with the number of bytes, after E it sends everything back.
// `stream send` gives so many bytes to a proxy over so many connections, `stream ping` sends 64
// bytes there and back. Both print "ready", wait for a line, then print one JSON report. The bytes
// come from a file in memory and are dropped unread, so that the ends cost next to nothing.
// Started by perf/tether; speaks to loopback only; every wait of the senders is bounded.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { PIECE = 1 << 20, MOST_STREAMS = 64, MOST_ROUNDS = 100000, MOST_DESCRIPTORS = 65536 };
enum { PING_BYTES = 64, WARM_UP = 200, WAIT_SECONDS = 20, MOST_EVENTS = 64 };

static int port = 0;
static char bytes[256 * 1024];

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static struct sockaddr_in loopback(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int dial(char kind) {
    struct sockaddr_in address = loopback();
    int made = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    struct timeval limit = {.tv_sec = WAIT_SECONDS};
    setsockopt(made, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (connect(made, (struct sockaddr *)&address, sizeof address) < 0 ||
        send(made, &kind, 1, 0) < 1)
        fail("connect");
    return made;
}

static void wait_for_line(void) {
    puts("ready");
    fflush(stdout);
    if (getchar() == EOF)
        exit(1);
}

// ---- the sink ---------------------------------------------------------------------------------

static char kinds[MOST_DESCRIPTORS];
static uint64_t taken[MOST_DESCRIPTORS];

static void take(int descriptor) {
    ssize_t moved;
    if (!kinds[descriptor]) {
        moved = recv(descriptor, &kinds[descriptor], 1, 0);
    } else if (kinds[descriptor] == 'E') {
        moved = recv(descriptor, bytes, sizeof bytes, 0);
        if (moved > 0 && send(descriptor, bytes, (size_t)moved, MSG_NOSIGNAL) != moved)
            moved = 0;
    } else {
        moved = recv(descriptor, NULL, 1 << 20, MSG_TRUNC);
        if (moved > 0)
            taken[descriptor] += (uint64_t)moved;
        else if (moved == 0)
            send(descriptor, &taken[descriptor], sizeof taken[0], MSG_NOSIGNAL);
    }
    if (moved == 0 || (moved < 0 && errno != EAGAIN))
        close(descriptor);
}

static void sink(void) {
    struct sockaddr_in address = loopback();
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    setsockopt(listener, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listener, 1024) < 0)
        fail("listen");
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, events[MOST_EVENTS];
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int count = epoll_wait(epoll, events, MOST_EVENTS, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.fd != listener) {
                take(events[i].data.fd);
                continue;
            }
            int made = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (made < 0 || made >= MOST_DESCRIPTORS)
                continue;
            kinds[made] = 0;
            taken[made] = 0;
            struct epoll_event fresh = {.events = EPOLLIN, .data.fd = made};
            epoll_ctl(epoll, EPOLL_CTL_ADD, made, &fresh);
        }
    }
}

// ---- the senders ------------------------------------------------------------------------------

static int make_file(void) {
    int file = memfd_create("bytes", MFD_CLOEXEC);
    if (file < 0 || ftruncate(file, PIECE) < 0)
        fail("memfd");
    memset(bytes, 'x', sizeof bytes);
    for (size_t at = 0; at < PIECE; at += sizeof bytes)
        if (pwrite(file, bytes, sizeof bytes, (off_t)at) < 0)
            fail("memfd");
    return file;
}

static void send_all(int *streams, int count, uint64_t each, int file) {
    int epoll = epoll_create1(EPOLL_CLOEXEC), open_streams = count;
    uint64_t left[MOST_STREAMS];
    for (int i = 0; i < count; i++) {
        left[i] = each;
        fcntl(streams[i], F_SETFL, O_NONBLOCK);
        struct epoll_event event = {.events = EPOLLOUT, .data.u32 = (uint32_t)i};
        epoll_ctl(epoll, EPOLL_CTL_ADD, streams[i], &event);
    }
    while (open_streams > 0) {
        struct epoll_event events[MOST_STREAMS];
        int ready = epoll_wait(epoll, events, MOST_STREAMS, WAIT_SECONDS * 1000);
        if (ready <= 0)
            fail("a stream does not move");
        for (int i = 0; i < ready; i++) {
            uint32_t at = events[i].data.u32;
            off_t start = 0;
            size_t most = left[at] < PIECE ? (size_t)left[at] : PIECE;
            ssize_t moved = sendfile(streams[at], file, &start, most);
            if (moved < 0 && errno != EAGAIN)
                fail("sendfile");
            left[at] -= moved > 0 ? (uint64_t)moved : 0;
            if (left[at] > 0)
                continue;
            epoll_ctl(epoll, EPOLL_CTL_DEL, streams[at], NULL);
            fcntl(streams[at], F_SETFL, 0);
            shutdown(streams[at], SHUT_WR);
            open_streams--;
        }
    }
    close(epoll);
}

static void blast(int count, uint64_t total) {
    int streams[MOST_STREAMS], file = make_file();
    uint64_t each = total / (uint64_t)count;
    for (int i = 0; i < count; i++)
        streams[i] = dial('S');
    wait_for_line();
    int64_t start = now();
    send_all(streams, count, each, file);
    for (int i = 0; i < count; i++) {
        uint64_t arrived = 0;
        if (recv(streams[i], &arrived, sizeof arrived, MSG_WAITALL) != sizeof arrived)
            fail("the end of a stream does not arrive");
        if (arrived != each) {
            fprintf(stderr, "%llu of %llu bytes arrived\n", (unsigned long long)arrived,
                    (unsigned long long)each);
            exit(1);
        }
    }
    printf("{\"bytes\":%llu,\"seconds\":%.6f}\n", (unsigned long long)(each * (uint64_t)count),
           (double)(now() - start) / 1e9);
}

static int compare(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return a < b ? -1 : a > b;
}

static void ping(int rounds) {
    static int64_t times[MOST_ROUNDS];
    int stream = dial('E');
    for (int i = -WARM_UP; i < rounds; i++) {
        if (i == 0)
            wait_for_line();
        int64_t start = now();
        if (send(stream, bytes, PING_BYTES, 0) != PING_BYTES ||
            recv(stream, bytes, PING_BYTES, MSG_WAITALL) != PING_BYTES)
            fail("ping");
        if (i >= 0)
            times[i] = now() - start;
    }
    qsort(times, (size_t)rounds, sizeof times[0], compare);
    printf("{\"p50\":%.2f,\"p99\":%.2f}\n", (double)times[rounds / 2] / 1e3,
           (double)times[rounds * 99 / 100] / 1e3);
}

int main(int count, char **words) {
    int streams = 1, rounds = 4000;
    uint64_t total = 1 << 30;
    for (int i = 2; i + 1 < count; i += 2) {
        if (!strcmp(words[i], "--port"))
            port = atoi(words[i + 1]);
        else if (!strcmp(words[i], "--streams"))
            streams = atoi(words[i + 1]);
        else if (!strcmp(words[i], "--bytes"))
            total = strtoull(words[i + 1], NULL, 10);
        else if (!strcmp(words[i], "--rounds"))
            rounds = atoi(words[i + 1]);
    }
    if (count < 2 || streams < 1 || streams > MOST_STREAMS || rounds < 1 || rounds > MOST_ROUNDS)
        return 2;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    signal(SIGPIPE, SIG_IGN);
    if (!strcmp(words[1], "sink"))
        sink();
    else if (!strcmp(words[1], "send"))
        blast(streams, total);
    else
        ping(rounds);
    return 0;
}
