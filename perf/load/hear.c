// Listens to a stream of events, or to a WebSocket, on N connections and says when each of them has
// heard enough. Run by perf/events and perf/websocket. Prints "ready" when every stream has begun;
// then obeys lines at stdin: "e K" waits until every connection has had K more frames (of a stream,
// those with an id; of a WebSocket, those of text) and prints "heard"; "k PID" kills that process,
// waits for one frame and prints the nanoseconds between. The end of stdin ends it. It must never
// count a frame that was not whole: what it says is what the comparison rests on.

#define _GNU_SOURCE
#include "client.h"

#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>

enum { MOST_EVENTS = 256, READ_BYTES = 64 * 1024, WAIT_MILLISECONDS = 20000 };

static const char STREAM_BEGIN[] = "retry: 2000\n\n";
static const char WEBSOCKET_BEGIN[] = "\r\n\r\n";
// Frames with an id are counted by the end of this line, which stands in no other frame.
static const char MARK[] = "\nid: ";

struct listener {
    int descriptor, has_begun;
    unsigned matched_begin, matched_mark, matched_end;
    long frames;
    int in_frame;
    // Of the frame of a WebSocket that is coming in.
    unsigned position, kind;
    size_t length;
};

static struct listener *listeners;
static int total, epoll_descriptor, is_websocket;

// Advances the match of a text whose first byte does not come again inside it, or at its start
// only.
static int step(unsigned *matched, const char *text, char byte) {
    if (byte != text[*matched])
        *matched = 0;
    if (byte == text[*matched])
        ++*matched;
    if (text[*matched])
        return 0;
    *matched = 0;
    return 1;
}

// Advances by a byte of a server's frame (RFC 6455 section 5.2); 1 at the end of a whole text.
static int step_frame(struct listener *listener, unsigned char byte) {
    unsigned position = listener->position++;
    if (position == 0) {
        listener->kind = byte;
        return 0;
    }
    if (position == 1) {
        if (byte > 126)
            fail("a frame is masked or too long");
        listener->length = byte == 126 ? 0 : byte;
        // The payload begins at 4 in either case.
        if (byte < 126)
            listener->position = 4;
    } else if (position < 4) {
        listener->length = listener->length << 8 | byte;
    } else {
        listener->length--;
    }
    if (listener->position < 4 || listener->length > 0)
        return 0;
    listener->position = 0;
    if (listener->kind == 0x88)
        fail("the server closes");
    return listener->kind == 0x81;
}

static void take(struct listener *listener, const char *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (!listener->has_begun) {
            listener->has_begun = step(&listener->matched_begin,
                                       is_websocket ? WEBSOCKET_BEGIN : STREAM_BEGIN, bytes[i]);
            continue;
        }
        if (is_websocket) {
            listener->frames += step_frame(listener, (unsigned char)bytes[i]);
            continue;
        }
        if (step(&listener->matched_mark, MARK, bytes[i]))
            listener->in_frame = 1;
        if (step(&listener->matched_end, "\n\n", bytes[i])) {
            listener->frames += listener->in_frame;
            listener->in_frame = 0;
        }
    }
}

// Reads what has come; 0 when nothing came in time.
static int turn(void) {
    struct epoll_event ready[MOST_EVENTS];
    static char buffer[READ_BYTES];
    int count = epoll_wait(epoll_descriptor, ready, MOST_EVENTS, WAIT_MILLISECONDS);
    for (int i = 0; i < count; i++) {
        struct listener *listener = &listeners[ready[i].data.u32];
        ssize_t moved = recv(listener->descriptor, buffer, sizeof buffer, MSG_DONTWAIT);
        if (moved == 0 || (moved < 0 && errno != EAGAIN))
            fail("a stream has ended");
        if (moved > 0)
            take(listener, buffer, (size_t)moved);
    }
    return count > 0;
}

static void wait_for_frames(long each) {
    for (int i = 0; i < total;) {
        if (listeners[i].frames >= each)
            i++;
        else if (!turn())
            fail("connection %d heard %ld of %ld", i, listeners[i].frames, each);
    }
    for (int i = 0; i < total; i++)
        listeners[i].frames -= each;
}

static void connect_all(int port, const char *path, int sources) {
    char request[1024];
    size_t bytes = render_request(request, path, port, 0);
    if (is_websocket) {
        // Behind the last header, before the empty line.
        static const char upgrade[] =
            "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        if (bytes + sizeof upgrade > sizeof request)
            fail("the path is too long");
        memcpy(request + bytes - 2, upgrade, sizeof upgrade - 1);
        bytes += sizeof upgrade - 3;
    }
    for (int i = 0; i < total; i++) {
        int descriptor = connected_socket(port, 1 + i % sources);
        if (descriptor < 0)
            fail("connection %d: %s", i, strerror(errno));
        if (send(descriptor, request, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
            fail("connection %d: send: %s", i, strerror(errno));
        listeners[i].descriptor = descriptor;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (unsigned)i};
        if (epoll_ctl(epoll_descriptor, EPOLL_CTL_ADD, descriptor, &event) < 0)
            fail("epoll_ctl");
        while (!listeners[i].has_begun)
            if (!turn())
                fail("connection %d: no stream", i);
    }
}

int main(int count, char **arguments) {
    is_websocket = count == 6 && strcmp(arguments[5], "websocket") == 0;
    if (count != 5 && !is_websocket)
        fail("usage: hear PORT PATH CONNECTIONS SOURCES [websocket]");
    int port = atoi(arguments[1]), sources = atoi(arguments[4]);
    total = atoi(arguments[3]);
    if (port < 1 || port > 65535 || total < 1 || total > 16000 || sources < 1 || sources > 200)
        fail("options out of range");
    alarm(900);
    raise_descriptor_limit();
    listeners = calloc((size_t)total, sizeof *listeners);
    epoll_descriptor = epoll_create1(EPOLL_CLOEXEC);
    connect_all(port, arguments[2], sources);
    printf("ready\n");
    fflush(stdout);
    char line[64];
    while (fgets(line, sizeof line, stdin)) {
        long number = atol(line + 1);
        if (line[0] == 'k' && number > 1) {
            uint64_t start = nanoseconds(CLOCK_MONOTONIC);
            if (kill((pid_t)number, SIGKILL) < 0)
                fail("kill: %s", strerror(errno));
            wait_for_frames(1);
            printf("%llu\n", (unsigned long long)(nanoseconds(CLOCK_MONOTONIC) - start));
        } else if (line[0] == 'e' && number > 0) {
            wait_for_frames(number);
            printf("heard\n");
        } else {
            fail("not understood: %s", line);
        }
        fflush(stdout);
    }
    return 0;
}
