// Holds N idle keep-alive connections: each asks once and is answered, then nothing is sent.
// Prints "holding N"; on a line at stdin each connection asks once more and "answered N" is
// printed; the end of stdin closes all. Run by perf/harness/clients.py to measure the memory of
// idle connections. Connections are opened one after the other, so no backlog can overflow.

#define _GNU_SOURCE
#include "client.h"
#include "reply.h"

#include <errno.h>

static struct reply_checker checker;

// One request and its whole reply on a blocking socket; the receive timeout bounds the wait.
static void ask(int descriptor, const char *request, size_t bytes, int index) {
    static char reply[REPLY_MOST_BYTES];
    if (send(descriptor, request, bytes, MSG_NOSIGNAL) != (ssize_t)bytes)
        fail("connection %d: send: %s", index, strerror(errno));
    for (size_t kept = 0; kept < sizeof reply;) {
        ssize_t count = recv(descriptor, reply + kept, sizeof reply - kept, 0);
        if (count <= 0)
            fail("connection %d: %s", index, count == 0 ? "closed" : strerror(errno));
        kept += (size_t)count;
        long taken = reply_take(&checker, reply, kept);
        if (taken < 0 || (taken > 0 && (size_t)taken != kept))
            fail("connection %d: %s", index, taken < 0 ? checker.complaint : "bytes left over");
        if (taken > 0)
            return;
    }
    fail("connection %d: a reply too large", index);
}

int main(int count, char **arguments) {
    if (count != 5)
        fail("usage: idle PORT PATH CONNECTIONS SOURCES");
    int port = atoi(arguments[1]), total = atoi(arguments[3]), sources = atoi(arguments[4]);
    if (port < 1 || port > 65535 || total < 1 || total > 19900 || sources < 1 || sources > 200)
        fail("options out of range");
    alarm(600);
    raise_descriptor_limit();
    char request[1024];
    size_t bytes = render_request(request, arguments[2], port, 0);
    int *descriptors = calloc((size_t)total, sizeof *descriptors);
    struct timeval most = {.tv_sec = 5};
    for (int i = 0; i < total; i++) {
        descriptors[i] = connected_socket(port, 1 + i % sources);
        if (descriptors[i] < 0)
            fail("connection %d: %s", i, strerror(errno));
        setsockopt(descriptors[i], SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
        ask(descriptors[i], request, bytes, i);
    }
    printf("holding %d\n", total);
    fflush(stdout);
    while (wait_for_line()) {
        for (int i = 0; i < total; i++)
            ask(descriptors[i], request, bytes, i);
        printf("answered %d\n", total);
        fflush(stdout);
    }
    return 0;
}
