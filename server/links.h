// links.h: every open connection, what it is doing and since when, so that one that takes too long
// about it can be cut off. Threads: any; one lock guards the list.
#ifndef SERVER_LINKS_H
#define SERVER_LINKS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum link_state {
    LINK_IDLE, // between two requests, or in the head of one
    LINK_BODY,
    LINK_WORK, // nothing is wanted of the client
    LINK_ANSWER,
};

struct links;
struct link;

// `plain`: what is written to a descriptor reaches the client as it is. NULL: no memory.
struct links *links_create(bool plain);
void links_destroy(struct links *links); // no link may be left; NULL is allowed

// NULL where there is no memory: that connection is not watched.
struct link *links_add(struct links *links, int fd);
void links_remove(struct links *links, struct link *link);

// From now on. NULL is allowed.
void links_set(struct links *links, struct link *link, enum link_state state);

// LINK_WORK from now on; `gone` is set once the client has hung up, until another state is set.
void links_work(struct links *links, struct link *link, atomic_bool *gone);

// Bytes of the body that came, or of an answer that goes out.
void links_moved(struct links *links, struct link *link, uint64_t bytes);

// Whether links_cut has ended it. NULL is allowed.
bool links_is_cut(struct links *links, const struct link *link);

// Cuts off who is too slow or has gone; with `all_idle`, also who is between two requests.
void links_cut(struct links *links, bool all_idle);

#endif
