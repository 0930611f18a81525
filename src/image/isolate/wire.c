// wire.c: messages between a process and its helpers (see wire.h).
#include "image/isolate/wire.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

union control {
    struct cmsghdr header;
    char bytes[CMSG_SPACE(sizeof(int))];
};

int plo_wire_send(int socket, const void *message, size_t size, int fd)
{
    union control control;
    struct iovec part = { (void *)message, size };
    struct msghdr head = { .msg_iov = &part, .msg_iovlen = 1 };
    if (fd >= 0) {
        memset(&control, 0, sizeof control);
        head.msg_control = &control;
        head.msg_controllen = sizeof control;
        struct cmsghdr *item = CMSG_FIRSTHDR(&head);
        item->cmsg_level = SOL_SOCKET;
        item->cmsg_type = SCM_RIGHTS;
        item->cmsg_len = CMSG_LEN(sizeof fd);
        memcpy(CMSG_DATA(item), &fd, sizeof fd);
    }
    ssize_t sent = 0;
    do
        sent = sendmsg(socket, &head, MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    return sent < 0 ? -errno : 0;
}

int plo_wire_recv(int socket, void *message, size_t size, int *fd)
{
    union control control;
    struct iovec part = { message, size };
    struct msghdr head = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
    };
    ssize_t got = 0;
    do
        got = recvmsg(socket, &head, MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return -errno;
    int came = -1;
    const struct cmsghdr *item = CMSG_FIRSTHDR(&head);
    if (item != NULL && item->cmsg_type == SCM_RIGHTS && item->cmsg_len == CMSG_LEN(sizeof came))
        memcpy(&came, CMSG_DATA(item), sizeof came);
    bool whole = (size_t)got == size && (head.msg_flags & MSG_TRUNC) == 0;
    if (came >= 0 && (fd == NULL || !whole)) {
        close(came);
        came = -1;
    }
    if (fd != NULL)
        *fd = came;
    return whole ? 0 : got == 0 ? -EPIPE : -EPROTO;
}
