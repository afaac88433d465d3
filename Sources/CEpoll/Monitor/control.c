// The daemon's side: the control socket, and the way back to it for a later daemon.
//
// Nothing here waits. A connection that does not read leaves bits in `to_say`; one that is lost
// loses nothing, since HELLO carries the whole state to the next one.

#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// MONITOR_MESSAGE_MOST is a typed constant for Swift, which C does not take as an array size.
enum { MESSAGE_ROOM = 163840, MOST_MESSAGES = 16, MOST_GRACE_MS = 86400000 };

/// RUN_DIRECTORY as a path.
#define RUN_DIRECTORY_PATH "/proc/self/fd/4/"

// ---- what we say ------------------------------------------------------------------------------

static void collected(struct monitor *monitor) {
    if (monitor->program.pid != 0 && !monitor->program.ended)
        return;
    hold_release(monitor);
    if (monitor->listener >= 0) {
        close(monitor->listener);
        monitor->listener = -1;
        record_remove_file(monitor, ".sock");
    }
    record_remove_file(monitor, ".exit");
    monitor->collected = 1;
    if (monitor->program.pid == 0 || monitor->empty)
        monitor->done = 1;
}

static void lose_control(struct monitor *monitor) {
    if (monitor->control >= 0)
        close(monitor->control);
    monitor->control = -1;
    monitor->to_say = 0;
}

/// The connection is gone. Nobody can ask anything of a monitor that has neither it nor a program
/// nor a port.
static void end_control(struct monitor *monitor) {
    lose_control(monitor);
    if (monitor->program.pid == 0 && monitor->hold.port == 0)
        collected(monitor);
}

int control_waits(const struct monitor *monitor) {
    const struct program *program = &monitor->program;
    return monitor->control < 0 && monitor->empty && (program->pid == 0 || program->ended);
}

void control_look(struct monitor *monitor) {
    struct stat run;
    if (control_waits(monitor) && fstat(RUN_DIRECTORY, &run) == 0 && run.st_nlink == 0)
        collected(monitor);
}

void control_say(struct monitor *monitor, unsigned what) {
    monitor->to_say |= what;
    for (unsigned bit = SAY_HELLO; bit <= SAY_PONG && monitor->control >= 0; bit <<= 1) {
        if (!(monitor->to_say & bit))
            continue;
        int error = message_send(monitor, bit);
        if (error == EAGAIN || error == EINTR)
            return;
        // Its receiving half may still hold a STOP: the reader notices the end.
        if (error == EPIPE || error == ECONNRESET)
            monitor->to_say = 0;
        else if (error != 0)
            end_control(monitor);
        monitor->to_say &= ~bit;
    }
}

// ---- what we hear -----------------------------------------------------------------------------

static void stop(struct monitor *monitor, const char *text) {
    int64_t grace = message_number(text, MOST_GRACE_MS);
    if (grace >= 0)
        tree_stop(monitor, grace);
}

static void resize(struct monitor *monitor, char *at, char *end) {
    int64_t rows = message_number(message_take(&at, end), 10000);
    int64_t columns = message_number(message_take(&at, end), 10000);
    if (rows < 1 || columns < 1)
        return;
    monitor->options.rows = (unsigned short)rows;
    monitor->options.columns = (unsigned short)columns;
    terminal_resize(monitor);
}

/// One message. `bytes[length]` is NUL, so the last field is ended whatever was sent.
struct heard {
    char *bytes;
    size_t length;
    int cut;
    int count;
    int descriptors[MOST_CARRIED];
};

/// The messages that bring descriptors; 1 when it was one of them, which has taken them then.
static int hear_descriptors(struct monitor *monitor, struct heard *heard) {
    uint8_t type = (uint8_t)heard->bytes[0];
    if (type == MONITOR_ATTACH && heard->count == 1)
        attach_add(monitor, heard->descriptors[0]);
    else if (type == MONITOR_ADOPT)
        adopt_run(monitor, heard->bytes + 1, heard->length - 1, heard->descriptors, heard->count);
    else
        return 0;
    return 1;
}

static void hear_plain(struct monitor *monitor, char *bytes, size_t length) {
    uint8_t type = (uint8_t)bytes[0];
    char *fields = bytes + 1;
    if (type == MONITOR_RUN)
        child_run(monitor, fields, length - 1);
    else if (type == MONITOR_STOP)
        stop(monitor, fields);
    else if (type == MONITOR_READY && monitor->program.pid != 0 && !monitor->program.ended)
        monitor->program.ready = 1;
    else if (type == MONITOR_COLLECTED)
        collected(monitor);
    else if (type == MONITOR_OPTIONS)
        options_hear(monitor, fields, length - 1);
    else if (type == MONITOR_HOLD)
        hold_open(monitor, fields);
    else if (type == MONITOR_ARM)
        hold_arm(monitor);
    else if (type == MONITOR_RELEASE)
        hold_release(monitor);
    else if (type == MONITOR_RESIZE)
        resize(monitor, fields, bytes + length);
    else if (type == MONITOR_PING)
        control_say(monitor, SAY_PONG);
}

