// The limit of the comparison of events: the least a single-threaded epoll server can do to tell N
// listeners. It answers each request with the beginning of a stream, or of a WebSocket, and then,
// told by a line at stdin, writes a canned piece to each descriptor, one plain write each: "w
// FRAMES" writes that many frames in one piece. "c" starts a child that does nothing and prints its
// pid; when the child's pidfd says that it ended, every listener gets one frame. Run by perf/events
// and perf/websocket; speaks to loopback only. It must never grow features: it keeps nothing,
// numbers nothing, writes no file.

#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <sys/wait.h>

enum { MOST_LISTENERS = 20000, MOST_EVENTS = 256, MOST_FRAMES = 64, MOST_FRAME = 1024 };

static const char STREAM_HEAD[] =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\nretry: 2000\n\n";
// hear does not look at the key's answer, and nothing is computed here that gr would not need.
static const char WEBSOCKET_HEAD[] =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";

static int listeners[MOST_LISTENERS];
static int total = 0, epoll_descriptor, child = -1;
static char pieces[MOST_FRAMES * MOST_FRAME];
static size_t frame_bytes = 90;
static int is_websocket = 0;

static void watch(int descriptor) {
    struct epoll_event event = {.events = EPOLLIN, .data.fd = descriptor};
    if (epoll_ctl(epoll_descriptor, EPOLL_CTL_ADD, descriptor, &event) < 0)
        fail("epoll_ctl: %s", strerror(errno));
}

static void render_frames(void) {
    static const char start[] = "event: service.registered\nid: 1\ndata: ";
    if (frame_bytes < sizeof start + 2 || frame_bytes > MOST_FRAME)
        fail("frame bytes out of range");
    for (char *at = pieces; at < pieces + MOST_FRAMES * frame_bytes; at += frame_bytes) {
        memset(at, 'x', frame_bytes);
        memcpy(at, start, sizeof start - 1);
        memcpy(at + frame_bytes - 2, "\n\n", 2);
        if (is_websocket) {
            // A whole text with a length of two bytes (RFC 6455 section 5.2).
            if (frame_bytes < 4 + 126)
                fail("frame bytes out of range");
            at[0] = (char)0x81;
            at[1] = 126;
            at[2] = (char)((frame_bytes - 4) >> 8);
            at[3] = (char)(frame_bytes - 4);
        }
    }
}

static void tell_all(long frames) {
    if (frames < 1 || frames > MOST_FRAMES)
        fail("frames out of range");
    size_t bytes = (size_t)frames * frame_bytes;
    for (int i = 0; i < total; i++)
        if (write(listeners[i], pieces, bytes) != (ssize_t)bytes)
            fail("write: %s", strerror(errno));
}

static void begin_child(void) {
    pid_t pid = fork();
    if (pid == 0) {
        // The program gr is measured with: what its end costs the kernel is part of both figures.
        execlp("sleep", "sleep", "600", (char *)NULL);
        _exit(127);
    }
    child = (int)syscall(SYS_pidfd_open, pid, 0);
    if (pid < 0 || child < 0)
        fail("no child: %s", strerror(errno));
    watch(child);
    printf("%d\n", pid);
    fflush(stdout);
}

static void end_child(void) {
    siginfo_t information;
    if (waitid(P_PIDFD, (id_t)child, &information, WEXITED) < 0)
        fail("waitid: %s", strerror(errno));
    tell_all(1);
    close(child);
    child = -1;
}

static void obey(void) {
    char line[64];
    ssize_t count = read(STDIN_FILENO, line, sizeof line - 1);
    if (count <= 0)
        exit(0);
    line[count] = 0;
    if (line[0] == 'c')
        begin_child();
    else
        tell_all(atol(line + 1));
}

static void take_request(int descriptor) {
    char buffer[4096];
    if (read(descriptor, buffer, sizeof buffer) <= 0)
        exit(0);
    const char *head = is_websocket ? WEBSOCKET_HEAD : STREAM_HEAD;
    if (write(descriptor, head, strlen(head)) != (ssize_t)strlen(head))
        fail("write: %s", strerror(errno));
}

static void take_listener(int listening) {
    int descriptor = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), on = 1;
    if (descriptor < 0 || total == MOST_LISTENERS)
        fail("accept: %s", strerror(errno));
    setsockopt(descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    listeners[total++] = descriptor;
    watch(descriptor);
}

int main(int count, char **arguments) {
    is_websocket = count == 4 && strcmp(arguments[3], "websocket") == 0;
    if (count != 3 && !is_websocket)
        fail("usage: fanout PORT FRAME_BYTES [websocket]");
    frame_bytes = strtoul(arguments[2], NULL, 10);
    render_frames();
    alarm(900);
    raise_descriptor_limit();
    epoll_descriptor = epoll_create1(EPOLL_CLOEXEC);
    int listening = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;
    setsockopt(listening, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)atoi(arguments[1])),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (bind(listening, (struct sockaddr *)&address, sizeof address) < 0 ||
        listen(listening, 4096) < 0)
        fail("listen: %s", strerror(errno));
    watch(listening);
    watch(STDIN_FILENO);
    printf("listening\n");
    fflush(stdout);
    for (;;) {
        struct epoll_event ready[MOST_EVENTS];
        int events = epoll_wait(epoll_descriptor, ready, MOST_EVENTS, -1);
        for (int i = 0; i < events; i++) {
            int descriptor = ready[i].data.fd;
            if (descriptor == listening)
                take_listener(listening);
            else if (descriptor == STDIN_FILENO)
                obey();
            else if (descriptor == child)
                end_child();
            else
                take_request(descriptor);
        }
    }
}
