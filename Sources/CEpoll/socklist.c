// Every listening TCP socket of this machine, asked from the kernel by a NETLINK_SOCK_DIAG dump:
// 0.2 ms for one port, some milliseconds for thousands of sockets.
//
// The kernel answers piece by piece inside the receive, so nothing here waits. For a thread that
// may block and a netlink socket of its own: pieces of an abandoned dump would be in the way of the
// exact questions of sockdiag.c.

#include "cepoll.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <string.h>

enum { STATE_LISTEN = 10, PIECE = 32 * 1024, MOST_INTERRUPTS = 16 };

int cepoll_socklist_begin(int netlink, int family, uint16_t port, uint32_t sequence) {
    struct {
        struct nlmsghdr header;
        struct inet_diag_req_v2 body;
    } request = {.header = {.nlmsg_len = sizeof request,
                            .nlmsg_type = SOCK_DIAG_BY_FAMILY,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                            .nlmsg_seq = sequence},
                 .body = {.sdiag_family = (uint8_t)family,
                          .sdiag_protocol = IPPROTO_TCP,
                          .idiag_states = 1U << STATE_LISTEN,
                          .id = {.idiag_sport = htons(port)}}};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
    for (int i = 0; i < MOST_INTERRUPTS; i++) {
        ssize_t sent = sendto(netlink, &request, sizeof request, MSG_DONTWAIT,
                              (struct sockaddr *)&kernel, sizeof kernel);
        if (sent >= 0)
            return 0;
        if (errno != EINTR)
            return -errno;
    }
    return -EINTR;
}

/// Whether the attributes behind a record say that the socket takes no IPv4.
static int is_v6_only(const struct nlmsghdr *header) {
    const char *record = NLMSG_DATA(header);
    const struct rtattr *attribute =
        (const struct rtattr *)(record + NLMSG_ALIGN(sizeof(struct inet_diag_msg)));
    int rest = (int)(header->nlmsg_len - NLMSG_LENGTH(NLMSG_ALIGN(sizeof(struct inet_diag_msg))));
    while (RTA_OK(attribute, rest)) {
        if (attribute->rta_type == INET_DIAG_SKV6ONLY && RTA_PAYLOAD(attribute) >= 1)
            return *(const uint8_t *)RTA_DATA(attribute) != 0;
        attribute = RTA_NEXT(attribute, rest);
    }
    return 0;
}

/// Copies one record; 0 when it is none that was asked for.
static int take(const struct nlmsghdr *header, struct cepoll_listening *found) {
    struct inet_diag_msg record;
    if (header->nlmsg_type != SOCK_DIAG_BY_FAMILY ||
        header->nlmsg_len < NLMSG_LENGTH(sizeof record))
        return 0;
    memcpy(&record, NLMSG_DATA(header), sizeof record);
    if (record.idiag_state != STATE_LISTEN)
        return 0;
    *found = (struct cepoll_listening){.uid = record.idiag_uid, .inode = record.idiag_inode};
    if (record.idiag_family == AF_INET6) {
        struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&found->address.storage;
        *v6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = record.id.idiag_sport};
        memcpy(&v6->sin6_addr, record.id.idiag_src, 16);
        found->address.length = sizeof *v6;
        found->is_v6_only = (uint8_t)is_v6_only(header);
        return 1;
    }
    struct sockaddr_in *v4 = (struct sockaddr_in *)&found->address.storage;
    *v4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = record.id.idiag_sport};
    memcpy(&v4->sin_addr, record.id.idiag_src, 4);
    found->address.length = sizeof *v4;
    return record.idiag_family == AF_INET;
}

static ssize_t receive(int netlink, void *bytes, size_t capacity) {
    for (int i = 0; i < MOST_INTERRUPTS; i++) {
        struct sockaddr_nl sender = {0};
        socklen_t size = sizeof sender;
        ssize_t count = recvfrom(netlink, bytes, capacity, MSG_DONTWAIT | MSG_TRUNC,
                                 (struct sockaddr *)&sender, &size);
        if (count < 0 && errno != EINTR)
            return -errno;
        if (count > (ssize_t)capacity)
            return -EMSGSIZE;
        if (count >= 0 && sender.nl_pid == 0)
            return count;
    }
    return -EINTR;
}

int cepoll_socklist_next(int netlink, uint32_t sequence, struct cepoll_listening *found,
                         int capacity, int *is_last) {
    _Alignas(struct nlmsghdr) char bytes[PIECE];
    ssize_t length = receive(netlink, bytes, sizeof bytes);
    if (length < 0)
        return (int)length;
    int count = 0;
    *is_last = 0;
    size_t rest = (size_t)length;
    for (const struct nlmsghdr *header = (const struct nlmsghdr *)bytes; NLMSG_OK(header, rest);
         header = NLMSG_NEXT(header, rest)) {
        if (header->nlmsg_seq != sequence)
            continue;
        if (header->nlmsg_type == NLMSG_DONE)
            *is_last = 1;
        if (header->nlmsg_type == NLMSG_ERROR) {
            const struct nlmsgerr *error = NLMSG_DATA(header);
            int known = header->nlmsg_len >= NLMSG_LENGTH(sizeof *error) && error->error < 0;
            return known ? error->error : -EBADMSG;
        }
        if (count < capacity)
            count += take(header, &found[count]);
    }
    return count;
}
