// What the parts of gr-monitor share: one record of the state, and who does what to it.
//
// The monitor is one thread, has no heap and no dependency: it must outlive everything above it.
// What it may never do: block on the daemon, die of anything a program below it or a connection
// above it does, or signal a process that is not of its own program.

#ifndef MONITOR_H
#define MONITOR_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <poll.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "monitor_protocol.h"

enum {
    CONTROL = 3,
    RUN_DIRECTORY = 4,
    LOG_BUFFER = 65536,
    MOST_NAME = 1024,
    MOST_PATH = 4096,
    /// A name in the run directory: 16 digits and a suffix of at most 9 bytes.
    FILE_NAME = 32,
    MOST_HELD = 2,
    MOST_CLIENTS = 4,
    CLIENT_BUFFER = 16384,
    /// What a client that attaches sees of the output before.
    SCREEN = 8192,
    INPUT_BUFFER = 1024,
    /// Descriptors in one message: a pidfd, an output, the held sockets.
    MOST_CARRIED = 4,
};

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

struct options {
    int terminal;
    unsigned short rows;
    unsigned short columns;
    uint64_t log_bytes;
    int log_files;
    int stop_signal;
};

struct output_log {
    int descriptor;
    /// Of the time index; -1: there is none.
    int times;
    /// A regular file: it is rotated and has a time index.
    int is_file;
    uint64_t size;
    /// Where what is written begins: the size it was opened with, and its inode; 0: no file.
    uint64_t begin;
    uint64_t begin_inode;
    uint64_t times_size;
    /// Monotonic time of the last record of the index; 0: the file has none of ours.
    int64_t stamped_at;
    /// A rotation failed: not before this.
    int64_t rotate_again;
    uint64_t most_bytes;
    int most_files;
    size_t used;
    /// When an unfinished line is written all the same; 0: there is none.
    int64_t flush_at;
    uint64_t dropped;
    int line_open;
    char path[MOST_PATH];
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
    /// Taken over from another monitor: not our child, and its descendants are not below us.
    int adopted;
    /// When an adopted program is looked at again; 0: its pidfd will tell.
    int64_t look_at;
    /// When its exit is given up as unknown.
    int64_t unknown_at;
    int ended;
    /// Neither code nor signal are known.
    int unknown;
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

/// The listening sockets that outlive the program.
struct hold {
    /// 0: none.
    int port;
    int count;
    int sockets[MOST_HELD];
    int armed;
};

/// Somebody who looks at the output and types.
struct client {
    /// -1: the place is free.
    int socket;
    size_t used;
    uint64_t skipped;
    char bytes[CLIENT_BUFFER];
};

struct clients {
    struct client each[MOST_CLIENTS];
    /// The last output, a ring: `screen_end` counts every byte there was.
    uint64_t screen_end;
    char screen[SCREEN];
    /// What the program has not taken yet.
    size_t input_used;
    char input[INPUT_BUFFER];
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
    /// The writing end of an output that is a pipe, so that it has no end while the program ends:
    /// that would wake us before the exit, and hold the exit up. -1: a terminal, or not ours.
    int writer;
    /// The output is the master of a terminal.
    int is_terminal;
    int collected;
    int empty;
    int done;
    struct options options;
    struct program program;
    struct stop stop;
    struct hold hold;
    struct clients clients;
    struct output_log log;
};

// ---- main.c -----------------------------------------------------------------------------------

int64_t monotonic_ms(void);
int64_t realtime_ms(void);
/// Reaps everything that ended; notices the end of the program and of the whole tree.
void reap(struct monitor *monitor);
/// `status` as wait has it; negative: nobody knows.
void program_ended(struct monitor *monitor, int status);
void tree_ended(struct monitor *monitor);

// ---- control.c --------------------------------------------------------------------------------

/// Binds ID.sock in the run directory, replacing a stale one: 0 or an errno.
int control_listen(struct monitor *monitor);
/// The other side has closed, whatever it left to be read.
int control_is_gone(const struct monitor *monitor);
/// Nothing runs, and the next daemon is waited for.
int control_waits(const struct monitor *monitor);
/// Ends the monitor when that wait is in vain: with the daemon's folder the way to find it is gone.
void control_look(struct monitor *monitor);
void control_accept(struct monitor *monitor);
void control_read(struct monitor *monitor);
/// Notes what is to be said and says as much of it as the socket takes now.
void control_say(struct monitor *monitor, unsigned what);

// ---- message.c --------------------------------------------------------------------------------

/// Sends one of SAY_...: 0 when it went out, or an errno.
int message_send(const struct monitor *monitor, unsigned what);
/// Takes one field; a missing one reads as empty.
char *message_take(char **at, char *end);
/// A decimal number of at most `most`; -1 when it is none.
int64_t message_number(const char *text, int64_t most);
/// Digits of `value` into `text`, which has room for 20; how many.
size_t message_digits(char *text, uint64_t value);

// ---- options.c --------------------------------------------------------------------------------

void options_hear(struct monitor *monitor, char *fields, size_t length);

// ---- record.c ---------------------------------------------------------------------------------

/// ID with `suffix`, a file of ours in the run directory.
const char *record_file_name(const struct monitor *monitor, const char *suffix,
                             char name[FILE_NAME]);
void record_remove_file(const struct monitor *monitor, const char *suffix);
/// Writes ID.exit (temporary file, rename).
void record_write(const struct monitor *monitor);

// ---- child.c ----------------------------------------------------------------------------------

/// Starts what a RUN message asks for. `fields` are the bytes after the type.
void child_run(struct monitor *monitor, char *fields, size_t length);
/// Reads whether the exec worked. `reaped`: the program's status has been taken already.
void child_resolve(struct monitor *monitor, int reaped);
void child_fail(struct monitor *monitor, int step, int error);
enum {
    STEP_LOG,
    STEP_PIPE,
    STEP_FORK,
    STEP_DIRECTORY,
    STEP_EXEC,
    STEP_LISTEN,
    STEP_TERMINAL,
    STEP_ADOPT,
};

// ---- adopt.c ----------------------------------------------------------------------------------

/// Takes over the program an ADOPT message names; closes what it does not keep of `descriptors`.
void adopt_run(struct monitor *monitor, char *fields, size_t length, int *descriptors, int count);
/// Notices the end of an adopted program and of what it left behind.
void adopt_look(struct monitor *monitor);

// ---- log.c ------------------------------------------------------------------------------------

/// 0 or an errno.
int log_open(struct output_log *log, const char *path, const struct options *options);
/// Moves what one read of the output gives; 0 at its end, negative when there is nothing now.
ssize_t log_take(struct monitor *monitor);
/// Moves what is in the output at this moment, and the unfinished line.
void log_drain(struct monitor *monitor);
void log_flush(struct output_log *log);
void log_close(struct output_log *log);
/// Closes the log and the output: nothing comes from there any more.
void log_end(struct monitor *monitor);

// ---- rotate.c ---------------------------------------------------------------------------------

/// Opens `path` for writing at its end: a descriptor or -errno.
int rotate_open_file(const char *path, int access);
/// Opens the time index of a log that is open.
void rotate_open_times(struct output_log *log);
/// Notes in the time index that what is written next comes now.
void rotate_stamp(struct output_log *log);
/// How many of the `count` bytes that are to be written belong into the present file, which is a
/// new one when the old one is full.
size_t rotate_before(struct output_log *log, const char *bytes, size_t count);

// ---- terminal.c -------------------------------------------------------------------------------

/// Opens both ends: 0 or an errno.
int terminal_open(const struct options *options, int ends[2]);
/// Makes `slave` the terminal of the calling session leader.
int terminal_enter(int slave);
void terminal_resize(const struct monitor *monitor);
int terminal_is(int descriptor);

// ---- attach.c ---------------------------------------------------------------------------------

/// Takes the socket over.
void attach_add(struct monitor *monitor, int socket);
/// Shows output to whoever looks.
void attach_show(struct clients *clients, const char *bytes, size_t count);
/// Whether there is input the program has not taken.
int attach_has_input(const struct monitor *monitor);
/// Gives the program as much of the input as it takes.
void attach_give(struct monitor *monitor);
/// What a client's socket is polled for.
struct pollfd attach_poll(const struct monitor *monitor, int place);
/// Does what the poll found.
void attach_ready(struct monitor *monitor, int place, short found);
/// The output is over: everybody gets what is left and goes.
void attach_close(struct monitor *monitor);

// ---- hold.c -----------------------------------------------------------------------------------

void hold_open(struct monitor *monitor, const char *port);
void hold_arm(struct monitor *monitor);
void hold_release(struct monitor *monitor);
/// What a held socket is polled for.
struct pollfd hold_poll(const struct monitor *monitor, int place);
/// Somebody waits.
void hold_ready(struct monitor *monitor);
/// In the child: the sockets become 3 and up, `status` moves out of their way. 0 or -1 and errno.
int hold_pass(const struct hold *hold, int *status);
/// In the child: adds LISTEN_... to `environment`, which has `count` entries and room for more.
void hold_describe(const struct hold *hold, char **environment, int count);

// ---- command.c --------------------------------------------------------------------------------

/// In the child: the command in the form that keeps the pid, where that is the same command.
const char *command_in_place(const char *command);

// ---- tree.c -----------------------------------------------------------------------------------

struct process {
    char state;
    pid_t parent;
    pid_t group;
    pid_t session;
    uint64_t start;
};

/// From /proc/PID/stat; 0 when it is gone.
int tree_stat(pid_t pid, struct process *process);
/// 1 when `pid` has ended, has not been reaped and says how it ended, as wait has it.
int tree_exit_status(pid_t pid, uint64_t start, int *status);
void tree_stop(struct monitor *monitor, int64_t grace);
/// The program is gone while a stop is under way: the rest is told.
void tree_program_ended(struct monitor *monitor);
/// How many processes of an adopted program are left.
int tree_count(const struct monitor *monitor);
/// Does what is due of a stop.
void tree_tick(struct monitor *monitor);

// ---- member.c ---------------------------------------------------------------------------------

/// Whether the process belongs to our program.
int member_is(const struct monitor *monitor, pid_t pid, const struct process *process);

#endif
