// The daemon's side: the control socket, the way back to it for a later daemon, the exit record.
//
// Nothing here waits. A connection that does not read leaves bits in `to_say`; one that is lost
// loses nothing, since HELLO carries the whole state to the next one.

#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h> // renameat
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

// MONITOR_MESSAGE_MOST is a typed constant for Swift, which C does not take as an array size.
enum {
    MESSAGE_ROOM = 163840,
    MOST_MESSAGES = 16,
    MOST_TEXT = 8192,
    FILE_NAME = 32,
    MOST_GRACE_MS = 86400000
};

/// RUN_DIRECTORY as a path.
#define RUN_DIRECTORY_PATH "/proc/self/fd/4/"

struct text {
    size_t length;
    char bytes[MOST_TEXT];
};

static void put(struct text *text, const char *bytes, size_t count) {
    if (count > sizeof text->bytes - text->length)
        count = sizeof text->bytes - text->length;
    memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
}

static void put_number(struct text *text, int64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    uint64_t rest = value < 0 ? 0 : (uint64_t)value;
    do {
        digits[--at] = (char)('0' + rest % 10);
        rest /= 10;
    } while (rest > 0);
    put(text, digits + at, sizeof digits - at);
}

static void field(struct text *text, const char *value) {
    put(text, value, strnlen(value, MOST_NAME));
    put(text, "", 1);
}

static void number(struct text *text, int64_t value) {
    put_number(text, value);
    put(text, "", 1);
}

// ---- what we say ------------------------------------------------------------------------------

static void put_exit(struct text *text, const struct program *program) {
    if (!program->ended) {
        put(text, "\0\0\0\0\0", 5);
        return;
    }
    if (program->signal != 0)
        field(text, "");
    else
        number(text, program->code);
    number(text, program->signal);
    number(text, program->requested);
    number(text, program->forced);
    number(text, program->ended_at);
}

static void put_hello(struct text *text, const struct monitor *monitor) {
    const struct program *program = &monitor->program;
    number(text, MONITOR_PROTOCOL_VERSION);
    field(text, monitor->id);
    field(text, monitor->name);
    number(text, getpid());
    field(text, program->pid == 0 ? "new"
                : !program->ended ? "running"
                : !monitor->empty ? "exited"
                                  : "empty");
    number(text, program->pid);
    number(text, (int64_t)program->start);
    number(text, program->started);
    number(text, program->ready);
    number(text, monitor->stop.asked);
    put_exit(text, program);
    number(text, 0);
    number(text, 0);
    number(text, 0);
    number(text, 0);
    field(text, program->pid == 0 || program->ended ? "" : "po");
}

static void build(struct text *text, const struct monitor *monitor, unsigned what) {
    const struct program *program = &monitor->program;
    uint8_t type = what == SAY_HELLO     ? MONITOR_HELLO
                   : what == SAY_SPAWNED ? MONITOR_SPAWNED
                   : what == SAY_FAILED  ? MONITOR_FAILED
                   : what == SAY_EXITED  ? MONITOR_EXITED
                   : what == SAY_PONG    ? MONITOR_PONG
                                         : MONITOR_EMPTY;
    text->length = 0;
    put(text, (const char *)&type, 1);
    if (what == SAY_HELLO) {
        put_hello(text, monitor);
    } else if (what == SAY_SPAWNED) {
        number(text, program->pid);
        number(text, (int64_t)program->start);
        number(text, program->started);
    } else if (what == SAY_FAILED) {
        field(text, monitor->failed_step);
        number(text, monitor->failed_error);
    } else if (what == SAY_EXITED) {
        put_exit(text, program);
    }
}

