// Ending a tree: TERM to the group, after the grace KILL, until nothing is left of the program.
//
// No list is kept: each sweep reads /proc anew, and a signal goes out through a pidfd whose process
// was seen to be of the program (member.c) after the pidfd was opened. A reused pid is therefore
// never hit.

#include "monitor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum {
    MOST_ROUNDS = 5,
    FIRST_PAUSE_MS = 10,
    LAST_PAUSE_MS = 500,
    /// pidfd_send_signal: to the process group; kernels before 6.9 refuse it.
    TO_GROUP = 4,
    NOBODY = -1,
};

static uint64_t number_at(const char **at) {
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        value = value * 10 + (uint64_t)(**at - '0');
    return value;
}

/// Fields 4 to 22: the state and the blank behind it have been passed.
static int parse_fields(const char *at, struct process *process) {
    for (int field = 4; field <= 22; field++) {
        uint64_t value = number_at(&at);
        if (field == 4)
            process->parent = (pid_t)value;
        else if (field == 5)
            process->group = (pid_t)value;
        else if (field == 6)
            process->session = (pid_t)value;
        else if (field == 22)
            process->start = value;
        // A field with a sign (tpgid is -1 without a terminal) is passed over.
        while (*at && *at != ' ')
            at++;
        if (*at == 0)
            return field == 22;
        at++;
    }
    return 1;
}

enum { STAT_TEXT = 1024, EXIT_STATUS = 52 };

/// Reads /proc/PID/stat; the place of the state in it, or NULL.
static const char *read_stat(pid_t pid, char text[STAT_TEXT]) {
    char path[32] = "/proc/";
    if (pid < 1)
        return NULL;
    size_t digits = message_digits(path + 6, (uint64_t)pid);
    strcpy(path + 6 + digits, "/stat");
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return NULL;
    ssize_t count = read(descriptor, text, STAT_TEXT - 1);
    close(descriptor);
    if (count <= 0)
        return NULL;
    text[count] = 0;
    // The name may hold blanks and brackets: the fields begin behind its last bracket.
    const char *at = memrchr(text, ')', (size_t)count);
    return at && at[1] == ' ' && at[2] != 0 && at[3] == ' ' ? at + 2 : NULL;
}

int tree_stat(pid_t pid, struct process *process) {
    char text[STAT_TEXT];
    const char *at = read_stat(pid, text);
    if (!at)
        return 0;
    process->state = *at;
    return parse_fields(at + 2, process);
}

/// Whether the kernel lets us see how `pid` ended: else it shows a zero.
static int is_ours(pid_t pid) {
    char path[32] = "/proc/";
    struct stat what;
    size_t digits = message_digits(path + 6, (uint64_t)pid);
    path[6 + digits] = 0;
    return stat(path, &what) == 0 && what.st_uid == geteuid() && what.st_gid == getegid();
}

int tree_exit_status(pid_t pid, uint64_t start, int *status) {
    char text[STAT_TEXT];
    struct process process;
    const char *at = read_stat(pid, text);
    if (!at || *at != 'Z' || !parse_fields(at + 2, &process) || process.start != start)
        return 0;
    for (int field = 3; at && field < EXIT_STATUS; field++) {
        at = strchr(at, ' ');
        at = at ? at + 1 : NULL;
    }
    if (!at)
        return 0;
    *status = (int)number_at(&at);
    return *status != 0 || is_ours(pid);
}

// ---- sweeps -----------------------------------------------------------------------------------

/// Whom a sweep is for: everybody of the program but the group `skipped`, or the group `only`.
struct sweep {
    int number;
    pid_t skipped;
    pid_t only;
};

/// Signals `pid` if it is of the program and meant; 1 when it was. Signal 0 only counts.
static int signal_one(const struct monitor *monitor, pid_t pid, struct sweep sweep) {
    struct process process, again;
    // Nobody of the program is older than it: this spares climbing for most of the machine.
    if (!tree_stat(pid, &process) || process.start < monitor->program.start ||
        process.group == sweep.skipped || (sweep.only > 0 && process.group != sweep.only))
        return 0;
    // One that has ended waits for a parent that may be a stranger: it is nobody's any more.
    if (monitor->program.adopted && (process.state == 'Z' || process.state == 'X'))
        return 0;
    if (!member_is(monitor, pid, &process))
        return 0;
    int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    if (descriptor < 0)
        return 0;
    int same =
        tree_stat(pid, &again) && again.start == process.start && member_is(monitor, pid, &again);
    if (same && sweep.number != 0) {
        syscall(SYS_pidfd_send_signal, descriptor, sweep.number, NULL, 0);
        // A stopped process keeps its signals waiting.
        if (sweep.number != SIGKILL)
            syscall(SYS_pidfd_send_signal, descriptor, SIGCONT, NULL, 0);
    }
    close(descriptor);
    return same;
}

