/* The one vector instruction Swift cannot spell: the sign bits of 16 bytes as an integer.
 *
 * By value and header-only, so it inlines into the Swift scanner and no pointer crosses.
 * Used by VectorScanner.swift on x86-64; every other architecture takes WordScanner.swift. */
#ifndef MOVEMASK_H
#define MOVEMASK_H

#include <stdint.h>

#if defined(__x86_64__)
#include <emmintrin.h>

typedef int8_t movemask_lanes __attribute__((ext_vector_type(16)));

/* Bit i of the answer is the top bit of byte i. */
static inline uint32_t movemask(movemask_lanes lanes) {
    return (uint32_t)_mm_movemask_epi8((__m128i)lanes);
}
#endif

#endif
