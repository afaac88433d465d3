// The limits of the tether comparison: the least a single-threaded, edge-triggered epoll proxy can
// do for a TCP connection, by splice(2) through one pipe a direction or by a copy through one
// buffer a direction. Started by perf/harness/proxies.py; speaks to loopback only. It has no bound
// of a turn, no counters and no way to say that something failed, and must never get any.

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_EVENTS = 64 };

struct flow {
    int from, to;
    int pipe[2];
    char *bytes;
    size_t start, count;
    int ended, shut;
};

struct connection {
    struct flow flows[2];
};

static int copies = 0;
static size_t room = 64 * 1024;
static int epoll_descriptor;

static void fail(const char *what) {
    perror(what);
    exit(1);
}

static ssize_t fill(struct flow *flow) {
    if (copies)
        return recv(flow->from, flow->bytes, room, 0);
    return splice(flow->from, NULL, flow->pipe[1], NULL, room, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

static ssize_t drain(struct flow *flow) {
    if (copies)
        return send(flow->to, flow->bytes + flow->start, flow->count, MSG_NOSIGNAL);
    return splice(flow->pipe[0], NULL, flow->to, NULL, flow->count,
                  SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
}

// Moves until one side says no; -1 when the connection is over.
static int pump(struct flow *flow) {
    for (;;) {
        if (flow->count == 0 && !flow->ended) {
            ssize_t moved = fill(flow);
            if (moved < 0)
                return errno == EAGAIN ? 0 : -1;
            flow->start = 0;
            flow->count = (size_t)moved;
            flow->ended = moved == 0;
        }
        if (flow->count == 0) {
            if (!flow->shut)
                shutdown(flow->to, SHUT_WR);
            flow->shut = 1;
            return 0;
        }
        ssize_t moved = drain(flow);
        if (moved < 0)
            return errno == EAGAIN ? 0 : -1;
        flow->start += (size_t)moved;
        flow->count -= (size_t)moved;
    }
}

static void end(struct connection *connection) {
    for (int i = 0; i < 2; i++) {
        struct flow *flow = &connection->flows[i];
        close(flow->from);
        if (copies) {
            free(flow->bytes);
        } else {
            close(flow->pipe[0]);
            close(flow->pipe[1]);
        }
    }
    free(connection);
}

static void prepare(struct flow *flow, int from, int to) {
    flow->from = from;
    flow->to = to;
    if (copies) {
        flow->bytes = malloc(room);
        if (!flow->bytes)
            fail("malloc");
        return;
    }
    if (pipe2(flow->pipe, O_NONBLOCK | O_CLOEXEC) < 0)
        fail("pipe2");
    if (room != 64 * 1024 && fcntl(flow->pipe[1], F_SETPIPE_SZ, (int)room) < 0)
        fail("F_SETPIPE_SZ");
}

static void begin(int near, const struct sockaddr_in *target) {
    int far = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (far < 0 || connect(far, (const struct sockaddr *)target, sizeof *target) < 0)
        fail("connect");
    fcntl(far, F_SETFL, O_NONBLOCK);
    int on = 1;
    setsockopt(near, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    struct connection *connection = calloc(1, sizeof *connection);
    if (!connection)
        fail("calloc");
    prepare(&connection->flows[0], near, far);
    prepare(&connection->flows[1], far, near);
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = connection};
    epoll_ctl(epoll_descriptor, EPOLL_CTL_ADD, near, &event);
    epoll_ctl(epoll_descriptor, EPOLL_CTL_ADD, far, &event);
}

// Both sockets of a connection can be in one batch: it is freed behind the last of them.
static void serve(struct epoll_event *events, int count, int listener,
                  const struct sockaddr_in *target) {
    for (int i = 0; i < count; i++) {
        struct connection *connection = events[i].data.ptr;
        if (!connection) {
            int near = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (near >= 0)
                begin(near, target);
            continue;
        }
        struct flow *flows = connection->flows;
        int is_over = pump(&flows[0]) < 0 || pump(&flows[1]) < 0;
        if (!is_over && !(flows[0].shut && flows[1].shut))
            continue;
        int comes_again = 0;
        for (int j = i + 1; j < count; j++)
            comes_again |= events[j].data.ptr == connection;
        if (!comes_again)
            end(connection);
    }
}

int main(int count, char **words) {
    int port = 0, to = 0;
    for (int i = 1; i + 1 < count; i += 2) {
        if (!strcmp(words[i], "--port"))
            port = atoi(words[i + 1]);
        else if (!strcmp(words[i], "--to"))
            to = atoi(words[i + 1]);
        else if (!strcmp(words[i], "--splice"))
            room = (size_t)atol(words[i + 1]);
        else if (!strcmp(words[i], "--copy"))
            copies = 1, room = (size_t)atol(words[i + 1]);
    }
    signal(SIGPIPE, SIG_IGN);
    struct sockaddr_in own = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    own.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct sockaddr_in target = own;
    target.sin_port = htons((uint16_t)to);
    int on = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&own, sizeof own) < 0 || listen(listener, 1024) < 0)
        fail("listen");
    epoll_descriptor = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = NULL};
    epoll_ctl(epoll_descriptor, EPOLL_CTL_ADD, listener, &event);
    struct epoll_event events[MOST_EVENTS];
    for (;;)
        serve(events, epoll_wait(epoll_descriptor, events, MOST_EVENTS, -1), listener, &target);
}
