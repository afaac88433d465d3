// What the daemon and gr-monitor say to each other.
//
// One SOCK_SEQPACKET message each: a type byte, then fields, each ended by NUL. Numbers are decimal
// text. A message is at most MONITOR_MESSAGE_MOST bytes. Unknown types are ignored, missing fields
// read as empty, so that a newer daemon can talk to an older monitor that outlived an upgrade.
//
// A monitor is started as `gr-monitor ID NAME` with descriptor 0 and 1 on /dev/null, 2 on the
// daemon's standard error, 3 the control socket and 4 the run directory. ID is the incarnation: 16
// hexadecimal digits chosen by the daemon. It binds `ID.sock` in the run directory (0600) before it
// starts the program, and writes `ID.exit` there (temporary file, rename) after the program ended.
// A connection to `ID.sock` replaces the control socket; the monitor greets it with HELLO.

#ifndef MONITOR_PROTOCOL_H
#define MONITOR_PROTOCOL_H

#include <stdint.h>

static const int32_t MONITOR_PROTOCOL_VERSION = 1;
static const int32_t MONITOR_MESSAGE_MOST = 163840;

// ---- from the daemon --------------------------------------------------------------------------

/// version, name, shell, command, directory, log path, umask (octal), then NAME=VALUE... The
/// program is `shell -c command`. Answered by SPAWNED or FAILED.
static const uint8_t MONITOR_RUN = 'R';
/// grace (ms). TERM to the group, after the grace KILL to the group, then to every descendant that
/// is left. Answered by EXITED (if the program had not ended) and EMPTY. A second STOP can only
/// shorten the grace.
static const uint8_t MONITOR_STOP = 'S';
/// The program passed its ready check: kept for HELLO.
static const uint8_t MONITOR_READY = 'Y';
/// The exit is known and stored: remove both files and end once the tree is empty.
static const uint8_t MONITOR_COLLECTED = 'C';

// ---- from the monitor -------------------------------------------------------------------------

/// version, id, name, monitor pid, state, pid, start time, started at, ready (0/1), stopping (0/1),
/// then the five fields of EXITED (empty until it ended). state: new, running, exited (the program
/// ended, descendants are left), empty. With running come the two descriptors of SPAWNED.
static const uint8_t MONITOR_HELLO = 'H';
/// pid, start time (field 22 of /proc/PID/stat), started at (ms since 1970); descriptors: a pidfd
/// of the program, the read end of its output pipe.
static const uint8_t MONITOR_SPAWNED = 'P';
/// step (log, pipe, fork, directory, exec), errno. The monitor then waits for COLLECTED.
static const uint8_t MONITOR_FAILED = 'F';
/// exit code (empty when killed), signal (0 when not), stop requested (0/1), forced (0/1: KILL was
/// needed), ended at (ms since 1970).
static const uint8_t MONITOR_EXITED = 'X';
/// Nothing lives below the monitor any more.
static const uint8_t MONITOR_EMPTY = 'E';

// The exit record `ID.exit` is one line of space-separated key=value pairs in this order:
// version id pid start started code signal requested forced ended name (percent-encoded, last).

#endif
