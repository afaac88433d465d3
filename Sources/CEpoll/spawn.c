// Starting and watching children of the daemon: monitors and helpers, local files only.
//
// The child borrows our memory until its exec (CLONE_VM | CLONE_VFORK), so the cost does not grow
// with the daemon and an exec failure comes back as a plain variable. Between clone and exec it may
// therefore only make system calls: no allocation, no lock, nothing that touches a user's path.

#include "cepoll.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST_TARGETS = 16, CHILD_STACK = 32768 };

// The thread sanitizer cannot follow a child that runs in our memory: there it gets a copy, and
// only the outcome is shared.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define COPY_MEMORY 1
#endif
#endif
#ifdef COPY_MEMORY
#include <sys/mman.h>
enum { SHARED_MEMORY = 0 };
#else
enum { SHARED_MEMORY = CLONE_VM };
#endif

struct start {
    const char *path;
    char *const *arguments;
    char *const *environment;
    int descriptors[MOST_TARGETS];
    int count;
    uint64_t descriptor_limit;
    const struct cepoll_job *job;
    pid_t parent;
    int *error;
};

/// Where the child leaves its errno; NULL when there is no memory for it.
static int *outcome_make(int *local) {
    *local = 0;
#ifdef COPY_MEMORY
    int flags = MAP_SHARED | MAP_ANONYMOUS;
    void *page = mmap(NULL, sizeof *local, PROT_READ | PROT_WRITE, flags, -1, 0);
    return page == MAP_FAILED ? NULL : page;
#else
    return local;
#endif
}

static int outcome_take(int *outcome) {
    int error = *outcome;
#ifdef COPY_MEMORY
    munmap(outcome, sizeof *outcome);
#endif
    return error;
}

/// The core limit cepoll_harden_process took away; children get it back.
static struct rlimit core_before;
static int core_taken;

static int restore_limits(uint64_t descriptors) {
    if (core_taken && setrlimit(RLIMIT_CORE, &core_before) < 0)
        return -errno;
    if (descriptors == 0)
        return 0;
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    limit.rlim_cur = descriptors < limit.rlim_max ? descriptors : limit.rlim_max;
    return setrlimit(RLIMIT_NOFILE, &limit) < 0 ? -errno : 0;
}

static int lower_limit(int resource, uint64_t bytes) {
    struct rlimit limit;
    if (getrlimit(resource, &limit) < 0)
        return -errno;
    if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max <= bytes)
        return 0;
    limit.rlim_cur = limit.rlim_max = bytes;
    return setrlimit(resource, &limit) < 0 ? -errno : 0;
}

static int become_job(const struct start *start) {
    const struct cepoll_job *job = start->job;
    if (setsid() < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
        return -errno;
    // The parent may have been killed before it was told about.
    if (getppid() != start->parent)
        return -ECHILD;
    // What cannot be made nicer works all the same.
    (void)setpriority(PRIO_PROCESS, 0, job->niceness);
    int error = lower_limit(RLIMIT_CORE, 0);
    if (error == 0 && job->file_bytes > 0)
        error = lower_limit(RLIMIT_FSIZE, job->file_bytes);
    if (error == 0 && job->memory_bytes > 0)
        error = lower_limit(RLIMIT_AS, job->memory_bytes);
    return error;
}

static int map_descriptors(struct start *start) {
    // Lift every source out of the target range first: a target may be another one's source.
    for (int i = 0; i < start->count; i++) {
        if (start->descriptors[i] >= start->count)
            continue;
        int lifted = fcntl(start->descriptors[i], F_DUPFD_CLOEXEC, start->count);
        if (lifted < 0)
            return -errno;
        start->descriptors[i] = lifted;
    }
    for (int i = 0; i < start->count; i++) {
        if (dup2(start->descriptors[i], i) < 0)
            return -errno;
    }
    return close_range((unsigned)start->count, ~0U, 0) < 0 ? -errno : 0;
}

/// By the bare system call: the library refuses its two internal signals, which an ancestor may
/// have left ignored all the same.
static void default_dispositions(void) {
    static const uint64_t zeroes[8];
    for (int number = 1; number < NSIG; number++)
        syscall(SYS_rt_sigaction, number, zeroes, NULL, sizeof(uint64_t));
}

static int run_child(void *argument) {
    struct start *start = argument;
    // exec resets handlers but keeps what is ignored (SIGPIPE in the daemon).
    default_dispositions();
    *start->error = map_descriptors(start);
    if (*start->error == 0)
        *start->error = restore_limits(start->descriptor_limit);
    if (*start->error == 0 && start->job)
        *start->error = become_job(start);
    if (*start->error == 0) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        execve(start->path, start->arguments, start->environment);
        *start->error = -errno;
    }
    _exit(127);
}

