// Taking over a program whose monitor was killed: its output, its log, its end and its tree.
//
// We are not its parent: its pidfd tells that it ended, and how is in /proc until its parent has
// reaped it; from then on the kernel keeps it behind the pidfd (6.15). The daemon, if that is its
// parent by then, knows it in any case. What is left of the tree is counted by looking (member.c),
// since it is not below us.

#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SOON_MS = 20, SELDOM_MS = 1000, UNKNOWN_MS = 1000 };

/// The head of the kernel's struct pidfd_info, as it came with 6.15.
struct exit_info {
    uint64_t mask;
    uint64_t control_group;
    uint32_t ids[11];
    int32_t status;
};

enum { INFO_EXIT = 8 };
#define GET_EXIT_INFO _IOWR(0xFF, 11, struct exit_info)

// ---- what comes with the message --------------------------------------------------------------

struct adoption {
    struct program program;
    const char *log;
    int output;
    struct hold hold;
};

/// Returns the letters of the descriptors.
static const char *parse(struct adoption *adoption, char *at, char *end) {
    message_take(&at, end); // version
    struct program *program = &adoption->program;
    program->pid = (pid_t)message_number(message_take(&at, end), INT32_MAX);
    program->start = (uint64_t)message_number(message_take(&at, end), INT64_MAX / 16);
    program->started = message_number(message_take(&at, end), INT64_MAX / 16);
    adoption->log = message_take(&at, end);
    program->ready = *message_take(&at, end) == '1';
    return message_take(&at, end);
}

static int port_of(int listener) {
    struct sockaddr_in6 address;
    socklen_t size = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &size) < 0)
        return 0;
    // The port stands at the same place in both families.
    return ntohs(address.sin6_port);
}

/// Takes the descriptors by their letters and closes what has none.
static void take(struct adoption *adoption, const char *letters, const int *descriptors,
                 int count) {
    for (int i = 0; i < count; i++) {
        char letter = *letters ? *letters++ : 0;
        struct hold *hold = &adoption->hold;
        if (letter == 'p' && adoption->program.pidfd < 0)
            adoption->program.pidfd = descriptors[i];
        else if (letter == 'o' && adoption->output < 0)
            adoption->output = descriptors[i];
        else if (letter == 'l' && hold->count < MOST_HELD)
            hold->sockets[hold->count++] = descriptors[i];
        else
            close(descriptors[i]);
    }
    if (adoption->hold.count > 0)
        adoption->hold.port = port_of(adoption->hold.sockets[0]);
}

static void drop(struct adoption *adoption) {
    if (adoption->program.pidfd >= 0)
        close(adoption->program.pidfd);
    if (adoption->output >= 0)
        close(adoption->output);
    for (int i = 0; i < adoption->hold.count; i++)
        close(adoption->hold.sockets[i]);
}

static int has_ended(const struct program *program) {
    struct pollfd state = {.fd = program->pidfd, .events = POLLIN};
    return poll(&state, 1, 0) > 0 && state.revents != 0;
}

/// 0 when it is what it is said to be.
static int check(const struct program *program) {
    struct process process;
    if (program->pid < 2 || program->pidfd < 0)
        return EINVAL;
    if (!has_ended(program) && tree_stat(program->pid, &process) && process.start != program->start)
        return ESRCH;
    return 0;
}

// ---- the output of a program that lost its daemon too ------------------------------------------