/// 0 when it went out, or an errno.
static int send_one(const struct monitor *monitor, unsigned what) {
    struct text text;
    build(&text, monitor, what);
    int descriptors[2] = {monitor->program.pidfd, monitor->output};
    int count = descriptors[0] < 0 ? 0 : descriptors[1] < 0 ? 1 : 2;
    if (what != SAY_SPAWNED && (what != SAY_HELLO || monitor->program.ended))
        count = 0;
    union {
        char bytes[CMSG_SPACE(sizeof descriptors)];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec piece = {.iov_base = text.bytes, .iov_len = text.length};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (count > 0) {
        size_t size = sizeof(int) * (size_t)count;
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(part), descriptors, size);
    }
    return sendmsg(monitor->control, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}

/// A file of ours in the run directory. `id` is 16 digits, a suffix at most 9 bytes.
static const char *file_name(const struct monitor *monitor, const char *suffix,
                             char name[FILE_NAME]) {
    return strcat(strcpy(name, monitor->id), suffix);
}

static void remove_file(const struct monitor *monitor, const char *suffix) {
    char name[FILE_NAME];
    unlinkat(RUN_DIRECTORY, file_name(monitor, suffix, name), 0);
}

static void collected(struct monitor *monitor) {
    if (monitor->program.pid != 0 && !monitor->program.ended)
        return;
    if (monitor->listener >= 0) {
        close(monitor->listener);
        monitor->listener = -1;
        remove_file(monitor, ".sock");
    }
    remove_file(monitor, ".exit");
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

/// The connection is gone. Nobody can ask anything of a monitor that has neither it nor a program.
static void end_control(struct monitor *monitor) {
    lose_control(monitor);
    if (monitor->program.pid == 0)
        collected(monitor);
}

void control_say(struct monitor *monitor, unsigned what) {
    monitor->to_say |= what;
    for (unsigned bit = SAY_HELLO; bit <= SAY_PONG && monitor->control >= 0; bit <<= 1) {
        if (!(monitor->to_say & bit))
            continue;
        int error = send_one(monitor, bit);
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
    int64_t grace = 0;
    if (*text == 0)
        return;
    for (; *text >= '0' && *text <= '9' && grace <= MOST_GRACE_MS; text++)
        grace = grace * 10 + (*text - '0');
    if (*text != 0 && grace <= MOST_GRACE_MS)
        return;
    tree_stop(monitor, grace > MOST_GRACE_MS ? MOST_GRACE_MS : grace);
}

/// `bytes[length]` is NUL, so the last field is ended whatever was sent.
static void hear(struct monitor *monitor, char *bytes, size_t length, int cut) {
    uint8_t type = (uint8_t)bytes[0];
    if (type == MONITOR_RUN && cut && monitor->program.pid == 0)
        child_fail(monitor, STEP_EXEC, E2BIG);
    else if (cut)
        return;
    else if (type == MONITOR_RUN)
        child_run(monitor, bytes + 1, length - 1);
    else if (type == MONITOR_STOP)
        stop(monitor, bytes + 1);
    else if (type == MONITOR_READY && monitor->program.pid != 0 && !monitor->program.ended)
        monitor->program.ready = 1;
    else if (type == MONITOR_COLLECTED)
        collected(monitor);
    else if (type == MONITOR_PING)
        control_say(monitor, SAY_PONG);
}

void control_read(struct monitor *monitor) {
    static _Alignas(4096) char bytes[MESSAGE_ROOM + 1];
    for (int i = 0; i < MOST_MESSAGES && !monitor->done && monitor->control >= 0; i++) {
        struct iovec piece = {.iov_base = bytes, .iov_len = MESSAGE_ROOM};
        struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
        ssize_t count = recvmsg(monitor->control, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
        // ECONNRESET is said once, ahead of what was sent before the peer went.
        if (count < 0 && (errno == EINTR || errno == ECONNRESET))
            continue;
        if (count < 0 && errno == EAGAIN)
            return;
        if (count <= 0) {
            end_control(monitor);
            return;
        }
        bytes[count] = 0;
        hear(monitor, bytes, (size_t)count, message.msg_flags & MSG_TRUNC);
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
    file_name(monitor, ".sock", address.sun_path + strlen(RUN_DIRECTORY_PATH));
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener < 0)
        return errno;
    remove_file(monitor, ".sock");
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

static void put_pair(struct text *text, const char *key, int64_t value) {
    put(text, key, strlen(key));
    put_number(text, value);
}

static void put_record(struct text *text, const struct monitor *monitor) {
    const struct program *program = &monitor->program;
    put_pair(text, "version=", MONITOR_PROTOCOL_VERSION);
    put(text, " id=", 4);
    put(text, monitor->id, strlen(monitor->id));
    put_pair(text, " pid=", program->pid);
    put_pair(text, " start=", (int64_t)program->start);
    put_pair(text, " started=", program->started);
    put(text, " code=", 6);
    if (program->signal == 0)
        put_number(text, program->code);
    put_pair(text, " signal=", program->signal);
    put_pair(text, " requested=", program->requested);
    put_pair(text, " forced=", program->forced);
    put_pair(text, " ended=", program->ended_at);
    put(text, " name=", 6);
    for (size_t i = 0; i < MOST_NAME && monitor->name[i]; i++) {
        uint8_t byte = (uint8_t)monitor->name[i];
        int plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= '0' && byte <= '9') || strchr("-._~", byte);
        char escaped[3] = {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
        put(text, plain ? (const char *)&byte : escaped, plain ? 1 : 3);
    }
    put(text, "\n", 1);
}

void control_record(struct monitor *monitor) {
    struct text record = {0};
    char temporary[FILE_NAME], final[FILE_NAME];
    put_record(&record, monitor);
    file_name(monitor, ".exit.tmp", temporary);
    file_name(monitor, ".exit", final);
    unlinkat(RUN_DIRECTORY, temporary, 0);
    int flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
    int file = openat(RUN_DIRECTORY, temporary, flags, 0600);
    if (file < 0)
        return;
    ssize_t written = write(file, record.bytes, record.length);
    close(file);
    // Half a record would be worse than none: HELLO has it all the same.
    if (written != (ssize_t)record.length ||
        renameat(RUN_DIRECTORY, temporary, RUN_DIRECTORY, final) < 0)
        unlinkat(RUN_DIRECTORY, temporary, 0);
}
