// eventfd (wake-ups from other threads), timerfd, clocks.

#include "cepoll.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

int cepoll_eventfd(void) {
    int descriptor = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int cepoll_eventfd_signal(int descriptor) {
    uint64_t one = 1;
    return write(descriptor, &one, sizeof one) < 0 ? -errno : 0;
}

int64_t cepoll_eventfd_drain(int descriptor) {
    uint64_t count = 0;
    if (read(descriptor, &count, sizeof count) < 0)
        return errno == EAGAIN ? 0 : -errno;
    return (int64_t)count;
}

int cepoll_timerfd(void) {
    int descriptor = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int cepoll_timerfd_arm(int descriptor, int64_t nanoseconds) {
    struct itimerspec when = {
        .it_value = {.tv_sec = nanoseconds / 1000000000, .tv_nsec = nanoseconds % 1000000000}};
    return timerfd_settime(descriptor, 0, &when, NULL) < 0 ? -errno : 0;
}

int64_t cepoll_timerfd_drain(int descriptor) {
    return cepoll_eventfd_drain(descriptor);
}

static int64_t clock_now(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t cepoll_monotonic(void) {
    return clock_now(CLOCK_MONOTONIC);
}

int64_t cepoll_realtime(void) {
    return clock_now(CLOCK_REALTIME);
}

int64_t cepoll_process_cpu(void) {
    return clock_now(CLOCK_PROCESS_CPUTIME_ID);
}

int64_t cepoll_thread_cpu(void) {
    return clock_now(CLOCK_THREAD_CPUTIME_ID);
}
