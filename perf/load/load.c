// The load generator: one thread, one epoll set, N connections with D requests in flight each, or
// one connection for each request (--close). Every reply is checked (reply.h); any error ends the
// run with status 1. Run by perf/harness/clients.py, which reads one JSON line from stdout.
// With --gate it prints "ready" after the warm-up and waits for a line, so that counters of the
// server can be read around exactly the requests that are reported.
// It must stay cheaper than the cheapest server: no parsing of what it has seen, no allocation.

#define _GNU_SOURCE
#include "client.h"
#include "reply.h"

#include <errno.h>
#include <sys/epoll.h>

enum { READ_BYTES = 256 * 1024, MOST_EVENTS = 512, MOST_DEPTH = 64, BUCKETS = 64 * 32 };

struct connection {
    int descriptor;
    unsigned waiting; // replies outstanding
    uint64_t sent_at; // ns, of the batch in flight
    char *tail;       // an unfinished reply between two reads
    size_t tail_bytes;
};

static struct {
    int port, connections, depth, closes, gated, sources;
    double seconds;
    uint64_t requests, warmup;
    const char *path;
} options = {.connections = 64, .depth = 1, .seconds = 1, .path = "/"};

static struct reply_checker checker;
static struct connection *connections;
static char batch[MOST_DEPTH * 1024];
static size_t request_bytes;
static int epoll_descriptor;
static uint64_t histogram[BUCKETS];

// The phase that runs: requests handed out so far, the most of them, when to stop, batches open.
static struct {
    uint64_t issued, most, deadline, answered;
    int active;
} phase;

// 32 buckets for each power of two: the quantiles are right within 3 %.
static void record(uint64_t elapsed) {
    if (elapsed < 32)
        elapsed = 32;
    int power = 63 - __builtin_clzll(elapsed);
    histogram[power * 32 + (int)((elapsed >> (power - 5)) & 31)]++;
}

static double quantile(double share) {
    uint64_t total = 0, seen = 0;
    for (int i = 0; i < BUCKETS; i++)
        total += histogram[i];
    for (int i = 0; i < BUCKETS; i++) {
        seen += histogram[i];
        if (histogram[i] && (double)seen >= share * (double)total)
            return (double)((32u + (uint64_t)(i % 32)) << (i / 32 - 5)) / 1000;
    }
    return 0;
}

