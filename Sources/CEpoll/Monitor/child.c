// Starting the program: log, pipe, socket, then fork and exec.
//
// The child tells by a close-on-exec pipe how far it came; that pipe is part of the loop, since
// entering a directory on a dead network mount can take for ever. Nothing of the monitor's own
// environment, descriptors, mask or dispositions reaches the program.

#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const char *const steps[] = {"log",  "pipe",   "fork",     "directory",
                                    "exec", "listen", "terminal", "adopt"};

enum { MOST_VARIABLES = 4096 };

struct order {
    const char *shell;
    const char *command;
    const char *directory;
    const char *log;
    mode_t mask;
    int variables;
    const struct hold *hold;
    int is_terminal;
};

/// Room for what a held port adds and for the NULL at the end.
static char *environment[MOST_VARIABLES + 4];

void child_fail(struct monitor *monitor, int step, int error) {
    monitor->failed_step = steps[step];
    monitor->failed_error = error;
    control_say(monitor, SAY_FAILED);
}

static mode_t parse_mask(const char *text) {
    mode_t mask = 0;
    if (*text == 0 || strlen(text) > 4)
        return 077;
    for (; *text >= '0' && *text <= '7'; text++)
        mask = mask * 8 + (mode_t)(*text - '0');
    return *text == 0 ? mask & 0777 : 077;
}

/// 0, or -1 when there are more variables than we take.
static int parse(struct order *order, char *at, char *end) {
    message_take(&at, end); // version: what a newer one adds stands behind what we know
    message_take(&at, end); // name: ours is the argument, which ps shows
    order->shell = message_take(&at, end);
    order->command = message_take(&at, end);
    order->directory = message_take(&at, end);
    order->log = message_take(&at, end);
    order->mask = parse_mask(message_take(&at, end));
    int count = 0;
    while (at < end) {
        char *variable = message_take(&at, end);
        if (*variable == 0)
            continue;
        if (count == MOST_VARIABLES)
            return -1;
        environment[count++] = variable;
    }
    environment[count] = NULL;
    order->variables = count;
    return 0;
}

static _Noreturn void give_up(int status, int step) {
    struct start_failure failure = {.step = step, .error = errno};
    // A pipe takes this few bytes at once or never.
    ssize_t ignored = write(status, &failure, sizeof failure);
    (void)ignored;
    _exit(127);
}

/// By the bare system call: the library refuses its two internal signals, which an ancestor may
/// have left ignored all the same.
static void default_dispositions(void) {
    static const uint64_t zeroes[8];
    for (int number = 1; number < NSIG; number++)
        syscall(SYS_rt_sigaction, number, zeroes, NULL, sizeof(uint64_t));
}

/// Standard input, output and error, and the held sockets: nothing else is left open by an exec.
static int open_descriptors(const struct order *order, int output, int *status) {
    int input = output;
    if (!order->is_terminal)
        input = open("/dev/null", O_RDONLY | O_CLOEXEC);
    else if (terminal_enter(output) < 0)
        return -1;
    if (input < 0 || dup2(input, 0) < 0 || dup2(output, 1) < 0 || dup2(output, 2) < 0)
        return -1;
    if (order->hold->count > 0 && hold_pass(order->hold, status) < 0)
        return -1;
    return close_range((unsigned)(3 + order->hold->count), ~0U, CLOSE_RANGE_CLOEXEC);
}

static _Noreturn void become(const struct order *order, int output, int status) {
    // Its own session: a signal to its group can never hit the monitor.
    setsid();
    default_dispositions();
    umask(order->mask);
    if (open_descriptors(order, output, &status) < 0)
        give_up(status, STEP_FORK);
    if (chdir(order->directory) < 0)
        give_up(status, STEP_DIRECTORY);
    const char *command = order->command;
    if (order->hold->count > 0) {
        command = command_in_place(command);
        hold_describe(order->hold, environment, order->variables);
    }
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    char *arguments[] = {(char *)order->shell, "-c", (char *)command, NULL};
    execve(order->shell, arguments, environment);
    give_up(status, STEP_EXEC);
}

/// Forks with every signal blocked, so that a TERM that comes before the exec waits for it.
static pid_t start(const struct order *order, int output, int status) {
    sigset_t all, before;
    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    pid_t pid = fork();
    if (pid == 0)
        become(order, output, status);
    int error = errno;
    sigprocmask(SIG_SETMASK, &before, NULL);
    errno = error;
    return pid;
}

