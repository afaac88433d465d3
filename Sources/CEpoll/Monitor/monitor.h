// What the parts of gr-monitor share: one record of the state, and who does what to it.
//
// The monitor is one thread, has no heap and no dependency: it must outlive everything above it.
// What it may never do: block on the daemon, die of anything a program below it or a connection
// above it does, or signal a process that is not its own descendant.

#ifndef MONITOR_H
#define MONITOR_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "monitor_protocol.h"

enum { CONTROL = 3, RUN_DIRECTORY = 4, LOG_BUFFER = 65536, MOST_NAME = 1024 };

/// What is still to be said to the daemon, in this order. Bits and not messages: each is built from
/// the state when the socket takes it, so a daemon that does not read costs no memory.
enum {
    SAY_HELLO = 1,
    SAY_HELD = 2,
    SAY_SPAWNED = 4,
    SAY_FAILED = 8,
    SAY_EXITED = 16,
    SAY_EMPTY = 32,
    SAY_CONNECTION = 64,
    SAY_PONG = 128,
};

struct output_log {
    int descriptor;
    size_t used;
    /// When an unfinished line is written all the same; 0: there is none.
    int64_t flush_at;
    uint64_t dropped;
    int line_open;
    char bytes[LOG_BUFFER];
};

struct program {
    /// 0: there is no program.
    pid_t pid;
    int pidfd;
    uint64_t start;
    int64_t started;
    int ready;
    /// Closed by a successful exec; a failed one writes a struct start_failure into it. -1: known.
    int exec_status;
    int ended;
    int code;
    int signal;
    int requested;
    int forced;
    int64_t ended_at;
};

struct start_failure {
    /// Index into the step names of child.c.
    int step;
    int error;
};

struct stop {
    int asked;
    /// TERM went to the program's group, which need not hear it again one by one.
    int group_told;
    int killing;
    int64_t deadline;
    int64_t pause;
};

struct monitor {
    const char *id;
    const char *name;
    int control;
    int listener;
    int signals;
    unsigned to_say;
    const char *failed_step;
    int failed_error;
    int output;
    int output_open;
    int collected;
    int empty;
    int done;
    struct program program;
    struct stop stop;
    struct output_log log;
};

// ---- main.c -----------------------------------------------------------------------------------

int64_t monotonic_ms(void);
int64_t realtime_ms(void);
/// Reaps everything that ended; notices the end of the program and of the whole tree.
void reap(struct monitor *monitor);

// ---- control.c --------------------------------------------------------------------------------

/// Binds ID.sock in the run directory, replacing a stale one: 0 or an errno.
int control_listen(struct monitor *monitor);
/// The other side has closed, whatever it left to be read.
int control_is_gone(const struct monitor *monitor);
void control_accept(struct monitor *monitor);
void control_read(struct monitor *monitor);
/// Notes what is to be said and says as much of it as the socket takes now.
void control_say(struct monitor *monitor, unsigned what);
/// Writes ID.exit (temporary file, rename).
void control_record(struct monitor *monitor);

// ---- child.c ----------------------------------------------------------------------------------

/// Starts what a RUN message asks for. `fields` are the bytes after the type.
void child_run(struct monitor *monitor, char *fields, size_t length);
/// Reads whether the exec worked. `reaped`: the program's status has been taken already.
void child_resolve(struct monitor *monitor, int reaped);
void child_fail(struct monitor *monitor, int step, int error);
enum { STEP_LOG, STEP_PIPE, STEP_FORK, STEP_DIRECTORY, STEP_EXEC };

// ---- log.c ------------------------------------------------------------------------------------

/// 0 or an errno.
int log_open(struct output_log *log, const char *path);
/// Moves what one read of the pipe gives; 0 at its end, negative when there is nothing now.
ssize_t log_take(struct output_log *log, int pipe);
/// Moves what is in the pipe at this moment, and the unfinished line.
void log_drain(struct output_log *log, int pipe);
void log_flush(struct output_log *log);
void log_close(struct output_log *log);

// ---- tree.c -----------------------------------------------------------------------------------

/// Field 22 of /proc/PID/stat and the parent and group; 0 when it is gone.
int tree_stat(pid_t pid, pid_t *parent, pid_t *group, uint64_t *start);
void tree_stop(struct monitor *monitor, int64_t grace);
/// The program is gone while a stop is under way: the rest is told.
void tree_program_ended(struct monitor *monitor);
/// Does what is due of a stop.
void tree_tick(struct monitor *monitor);

#endif
