// The monitor's files in the run directory, above all the record of how the program ended: what a
// later daemon finds when neither the monitor nor an earlier daemon is left to ask.

#include "monitor.h"

#include <fcntl.h>
#include <stdio.h> // renameat
#include <string.h>
#include <unistd.h>

enum { MOST_RECORD = 4096 };

struct text {
    size_t length;
    char bytes[MOST_RECORD];
};

const char *record_file_name(const struct monitor *monitor, const char *suffix,
                             char name[FILE_NAME]) {
    return strcat(strcpy(name, monitor->id), suffix);
}

void record_remove_file(const struct monitor *monitor, const char *suffix) {
    char name[FILE_NAME];
    unlinkat(RUN_DIRECTORY, record_file_name(monitor, suffix, name), 0);
}

static void put(struct text *text, const char *bytes, size_t count) {
    if (count > sizeof text->bytes - text->length)
        count = sizeof text->bytes - text->length;
    memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
}

static void put_pair(struct text *text, const char *key, int64_t value) {
    char digits[20];
    put(text, key, strlen(key));
    put(text, digits, message_digits(digits, value < 0 ? 0 : (uint64_t)value));
}

/// Percent-encoded: a name may hold anything.
static void put_name(struct text *text, const char *name) {
    for (size_t i = 0; i < MOST_NAME && name[i]; i++) {
        uint8_t byte = (uint8_t)name[i];
        int plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                    (byte >= '0' && byte <= '9') || strchr("-._~", byte);
        char escaped[3] = {'%', "0123456789ABCDEF"[byte >> 4], "0123456789ABCDEF"[byte & 15]};
        put(text, plain ? (const char *)&byte : escaped, plain ? 1 : 3);
    }
}

static void put_record(struct text *text, const struct monitor *monitor) {
    const struct program *program = &monitor->program;
    put_pair(text, "version=", MONITOR_PROTOCOL_VERSION);
    put(text, " id=", 4);
    put(text, monitor->id, strlen(monitor->id));
    put_pair(text, " pid=", program->pid);
    put_pair(text, " start=", (int64_t)program->start);
    put_pair(text, " started=", program->started);
    if (program->signal == 0 && !program->unknown)
        put_pair(text, " code=", program->code);
    else
        put(text, " code=", 6);
    put_pair(text, " signal=", program->signal);
    put_pair(text, " requested=", program->requested);
    put_pair(text, " forced=", program->forced);
    put_pair(text, " ended=", program->ended_at);
    put(text, " name=", 6);
    put_name(text, monitor->name);
    put(text, "\n", 1);
}

void record_write(const struct monitor *monitor) {
    struct text record = {0};
    char temporary[FILE_NAME], final[FILE_NAME];
    put_record(&record, monitor);
    record_file_name(monitor, ".exit.tmp", temporary);
    record_file_name(monitor, ".exit", final);
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