/// The pipe or terminal for the output, and the pipe that tells of the exec. 0 or an errno.
static int open_ends(const struct options *options, int output[2], int status[2]) {
    int error = 0;
    if (options->terminal)
        error = terminal_open(options, output);
    else if (pipe2(output, O_CLOEXEC) < 0)
        error = errno;
    if (error != 0)
        return error;
    if (pipe2(status, O_CLOEXEC) < 0) {
        error = errno;
        close(output[0]);
        close(output[1]);
        return error;
    }
    // Our ends only: the program must see ordinary, blocking ones.
    fcntl(output[0], F_SETFL, fcntl(output[0], F_GETFL) | O_NONBLOCK);
    fcntl(status[0], F_SETFL, O_NONBLOCK);
    return 0;
}

static void note_started(struct monitor *monitor, pid_t pid, int status) {
    struct process process = {0};
    tree_stat(pid, &process);
    monitor->output_open = 1;
    monitor->empty = 0;
    monitor->stop = (struct stop){0};
    monitor->program = (struct program){.pid = pid,
                                        .pidfd = (int)syscall(SYS_pidfd_open, pid, 0),
                                        .start = process.start,
                                        .started = realtime_ms(),
                                        .exec_status = status};
}

/// With the log and the ends open. `output` and `status` are the program's ends.
static void launch(struct monitor *monitor, struct order *order, int output, const int status[2]) {
    // Before the fork: a daemon that is killed at any instant finds the program by its socket. One
    // that died before there was a socket may have been replaced already by a daemon that saw none.
    int error = control_listen(monitor);
    if (error == 0 && monitor->hold.port == 0 && control_is_gone(monitor))
        error = ECANCELED;
    pid_t pid = error == 0 ? start(order, output, status[1]) : -1;
    int step = error == 0 ? STEP_FORK : STEP_PIPE;
    error = error == 0 ? errno : error;
    // A terminal has to notice that nobody has it open any more.
    if (order->is_terminal)
        close(output);
    else
        monitor->writer = output;
    close(status[1]);
    if (pid > 0)
        return note_started(monitor, pid, status[0]);
    close(status[0]);
    log_end(monitor);
    child_fail(monitor, step, error);
}

void child_run(struct monitor *monitor, char *fields, size_t length) {
    struct order order = {.hold = &monitor->hold, .is_terminal = monitor->options.terminal};
    // Once it has ended with all that came of it, it can be started anew.
    if (monitor->collected || (monitor->program.pid != 0 && !monitor->empty))
        return;
    monitor->to_say &= ~(unsigned)SAY_FAILED;
    if (parse(&order, fields, fields + length) < 0)
        return child_fail(monitor, STEP_EXEC, E2BIG);
    int error = log_open(&monitor->log, order.log, &monitor->options);
    if (error != 0)
        return child_fail(monitor, STEP_LOG, error);
    int output[2], status[2];
    error = open_ends(&monitor->options, output, status);
    if (error != 0) {
        log_close(&monitor->log);
        return child_fail(monitor, order.is_terminal ? STEP_TERMINAL : STEP_PIPE, error);
    }
    record_remove_file(monitor, ".exit");
    monitor->output = output[0];
    monitor->is_terminal = order.is_terminal;
    launch(monitor, &order, output[1], status);
}

void child_resolve(struct monitor *monitor, int reaped) {
    struct start_failure failure = {0};
    ssize_t count = read(monitor->program.exec_status, &failure, sizeof failure);
    if (count < 0 && (errno == EINTR || errno == EAGAIN) && !reaped)
        return;
    close(monitor->program.exec_status);
    monitor->program.exec_status = -1;
    if (count != sizeof failure || failure.step < STEP_FORK || failure.step > STEP_EXEC) {
        // The daemon's standard error is not ours to hold open for as long as the program runs.
        dup2(0, 2);
        control_say(monitor, SAY_SPAWNED);
        return;
    }
    while (!reaped && waitpid(monitor->program.pid, NULL, 0) < 0 && errno == EINTR)
        continue;
    if (monitor->program.pidfd >= 0)
        close(monitor->program.pidfd);
    log_end(monitor);
    monitor->program = (struct program){.pidfd = -1, .exec_status = -1};
    monitor->empty = 1;
    child_fail(monitor, failure.step, failure.error);
    if (monitor->stop.asked)
        control_say(monitor, SAY_EMPTY);
    monitor->stop = (struct stop){0};
}
