// Checks replies byte for byte at the price of one memcmp: the first reply is parsed in full and
// kept, a reply equal to it is known to be right, any other is parsed in full and kept instead.
// Used by load.c, idle.c and startup.c. It accepts status 200 with a Content-Length only and must
// never guess a length.

#ifndef PERF_REPLY_H
#define PERF_REPLY_H

#include <stddef.h>
#include <stdint.h>

enum { REPLY_MOST_BYTES = 64 * 1024 };

struct reply_checker {
    char known[REPLY_MOST_BYTES];
    size_t known_bytes;    // 0: nothing kept yet
    uint64_t known_hash;   // FNV-1a of the kept reply's body
    uint64_t checksum;     // sum of the body hashes of all replies taken
    uint64_t parsed;       // replies that took the long way
    size_t last_bytes;     // size of the last reply parsed, head and body
    const char *complaint; // why the last call returned -1
};

/// Length of the one complete reply at `bytes`, 0 when more bytes are needed, -1 when it is wrong.
long reply_take(struct reply_checker *checker, const char *bytes, size_t count);

#endif
