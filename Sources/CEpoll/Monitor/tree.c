// Ending a tree: TERM to the group, after the grace KILL, until nothing is left below us.
//
// We are the subreaper, so every descendant has us somewhere above it, however often it forked. No
// list is kept: each sweep reads the parents from /proc anew, and a signal goes out through a pidfd
// whose process was seen to be ours after the pidfd was opened. A reused pid is therefore never
// hit.

#include "monitor.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST_DEPTH = 512, MOST_ROUNDS = 5, FIRST_PAUSE_MS = 10, LAST_PAUSE_MS = 500 };

static size_t stat_path(char *path, pid_t pid) {
    char digits[12];
    size_t count = 0, length = 6;
    memcpy(path, "/proc/", 6);
    for (; pid > 0; pid /= 10)
        digits[count++] = (char)('0' + pid % 10);
    while (count > 0)
        path[length++] = digits[--count];
    memcpy(path + length, "/stat", 6);
    return length;
}

static uint64_t number_at(const char **at) {
    uint64_t value = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++)
        value = value * 10 + (uint64_t)(**at - '0');
    return value;
}

int tree_stat(pid_t pid, pid_t *parent, pid_t *group, uint64_t *start) {
    char path[32], text[1024];
    stat_path(path, pid);
    int descriptor = open(path, O_RDONLY | O_CLOEXEC);
    if (descriptor < 0)
        return 0;
    ssize_t count = read(descriptor, text, sizeof text - 1);
    close(descriptor);
    if (count <= 0)
        return 0;
    text[count] = 0;
    // The name may hold blanks and brackets: the fields begin behind its last bracket.
    const char *at = memrchr(text, ')', (size_t)count);
    if (!at || at[1] != ' ' || at[2] == 0 || at[3] != ' ')
        return 0;
    at += 4;
    for (int field = 4; field <= 22; field++) {
        uint64_t value = number_at(&at);
        if (field == 4)
            *parent = (pid_t)value;
        else if (field == 5)
            *group = (pid_t)value;
        else if (field == 22)
            *start = value;
        // A field with a sign (tpgid is -1 without a terminal) is passed over.
        while (*at && *at != ' ')
            at++;
        if (*at == 0)
            return field == 22;
        at++;
    }
    return 1;
}

/// Climbs from a process that has `parent` and `start`. A parent is never younger than its child:
/// a younger one is a stranger under a number that was given away again.
static int leads_to_us(pid_t parent, uint64_t start) {
    pid_t ourselves = getpid(), group;
    for (int depth = 0; depth < MOST_DEPTH && parent > 1; depth++) {
        if (parent == ourselves)
            return 1;
        uint64_t older;
        pid_t next;
        if (!tree_stat(parent, &next, &group, &older) || older > start)
            return 0;
        parent = next;
        start = older;
    }
    return 0;
}

/// Signals `pid` if it is below us and not in `skipped`; 1 when it was.
static int signal_one(pid_t pid, int number, pid_t skipped, uint64_t oldest) {
    pid_t parent, group, unused;
    uint64_t start, again;
    // Nothing below us is older than the program: this spares climbing for most of the machine.
    if (!tree_stat(pid, &parent, &group, &start) || start < oldest || group == skipped ||
        !leads_to_us(parent, start))
        return 0;
    int descriptor = (int)syscall(SYS_pidfd_open, pid, 0);
    if (descriptor < 0)
        return 0;
    int same =
        tree_stat(pid, &parent, &unused, &again) && again == start && leads_to_us(parent, again);
    if (same) {
        syscall(SYS_pidfd_send_signal, descriptor, number, NULL, 0);
        // A stopped process keeps TERM waiting.
        if (number == SIGTERM)
            syscall(SYS_pidfd_send_signal, descriptor, SIGCONT, NULL, 0);
    }
    close(descriptor);
    return same;
}

/// Signals every descendant outside the group `skipped` (0: none is skipped); how many there were.
static int sweep(const struct monitor *monitor, int number, pid_t skipped) {
    int directory = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return 0;
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
                found += signal_one((pid_t)pid, number, skipped, monitor->program.start);
        }
    }
    close(directory);
    return found;
}

/// Signals the group of the program, which is not reaped yet, so that the number is still its own.
static void signal_group(const struct monitor *monitor, int number) {
    pid_t pid = monitor->program.pid;
    // ESRCH: it was forked a moment ago and has no group of its own yet.
    if (kill(-pid, number) < 0 && errno == ESRCH)
        kill(pid, number);
}

static void kill_all(struct monitor *monitor) {
    monitor->stop.killing = 1;
    for (int round = 0; round < MOST_ROUNDS && !monitor->empty; round++) {
        if (!monitor->program.ended) {
            monitor->program.forced = 1;
            signal_group(monitor, SIGKILL);
        }
        int found = sweep(monitor, SIGKILL, 0);
        reap(monitor);
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
    reap(monitor);
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
        sweep(monitor, SIGTERM, 0);
        return;
    }
    stop->group_told = 1;
    signal_group(monitor, SIGTERM);
    signal_group(monitor, SIGCONT);
}

void tree_program_ended(struct monitor *monitor) {
    // The group has heard it; who left the group (setsid) has not. A second TERM means "at once" to
    // many programs, so nobody gets it twice.
    if (monitor->stop.asked && !monitor->stop.killing)
        sweep(monitor, SIGTERM, monitor->stop.group_told ? monitor->program.pid : 0);
}

void tree_tick(struct monitor *monitor) {
    if (monitor->stop.asked && !monitor->empty && monotonic_ms() >= monitor->stop.deadline)
        kill_all(monitor);
}
