// The program's output on its way from the pipe to the log file.
//
// The monitor is the file's only writer. Whole lines are written at once; an unfinished one waits a
// moment for its end, a longer one than the buffer goes through in pieces. A file that takes
// nothing (disk full) costs output, never the program: what was dropped is counted and said later.

#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { UNFINISHED_MS = 200 };

int log_open(struct output_log *log, const char *path) {
    // Our own directory is nobody's idea of where a relative path begins.
    if (*path != '/')
        return *path ? EINVAL : ENOENT;
    // Non-blocking: a FIFO planted here must fail and not hang.
    int flags = O_WRONLY | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int descriptor = open(path, flags, 0600);
    if (descriptor < 0)
        return errno;
    struct stat what;
    if (fstat(descriptor, &what) < 0 || !(S_ISREG(what.st_mode) || S_ISCHR(what.st_mode))) {
        close(descriptor);
        return EINVAL;
    }
    log->descriptor = descriptor;
    log->used = 0;
    log->flush_at = 0;
    log->dropped = 0;
    log->line_open = 0;
    return 0;
}

/// Writes all of it or as much as the file takes; returns what was left over.
static size_t put(struct output_log *log, const char *bytes, size_t count) {
    while (count > 0) {
        ssize_t written = write(log->descriptor, bytes, count);
        if (written < 0 && errno == EINTR)
            continue;
        if (written <= 0)
            return count;
        bytes += written;
        count -= (size_t)written;
        log->line_open = bytes[-1] != '\n';
    }
    return 0;
}

static size_t decimal(char *text, uint64_t value) {
    char digits[20];
    size_t count = 0, length = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (count > 0)
        text[length++] = digits[--count];
    return length;
}

/// Says in the log what is missing from it; 1 when the log is whole from here on.
static int admit(struct output_log *log) {
    if (log->dropped == 0)
        return 1;
    static const char head[] = "\n[gr-monitor: ", tail[] = " bytes of output were dropped]\n";
    char line[80];
    size_t length = sizeof head - 1;
    memcpy(line, head, length);
    length += decimal(line + length, log->dropped);
    memcpy(line + length, tail, sizeof tail - 1);
    length += sizeof tail - 1;
    size_t skip = log->line_open ? 0 : 1;
    if (put(log, line + skip, length - skip) > 0)
        return 0;
    log->dropped = 0;
    return 1;
}

static void append(struct output_log *log, const char *bytes, size_t count) {
    if (count == 0)
        return;
    size_t lost = admit(log) ? put(log, bytes, count) : count;
    log->dropped += lost;
}

void log_flush(struct output_log *log) {
    append(log, log->bytes, log->used);
    log->used = 0;
    log->flush_at = 0;
}

ssize_t log_take(struct output_log *log, int pipe) {
    char *fresh = log->bytes + log->used;
    ssize_t count = read(pipe, fresh, LOG_BUFFER - log->used);
    if (count <= 0)
        return count;
    log->used += (size_t)count;
    const char *last = memrchr(fresh, '\n', (size_t)count);
    size_t whole = last ? (size_t)(last + 1 - log->bytes) : 0;
    if (!last && log->used == LOG_BUFFER)
        whole = log->used;
    append(log, log->bytes, whole);
    memmove(log->bytes, log->bytes + whole, log->used - whole);
    log->used -= whole;
    if (log->used == 0)
        log->flush_at = 0;
    else if (whole > 0 || log->flush_at == 0)
        log->flush_at = monotonic_ms() + UNFINISHED_MS;
    return count;
}

void log_drain(struct output_log *log, int pipe) {
    // Not until the end of file: a descendant may hold the pipe open, or write for ever.
    int waiting = 0;
    if (ioctl(pipe, FIONREAD, &waiting) < 0)
        waiting = 0;
    while (waiting > 0) {
        ssize_t count = log_take(log, pipe);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        waiting -= (int)count;
    }
    log_flush(log);
}

void log_close(struct output_log *log) {
    if (log->descriptor < 0)
        return;
    log_flush(log);
    admit(log);
    close(log->descriptor);
    log->descriptor = -1;
}
