// The texts of the messages: numbers and fields, and each message from the state of the moment.
//
// Used by control.c. Nothing here keeps anything: a message that does not fit into the socket now
// is built anew later.

#include "monitor.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST_TEXT = 4096 };

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

size_t message_digits(char *text, uint64_t value) {
    char digits[20];
    size_t at = sizeof digits;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    memcpy(text, digits + at, sizeof digits - at);
    return sizeof digits - at;
}

char *message_take(char **at, char *end) {
    static char none[1] = "";
    if (*at >= end)
        return none;
    char *field = *at;
    *at += strlen(field) + 1;
    return field;
}

int64_t message_number(const char *text, int64_t most) {
    int64_t value = 0;
    if (*text == 0)
        return -1;
    for (; *text >= '0' && *text <= '9'; text++) {
        value = value * 10 + (*text - '0');
        if (value > most)
            value = most;
    }
    return *text == 0 ? value : -1;
}

static void field(struct text *text, const char *value) {
    put(text, value, strnlen(value, MOST_NAME));
    put(text, "", 1);
}

static void number(struct text *text, int64_t value) {
    char digits[20];
    put(text, digits, message_digits(digits, value < 0 ? 0 : (uint64_t)value));
    put(text, "", 1);
}

static void put_exit(struct text *text, const struct program *program) {
    if (!program->ended) {
        put(text, "\0\0\0\0\0", 5);
        return;
    }
    if (program->signal != 0 || program->unknown)
        field(text, "");
    else
        number(text, program->code);
    number(text, program->signal);
    number(text, program->requested);
    number(text, program->forced);
    number(text, program->ended_at);
}

static void put_identity(struct text *text, const struct program *program) {
    number(text, program->pid);
    number(text, (int64_t)program->start);
    number(text, program->started);
}

/// What comes along with a message, and its letters.
struct carried {
    int count;
    int descriptors[MOST_CARRIED];
    char letters[MOST_CARRIED + 1];
};

static void carry(struct carried *carried, int descriptor, char letter) {
    if (descriptor < 0 || carried->count == MOST_CARRIED)
        return;
    carried->descriptors[carried->count] = descriptor;
    carried->letters[carried->count++] = letter;
}

static struct carried what_comes_along(const struct monitor *monitor, unsigned what) {
    struct carried carried = {0};
    const struct program *program = &monitor->program;
    if (what == SAY_SPAWNED || (what == SAY_HELLO && program->pid != 0 && !program->ended)) {
        carry(&carried, program->pidfd, 'p');
        carry(&carried, monitor->output, 'o');
    }
    for (int i = 0; i < monitor->hold.count && (what == SAY_HELLO || what == SAY_HELD); i++)
        carry(&carried, monitor->hold.sockets[i], 'l');
    return carried;
}

static void put_hello(struct text *text, const struct monitor *monitor, const char *letters) {
    const struct program *program = &monitor->program;
    number(text, MONITOR_PROTOCOL_VERSION);
    field(text, monitor->id);
    field(text, monitor->name);
    number(text, getpid());
    field(text, program->pid == 0 ? "new"
                : !program->ended ? "running"
                : !monitor->empty ? "exited"
                                  : "empty");
    put_identity(text, program);
    number(text, program->ready);
    number(text, monitor->stop.asked);
    put_exit(text, program);
    number(text, monitor->hold.port);
    number(text, monitor->hold.armed);
    number(text, program->adopted);
    number(text, monitor->is_terminal);
    field(text, letters);
}

static uint8_t type_of(unsigned what) {
    switch (what) {
    case SAY_HELLO:
        return MONITOR_HELLO;
    case SAY_HELD:
        return MONITOR_HELD;
    case SAY_SPAWNED:
        return MONITOR_SPAWNED;
    case SAY_FAILED:
        return MONITOR_FAILED;
    case SAY_EXITED:
        return MONITOR_EXITED;
    case SAY_EMPTY:
        return MONITOR_EMPTY;
    case SAY_CONNECTION:
        return MONITOR_CONNECTION;
    default:
        return MONITOR_PONG;
    }
}

static void build(struct text *text, const struct monitor *monitor, unsigned what,
                  const char *letters) {
    uint8_t type = type_of(what);
    text->length = 0;
    put(text, (const char *)&type, 1);
    if (what == SAY_HELLO) {
        put_hello(text, monitor, letters);
    } else if (what == SAY_HELD) {
        number(text, monitor->hold.port);
    } else if (what == SAY_SPAWNED) {
        put_identity(text, &monitor->program);
        number(text, (int64_t)monitor->log.begin_inode);
        number(text, (int64_t)monitor->log.begin);
    } else if (what == SAY_FAILED) {
        field(text, monitor->failed_step);
        number(text, monitor->failed_error);
    } else if (what == SAY_EXITED) {
        put_exit(text, &monitor->program);
    }
}

int message_send(const struct monitor *monitor, unsigned what) {
    struct text text;
    struct carried carried = what_comes_along(monitor, what);
    build(&text, monitor, what, carried.letters);
    union {
        char bytes[CMSG_SPACE(sizeof carried.descriptors)];
        struct cmsghdr aligned;
    } control = {0};
    struct iovec piece = {.iov_base = text.bytes, .iov_len = text.length};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (carried.count > 0) {
        size_t size = sizeof(int) * (size_t)carried.count;
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(part), carried.descriptors, size);
    }
    return sendmsg(monitor->control, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? errno : 0;
}
