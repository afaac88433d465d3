// The program's output on its way from the pipe or the terminal to the log file.
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

enum { UNFINISHED_MS = 200, TERMINAL_HOLDS = 65536 };

int log_open(struct output_log *log, const char *path, const struct options *options) {
    // Our own directory is nobody's idea of where a relative path begins.
    if (*path != '/')
        return *path ? EINVAL : ENOENT;
    if (strlen(path) >= sizeof log->path)
        return ENAMETOOLONG;
    int descriptor = rotate_open_file(path, O_WRONLY);
    if (descriptor < 0)
        return -descriptor;
    struct stat what;
    if (fstat(descriptor, &what) < 0 || !(S_ISREG(what.st_mode) || S_ISCHR(what.st_mode))) {
        close(descriptor);
        return EINVAL;
    }
    strcpy(log->path, path);
    log->descriptor = descriptor;
    log->is_file = S_ISREG(what.st_mode);
    log->size = log->is_file ? (uint64_t)what.st_size : 0;
    log->begin = log->size;
    log->begin_inode = log->is_file ? (uint64_t)what.st_ino : 0;
    log->most_bytes = options->log_bytes;
    log->most_files = options->log_files;
    log->rotate_again = 0;
    log->used = 0;
    log->flush_at = 0;
    log->dropped = 0;
    log->line_open = 0;
    if (log->is_file)
        rotate_open_times(log);
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
        log->size += (uint64_t)written;
        log->line_open = bytes[-1] != '\n';
    }
    return 0;
}

/// Says in the log what is missing from it; 1 when the log is whole from here on.
static int admit(struct output_log *log) {
    if (log->dropped == 0)
        return 1;
    static const char head[] = "\n[gr-monitor: ", tail[] = " bytes of output were dropped]\n";
    char line[80];
    size_t length = sizeof head - 1;
    memcpy(line, head, length);
    length += message_digits(line + length, log->dropped);
    memcpy(line + length, tail, sizeof tail - 1);
    length += sizeof tail - 1;
    size_t skip = log->line_open ? 0 : 1;
    if (put(log, line + skip, length - skip) > 0)
        return 0;
    log->dropped = 0;
    return 1;
}

static void append(struct output_log *log, const char *bytes, size_t count) {
    while (count > 0) {
        size_t piece = rotate_before(log, bytes, count);
        rotate_stamp(log);
        log->dropped += admit(log) ? put(log, bytes, piece) : piece;
        bytes += piece;
        count -= piece;
    }
}

void log_flush(struct output_log *log) {
    append(log, log->bytes, log->used);
    log->used = 0;
    log->flush_at = 0;
}

ssize_t log_take(struct monitor *monitor) {
    struct output_log *log = &monitor->log;
    char *fresh = log->bytes + log->used;
    ssize_t count = read(monitor->output, fresh, LOG_BUFFER - log->used);
    if (count <= 0)
        return count;
    attach_show(&monitor->clients, fresh, (size_t)count);
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

void log_drain(struct monitor *monitor) {
    // Not until the end of file: a descendant may hold the pipe open, or write for ever. A terminal
    // does not count what is still on its way through it.
    int waiting = 0;
    if (monitor->is_terminal)
        waiting = TERMINAL_HOLDS;
    else if (ioctl(monitor->output, FIONREAD, &waiting) < 0)
        waiting = 0;
    while (waiting > 0) {
        ssize_t count = log_take(monitor);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            break;
        waiting -= (int)count;
    }
    log_flush(&monitor->log);
}

void log_close(struct output_log *log) {
    if (log->descriptor < 0)
        return;
    log_flush(log);
    admit(log);
    close(log->descriptor);
    log->descriptor = -1;
    if (log->times >= 0)
        close(log->times);
    log->times = -1;
}

void log_end(struct monitor *monitor) {
    log_close(&monitor->log);
    if (monitor->output >= 0)
        close(monitor->output);
    if (monitor->writer >= 0)
        close(monitor->writer);
    monitor->output = -1;
    monitor->writer = -1;
    monitor->output_open = 0;
    monitor->is_terminal = 0;
}
