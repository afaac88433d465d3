// The kernel's face in C: what Swift cannot import from Glibc, and nothing else.
//
// Every function does one family of system calls and returns its result, or a negative errno.
// None has a policy: retries, limits and decisions live in NetCore. Descriptors are born
// close-on-exec and, where that means anything, non-blocking. Constants that Swift needs are typed
// functions-free `static const`, since Swift 6 refuses mutable C globals and cannot see macros.

#ifndef CEPOLL_H
#define CEPOLL_H

// Swift imports this header next to Glibc: it must not define _GNU_SOURCE, which would give the
// same system types two definitions. The C files get it from the build settings.

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>

// ---- epoll (epoll.c) --------------------------------------------------------------------------

static const uint32_t CEPOLL_IN = 0x001;
static const uint32_t CEPOLL_OUT = 0x004;
static const uint32_t CEPOLL_ERR = 0x008;
static const uint32_t CEPOLL_HUP = 0x010;
static const uint32_t CEPOLL_RDHUP = 0x2000;

/// One ready descriptor: the token it was registered with, and what is ready.
struct cepoll_event {
    uint64_t token;
    uint32_t mask;
};

int cepoll_create(void);
int cepoll_add(int epoll, int descriptor, uint32_t mask, uint64_t token);
int cepoll_modify(int epoll, int descriptor, uint32_t mask, uint64_t token);
int cepoll_remove(int epoll, int descriptor);
/// Waits at most `timeout` nanoseconds (negative: for ever) and fills at most `capacity` events.
int cepoll_wait(int epoll, struct cepoll_event *events, int capacity, int64_t timeout);

// ---- eventfd and timerfd (wake.c) -------------------------------------------------------------

int cepoll_eventfd(void);
/// Adds 1 to the counter. A full counter (-EAGAIN) still wakes the reader.
int cepoll_eventfd_signal(int descriptor);
/// Takes the counter; 0 when nothing was signalled.
int64_t cepoll_eventfd_drain(int descriptor);
int cepoll_timerfd(void);
/// Arms for `nanoseconds` from now, once; 0 disarms.
int cepoll_timerfd_arm(int descriptor, int64_t nanoseconds);
int64_t cepoll_timerfd_drain(int descriptor);
/// CLOCK_MONOTONIC and CLOCK_REALTIME in nanoseconds.
int64_t cepoll_monotonic(void);
int64_t cepoll_realtime(void);
/// CPU time this process has used, in nanoseconds.
int64_t cepoll_process_cpu(void);
/// CPU time this thread has used, in nanoseconds: a system call, unlike the clocks above.
int64_t cepoll_thread_cpu(void);

// ---- signals (signal.c) -----------------------------------------------------------------------

/// Blocks the given signals in this thread (and the ones it starts later).
int cepoll_signal_block(const int *signals, int count);
int cepoll_signalfd(const int *signals, int count);
/// The number of the next pending signal, 0 when there is none.
int cepoll_signalfd_read(int descriptor);
/// Ignores SIGPIPE in this process; children get the default back (cepoll_spawn).
int cepoll_ignore_sigpipe(void);

// ---- sockets (socket.c) -----------------------------------------------------------------------

/// An IPv4 or IPv6 address and port, or a Unix path, ready for the kernel.
struct cepoll_address {
    struct sockaddr_storage storage;
    socklen_t length;
};

/// Parses a numeric IPv4 or IPv6 address. -EINVAL when `text` is not one.
int cepoll_address_parse(struct cepoll_address *address, const char *text, uint16_t port);
/// Writes the numeric address (no brackets) into `text`; returns its length.
int cepoll_address_text(const struct cepoll_address *address, char *text, int capacity);
/// AF_INET, AF_INET6 or AF_UNIX; 0 when unset.
int cepoll_address_family(const struct cepoll_address *address);
int cepoll_address_port(const struct cepoll_address *address);
/// -ENAMETOOLONG when `path` does not fit sun_path.
int cepoll_address_unix(struct cepoll_address *address, const char *path);

/// Binds and listens with SO_REUSEADDR and, for IPv6, IPV6_V6ONLY.
int cepoll_listen(const struct cepoll_address *address, int backlog);
int cepoll_accept(int listener, struct cepoll_address *peer);
/// Starts a connection: 0 connected, -EINPROGRESS under way. `*descriptor` is the socket, or -1.
int cepoll_connect(const struct cepoll_address *address, int type, int *descriptor);
int cepoll_local_address(int descriptor, struct cepoll_address *address);
int cepoll_peer_address(int descriptor, struct cepoll_address *address);
/// The pending error of a socket (SO_ERROR) as a negative errno, 0 when there is none.
int cepoll_socket_error(int descriptor);
int cepoll_set_nodelay(int descriptor);
/// Who made the other end of a connected Unix socket, or began to listen there.
int cepoll_peer_user(int descriptor, uint32_t *uid);
/// An O_PATH descriptor of a folder, for paths through /proc/self/fd.
int cepoll_open_folder(const char *path);
/// Makes the next close send RST instead of FIN.
int cepoll_set_reset_on_close(int descriptor);
int cepoll_socketpair(int type, int descriptors[2]);

