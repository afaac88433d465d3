// The listening sockets that outlive the program, so that a restart refuses nobody: what comes in
// between waits in their queue. The program finds them as LISTEN_FDS, in the way of systemd.
//
// Nothing is ever accepted here. An armed port says once that somebody waits, which starts a
// program on demand.

#include "monitor.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 4096, FIRST_PASSED = 3, OUT_OF_THE_WAY = 16 };

/// A listening socket or -errno.
static int listen_at(const struct sockaddr *address, socklen_t size) {
    int yes = 1;
    int descriptor = socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return -errno;
    setsockopt(descriptor, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    if (address->sa_family == AF_INET6)
        setsockopt(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof yes);
    if (bind(descriptor, address, size) < 0 || listen(descriptor, BACKLOG) < 0) {
        int error = errno;
        close(descriptor);
        return -error;
    }
    return descriptor;
}

static int open_both(struct hold *hold, int port) {
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int first = listen_at((struct sockaddr *)&four, sizeof four);
    if (first < 0)
        return -first;
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)port)};
    six.sin6_addr.s6_addr[15] = 1;
    int second = listen_at((struct sockaddr *)&six, sizeof six);
    // A machine may have no IPv6 at all.
    if (second < 0 && second != -EAFNOSUPPORT && second != -EADDRNOTAVAIL) {
        close(first);
        return -second;
    }
    *hold = (struct hold){.port = port, .count = second < 0 ? 1 : 2, .sockets = {first, second}};
    return 0;
}

void hold_open(struct monitor *monitor, const char *text) {
    struct hold *hold = &monitor->hold;
    int64_t port = message_number(text, 65536);
    int error = port < 1 || port > 65535 ? EINVAL : 0;
    if (error == 0 && hold->port != 0 && hold->port != port)
        error = EBUSY;
    // Before the sockets: a daemon that is killed at any instant finds who holds the port.
    if (error == 0)
        error = control_listen(monitor);
    if (error == 0 && hold->port == 0)
        error = open_both(hold, (int)port);
    if (error != 0)
        child_fail(monitor, STEP_LISTEN, error);
    else
        control_say(monitor, SAY_HELD);
}

void hold_arm(struct monitor *monitor) {
    if (monitor->hold.port != 0)
        monitor->hold.armed = 1;
}

void hold_release(struct monitor *monitor) {
    for (int i = 0; i < monitor->hold.count; i++)
        close(monitor->hold.sockets[i]);
    monitor->hold = (struct hold){0};
    monitor->to_say &= ~(unsigned)(SAY_HELD | SAY_CONNECTION);
}

struct pollfd hold_poll(const struct monitor *monitor, int place) {
    const struct hold *hold = &monitor->hold;
    int watched = hold->armed && place < hold->count;
    return (struct pollfd){.fd = watched ? hold->sockets[place] : -1, .events = POLLIN};
}

void hold_ready(struct monitor *monitor) {
    monitor->hold.armed = 0;
    control_say(monitor, SAY_CONNECTION);
}

// ---- in the child -----------------------------------------------------------------------------

int hold_pass(const struct hold *hold, int *status) {
    int lifted[MOST_HELD];
    *status = fcntl(*status, F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
    if (*status < 0)
        return -1;
    for (int i = 0; i < hold->count; i++) {
        lifted[i] = fcntl(hold->sockets[i], F_DUPFD_CLOEXEC, OUT_OF_THE_WAY);
        if (lifted[i] < 0)
            return -1;
    }
    for (int i = 0; i < hold->count; i++) {
        if (dup2(lifted[i], FIRST_PASSED + i) < 0)
            return -1;
    }
    return 0;
}

void hold_describe(const struct hold *hold, char **environment, int count) {
    static char descriptors[32] = "LISTEN_FDS=", pid[48] = "LISTEN_PID=";
    static char one[] = "LISTEN_FDNAMES=ipv4", two[] = "LISTEN_FDNAMES=ipv4:ipv6";
    int kept = 0;
    // What was given under these names is about somebody else's sockets.
    for (int i = 0; i < count; i++) {
        if (strncmp(environment[i], "LISTEN_FDS=", 11) != 0 &&
            strncmp(environment[i], "LISTEN_PID=", 11) != 0 &&
            strncmp(environment[i], "LISTEN_FDNAMES=", 15) != 0)
            environment[kept++] = environment[i];
    }
    message_digits(descriptors + strlen(descriptors), (uint64_t)hold->count);
    message_digits(pid + strlen(pid), (uint64_t)getpid());
    environment[kept++] = descriptors;
    environment[kept++] = pid;
    environment[kept++] = hold->count == 1 ? one : two;
    environment[kept] = NULL;
}
