/* Sixteen bytes of a message classified at once: bit i of each answer speaks of byte i.
 *
 * Used by VectorScanner.swift on x86-64; every other architecture takes WordScanner.swift. By
 * value and header-only, so it inlines into the Swift scanner and no pointer crosses. SSE2 only,
 * which every x86-64 has. */
#ifndef MOVEMASK_H
#define MOVEMASK_H

#include <stdint.h>

#if defined(__x86_64__)
#include <emmintrin.h>

typedef uint8_t movemask_bytes __attribute__((ext_vector_type(16)));

/* Bytes with value - from below count (unsigned): comparing minima needs no sign trick. */
static inline __m128i movemask_in(__m128i bytes, char from, char count) {
    __m128i moved = _mm_sub_epi8(bytes, _mm_set1_epi8(from));
    return _mm_cmpeq_epi8(_mm_min_epu8(moved, _mm_set1_epi8((char)(count - 1))), moved);
}

/* Bytes that are neither letter, digit, "-" nor ".": "-" to "9" holds the latter and "/". */
static inline uint32_t movemask_no_plain(movemask_bytes lanes) {
    __m128i bytes = (__m128i)lanes;
    __m128i letter = movemask_in(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 26);
    __m128i other = movemask_in(bytes, '-', '9' - '-' + 1);
    __m128i slash = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('/'));
    __m128i plain = _mm_or_si128(letter, _mm_andnot_si128(slash, other));
    return (uint32_t)_mm_movemask_epi8(plain) ^ 0xFFFF;
}

/* Bytes that are neither letter, digit, "-", ".", "/", ":" nor "_": "-" to ":" are those but for
 * the letters and the last. */
static inline uint32_t movemask_no_path(movemask_bytes lanes) {
    __m128i bytes = (__m128i)lanes;
    __m128i letter = movemask_in(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 26);
    __m128i other = movemask_in(bytes, '-', ':' - '-' + 1);
    __m128i line = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('_'));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(_mm_or_si128(letter, other), line)) ^ 0xFFFF;
}

/* Control bytes: below SP, and DEL. */
static inline uint32_t movemask_control(movemask_bytes lanes) {
    __m128i bytes = (__m128i)lanes;
    __m128i low = movemask_in(bytes, 0, 0x20);
    __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7F));
    return (uint32_t)_mm_movemask_epi8(_mm_or_si128(low, del));
}

/* Bytes that are not "!" to "~". */
static inline uint32_t movemask_no_graphic(movemask_bytes lanes) {
    return (uint32_t)_mm_movemask_epi8(movemask_in((__m128i)lanes, '!', 0x5E)) ^ 0xFFFF;
}
#endif

#endif