// ---- bytes (io.c) -----------------------------------------------------------------------------

ssize_t cepoll_read(int descriptor, void *bytes, size_t count);
ssize_t cepoll_write(int descriptor, const void *bytes, size_t count);
/// send() with MSG_NOSIGNAL.
ssize_t cepoll_send(int descriptor, const void *bytes, size_t count);
/// sendmsg() of at most 64 pieces with MSG_NOSIGNAL.
ssize_t cepoll_sendv(int descriptor, const struct iovec *pieces, int count);
ssize_t cepoll_splice(int from, int to, size_t count);
int cepoll_pipe(int descriptors[2]);
/// Asks for room for `wanted` bytes in a pipe (0: asks for nothing); the room it has.
int cepoll_pipe_size(int descriptor, int wanted);
/// Copies what has arrived on a TCP socket and leaves it there; 0 at end of file.
ssize_t cepoll_peek(int descriptor, void *bytes, size_t count);
/// Drops bytes that have arrived on a TCP socket without copying them.
ssize_t cepoll_drop(int descriptor, size_t count);
/// 0 ends the write half, with `read` != 0 both halves.
int cepoll_shutdown(int descriptor, int read);
int cepoll_close(int descriptor);
/// What a file is, whatever it is called now: inode and birth together never come twice.
struct cepoll_file {
    uint64_t device;
    uint64_t inode;
    /// Nanoseconds since 1970; 0 where the file system does not keep it.
    int64_t born;
    int64_t modified;
    int64_t size;
    int is_regular;
};
int cepoll_file_facts(int descriptor, struct cepoll_file *file);
/// One message of a SOCK_SEQPACKET socket with up to `*count` descriptors (SCM_RIGHTS). `*count`
/// becomes the number received; descriptors that do not fit are closed by the kernel.
/// 0 at end of file; -EMSGSIZE when the message was longer than `capacity`.
ssize_t cepoll_receive_message(int descriptor, void *bytes, size_t capacity, int *descriptors,
                               int *count);
ssize_t cepoll_send_message(int descriptor, const void *bytes, size_t length,
                            const int *descriptors, int count);

// ---- files below a folder (beneath.c) ---------------------------------------------------------

/// Opens `path`, close-on-exec, if every step of it stays below `folder`: -EXDEV for one that leads
/// out, -ELOOP for a link of /proc, or for any link unless `follows_links`, -EAGAIN when another
/// process renamed a folder just then, -ENOSYS before Linux 5.6.
int cepoll_open_beneath(int folder, const char *path, int flags, uint32_t mode, int follows_links);
/// Renames within two folders; -EEXIST when the new name is taken, -EINVAL where the file system
/// cannot tell.
int cepoll_rename_to_new(int from_folder, const char *from, int to_folder, const char *to);

// ---- changes of files (watch.c) ---------------------------------------------------------------

/// Most watches one read tells about.
enum { CEPOLL_WATCH_EVENTS = 256 };

int cepoll_watch_create(void);
/// Tells once when the file is written to, renamed or removed. Returns the watch's id, which no
/// later watch gets again; the same file twice is one watch. Callable from every thread.
int cepoll_watch_file(int watch, const char *path);
/// Tells once when something appears in the folder.
int cepoll_watch_folder(int watch, const char *path);
int cepoll_watch_remove(int watch, int id);
/// The ids of watches that told something; -1 among them: some were lost. 0 when there are none.
int cepoll_watch_read(int watch, int *ids, int capacity);

// ---- processes (spawn.c) ----------------------------------------------------------------------

/// Starts `path` (no search) with exactly the descriptors `descriptors[0..<count]` as 0..<count,
/// nothing else open, an empty signal mask, default dispositions and the soft descriptor limit
/// `descriptor_limit` (0: unchanged). Returns the pid and, when `pidfd` is not NULL, a pidfd; an
/// exec that failed is its -errno and leaves no child. `arguments` and `environment` end with NULL;
/// at most 16 descriptors. The core limit taken by cepoll_harden_process is given back to the
/// child.
int cepoll_spawn(const char *path, const char *const *arguments, const char *const *environment,
                 const int *descriptors, int count, uint64_t descriptor_limit, int *pidfd);
/// What a child that works for somebody else is bound to.
struct cepoll_job {
    /// Largest file it may write, and its address space; 0: as they are.
    uint64_t file_bytes;
    uint64_t memory_bytes;
    int niceness;
};
/// The same for a job (NULL: for no job): in a session of its own, killed when the calling thread
/// ends, without core dumps, in the bounds of `job`.
int cepoll_spawn_job(const char *path, const char *const *arguments, const char *const *environment,
                     const int *descriptors, int count, uint64_t descriptor_limit,
                     const struct cepoll_job *job, int *pidfd);
