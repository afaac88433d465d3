// How the daemon wants a program to be treated: key=value fields, each of which is clamped to what
// this monitor can keep. What is unknown or no number is passed over.

#include "monitor.h"

#include <signal.h>
#include <string.h>

enum {
    LEAST_LOG_BYTES = 4096,
    LEAST_LOG_FILES = 2,
    MOST_LOG_FILES = 100,
    MOST_ROWS = 10000,
};

static const int64_t most_log_bytes = (int64_t)1 << 40;

/// The value of a field with this key, between `least` and `most`; -1 when it is another one.
static int64_t value(const char *field, const char *key, int64_t least, int64_t most) {
    size_t length = strlen(key);
    if (strncmp(field, key, length) != 0 || field[length] != '=')
        return -1;
    int64_t number = message_number(field + length + 1, most);
    return number < 0 ? -1 : number < least ? least : number;
}

static void take(struct options *options, const char *field) {
    int64_t number;
    if ((number = value(field, "tty", 0, 1)) >= 0)
        options->terminal = (int)number;
    else if ((number = value(field, "rows", 1, MOST_ROWS)) >= 0)
        options->rows = (unsigned short)number;
    else if ((number = value(field, "cols", 1, MOST_ROWS)) >= 0)
        options->columns = (unsigned short)number;
    else if ((number = value(field, "log_bytes", LEAST_LOG_BYTES, most_log_bytes)) >= 0)
        options->log_bytes = (uint64_t)number;
    else if ((number = value(field, "log_files", LEAST_LOG_FILES, MOST_LOG_FILES)) >= 0)
        options->log_files = (int)number;
    else if ((number = value(field, "stop_signal", 0, NSIG - 1)) >= 0)
        options->stop_signal = (int)number;
}

void options_hear(struct monitor *monitor, char *fields, size_t length) {
    char *at = fields, *end = fields + length;
    while (at < end)
        take(&monitor->options, message_take(&at, end));
}