int cepoll_spawn(const char *path, const char *const *arguments, const char *const *environment,
                 const int *descriptors, int count, uint64_t descriptor_limit, int *pidfd) {
    return cepoll_spawn_job(path, arguments, environment, descriptors, count, descriptor_limit,
                            NULL, pidfd);
}

int cepoll_spawn_job(const char *path, const char *const *arguments, const char *const *environment,
                     const int *descriptors, int count, uint64_t descriptor_limit,
                     const struct cepoll_job *job, int *pidfd) {
    if (pidfd)
        *pidfd = -1;
    CEPOLL_FAULT(CEPOLL_CALL_SPAWN, NULL);
    if (count < 0 || count > MOST_TARGETS)
        return -EINVAL;
    struct start start = {.path = path,
                          .arguments = (char *const *)arguments,
                          .environment = (char *const *)environment,
                          .count = count,
                          .descriptor_limit = descriptor_limit,
                          .job = job,
                          .parent = getpid()};
    for (int i = 0; i < count; i++)
        start.descriptors[i] = descriptors[i];
    int local;
    start.error = outcome_make(&local);
    if (!start.error)
        return -ENOMEM;
    // A handler of ours must not run in the child while it shares our memory.
    sigset_t all, before;
    sigfillset(&all);
    int blocked = pthread_sigmask(SIG_BLOCK, &all, &before);
    if (blocked != 0)
        return outcome_take(start.error) - blocked;
    _Alignas(16) char stack[CHILD_STACK];
    int flags = SHARED_MEMORY | CLONE_VFORK | SIGCHLD | (pidfd ? CLONE_PIDFD : 0);
    int pid = clone(run_child, stack + CHILD_STACK, flags, &start, pidfd);
    int error = pid < 0 ? -errno : 0;
    int refused = outcome_take(start.error);
    if (error == 0)
        error = refused;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (error == 0)
        return pid;
    if (pidfd && *pidfd >= 0)
        close(*pidfd);
    if (pidfd)
        *pidfd = -1;
    // It never became a program: nobody else shall find it among the ended children.
    if (pid > 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            continue;
    }
    return error;
}

int cepoll_reap(int *code) {
    return cepoll_reap_one(-1, code);
}

int cepoll_reap_one(int which, int *code) {
    int status = 0;
    pid_t pid = waitpid(which, &status, WNOHANG);
    if (pid < 0)
        return -errno;
    if (pid > 0)
        *code = WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
    return pid;
}

int cepoll_pidfd_open(int pid) {
    int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    return descriptor < 0 ? -errno : descriptor;
}

int cepoll_become_subreaper(void) {
    return prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 ? -errno : 0;
}

int cepoll_pidfd_signal(int pidfd, int signal) {
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, 0) < 0 ? -errno : 0;
}

int cepoll_pidfd_signal_group(int pidfd, int signal) {
    // PIDFD_SIGNAL_PROCESS_GROUP, which the headers of Debian 12 do not have.
    unsigned int flags = 1U << 2;
    return syscall(SYS_pidfd_send_signal, pidfd, signal, NULL, flags) < 0 ? -errno : 0;
}

int cepoll_raise_descriptor_limit(uint64_t *previous, uint64_t *now) {
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    *previous = *now = limit.rlim_cur;
    limit.rlim_cur = limit.rlim_max;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0)
        return -errno;
    *now = limit.rlim_cur;
    return 0;
}

int cepoll_harden_process(void) {
    if (prctl(PR_SET_DUMPABLE, 0) < 0)
        return -errno;
    if (getrlimit(RLIMIT_CORE, &core_before) < 0)
        return -errno;
    // The soft limit only: the hard one could not be given back to a service.
    struct rlimit none = {.rlim_cur = 0, .rlim_max = core_before.rlim_max};
    if (setrlimit(RLIMIT_CORE, &none) < 0)
        return -errno;
    core_taken = 1;
    return 0;
}
