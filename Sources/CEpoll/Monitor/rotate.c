// One log, many files: NAME.log is renamed to NAME.log.1, that to NAME.log.2, and the last one
// goes.
//
// Only by rename and only by the writer, so that no byte is lost or there twice; a rename that
// fails costs nothing but the cap, and is tried again. Beside each file stands its time index,
// NAME.log.times: records of 16 bytes (offset of the first byte, then milliseconds since 1970, both
// in the byte order of the machine), written before the bytes they describe. Readers take a record
// whose offset lies behind the end of the log for one whose bytes never came.

#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h> // rename
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { RECORD = 16, STAMP_MS = 100, AGAIN_MS = 1000, SUFFIX = 16, MOST_FILES = 100 };

struct name {
    char bytes[MOST_PATH + SUFFIX];
};

/// NAME.log, or NAME.log.N for N > 0, or the time index of one of them.
static const char *name_of(const struct output_log *log, int number, const char *ending,
                           struct name *name) {
    size_t length = strlen(log->path);
    memcpy(name->bytes, log->path, length);
    if (number > 0) {
        name->bytes[length++] = '.';
        length += message_digits(name->bytes + length, (uint64_t)number);
    }
    strcpy(name->bytes + length, ending);
    return name->bytes;
}

int rotate_open_file(const char *path, int access) {
    // Non-blocking: a FIFO planted here must fail and not hang.
    int flags = access | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
    int descriptor = open(path, flags, 0600);
    return descriptor < 0 ? -errno : descriptor;
}

// ---- the time index ---------------------------------------------------------------------------

/// The end of an index that fits to a log of `size` bytes: a torn record goes, and so does a whole
/// index that is that of another file.
static uint64_t sound_end(int descriptor, uint64_t length, uint64_t size) {
    uint64_t last[2], whole = length / RECORD * RECORD;
    if (whole == 0 || size == 0)
        return 0;
    if (pread(descriptor, last, RECORD, (off_t)(whole - RECORD)) != RECORD || last[0] > size)
        return 0;
    return whole;
}

void rotate_open_times(struct output_log *log) {
    struct name name;
    struct stat what;
    log->stamped_at = 0;
    log->times_size = 0;
    log->times = rotate_open_file(name_of(log, 0, ".times", &name), O_RDWR);
    if (log->times < 0)
        return;
    if (fstat(log->times, &what) < 0 || !S_ISREG(what.st_mode)) {
        close(log->times);
        log->times = -1;
        return;
    }
    uint64_t length = (uint64_t)what.st_size;
    log->times_size = sound_end(log->times, length, log->size);
    if (log->times_size != length && ftruncate(log->times, (off_t)log->times_size) < 0)
        log->times_size = length;
}

void rotate_stamp(struct output_log *log) {
    int64_t now = monotonic_ms();
    if (log->times < 0 || (log->stamped_at != 0 && now - log->stamped_at < STAMP_MS))
        return;
    int64_t record[2] = {(int64_t)log->size, realtime_ms()};
    ssize_t written = write(log->times, record, RECORD);
    if (written == RECORD) {
        log->times_size += RECORD;
        log->stamped_at = now;
    } else if (written > 0 && ftruncate(log->times, (off_t)log->times_size) < 0) {
        // A torn record cannot be written over: this file goes without times from here on.
        close(log->times);
        log->times = -1;
    }
}

// ---- moving files -----------------------------------------------------------------------------

/// Renames a file and its index; 0, or -1 when the file could not be.
static int move(const struct output_log *log, int from, int to) {
    struct name old, new;
    // First: were we killed in between, no log would stand beside the index of another one.
    unlink(name_of(log, to, ".times", &new));
    if (rename(name_of(log, from, "", &old), name_of(log, to, "", &new)) < 0)
        return -1;
    rename(name_of(log, from, ".times", &old), name_of(log, to, ".times", &new));
    return 0;
}

static int exists(const struct output_log *log, int number) {
    struct name name;
    return access(name_of(log, number, "", &name), F_OK) == 0;
}

/// Makes NAME.log.1 free. Only down to the first gap: a failed try before this one must not cost
/// the oldest file each time.
static int shift(const struct output_log *log) {
    int last = 1;
    while (last < log->most_files - 1 && exists(log, last))
        last++;
    for (int number = last; number > 1; number--) {
        if (move(log, number - 1, number) < 0)
            return -1;
    }
    return 0;
}

/// What an earlier, larger cap left behind.
static void remove_surplus(const struct output_log *log) {
    struct name name;
    for (int number = log->most_files; number < MOST_FILES && exists(log, number); number++) {
        unlink(name_of(log, number, "", &name));
        unlink(name_of(log, number, ".times", &name));
    }
}

/// 0 when there is a new, empty NAME.log, or -1 and everything is as it was.
static int renew(struct output_log *log) {
    struct stat what;
    if (shift(log) < 0)
        return -1;
    // Somebody may have removed it: then there is nothing to move.
    int moved = move(log, 0, 1) == 0;
    if (!moved && errno != ENOENT)
        return -1;
    int fresh = rotate_open_file(log->path, O_WRONLY);
    if (fresh >= 0 && fstat(fresh, &what) == 0 && S_ISREG(what.st_mode)) {
        close(log->descriptor);
        log->descriptor = fresh;
        log->size = (uint64_t)what.st_size;
        return 0;
    }
    if (fresh >= 0)
        close(fresh);
    if (moved)
        move(log, 1, 0);
    return -1;
}

/// Begins a new file; 0, or -1 when that did not work and the old one goes on.
static int rotate(struct output_log *log) {
    int64_t now = monotonic_ms();
    if (now < log->rotate_again)
        return -1;
    if (renew(log) < 0) {
        log->rotate_again = now + AGAIN_MS;
        return -1;
    }
    log->rotate_again = 0;
    log->line_open = 0;
    if (log->times >= 0)
        close(log->times);
    rotate_open_times(log);
    remove_surplus(log);
    return 0;
}

// ---- when -------------------------------------------------------------------------------------

/// The bytes the file still takes with its index, or 0 when the index is large enough for one.
static uint64_t room(const struct output_log *log) {
    uint64_t kept = log->size + log->times_size + RECORD;
    if (log->times_size + RECORD > log->most_bytes / 4 || kept > log->most_bytes)
        return 0;
    return log->most_bytes - kept;
}

/// Up to the first line end, or all of it.
static size_t first_line(const char *bytes, size_t count) {
    const char *end = memchr(bytes, '\n', count);
    return end ? (size_t)(end + 1 - bytes) : count;
}

size_t rotate_before(struct output_log *log, const char *bytes, size_t count) {
    uint64_t left = room(log);
    if (!log->is_file || count <= left)
        return count;
    // A line that has begun ends in the file where it began, if it ends at all.
    if (log->line_open && log->size < log->most_bytes + LOG_BUFFER)
        return first_line(bytes, count);
    const char *last = log->line_open ? NULL : memrchr(bytes, '\n', (size_t)left);
    if (last)
        return (size_t)(last + 1 - bytes);
    if (log->size > 0 && rotate(log) < 0)
        return count;
    left = room(log);
    last = count <= left ? bytes + count - 1 : memrchr(bytes, '\n', (size_t)left);
    // A single line may be longer than a file.
    return last ? (size_t)(last + 1 - bytes) : first_line(bytes, count);
}
