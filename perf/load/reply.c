// The reply checker of the load generators; see reply.h for the contract and who uses it.
// It must never accept a reply whose end it did not compute from Content-Length.

#define _GNU_SOURCE
#include "reply.h"

#include <string.h>
#include <strings.h>

static long wrong(struct reply_checker *checker, const char *complaint) {
    checker->complaint = complaint;
    return -1;
}

static uint64_t hash(const char *bytes, size_t count) {
    uint64_t value = 0xcbf29ce484222325u;
    for (size_t i = 0; i < count; i++)
        value = (value ^ (unsigned char)bytes[i]) * 0x100000001b3u;
    return value;
}

// The value of Content-Length in the head, -1 when it is absent, twice there or not a number.
static long content_length(const char *head, size_t bytes) {
    const char name[] = "\r\nContent-Length:";
    long length = -1;
    for (size_t i = 0; i + sizeof name - 1 < bytes; i++) {
        if (head[i] != '\r' || strncasecmp(head + i, name, sizeof name - 1) != 0)
            continue;
        if (length >= 0)
            return -1;
        const char *at = head + i + sizeof name - 1;
        while (*at == ' ')
            at++;
        int digits = 0;
        for (length = 0; *at >= '0' && *at <= '9' && digits < 9; at++, digits++)
            length = length * 10 + (*at - '0');
        if (digits == 0 || *at != '\r')
            return -1;
    }
    return length;
}

static long parse(struct reply_checker *checker, const char *bytes, size_t count) {
    const char status[] = "HTTP/1.1 200 ";
    size_t seen = count < sizeof status - 1 ? count : sizeof status - 1;
    if (memcmp(bytes, status, seen) != 0)
        return wrong(checker, "the status is not HTTP/1.1 200");
    const char *end = memmem(bytes, count, "\r\n\r\n", 4);
    if (!end)
        return count < REPLY_MOST_BYTES ? 0 : wrong(checker, "the head has no end");
    size_t head = (size_t)(end - bytes) + 4;
    long length = content_length(bytes, head);
    if (length < 0)
        return wrong(checker, "no usable Content-Length");
    size_t total = head + (size_t)length;
    if (total > REPLY_MOST_BYTES)
        return wrong(checker, "the reply is too large for this checker");
    if (count < total)
        return 0;
    memcpy(checker->known, bytes, total);
    checker->known_bytes = checker->last_bytes = total;
    checker->known_hash = hash(bytes + head, (size_t)length);
    checker->checksum += checker->known_hash;
    checker->parsed++;
    return (long)total;
}

long reply_take(struct reply_checker *checker, const char *bytes, size_t count) {
    size_t known = checker->known_bytes;
    if (known == 0 || count < known || memcmp(bytes, checker->known, known) != 0)
        return parse(checker, bytes, count);
    checker->checksum += checker->known_hash;
    return (long)known;
}
