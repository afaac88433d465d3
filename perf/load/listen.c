// Holds N subscribers of an event stream and reads what comes. Prints "listening N" once every
// head has arrived; on a line at stdin it prints "frames F bytes B" of what came since the last
// line; the end of stdin closes all. Run by perf/busy as background load: it counts frames by their
// empty lines and looks at nothing else.

#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/epoll.h>

enum { MOST_EVENTS = 256, READ_BYTES = 65536, START_SECONDS = 30 };

struct counts {
    unsigned long long frames, bytes;
    int heads;
};

// The line feeds that end what was read of a subscriber, and whether its head is over.
static unsigned char *feeds, *answered;

static void count_bytes(struct counts *counts, int index, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (bytes[i] == '\r')
            continue;
        feeds[index] = bytes[i] == '\n' ? feeds[index] + 1 : 0;
        if (feeds[index] < 2)
            continue;
        feeds[index] = 0;
        if (answered[index]) {
            counts->frames++;
        } else {
            answered[index] = 1;
            counts->heads++;
        }
    }
    counts->bytes += count;
}

static void take(struct counts *counts, int *descriptors, int index) {
    static char buffer[READ_BYTES];
    ssize_t count = read(descriptors[index], buffer, sizeof buffer);
    if (count < 0 && errno == EAGAIN)
        return;
    if (count <= 0)
        fail("subscriber %d: %s", index, count == 0 ? "closed" : strerror(errno));
    count_bytes(counts, index, buffer, (size_t)count);
}

static int *subscribe(int epoll, int port, const char *path, int total, int sources) {
    char request[1024];
    size_t bytes = render_request(request, path, port, 0);
    int *descriptors = calloc((size_t)total, sizeof *descriptors);
    feeds = calloc((size_t)total, 1);
    answered = calloc((size_t)total, 1);
    if (!descriptors || !feeds || !answered)
        fail("no memory");
    for (int i = 0; i < total; i++) {
        descriptors[i] = connected_socket(port, 1 + i % sources);
        if (descriptors[i] < 0 ||
            send(descriptors[i], request, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
            fail("subscriber %d: %s", i, strerror(errno));
        fcntl(descriptors[i], F_SETFL, O_NONBLOCK);
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (uint32_t)i};
        epoll_ctl(epoll, EPOLL_CTL_ADD, descriptors[i], &event);
    }
    return descriptors;
}

int main(int count, char **arguments) {
    if (count != 5)
        fail("usage: listen PORT PATH CONNECTIONS SOURCES");
    int port = atoi(arguments[1]), total = atoi(arguments[3]), sources = atoi(arguments[4]);
    if (port < 1 || port > 65535 || total < 1 || total > 19900 || sources < 1 || sources > 200)
        fail("options out of range");
    alarm(900);
    raise_descriptor_limit();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    int *descriptors = subscribe(epoll, port, arguments[2], total, sources);
    struct epoll_event ready[MOST_EVENTS],
        stdin_event = {.events = EPOLLIN, .data.u32 = UINT32_MAX};
    epoll_ctl(epoll, EPOLL_CTL_ADD, 0, &stdin_event);
    struct counts counts = {0};
    uint64_t end = nanoseconds(CLOCK_MONOTONIC) + START_SECONDS * 1000000000ull;
    for (int told = 0;;) {
        int found = epoll_wait(epoll, ready, MOST_EVENTS, 1000);
        for (int i = 0; i < found; i++) {
            if (ready[i].data.u32 != UINT32_MAX) {
                take(&counts, descriptors, (int)ready[i].data.u32);
                continue;
            }
            if (!wait_for_line())
                return 0;
            printf("frames %llu bytes %llu\n", counts.frames, counts.bytes);
            fflush(stdout);
            counts.frames = counts.bytes = 0;
        }
        if (!told && counts.heads == total) {
            printf("listening %d\n", total);
            fflush(stdout);
            told = 1;
        }
        if (!told && nanoseconds(CLOCK_MONOTONIC) > end)
            fail("%d of %d subscribers were answered", counts.heads, total);
    }
}
