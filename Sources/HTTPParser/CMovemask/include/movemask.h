/* The one vector instruction Swift cannot spell: the sign bits of 16 bytes as an integer.
 *
 * By value and header-only, so it inlines into the Swift scanner and no pointer crosses.
 * Used by VectorScanner.swift on x86-64; every other architecture takes WordScanner.swift. */
#ifndef MOVEMASK_H
#define MOVEMASK_H

#include <stdint.h>

#if defined(__x86_64__)
typedef int8_t movemask_lanes __attribute__((ext_vector_type(16)));
typedef char movemask_bytes __attribute__((vector_size(16)));

/* Bit i of the answer is the top bit of byte i. The builtin and not emmintrin.h: that header pulls
 * in stdlib.h without _GNU_SOURCE, and its fd_set then clashes with the one CEpoll exports. */
static inline uint32_t movemask(movemask_lanes lanes) {
    return (uint32_t)__builtin_ia32_pmovmskb128((movemask_bytes)lanes);
}
#endif

#endif
