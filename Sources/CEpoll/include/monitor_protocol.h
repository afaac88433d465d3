// What the daemon and gr-monitor say to each other.
//
// One SOCK_SEQPACKET message each: a type byte, then fields, each ended by NUL. Numbers are decimal
// text. A message is at most MONITOR_MESSAGE_MOST bytes. Unknown types are ignored, missing fields
// read as empty, and what is new stands behind what was there, so that a newer daemon can talk to
// an older monitor that outlived an upgrade.
//
// A monitor is started as `gr-monitor ID NAME` with descriptor 0 and 1 on /dev/null, 2 on the
// daemon's standard error, 3 the control socket and 4 the run directory. ID is the incarnation: 16
// hexadecimal digits chosen by the daemon. It binds `ID.sock` in the run directory (0600) before it
// starts or takes over a program or holds a port, and writes `ID.exit` there (temporary file,
// rename) after the program ended. A connection to `ID.sock` replaces the control socket; the
// monitor greets it with HELLO.
//
// Version 2 brought everything from OPTIONS to PING, HELD, CONNECTION, PONG, the fields of HELLO
// behind those of EXITED, and the EXITED without code and signal.

#ifndef MONITOR_PROTOCOL_H
#define MONITOR_PROTOCOL_H

#include <stdint.h>

static const int32_t MONITOR_PROTOCOL_VERSION = 2;
static const int32_t MONITOR_MESSAGE_MOST = 163840;

// ---- from the daemon --------------------------------------------------------------------------

/// version, name, shell, command, directory, log path, umask (octal), then NAME=VALUE... The
/// program is `shell -c command`. Answered by SPAWNED or FAILED. Comes again after EMPTY to start
/// the program anew under the same monitor; the record of the end before is removed then.
static const uint8_t MONITOR_RUN = 'R';
/// grace (ms). TERM (or the stop signal) to the group, after the grace KILL to the group, then to
/// every descendant that is left. Answered by EXITED (if the program had not ended) and EMPTY. A
/// second STOP can only shorten the grace.
static const uint8_t MONITOR_STOP = 'S';
/// The program passed its ready check: kept for HELLO.
static const uint8_t MONITOR_READY = 'Y';
/// The exit is known and stored: release the held port, remove both files and end once the tree is
/// empty.
static const uint8_t MONITOR_COLLECTED = 'C';
/// key=value fields, for the RUN, HOLD or ADOPT that follows; a key that is not there keeps its
/// value: tty (0/1), rows, cols, log_bytes, log_files, stop_signal (number; 0: TERM).
static const uint8_t MONITOR_OPTIONS = 'O';
/// port. Bind and listen on 127.0.0.1 and ::1 and hold the sockets over every end of the program,
/// which gets them as LISTEN_FDS. Answered by HELD, or FAILED with the step `listen`.
static const uint8_t MONITOR_HOLD = 'L';
/// Say CONNECTION once, when somebody waits at the held port. Nothing is accepted.
static const uint8_t MONITOR_ARM = 'A';
/// Close the held sockets and disarm; a program that has copies keeps them.
static const uint8_t MONITOR_RELEASE = 'U';
/// rows, columns of the terminal.
static const uint8_t MONITOR_RESIZE = 'Z';
/// Descriptor: a stream socket, which gets the output from the last few KiB on and whose bytes
/// become the program's input.
static const uint8_t MONITOR_ATTACH = 'T';
/// version, pid, start time, started at (ms since 1970), log path, ready (0/1), descriptors. Take
/// over a program whose monitor is gone. `descriptors` has a letter for each that comes along, in
/// order: p a pidfd of the program (always), o the read end of its output, l a held listener.
/// Answered by SPAWNED, or FAILED with the step `adopt` or `log`.
static const uint8_t MONITOR_ADOPT = 'J';
/// Say PONG: whoever does not is frozen.
static const uint8_t MONITOR_PING = 'Q';

// ---- from the monitor -------------------------------------------------------------------------

/// version, id, name, monitor pid, state, pid, start time, started at, ready (0/1), stopping (0/1),
/// then the five fields of EXITED (empty until it ended). state: new, running, exited (the program
/// ended, descendants are left), empty. Then: held port (0: none), armed (0/1), adopted (0/1),
/// terminal (0/1), and the letters of the descriptors that come along, as in ADOPT.
static const uint8_t MONITOR_HELLO = 'H';
/// pid, start time (field 22 of /proc/PID/stat), started at (ms since 1970), inode of the log file
/// its output begins in (0: none) and the offset there; descriptors: a pidfd of the program, the
/// read end of its output.
static const uint8_t MONITOR_SPAWNED = 'P';
/// step (log, pipe, fork, directory, exec, listen, terminal, adopt), errno. The monitor then waits
/// for COLLECTED or another try.
static const uint8_t MONITOR_FAILED = 'F';
/// exit code (empty when killed), signal (0 when not), stop requested (0/1), forced (0/1: KILL was
/// needed), ended at (ms since 1970). Neither code nor signal: of a program it took over the
/// monitor could not learn how it ended.
static const uint8_t MONITOR_EXITED = 'X';
/// Nothing lives below the monitor any more.
static const uint8_t MONITOR_EMPTY = 'E';
/// port; descriptors: the listening sockets.
static const uint8_t MONITOR_HELD = 'D';
/// Somebody waits at the held port.
static const uint8_t MONITOR_CONNECTION = 'N';
static const uint8_t MONITOR_PONG = 'G';

// The exit record `ID.exit` is one line of space-separated key=value pairs in this order:
// version id pid start started code signal requested forced ended name (percent-encoded, last).

#endif
