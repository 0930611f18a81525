// wire.h: one message, and perhaps a descriptor with it, over a connected pair of sockets.
#ifndef PLO_IMAGE_ISOLATE_WIRE_H
#define PLO_IMAGE_ISOLATE_WIRE_H

#include <stddef.h>

// 0, or a negative errno: -EPIPE and -ECONNRESET where the other end is gone. `fd` -1: none.
int plo_wire_send(int socket, const void *message, size_t size, int fd);

// Fills `message` with one of just that size: -EPROTO for any other, -EPIPE at the end. *fd is
// then the caller's, or -1; where `fd` is NULL, what comes with a message is closed.
int plo_wire_recv(int socket, void *message, size_t size, int *fd);

#endif
