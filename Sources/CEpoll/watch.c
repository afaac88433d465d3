// Changes of files (inotify). Each watch tells once and is gone: who wants to know more arms it
// again before looking, so that nothing that happens after the look is missed.

#include "cepoll.h"

#include <errno.h>
#include <sys/inotify.h>
#include <unistd.h>

int cepoll_watch_create(void) {
    int descriptor = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    return descriptor < 0 ? -errno : descriptor;
}

int cepoll_watch_file(int watch, const char *path) {
    uint32_t wanted = IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF;
    int id = inotify_add_watch(watch, path, wanted | IN_DONT_FOLLOW | IN_ONESHOT);
    return id < 0 ? -errno : id;
}

int cepoll_watch_folder(int watch, const char *path) {
    uint32_t wanted = IN_CREATE | IN_MOVED_TO | IN_ONLYDIR;
    int id = inotify_add_watch(watch, path, wanted | IN_ONESHOT);
    return id < 0 ? -errno : id;
}

int cepoll_watch_remove(int watch, int id) {
    return inotify_rm_watch(watch, id) < 0 ? -errno : 0;
}

int cepoll_watch_read(int watch, int *ids, int capacity) {
    _Alignas(struct inotify_event) char bytes[4096];
    ssize_t count = read(watch, bytes, sizeof bytes);
    if (count < 0)
        return errno == EAGAIN ? 0 : -errno;
    int found = 0;
    const struct inotify_event *event;
    for (ssize_t at = 0; at < count; at += (ssize_t)(sizeof *event + event->len)) {
        event = (const struct inotify_event *)(bytes + at);
        // IN_IGNORED says that the watch is gone, which every one is after its first event.
        if (!(event->mask & IN_IGNORED) && found < capacity)
            ids[found++] = event->wd;
    }
    return found;
}
