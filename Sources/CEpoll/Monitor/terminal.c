// A terminal for a program that asks for one: colours, line editing, a window size.
//
// Its master end takes the place of the output pipe. Without names: the slave is opened through the
// master, so that no /dev/pts has to be there or to be ours.

#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

static struct winsize size_of(const struct options *options) {
    return (struct winsize){.ws_row = options->rows, .ws_col = options->columns};
}

int terminal_open(const struct options *options, int ends[2]) {
    int unlocked = 0;
    struct winsize size = size_of(options);
    int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    if (master < 0)
        return errno;
    int slave = -1;
    if (ioctl(master, TIOCSPTLCK, &unlocked) == 0 && ioctl(master, TIOCSWINSZ, &size) == 0)
        slave = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0) {
        int error = errno;
        close(master);
        return error;
    }
    ends[0] = master;
    ends[1] = slave;
    return 0;
}

int terminal_enter(int slave) {
    return ioctl(slave, TIOCSCTTY, 0);
}

void terminal_resize(const struct monitor *monitor) {
    struct winsize size = size_of(&monitor->options);
    // The kernel tells the program with SIGWINCH.
    if (monitor->is_terminal && monitor->output >= 0)
        ioctl(monitor->output, TIOCSWINSZ, &size);
}

int terminal_is(int descriptor) {
    struct stat what;
    return fstat(descriptor, &what) == 0 && S_ISCHR(what.st_mode);
}
