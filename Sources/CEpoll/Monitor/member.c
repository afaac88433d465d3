// Who belongs to the program.
//
// Of a program we started everybody does who is below us, since we are the subreaper. One we took
// over from a killed monitor never was below us: there, who is in the session the program leads,
// who carries our incarnation in its environment, or who descends from one of those.

#include "monitor.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { MOST_DEPTH = 512, MOST_ENVIRONMENT = 262144, CHUNK = 4096 };

static const char variable[] = "GRETL_INCARNATION=";

/// Whether an entry of the environment of `pid` names our incarnation. Read in overlapping chunks.
static int carries_our_id(const struct monitor *monitor, pid_t pid) {
    char path[40] = "/proc/", wanted[64], text[CHUNK + 64];
    size_t digits = message_digits(path + 6, (uint64_t)pid);
    strcpy(path + 6 + digits, "/environ");
    strcat(strcpy(wanted, variable), monitor->id);
    size_t length = strlen(wanted), kept = 0, total = 0;
    int descriptor = open(path, O_RDONLY | O_CLOEXEC), found = 0;
    if (descriptor < 0)
        return 0;
    while (!found && total < MOST_ENVIRONMENT) {
        ssize_t count = read(descriptor, text + kept, CHUNK);
        if (count <= 0)
            break;
        total += (size_t)count;
        size_t used = kept + (size_t)count;
        found = memmem(text, used, wanted, length) != NULL;
        kept = used < length ? used : length;
        memmove(text, text + used - kept, kept);
    }
    close(descriptor);
    return found;
}

/// The number of a session is free only when nobody is in it: as long as nobody else has it,
/// whoever is in a session of that number is in that of the program.
static int is_session_ours(const struct monitor *monitor) {
    struct process leader;
    return !tree_stat(monitor->program.pid, &leader) || leader.start == monitor->program.start;
}

static int is_known(const struct monitor *monitor, pid_t pid, const struct process *process) {
    const struct program *program = &monitor->program;
    if (pid == program->pid)
        return process->start == program->start;
    if (process->session == program->pid && is_session_ours(monitor))
        return 1;
    return carries_our_id(monitor, pid);
}

int member_is(const struct monitor *monitor, pid_t pid, const struct process *process) {
    struct process at = *process;
    pid_t ourselves = getpid();
    // A parent is never younger than its child: a younger one is a stranger under a number that was
    // given away again. Nobody of the program is older than it.
    for (int depth = 0; depth < MOST_DEPTH && pid > 1; depth++) {
        if (at.start < monitor->program.start)
            return 0;
        if (at.parent == ourselves)
            return 1;
        if (monitor->program.adopted && is_known(monitor, pid, &at))
            return 1;
        struct process parent;
        if (!tree_stat(at.parent, &parent) || parent.start > at.start)
            return 0;
        pid = at.parent;
        at = parent;
    }
    return 0;
}
