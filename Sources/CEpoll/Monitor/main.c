// gr-monitor ID NAME: the parent of one program, for as long as anything of it lives.
//
// Started by the daemon (ServiceSupervisor), it outlives it: it starts the program, writes its log,
// keeps its exact exit and ends its tree. docs/architecture.md has the reasons, monitor_protocol.h
// the messages. It must never spin, never wait for the daemon and never die of a signal but KILL.

#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { MOST_READS = 4, MOST_REAPED = 1024, MOST_WAIT_MS = 60000 };

static int64_t clock_ms(clockid_t clock) {
    struct timespec now = {0};
    clock_gettime(clock, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t monotonic_ms(void) {
    return clock_ms(CLOCK_MONOTONIC);
}

int64_t realtime_ms(void) {
    return clock_ms(CLOCK_REALTIME);
}

// ---- what ended -------------------------------------------------------------------------------

static void note_exit(struct program *program, int status) {
    program->ended = 1;
    program->ended_at = realtime_ms();
    program->unknown = status < 0;
    program->code = status >= 0 && WIFEXITED(status) ? WEXITSTATUS(status) : 0;
    program->signal = status >= 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
    // It may have ended of itself between the grace and the KILL.
    program->forced = program->forced && (program->unknown || program->signal == SIGKILL);
    if (program->pidfd >= 0)
        close(program->pidfd);
    program->pidfd = -1;
}

void program_ended(struct monitor *monitor, int status) {
    struct program *program = &monitor->program;
    if (program->exec_status >= 0)
        child_resolve(monitor, 1);
    if (program->pid == 0)
        return;
    note_exit(program, status);
    // Its last words are in the file before anybody hears of its end.
    if (monitor->output_open)
        log_drain(monitor);
    control_say(monitor, SAY_EXITED);
    // On a single core the daemon's listeners would hear of a crash a tenth of a millisecond later:
    // the record takes that long. After a stop it is the empty tree that is waited for.
    if (monitor->control >= 0 && !program->requested)
        sched_yield();
    record_write(monitor);
}

void tree_ended(struct monitor *monitor) {
    monitor->empty = 1;
    if (monitor->output_open)
        log_drain(monitor);
    log_end(monitor);
    // Whoever looks at a program that comes back under the same port stays.
    if (monitor->hold.port == 0)
        attach_close(monitor);
    control_say(monitor, SAY_EMPTY);
    if (monitor->collected)
        monitor->done = 1;
}

void reap(struct monitor *monitor) {
    int running = monitor->program.pid != 0 && !monitor->program.ended;
    int adopted = monitor->program.adopted;
    for (int i = 0; i < MOST_REAPED; i++) {
        int status = 0;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid > 0 && pid == monitor->program.pid && !monitor->program.ended && !adopted)
            program_ended(monitor, status);
        // No child at all: as the subreaper we would be the parent of whatever lived on.
        if (pid < 0 && errno == ECHILD && monitor->program.ended && !monitor->empty && !adopted)
            tree_ended(monitor);
        if (pid > 0)
            continue;
        if (running && monitor->program.ended && !monitor->empty && !adopted)
            tree_program_ended(monitor);
        return;
    }
    // More may have ended: come back for it after the other descriptors had their turn.
    raise(SIGCHLD);
}

// ---- the loop ---------------------------------------------------------------------------------

/// The earlier of two moments of which 0 is none.
static int64_t earlier(int64_t one, int64_t other) {
    return one == 0 || (other != 0 && other < one) ? other : one;
}

static int timeout(const struct monitor *monitor) {
    int64_t next = monitor->log.flush_at;
    if (monitor->stop.asked && !monitor->empty)
        next = earlier(next, monitor->stop.deadline);
    if (monitor->program.adopted && !monitor->empty)
        next = earlier(next, monitor->program.look_at);
    if (next == 0)
        return control_waits(monitor) ? MOST_WAIT_MS : -1;
    int64_t left = next - monotonic_ms();
    return left < 0 ? 0 : left > MOST_WAIT_MS ? MOST_WAIT_MS : (int)left + 1;
}

static void take_output(struct monitor *monitor) {
    for (int i = 0; i < MOST_READS; i++) {
        ssize_t count = log_take(monitor);
        // A terminal that nobody has open any more says EIO.
        if (count == 0 || (count < 0 && errno != EAGAIN && errno != EINTR)) {
            log_flush(&monitor->log);
            monitor->output_open = 0;
        }
        if (count <= 0)
            return;
    }
}

static void take_signals(struct monitor *monitor) {
    struct signalfd_siginfo record;
    while (read(monitor->signals, &record, sizeof record) > 0)
        continue;
    // One record may stand for any number of ends: the wake-up, never the count.
    reap(monitor);
}

/// The places of the poll set: what is watched, in the order of a turn.
enum {
    OUTPUT,
    STATUS,
    SIGNALS,
    PROGRAM,
    CONTROLLER,
    LISTENER,
    HELD,
    CLIENTS = HELD + MOST_HELD,
    COUNT = CLIENTS + MOST_CLIENTS,
};

static void fill(const struct monitor *monitor, struct pollfd set[COUNT]) {
    const struct program *program = &monitor->program;
    short speak = monitor->to_say ? POLLIN | POLLOUT : POLLIN;
    short give = attach_has_input(monitor) && monitor->is_terminal ? POLLIN | POLLOUT : POLLIN;
    // A pidfd that has told once goes on telling.
    int watched = program->adopted && !program->ended && program->look_at == 0;
    set[OUTPUT] = (struct pollfd){monitor->output_open ? monitor->output : -1, give, 0};
    set[STATUS] = (struct pollfd){program->exec_status, POLLIN, 0};
    set[SIGNALS] = (struct pollfd){monitor->signals, POLLIN, 0};
    set[PROGRAM] = (struct pollfd){watched ? program->pidfd : -1, POLLIN, 0};
    set[CONTROLLER] = (struct pollfd){monitor->control, speak, 0};
    set[LISTENER] = (struct pollfd){monitor->listener, POLLIN, 0};
    for (int i = 0; i < MOST_HELD; i++)
        set[HELD + i] = hold_poll(monitor, i);
    for (int i = 0; i < MOST_CLIENTS; i++)
        set[CLIENTS + i] = attach_poll(monitor, i);
}

/// What came from below: output, the exec, ends.
static void serve_program(struct monitor *monitor, const struct pollfd set[COUNT]) {
    if (set[OUTPUT].revents & ~POLLOUT)
        take_output(monitor);
    if (set[OUTPUT].revents & POLLOUT)
        attach_give(monitor);
    if (set[STATUS].revents)
        child_resolve(monitor, 0);
    if (set[SIGNALS].revents)
        take_signals(monitor);
    int64_t due = monitor->program.look_at;
    if (set[PROGRAM].revents || (due != 0 && monotonic_ms() >= due))
        adopt_look(monitor);
}

/// What came from above: the daemon, and who wants to be connected.
static void serve_others(struct monitor *monitor, const struct pollfd set[COUNT]) {
    for (int i = 0; i < MOST_CLIENTS; i++)
        attach_ready(monitor, i, set[CLIENTS + i].revents);
    for (int i = 0; i < MOST_HELD && monitor->hold.armed; i++) {
        if (set[HELD + i].revents)
            hold_ready(monitor);
    }
    if (monitor->to_say && (set[CONTROLLER].revents & POLLOUT))
        control_say(monitor, 0);
    if (set[CONTROLLER].revents & ~POLLOUT)
        control_read(monitor);
    if (set[LISTENER].revents && monitor->listener >= 0)
        control_accept(monitor);
}

static void turn(struct monitor *monitor) {
    struct pollfd set[COUNT];
    fill(monitor, set);
    if (poll(set, COUNT, timeout(monitor)) < 0) {
        // Out of memory is no reason to end, nor to spin.
        if (errno != EINTR)
            nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
        return;
    }
    serve_program(monitor, set);
    serve_others(monitor, set);
    if (monitor->log.flush_at != 0 && monotonic_ms() >= monitor->log.flush_at)
        log_flush(&monitor->log);
    tree_tick(monitor);
    control_look(monitor);
}

// ---- start ------------------------------------------------------------------------------------

static int is_incarnation(const char *text) {
    return strlen(text) == 16 && strspn(text, "0123456789abcdefABCDEF") == 16;
}

/// A signal meant for the daemon or its terminal must not cost anybody a program: all are ignored
/// but those of an error in ourselves.
static int settle_signals(void) {
    static const int ours[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGTRAP, SIGSYS, SIGCHLD};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    for (int number = 1; number < NSIG; number++) {
        int kept = 0;
        for (size_t i = 0; i < sizeof ours / sizeof ours[0]; i++)
            kept |= ours[i] == number;
        if (!kept)
            sigaction(number, &ignore, NULL);
    }
    struct sigaction ends = {.sa_handler = SIG_DFL, .sa_flags = SA_NOCLDSTOP};
    sigaction(SIGCHLD, &ends, NULL);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_SETMASK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static struct monitor only;

/// Not by an initialiser: a single value that is not zero would put every buffer into the file.
static void begin(struct monitor *monitor) {
    monitor->control = CONTROL;
    monitor->listener = -1;
    monitor->output = -1;
    monitor->writer = -1;
    monitor->empty = 1;
    monitor->options = (struct options){
        .rows = 24, .columns = 80, .log_bytes = (uint64_t)10 << 20, .log_files = 5};
    monitor->program.pidfd = -1;
    monitor->program.exec_status = -1;
    monitor->log.descriptor = -1;
    monitor->log.times = -1;
    for (int i = 0; i < MOST_CLIENTS; i++)
        monitor->clients.each[i].socket = -1;
}

int main(int argc, char **argv) {
    if (argc != 3 || !is_incarnation(argv[1]))
        return 2;
    setsid();
    begin(&only);
    only.id = argv[1];
    only.name = argv[2];
    only.signals = settle_signals();
    if (only.signals < 0 || prctl(PR_SET_CHILD_SUBREAPER, 1) < 0)
        return 3;
    // The daemon may have been started anywhere: hold no mount busy. Its two descriptors came
    // across an exec and must not cross the next one.
    umask(077);
    if (chdir("/") < 0 || fcntl(CONTROL, F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(RUN_DIRECTORY, F_SETFD, FD_CLOEXEC) < 0)
        return 3;
    while (!only.done)
        turn(&only);
    return 0;
}
