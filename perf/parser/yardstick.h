/* What the parser benchmark measures against, in C: picohttpparser, memchr line by line, and a
 * count of allocations. Included by main.swift through its bridging header option only. */
#ifndef YARDSTICK_H
#define YARDSTICK_H

#include <stddef.h>
#include <stdint.h>

/* Parses the requests of a buffer one after the other; returns how many headers it saw. */
int64_t yardstick_pico(const uint8_t *bytes, size_t count);

/* Finds the line ends only; returns how many lines there are. */
int64_t yardstick_lines(const uint8_t *bytes, size_t count);

/* Allocations of this process so far. */
int64_t yardstick_allocations(void);

/* Nanoseconds this thread has run: other load on the machine counts less than by the clock. */
int64_t yardstick_now(void);

#endif
