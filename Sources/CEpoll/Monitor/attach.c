// People who look at a program's output and type into its terminal: sockets the daemon handed over.
//
// The program never waits for them. Each has a buffer; one that does not read loses output and is
// told how much once it has caught up. What is typed goes to the terminal as it takes it, and is
// not read from the sockets before that.

#include "monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void detach(struct client *client) {
    close(client->socket);
    client->socket = -1;
    client->used = 0;
    client->skipped = 0;
}

static void buffer(struct client *client, const char *bytes, size_t count) {
    // Whoever has lost something loses the rest too, up to the note about it.
    size_t room = client->skipped > 0 ? 0 : sizeof client->bytes - client->used;
    size_t taken = count < room ? count : room;
    memcpy(client->bytes + client->used, bytes, taken);
    client->used += taken;
    client->skipped += count - taken;
}

static void note_skipped(struct client *client) {
    static const char head[] = "\r\n[gr: ", tail[] = " bytes of output were skipped]\r\n";
    char digits[20];
    size_t length = message_digits(digits, client->skipped);
    client->skipped = 0;
    buffer(client, head, sizeof head - 1);
    buffer(client, digits, length);
    buffer(client, tail, sizeof tail - 1);
}

/// Sends what the socket takes now.
static void flush(struct client *client) {
    while (client->socket >= 0 && (client->used > 0 || client->skipped > 0)) {
        if (client->used == 0)
            note_skipped(client);
        int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
        ssize_t sent = send(client->socket, client->bytes, client->used, flags);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return;
        if (sent <= 0) {
            detach(client);
            return;
        }
        client->used -= (size_t)sent;
        memmove(client->bytes, client->bytes + sent, client->used);
    }
}

void attach_show(struct clients *clients, const char *bytes, size_t count) {
    size_t skipped = count > SCREEN ? count - SCREEN : 0;
    clients->screen_end += skipped;
    for (size_t done = skipped; done < count;) {
        size_t at = clients->screen_end % SCREEN;
        size_t piece = count - done < SCREEN - at ? count - done : SCREEN - at;
        memcpy(clients->screen + at, bytes + done, piece);
        clients->screen_end += piece;
        done += piece;
    }
    for (int i = 0; i < MOST_CLIENTS; i++) {
        struct client *client = &clients->each[i];
        if (client->socket < 0)
            continue;
        buffer(client, bytes, count);
        flush(client);
    }
}

static void show_screen(const struct clients *clients, struct client *client) {
    uint64_t end = clients->screen_end;
    size_t count = end < SCREEN ? (size_t)end : SCREEN;
    size_t at = (size_t)((end - count) % SCREEN);
    size_t first = count < SCREEN - at ? count : SCREEN - at;
    buffer(client, clients->screen + at, first);
    buffer(client, clients->screen, count - first);
}

void attach_add(struct monitor *monitor, int socket) {
    static const char full[] = "[gr: as many as can be are attached already]\r\n";
    for (int i = 0; i < MOST_CLIENTS; i++) {
        struct client *client = &monitor->clients.each[i];
        if (client->socket >= 0)
            continue;
        client->socket = socket;
        show_screen(&monitor->clients, client);
        flush(client);
        return;
    }
    send(socket, full, sizeof full - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    close(socket);
}

// ---- input ------------------------------------------------------------------------------------

int attach_has_input(const struct monitor *monitor) {
    return monitor->clients.input_used > 0;
}

void attach_give(struct monitor *monitor) {
    struct clients *clients = &monitor->clients;
    ssize_t written = 0;
    if (monitor->is_terminal && monitor->output_open && clients->input_used > 0)
        written = write(monitor->output, clients->input, clients->input_used);
    else
        clients->input_used = 0; // nobody reads what is typed
    if (written < 0 && errno != EAGAIN && errno != EINTR)
        clients->input_used = 0;
    if (written <= 0)
        return;
    clients->input_used -= (size_t)written;
    memmove(clients->input, clients->input + written, clients->input_used);
}

static void read_input(struct monitor *monitor, struct client *client) {
    struct clients *clients = &monitor->clients;
    ssize_t count = recv(client->socket, clients->input, sizeof clients->input, MSG_DONTWAIT);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count <= 0) {
        detach(client);
        return;
    }
    clients->input_used = (size_t)count;
    attach_give(monitor);
}

struct pollfd attach_poll(const struct monitor *monitor, int place) {
    const struct client *client = &monitor->clients.each[place];
    short events = 0;
    if (!attach_has_input(monitor))
        events |= POLLIN;
    if (client->used > 0 || client->skipped > 0)
        events |= POLLOUT;
    return (struct pollfd){.fd = client->socket, .events = events};
}

void attach_ready(struct monitor *monitor, int place, short found) {
    struct client *client = &monitor->clients.each[place];
    if (client->socket < 0 || found == 0)
        return;
    if (found & POLLOUT)
        flush(client);
    if (client->socket < 0)
        return;
    if (!attach_has_input(monitor) && (found & (POLLIN | POLLHUP)))
        read_input(monitor, client);
    else if (found & (POLLHUP | POLLERR | POLLNVAL))
        // Nobody is there any more, and the poll would not rest.
        detach(client);
}

void attach_close(struct monitor *monitor) {
    for (int i = 0; i < MOST_CLIENTS; i++) {
        struct client *client = &monitor->clients.each[i];
        flush(client);
        if (client->socket >= 0)
            detach(client);
    }
    monitor->clients.input_used = 0;
}
