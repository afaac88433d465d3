// Bytes between descriptors and memory. A broken pipe is an error code, never a signal.

#include "cepoll.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

ssize_t cepoll_read(int descriptor, void *bytes, size_t count) {
    CEPOLL_FAULT(CEPOLL_CALL_READ, &count);
    ssize_t moved = read(descriptor, bytes, count);
    return moved < 0 ? -errno : moved;
}

ssize_t cepoll_write(int descriptor, const void *bytes, size_t count) {
    CEPOLL_FAULT(CEPOLL_CALL_WRITE, &count);
    ssize_t moved = write(descriptor, bytes, count);
    return moved < 0 ? -errno : moved;
}

ssize_t cepoll_send(int descriptor, const void *bytes, size_t count) {
    CEPOLL_FAULT(CEPOLL_CALL_SEND, &count);
    ssize_t moved = send(descriptor, bytes, count, MSG_NOSIGNAL);
    return moved < 0 ? -errno : moved;
}

ssize_t cepoll_sendv(int descriptor, const struct iovec *pieces, int count) {
#ifdef CEPOLL_FAULTS
    size_t most = SIZE_MAX;
    CEPOLL_FAULT(CEPOLL_CALL_SENDV, &most);
    struct iovec cut[64];
    if (most != SIZE_MAX) {
        count = cepoll_fault_cut(pieces, count > 64 ? 64 : count, most, cut);
        pieces = cut;
    }
#endif
    struct msghdr message = {.msg_iov = (struct iovec *)pieces,
                             .msg_iovlen = (size_t)(count > 64 ? 64 : count)};
    ssize_t moved = sendmsg(descriptor, &message, MSG_NOSIGNAL);
    return moved < 0 ? -errno : moved;
}

ssize_t cepoll_splice(int from, int to, size_t count) {
    CEPOLL_FAULT(CEPOLL_CALL_SPLICE, &count);
    ssize_t moved = splice(from, NULL, to, NULL, count, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
    return moved < 0 ? -errno : moved;
}

int cepoll_pipe(int descriptors[2]) {
    CEPOLL_FAULT(CEPOLL_CALL_PIPE, NULL);
    return pipe2(descriptors, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

int cepoll_pipe_size(int descriptor, int wanted) {
    // A refusal (no right, the user's share is used up) leaves the room as it was.
    if (wanted > 0)
        (void)fcntl(descriptor, F_SETPIPE_SZ, wanted);
    int size = fcntl(descriptor, F_GETPIPE_SZ);
    return size < 0 ? -errno : size;
}

ssize_t cepoll_peek(int descriptor, void *bytes, size_t count) {
    CEPOLL_FAULT(CEPOLL_CALL_READ, &count);
    ssize_t moved = recv(descriptor, bytes, count, MSG_PEEK | MSG_DONTWAIT);
    return moved < 0 ? -errno : moved;
}

ssize_t cepoll_drop(int descriptor, size_t count) {
    ssize_t moved = recv(descriptor, NULL, count, MSG_TRUNC | MSG_DONTWAIT);
    return moved < 0 ? -errno : moved;
}

int cepoll_shutdown(int descriptor, int read) {
    return shutdown(descriptor, read ? SHUT_RDWR : SHUT_WR) < 0 ? -errno : 0;
}

int cepoll_close(int descriptor) {
    // Linux frees the number even on EINTR: never retry.
    return close(descriptor) < 0 ? -errno : 0;
}

static int64_t nanoseconds(struct statx_timestamp time) {
    return time.tv_sec * 1000000000 + time.tv_nsec;
}

int cepoll_file_facts(int descriptor, struct cepoll_file *file) {
    struct statx what;
    unsigned wanted = STATX_TYPE | STATX_INO | STATX_SIZE | STATX_MTIME | STATX_BTIME;
    if (statx(descriptor, "", AT_EMPTY_PATH, wanted, &what) < 0)
        return -errno;
    *file = (struct cepoll_file){
        .device = makedev(what.stx_dev_major, what.stx_dev_minor),
        .inode = what.stx_ino,
        .born = what.stx_mask & STATX_BTIME ? nanoseconds(what.stx_btime) : 0,
        .modified = nanoseconds(what.stx_mtime),
        .size = (int64_t)what.stx_size,
        .is_regular = S_ISREG(what.stx_mode),
    };
    return 0;
}

enum { MOST_DESCRIPTORS = 8 };

ssize_t cepoll_receive_message(int descriptor, void *bytes, size_t capacity, int *descriptors,
                               int *count) {
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)];
        struct cmsghdr aligned;
    } control;
    struct iovec piece = {.iov_base = bytes, .iov_len = capacity};
    struct msghdr message = {.msg_iov = &piece,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = sizeof control.bytes};
    int room = *count;
    *count = 0;
    ssize_t moved = recvmsg(descriptor, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
    if (moved < 0)
        return -errno;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(&message); part; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        int received = (int)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        for (int i = 0; i < received; i++) {
            int one;
            memcpy(&one, CMSG_DATA(part) + (size_t)i * sizeof one, sizeof one);
            if (*count < room)
                descriptors[(*count)++] = one;
            else
                close(one);
        }
    }
    return (message.msg_flags & MSG_TRUNC) ? -EMSGSIZE : moved;
}

ssize_t cepoll_send_message(int descriptor, const void *bytes, size_t length,
                            const int *descriptors, int count) {
    union {
        char bytes[CMSG_SPACE(sizeof(int) * MOST_DESCRIPTORS)];
        struct cmsghdr aligned;
    } control = {0};
    if (count > MOST_DESCRIPTORS)
        return -EINVAL;
    struct iovec piece = {.iov_base = (void *)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &piece, .msg_iovlen = 1};
    if (count > 0) {
        size_t size = sizeof(int) * (size_t)count;
        message.msg_control = control.bytes;
        message.msg_controllen = CMSG_SPACE(size);
        struct cmsghdr *part = CMSG_FIRSTHDR(&message);
        part->cmsg_level = SOL_SOCKET;
        part->cmsg_type = SCM_RIGHTS;
        part->cmsg_len = CMSG_LEN(size);
        memcpy(CMSG_DATA(part), descriptors, size);
    }
    ssize_t moved = sendmsg(descriptor, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    return moved < 0 ? -errno : moved;
}