/// One of the program's own descriptors, opened anew, if it is a pipe; -1 when it is not.
static int open_again(pid_t pid, int number, int access, struct stat *what) {
    char path[40] = "/proc/";
    size_t length = 6 + message_digits(path + 6, (uint64_t)pid);
    strcpy(path + length, number == 1 ? "/fd/1" : "/fd/2");
    int descriptor = open(path, access | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (descriptor < 0)
        return -1;
    if (fstat(descriptor, what) < 0 || !S_ISFIFO(what->st_mode)) {
        close(descriptor);
        return -1;
    }
    return descriptor;
}

/// Where nobody reads any more what the program writes, we do: its next line would kill it. A pipe
/// with a reader is somebody else's.
static int find_output(pid_t pid) {
    struct stat out, err;
    int writer = open_again(pid, 1, O_WRONLY, &out);
    if (writer < 0)
        return -1;
    struct pollfd state = {.fd = writer};
    int abandoned = poll(&state, 1, 0) > 0 && (state.revents & POLLERR);
    close(writer);
    if (!abandoned)
        return -1;
    int other = open_again(pid, 2, O_WRONLY, &err);
    if (other >= 0)
        close(other);
    if (other < 0 || err.st_ino != out.st_ino)
        return -1;
    return open_again(pid, 1, O_RDONLY, &out);
}

// ---- taking over ------------------------------------------------------------------------------

static void keep(struct monitor *monitor, const struct adoption *adoption) {
    monitor->program = adoption->program;
    monitor->program.adopted = 1;
    monitor->program.exec_status = -1;
    monitor->output = adoption->output;
    if (monitor->output < 0)
        monitor->output = find_output(adoption->program.pid);
    monitor->output_open = monitor->output >= 0;
    monitor->is_terminal = monitor->output_open && terminal_is(monitor->output);
    if (monitor->output_open)
        fcntl(monitor->output, F_SETFL, fcntl(monitor->output, F_GETFL) | O_NONBLOCK);
    if (monitor->hold.port == 0)
        monitor->hold = adoption->hold;
    monitor->stop = (struct stop){0};
    monitor->empty = 0;
    // The daemon's standard error is not ours to hold open for as long as the program runs.
    dup2(0, 2);
}

void adopt_run(struct monitor *monitor, char *fields, size_t length, int *descriptors, int count) {
    struct adoption adoption = {.program = {.pidfd = -1}, .output = -1};
    const char *letters = parse(&adoption, fields, fields + length);
    take(&adoption, letters, descriptors, count);
    int step = STEP_ADOPT;
    int error = monitor->program.pid != 0 ? EBUSY : check(&adoption.program);
    if (error == 0) {
        step = STEP_LOG;
        error = log_open(&monitor->log, adoption.log, &monitor->options);
    }
    if (error == 0) {
        step = STEP_ADOPT;
        error = control_listen(monitor);
    }
    if (error != 0) {
        drop(&adoption);
        if (monitor->program.pid == 0)
            log_close(&monitor->log);
        return child_fail(monitor, step, error);
    }
    keep(monitor, &adoption);
    control_say(monitor, SAY_SPAWNED);
}

// ---- its end ----------------------------------------------------------------------------------

/// The status if the kernel has it: 1 when it does, 0 when it may have it soon, -1 when never.
static int find_status(const struct program *program, int *status) {
    struct exit_info info = {.mask = INFO_EXIT};
    if (ioctl(program->pidfd, GET_EXIT_INFO, &info) < 0)
        return errno == ESRCH ? 0 : -1;
    if (!(info.mask & INFO_EXIT))
        return 0;
    *status = info.status;
    return 1;
}

static void look_at_program(struct monitor *monitor) {
    struct program *program = &monitor->program;
    int64_t now = monotonic_ms();
    int status = -1;
    if (!has_ended(program))
        return;
    int known = find_status(program, &status);
    if (known != 1 && tree_exit_status(program->pid, program->start, &status))
        known = 1;
    if (program->unknown_at == 0)
        program->unknown_at = now + UNKNOWN_MS;
    if (known == 0 && now < program->unknown_at) {
        // Its parent has not reaped it yet.
        program->look_at = now + SOON_MS;
        return;
    }
    program_ended(monitor, known == 1 ? status : -1);
    program->look_at = now;
    tree_program_ended(monitor);
}

void adopt_look(struct monitor *monitor) {
    struct program *program = &monitor->program;
    if (monitor->empty || !program->adopted)
        return;
    if (!program->ended)
        look_at_program(monitor);
    if (!program->ended)
        return;
    program->look_at = monotonic_ms() + (monitor->stop.asked ? SOON_MS : SELDOM_MS);
    if (tree_count(monitor) == 0)
        tree_ended(monitor);
}