static void hear(struct monitor *monitor, struct heard *heard) {
    if (!heard->cut && hear_descriptors(monitor, heard))
        return;
    for (int i = 0; i < heard->count; i++)
        close(heard->descriptors[i]);
    if (!heard->cut)
        hear_plain(monitor, heard->bytes, heard->length);
    else if ((uint8_t)heard->bytes[0] == MONITOR_RUN && monitor->empty)
        child_fail(monitor, STEP_EXEC, E2BIG);
}

static void take_descriptors(struct msghdr *message, struct heard *heard) {
    heard->count = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int descriptor;
            memcpy(&descriptor, CMSG_DATA(part) + i * sizeof descriptor, sizeof descriptor);
            if (heard->count < MOST_CARRIED)
                heard->descriptors[heard->count++] = descriptor;
            else
                close(descriptor);
        }
    }
}

/// The next message; 0 at the end of the connection, negative with errno.
static ssize_t receive(struct monitor *monitor, struct heard *heard, char *bytes) {
    union {
        char bytes[CMSG_SPACE(sizeof heard->descriptors)];
        struct cmsghdr aligned;
    } control;
    struct iovec piece = {.iov_base = bytes, .iov_len = MESSAGE_ROOM};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    ssize_t count = recvmsg(monitor->control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (count <= 0)
        return count;
    take_descriptors(&message, heard);
    bytes[count] = 0;
    heard->bytes = bytes;
    heard->length = (size_t)count;
    heard->cut = message.msg_flags & MSG_TRUNC;
    return count;
}

void control_read(struct monitor *monitor) {
    static _Alignas(4096) char bytes[MESSAGE_ROOM + 1];
    struct heard heard;
    for (int i = 0; i < MOST_MESSAGES && !monitor->done && monitor->control >= 0; i++) {
        ssize_t count = receive(monitor, &heard, bytes);
        // ECONNRESET is said once, ahead of what was sent before the peer went.
        if (count < 0 && (errno == EINTR || errno == ECONNRESET))
            continue;
        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0) {
            end_control(monitor);
            return;
        }
        hear(monitor, &heard);
        // A RUN with a long environment must not stay resident for the life of the program. Whole
        // pages of the buffer only: its last byte shares one with other variables.
        if (count > 4096)
            madvise(bytes, MESSAGE_ROOM, MADV_DONTNEED);
    }
}

// ---- the way back -----------------------------------------------------------------------------

int control_listen(struct monitor *monitor) {
    if (monitor->listener >= 0)
        return 0;
    // By the descriptor, since the path of a home folder need not fit into sun_path.
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    strcpy(address.sun_path, RUN_DIRECTORY_PATH);
    record_file_name(monitor, ".sock", address.sun_path + strlen(RUN_DIRECTORY_PATH));
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0)
        return errno;
    record_remove_file(monitor, ".sock");
    // The kernel takes the mode from the mask alone: 0600 from the first moment on.
    mode_t before = umask(0177);
    int bound = bind(listener, (struct sockaddr *)&address, sizeof address);
    int error = errno;
    umask(before);
    if (bound < 0 || listen(listener, 8) < 0) {
        error = bound < 0 ? error : errno;
        close(listener);
        return error;
    }
    monitor->listener = listener;
    return 0;
}

int control_is_gone(const struct monitor *monitor) {
    struct pollfd state = {.fd = monitor->control};
    return poll(&state, 1, 0) > 0 && (state.revents & POLLHUP);
}

void control_accept(struct monitor *monitor) {
    int accepted = accept4(monitor->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (accepted < 0) {
        // Out of descriptors or memory the listener stays ready: do not spin on it.
        if (errno != EAGAIN && errno != EINTR && errno != ECONNABORTED)
            nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        return;
    }
    struct ucred peer;
    socklen_t size = sizeof peer;
    if (getsockopt(accepted, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
        (peer.uid != geteuid() && peer.uid != 0)) {
        close(accepted);
        return;
    }
    lose_control(monitor);
    monitor->control = accepted;
    control_say(monitor, SAY_HELLO);
}