static void open_connection(struct connection *connection) {
    int index = (int)(connection - connections);
    connection->descriptor =
        connected_socket(options.port, options.sources > 1 ? 1 + index % options.sources : 0);
    if (connection->descriptor < 0)
        fail("connection %d: %s", index, strerror(errno));
    connection->tail_bytes = 0;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = connection};
    if (epoll_ctl(epoll_descriptor, EPOLL_CTL_ADD, connection->descriptor, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

// Sends the next batch, or takes the connection out of the phase when nothing is left to send.
static void issue(struct connection *connection, uint64_t now) {
    uint64_t left = phase.most - phase.issued;
    if (left == 0 || now >= phase.deadline) {
        phase.active--;
        return;
    }
    if (options.closes)
        open_connection(connection);
    unsigned count = left < (uint64_t)options.depth ? (unsigned)left : (unsigned)options.depth;
    size_t bytes = count * request_bytes;
    connection->waiting = count;
    connection->sent_at = now;
    phase.issued += count;
    if (send(connection->descriptor, batch, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)bytes)
        fail("send: short or %s", strerror(errno));
}

static void finish_batch(struct connection *connection) {
    uint64_t now = nanoseconds(CLOCK_MONOTONIC);
    record(now - connection->sent_at);
    issue(connection, now);
}

static void keep_tail(struct connection *connection, const char *bytes, size_t count) {
    if (count > REPLY_MOST_BYTES)
        fail("an unfinished reply of %zu bytes", count);
    if (count && !connection->tail && !(connection->tail = malloc(REPLY_MOST_BYTES)))
        fail("malloc");
    if (count)
        memcpy(connection->tail, bytes, count);
    connection->tail_bytes = count;
}

// Takes what is complete; what is left over may only be the beginning of an awaited reply.
static void take_replies(struct connection *connection, const char *at, size_t count) {
    while (count > 0 && connection->waiting > 0) {
        long taken = reply_take(&checker, at, count);
        if (taken < 0)
            fail("%s: %.*s", checker.complaint, count < 80 ? (int)count : 80, at);
        if (taken == 0)
            break;
        at += taken;
        count -= (size_t)taken;
        connection->waiting--;
        phase.answered++;
    }
    if (connection->waiting == 0 && count > 0)
        fail("%zu bytes more than were asked for", count);
    keep_tail(connection, at, count);
}

static void receive(struct connection *connection) {
    static char buffer[REPLY_MOST_BYTES + READ_BYTES];
    // A closing server's end of stream mostly stands behind its reply: two reads, then epoll again.
    for (int i = 0; i < (options.closes ? 2 : 1); i++) {
        size_t kept = connection->tail_bytes;
        ssize_t count = recv(connection->descriptor, buffer + kept, READ_BYTES, MSG_DONTWAIT);
        if (count < 0 && errno == EAGAIN)
            return;
        if (count < 0)
            fail("recv: %s", strerror(errno));
        if (count == 0) {
            if (!options.closes || connection->waiting > 0)
                fail("the server closed with %u replies outstanding", connection->waiting);
            close(connection->descriptor);
            connection->descriptor = -1;
            finish_batch(connection);
            return;
        }
        if (kept)
            memcpy(buffer, connection->tail, kept);
        take_replies(connection, buffer, kept + (size_t)count);
        if (!options.closes && connection->waiting == 0)
            finish_batch(connection);
    }
}

static void run_phase(uint64_t most, double seconds) {
    uint64_t now = nanoseconds(CLOCK_MONOTONIC);
    phase.issued = phase.answered = 0;
    phase.most = most;
    phase.deadline = seconds > 0 ? now + (uint64_t)(seconds * 1e9) : UINT64_MAX;
    phase.active = options.connections;
    for (int i = 0; i < options.connections; i++)
        issue(&connections[i], nanoseconds(CLOCK_MONOTONIC));
    struct epoll_event ready[MOST_EVENTS];
    while (phase.active > 0) {
        int count = epoll_wait(epoll_descriptor, ready, MOST_EVENTS, 5000);
        if (count == 0)
            fail("no reply for 5 s, %d connections wait", phase.active);
        if (count < 0 && errno != EINTR)
            fail("epoll_wait: %s", strerror(errno));
        for (int i = 0; i < count; i++)
            receive(ready[i].data.ptr);
    }
    if (phase.answered != phase.issued)
        fail("%lu requests, %lu replies", (unsigned long)phase.issued,
             (unsigned long)phase.answered);
}

static void parse_options(int count, char **arguments) {
    for (int i = 1; i < count; i++) {
        const char *name = arguments[i];
        if (!strcmp(name, "--close")) {
            options.closes = 1;
            continue;
        }
        if (!strcmp(name, "--gate")) {
            options.gated = 1;
            continue;
        }
        const char *value = i + 1 < count ? arguments[++i] : "";
        if (!strcmp(name, "--port"))
            options.port = atoi(value);
        else if (!strcmp(name, "--path"))
            options.path = value;
        else if (!strcmp(name, "--connections"))
            options.connections = atoi(value);
        else if (!strcmp(name, "--depth"))
            options.depth = atoi(value);
        else if (!strcmp(name, "--sources"))
            options.sources = atoi(value);
        else if (!strcmp(name, "--seconds"))
            options.seconds = atof(value);
        else if (!strcmp(name, "--requests"))
            options.requests = strtoull(value, NULL, 10);
        else if (!strcmp(name, "--warmup"))
            options.warmup = strtoull(value, NULL, 10);
        else
            fail("unknown option %s", name);
    }
    if (options.port < 1 || options.port > 65535 || options.connections < 1 ||
        options.connections > 19900 || options.depth < 1 || options.depth > MOST_DEPTH ||
        options.seconds <= 0 || options.seconds > 600 || (options.closes && options.depth > 1))
        fail("options out of range");
    if (options.warmup == 0)
        options.warmup = (uint64_t)options.connections * (uint64_t)options.depth * 10;
}

int main(int count, char **arguments) {
    parse_options(count, arguments);
    alarm((unsigned)options.seconds + 300);
    raise_descriptor_limit();
    epoll_descriptor = epoll_create1(EPOLL_CLOEXEC);
    connections = calloc((size_t)options.connections, sizeof *connections);
    request_bytes = render_request(batch, options.path, options.port, options.closes);
    for (int i = 1; i < options.depth; i++)
        memcpy(batch + (size_t)i * request_bytes, batch, request_bytes);
    for (int i = 0; i < options.connections && !options.closes; i++)
        open_connection(&connections[i]);
    run_phase(options.warmup, 0);
    if (options.gated) {
        puts("ready");
        fflush(stdout);
        if (!wait_for_line())
            return 1;
    }
    memset(histogram, 0, sizeof histogram);
    checker.checksum = 0;
    uint64_t wall = nanoseconds(CLOCK_MONOTONIC), cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID);
    run_phase(options.requests ? options.requests : UINT64_MAX,
              options.requests ? 0 : options.seconds);
    wall = nanoseconds(CLOCK_MONOTONIC) - wall;
    cpu = nanoseconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("{\"requests\": %lu, \"seconds\": %.6f, \"clientSeconds\": %.6f, \"p50\": %.1f, "
           "\"p99\": %.1f, \"replyBytes\": %zu, \"checksum\": \"%016lx\", "
           "\"oneReply\": \"%016lx\", \"parsed\": %lu}\n",
           (unsigned long)phase.answered, (double)wall / 1e9, (double)cpu / 1e9, quantile(0.5),
           quantile(0.99), checker.last_bytes, (unsigned long)checker.checksum,
           (unsigned long)checker.known_hash, (unsigned long)checker.parsed);
    fflush(stdout);
    // The connections stay open until the counters of the server have been read.
    if (options.gated)
        wait_for_line();
    return 0;
}
