// Files below a folder, whatever links and other processes do meanwhile: the kernel itself follows
// the path and refuses the step that would leave the folder (openat2, Linux 5.6).

#include "cepoll.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

// As in linux/openat2.h, which older headers lack; the number is the same on every machine that
// Swift runs on.
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
enum { NO_MAGIC_LINKS = 0x02, NO_LINKS = 0x04, BENEATH = 0x08 };

int cepoll_open_beneath(int folder, const char *path, int flags, uint32_t mode, int follows_links) {
    struct {
        uint64_t flags;
        uint64_t mode;
        uint64_t resolve;
    } how = {
        .flags = (uint32_t)flags | O_CLOEXEC,
        .mode = flags & O_CREAT ? mode : 0,
        .resolve = BENEATH | NO_MAGIC_LINKS | (follows_links ? 0 : NO_LINKS),
    };
    long descriptor = syscall(SYS_openat2, folder, path, &how, sizeof how);
    return descriptor < 0 ? -errno : (int)descriptor;
}

int cepoll_rename_to_new(int from_folder, const char *from, int to_folder, const char *to) {
    return renameat2(from_folder, from, to_folder, to, RENAME_NOREPLACE) < 0 ? -errno : 0;
}
