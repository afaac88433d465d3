// Starts a server and prints the nanoseconds from just before its spawn to the first 200.
// Usage: startup PORT PATH COMMAND ARGUMENT...; the server runs on cpu 0, the asking on cpu 1,
// a connect and a request every 0.1 ms. The server is ended by its pid before this program ends,
// whatever happened. Run by perf/idle.

#define _GNU_SOURCE
#include "client.h"
#include "reply.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>

enum { TIMEOUT_SECONDS = 10 };

static void pin(int cpu) {
    cpu_set_t set;
    CPU_ZERO(&set);
    CPU_SET(cpu, &set);
    sched_setaffinity(0, sizeof set, &set);
}

static int answers(int port, const char *request, size_t bytes) {
    static char reply[REPLY_MOST_BYTES];
    static struct reply_checker checker;
    int descriptor = connected_socket(port, 0);
    if (descriptor < 0)
        return 0;
    struct timeval most = {.tv_sec = 1};
    setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    long taken = 0;
    size_t kept = 0;
    if (send(descriptor, request, bytes, MSG_NOSIGNAL) == (ssize_t)bytes) {
        while (taken == 0) {
            ssize_t count = recv(descriptor, reply + kept, sizeof reply - kept, 0);
            if (count <= 0)
                break;
            kept += (size_t)count;
            taken = reply_take(&checker, reply, kept);
        }
    }
    close(descriptor);
    return taken > 0;
}

// SIGTERM, up to 5 s of waiting, SIGKILL.
static void end(pid_t server) {
    kill(server, SIGTERM);
    for (int i = 0; i < 500; i++) {
        if (waitpid(server, NULL, WNOHANG) == server)
            return;
        usleep(10000);
    }
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
}

int main(int count, char **arguments) {
    if (count < 4)
        fail("usage: startup PORT PATH COMMAND ARGUMENT...");
    int port = atoi(arguments[1]), status = 1;
    char request[1024];
    size_t bytes = render_request(request, arguments[2], port, 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    extern char **environ;
    pid_t server;
    pin(0);
    uint64_t start = nanoseconds(CLOCK_MONOTONIC), limit = start + TIMEOUT_SECONDS * 1000000000ull;
    int error = posix_spawnp(&server, arguments[3], &actions, NULL, arguments + 3, environ);
    if (error)
        fail("%s: %s", arguments[3], strerror(error));
    pin(1);
    while (nanoseconds(CLOCK_MONOTONIC) < limit) {
        if (answers(port, request, bytes)) {
            printf("%lu\n", (unsigned long)(nanoseconds(CLOCK_MONOTONIC) - start));
            status = 0;
            break;
        }
        if (waitpid(server, NULL, WNOHANG) == server)
            fail("%s ended before it answered", arguments[3]);
        usleep(100);
    }
    end(server);
    return status;
}
