/* See yardstick.h. Linked into the benchmark only, never into gr. */
#include "yardstick.h"
#include "picohttpparser.h"

#include <string.h>
#include <time.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t count, size_t size);
extern void *__libc_realloc(void *old, size_t size);

static int64_t allocations;

void *malloc(size_t size) {
    allocations++;
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    allocations++;
    return __libc_calloc(count, size);
}

void *realloc(void *old, size_t size) {
    allocations++;
    return __libc_realloc(old, size);
}

int64_t yardstick_allocations(void) {
    return allocations;
}

int64_t yardstick_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t yardstick_pico(const uint8_t *bytes, size_t count) {
    struct phr_header headers[100];
    const char *method, *path;
    size_t method_len, path_len;
    int minor_version;
    int64_t seen = 0;
    while (count > 0) {
        size_t num_headers = 100;
        int used = phr_parse_request((const char *)bytes, count, &method, &method_len, &path,
                                     &path_len, &minor_version, headers, &num_headers, 0);
        if (used <= 0)
            return -1;
        seen += (int64_t)num_headers;
        bytes += used;
        count -= (size_t)used;
    }
    return seen;
}

int64_t yardstick_lines(const uint8_t *bytes, size_t count) {
    const uint8_t *end = bytes + count;
    int64_t lines = 0;
    while (bytes < end) {
        const uint8_t *line_end = memchr(bytes, '\n', (size_t)(end - bytes));
        if (line_end == NULL)
            break;
        lines++;
        bytes = line_end + 1;
    }
    return lines;
}