/// Reaps one ended child of ours: its pid, 0 when none has ended, -ECHILD when there is none.
/// `*code` is its exit code, or -signal.
int cepoll_reap(int *code);
/// The same of the child `which` alone.
int cepoll_reap_one(int which, int *code);
int cepoll_pidfd_open(int pid);
/// PR_SET_CHILD_SUBREAPER: orphaned descendants become our children.
int cepoll_become_subreaper(void);
int cepoll_pidfd_signal(int pidfd, int signal);
/// Signals the process group of the process; -EINVAL before Linux 6.9.
int cepoll_pidfd_signal_group(int pidfd, int signal);
/// getrlimit/setrlimit of RLIMIT_NOFILE: raises the soft limit to the hard one.
int cepoll_raise_descriptor_limit(uint64_t *previous, uint64_t *now);
/// Non-dumpable (no core, /proc/PID owned by root) and a soft RLIMIT_CORE of 0.
int cepoll_harden_process(void);

// ---- who is it (sockdiag.c) -------------------------------------------------------------------

/// An open NETLINK_SOCK_DIAG socket, kept for the life of the process.
int cepoll_sockdiag_open(void);
/// A TCP socket as the kernel knows it. inode 0: nobody owns it any more, whatever uid says.
struct cepoll_socket_owner {
    uint32_t uid;
    uint32_t inode;
    uint8_t state;
};
/// The socket that would accept a connection to `address` (which has its port): 1 found, 0 none.
int cepoll_sockdiag_listener(int netlink, const struct cepoll_address *address,
                             struct cepoll_socket_owner *owner);
/// The other end of the loopback connection accepted as `local` <- `peer`: 1 found, 0 none.
int cepoll_sockdiag_peer(int netlink, const struct cepoll_address *local,
                         const struct cepoll_address *peer, struct cepoll_socket_owner *owner);

// ---- who listens (socklist.c) -----------------------------------------------------------------

/// A listening TCP socket.
struct cepoll_listening {
    struct cepoll_address address;
    uint32_t uid;
    uint32_t inode;
    /// An IPv6 socket that takes no IPv4 connections.
    uint8_t is_v6_only;
};
/// Asks for the listeners of a family, on one port or (0) on all. `netlink` is one of
/// cepoll_sockdiag_open, used for nothing else; 0 or a negative errno.
int cepoll_socklist_begin(int netlink, int family, uint16_t port, uint32_t sequence);
/// The next piece of the answer to the question with that number: how many were written. To be
/// called until `*is_last`. A piece has fewer than 512 sockets; what does not fit is left out.
int cepoll_socklist_next(int netlink, uint32_t sequence, struct cepoll_listening *found,
                         int capacity, int *is_last);

// ---- memory (memory.c) ------------------------------------------------------------------------

/// Gives back what only the start, or a burst of work, needed: pages of code, which come back from
/// the page cache when they are called again, and free memory of the heap. Takes some 100 us.
/// Breakpoints that a debugger set go, too.
void cepoll_release_unused(void);

// ---- faults (fault.c), debug builds only ------------------------------------------------------

/// The wrapped calls that can be made to fail.
enum cepoll_call {
    CEPOLL_CALL_READ,
    CEPOLL_CALL_WRITE,
    CEPOLL_CALL_SEND,
    CEPOLL_CALL_SENDV,
    CEPOLL_CALL_ACCEPT,
    CEPOLL_CALL_CONNECT,
    CEPOLL_CALL_WAIT,
    CEPOLL_CALL_ADD,
    CEPOLL_CALL_MODIFY,
    CEPOLL_CALL_SPLICE,
    CEPOLL_CALL_PIPE,
    CEPOLL_CALL_SPAWN,
    CEPOLL_CALL_COUNT
};
/// The next `times` calls of `call` in this thread fail with `error` (a positive errno), or, when
/// `error` is 0, move at most `short_count` bytes. Declared in every build, defined in debug only.
void cepoll_fault_set(enum cepoll_call call, int error, int64_t short_count, int times);
void cepoll_fault_clear(void);

#ifdef CEPOLL_FAULTS
int cepoll_fault_take(enum cepoll_call call, size_t *count);
/// Copies the first `most` bytes' worth of `pieces` to `cut`; returns the number of pieces.
int cepoll_fault_cut(const struct iovec *pieces, int count, size_t most, struct iovec *cut);
#define CEPOLL_FAULT(call, count)                                                                  \
    do {                                                                                           \
        int fault_ = cepoll_fault_take(call, count);                                               \
        if (fault_ != 0)                                                                           \
            return -fault_;                                                                        \
    } while (0)
#else
#define CEPOLL_FAULT(call, count) ((void)0)
#endif

#endif