/// Goes through every process of the machine; how many were signalled.
static int sweep_all(const struct monitor *monitor, struct sweep sweep) {
    int directory = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    // Not knowing is not the same as nobody.
    if (directory < 0)
        return 1;
    _Alignas(struct dirent64) char entries[4096];
    int found = 0;
    ssize_t count;
    while ((count = getdents64(directory, entries, sizeof entries)) > 0) {
        for (ssize_t at = 0; at < count;) {
            struct dirent64 *entry = (struct dirent64 *)(entries + at);
            at += entry->d_reclen;
            const char *name = entry->d_name;
            uint64_t pid = number_at(&name);
            if (*name == 0 && pid > 1 && pid <= INT32_MAX)
                found += signal_one(monitor, (pid_t)pid, sweep);
        }
    }
    close(directory);
    return found;
}

int tree_count(const struct monitor *monitor) {
    return sweep_all(monitor, (struct sweep){.number = 0, .skipped = NOBODY});
}

static int signal_all(const struct monitor *monitor, int number, pid_t skipped) {
    return sweep_all(monitor, (struct sweep){.number = number, .skipped = skipped});
}

/// Signals the group the program leads.
static void signal_group(const struct monitor *monitor, int number) {
    const struct program *program = &monitor->program;
    if (program->adopted) {
        // It is reaped by others, at any moment: never by its number.
        if (syscall(SYS_pidfd_send_signal, program->pidfd, number, NULL, TO_GROUP) < 0 &&
            errno == EINVAL)
            sweep_all(monitor,
                      (struct sweep){.number = number, .skipped = NOBODY, .only = program->pid});
        return;
    }
    // Not reaped yet, so that the number is still its own. ESRCH: it was forked a moment ago and
    // has no group of its own yet.
    if (kill(-program->pid, number) < 0 && errno == ESRCH)
        kill(program->pid, number);
}

// ---- a stop -----------------------------------------------------------------------------------

static int first_signal(const struct monitor *monitor) {
    return monitor->options.stop_signal != 0 ? monitor->options.stop_signal : SIGTERM;
}

/// Notices who ended by itself.
static void look(struct monitor *monitor) {
    reap(monitor);
    if (monitor->program.adopted)
        adopt_look(monitor);
}

static void kill_all(struct monitor *monitor) {
    monitor->stop.killing = 1;
    for (int round = 0; round < MOST_ROUNDS && !monitor->empty; round++) {
        if (!monitor->program.ended) {
            monitor->program.forced = 1;
            signal_group(monitor, SIGKILL);
        }
        int found = signal_all(monitor, SIGKILL, NOBODY);
        look(monitor);
        if (found == 0)
            break;
    }
    // What a fork slipped past us, or what the kernel cannot end now, is tried again later.
    int64_t pause = monitor->stop.pause * 2;
    monitor->stop.pause = pause == 0              ? FIRST_PAUSE_MS
                          : pause > LAST_PAUSE_MS ? LAST_PAUSE_MS
                                                  : pause;
    monitor->stop.deadline = monotonic_ms() + monitor->stop.pause;
}

void tree_stop(struct monitor *monitor, int64_t grace) {
    // Who ended before the stop came was not stopped by it.
    look(monitor);
    if (monitor->program.pid == 0 || monitor->empty)
        return control_say(monitor, SAY_EMPTY);
    struct stop *stop = &monitor->stop;
    int64_t deadline = monotonic_ms() + grace;
    if (stop->asked) {
        if (deadline < stop->deadline)
            stop->deadline = deadline;
        return;
    }
    *stop = (struct stop){.asked = 1, .deadline = deadline};
    if (!monitor->program.ended)
        monitor->program.requested = 1;
    if (grace == 0)
        return;
    if (monitor->program.ended) {
        signal_all(monitor, first_signal(monitor), NOBODY);
        return;
    }
    stop->group_told = 1;
    signal_group(monitor, first_signal(monitor));
    signal_group(monitor, SIGCONT);
}

void tree_program_ended(struct monitor *monitor) {
    // The group has heard it; who left the group (setsid) has not. A second TERM means "at once" to
    // many programs, so nobody gets it twice.
    if (monitor->stop.asked && !monitor->stop.killing)
        signal_all(monitor, first_signal(monitor),
                   monitor->stop.group_told ? monitor->program.pid : NOBODY);
}

void tree_tick(struct monitor *monitor) {
    if (monitor->stop.asked && !monitor->empty && monotonic_ms() >= monitor->stop.deadline)
        kill_all(monitor);
}
