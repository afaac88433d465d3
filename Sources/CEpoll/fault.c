// Fault injection for tests: a call fails, or moves fewer bytes, a given number of times. The state
// is per thread, so that tests run in parallel. Debug builds only: release has no such symbol.

#include "cepoll.h"

#ifdef CEPOLL_FAULTS

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
/// What a daemon still holds when it ends is not lost: it is held until then on purpose.
const char *__asan_default_options(void);
const char *__asan_default_options(void) {
    return "detect_leaks=0";
}
#endif
#endif

static _Thread_local struct {
    int error;
    int64_t short_count;
    int times;
} faults[CEPOLL_CALL_COUNT];

void cepoll_fault_set(enum cepoll_call call, int error, int64_t short_count, int times) {
    faults[call].error = error;
    faults[call].short_count = short_count;
    faults[call].times = times;
}

void cepoll_fault_clear(void) {
    for (int i = 0; i < CEPOLL_CALL_COUNT; i++)
        faults[i].times = 0;
}

int cepoll_fault_take(enum cepoll_call call, size_t *count) {
    if (faults[call].times == 0)
        return 0;
    faults[call].times--;
    if (faults[call].error != 0)
        return faults[call].error;
    if (count && faults[call].short_count > 0 && *count > (size_t)faults[call].short_count)
        *count = (size_t)faults[call].short_count;
    return 0;
}

int cepoll_fault_cut(const struct iovec *pieces, int count, size_t most, struct iovec *cut) {
    int used = 0;
    for (; used < count && most > 0; used++) {
        cut[used] = pieces[used];
        if (cut[used].iov_len > most)
            cut[used].iov_len = most;
        most -= cut[used].iov_len;
    }
    return used;
}

#else

// A translation unit may not be empty.
typedef int cepoll_no_faults;

#endif
