// epoll: create, change, wait. Level-triggered only (docs/decisions/0001).

#include "cepoll.h"

#include <errno.h>
#include <limits.h>
#include <sys/epoll.h>
#include <unistd.h>

int cepoll_create(void) {
    int descriptor = epoll_create1(EPOLL_CLOEXEC);
    return descriptor < 0 ? -errno : descriptor;
}

static int change(int epoll, int operation, int descriptor, uint32_t mask, uint64_t token) {
    struct epoll_event event = {.events = mask, .data.u64 = token};
    return epoll_ctl(epoll, operation, descriptor, &event) < 0 ? -errno : 0;
}

int cepoll_add(int epoll, int descriptor, uint32_t mask, uint64_t token) {
    CEPOLL_FAULT(CEPOLL_CALL_ADD, NULL);
    return change(epoll, EPOLL_CTL_ADD, descriptor, mask, token);
}

int cepoll_modify(int epoll, int descriptor, uint32_t mask, uint64_t token) {
    CEPOLL_FAULT(CEPOLL_CALL_MODIFY, NULL);
    return change(epoll, EPOLL_CTL_MOD, descriptor, mask, token);
}

int cepoll_remove(int epoll, int descriptor) {
    return change(epoll, EPOLL_CTL_DEL, descriptor, 0, 0);
}

// epoll_pwait2 keeps nanoseconds: a deadline is met neither early (a spin) nor 1 ms late. Where it
// is missing (sandboxes, valgrind) milliseconds are rounded up.
static int wait_nanoseconds(int epoll, struct epoll_event *ready, int capacity, int64_t timeout) {
    static _Thread_local int is_missing;
    if (!is_missing) {
        struct timespec limit = {.tv_sec = timeout / 1000000000, .tv_nsec = timeout % 1000000000};
        int count = epoll_pwait2(epoll, ready, capacity, timeout < 0 ? NULL : &limit, NULL);
        if (count >= 0 || errno != ENOSYS)
            return count;
        is_missing = 1;
    }
    int64_t milliseconds = timeout < 0 ? -1 : timeout / 1000000 + (timeout % 1000000 != 0);
    return epoll_wait(epoll, ready, capacity,
                      (int)(milliseconds > INT_MAX ? INT_MAX : milliseconds));
}

int cepoll_wait(int epoll, struct cepoll_event *events, int capacity, int64_t timeout) {
    CEPOLL_FAULT(CEPOLL_CALL_WAIT, NULL);
    enum { MOST = 512 };
    struct epoll_event ready[MOST];
    int count = wait_nanoseconds(epoll, ready, capacity > MOST ? MOST : capacity, timeout);
    if (count < 0)
        return -errno;
    // struct epoll_event is packed on x86-64 only; Swift gets the same plain layout everywhere.
    for (int i = 0; i < count; i++) {
        events[i].token = ready[i].data.u64;
        events[i].mask = ready[i].events;
    }
    return count;
}
