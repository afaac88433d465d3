// Signals as descriptors. They are blocked in the first thread before any other starts, so that
// every thread inherits the mask and only the signalfd ever sees them.

#include "cepoll.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

static sigset_t set_of(const int *signals, int count) {
    sigset_t set;
    sigemptyset(&set);
    for (int i = 0; i < count; i++)
        sigaddset(&set, signals[i]);
    return set;
}

int cepoll_signal_block(const int *signals, int count) {
    sigset_t set = set_of(signals, count);
    return -pthread_sigmask(SIG_BLOCK, &set, NULL);
}

int cepoll_signalfd(const int *signals, int count) {
    sigset_t set = set_of(signals, count);
    int descriptor = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int cepoll_signalfd_read(int descriptor) {
    struct signalfd_siginfo record;
    ssize_t count = read(descriptor, &record, sizeof record);
    if (count < 0)
        return errno == EAGAIN ? 0 : -errno;
    return count == (ssize_t)sizeof record ? (int)record.ssi_signo : 0;
}

int cepoll_ignore_sigpipe(void) {
    struct sigaction action = {.sa_handler = SIG_IGN};
    return sigaction(SIGPIPE, &action, NULL) < 0 ? -errno : 0;
}
