// helper.h: a helper process as the process that asks it sees it. Helpers are kept and used again:
// who wants one takes the idle one that was used last, so there are as many as calls run at once.
//
//     struct plo_helper *helper = NULL;
//     PLO_TRY(plo_helper_take(&helper, false, err));
//     result = plo_helper_room(helper, bytes, err);     // then fill helper->region
//     result = plo_helper_ask(helper, &request, -1, memory, &answer, err);
//     plo_helper_give(&helper);
//
// Threads: any; a helper that was taken belongs to one thread. After fork() the child begins
// without: the parent's helpers are the parent's.
#ifndef PLO_IMAGE_ISOLATE_HELPER_H
#define PLO_IMAGE_ISOLATE_HELPER_H

#include <sys/types.h>

#include "image/isolate/protocol.h"

struct plo_helper {
    struct plo_helper *next; // guarded by the list's lock, and so is `other`
    struct plo_helper *other;
    bool vips, lost;
    pid_t pid;
    int socket;
    uint64_t address_space; // bytes it had mapped at its start
    uint64_t address_limit; // bytes it may map

    uint8_t *region; // what both have mapped, or NULL
    size_t region_size;
    int region_fd;
    bool region_sent; // the helper has it
};

// An idle helper, or a new one.
// Errors: PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_ENOMEM, PIPILO_EFORMAT (no libvips).
int plo_helper_take(struct plo_helper **out, bool vips, struct pipilo_error *err);

// Gives it back; one that is lost is gone, and a large region with it.
void plo_helper_give(struct plo_helper **helper);

// A region of at least `size` bytes, its content undefined. Errors: PIPILO_ENOMEM, PIPILO_EIO;
// PIPILO_EOPERATOR where the helper does not give back the one before, after which it is lost.
int plo_helper_room(struct plo_helper *helper, size_t size, struct pipilo_error *err);

// The first `size` bytes of the region are the caller's from now on, to be unmapped: the helper has
// given them back and cannot change them any more. Errors: PIPILO_ENOMEM; PIPILO_EOPERATOR where it
// keeps them, after which it is lost.
int plo_helper_keep_region(struct plo_helper *helper, size_t size, uint8_t **out,
                           struct pipilo_error *err);

// Sends the request (its region and its limit are filled in here) with a descriptor or -1 and waits
// for the answer. `memory`: bytes that the work may need. An answer's error is not looked at.
// Errors, after which the helper is lost: PIPILO_EOPERATOR where it crashed, PIPILO_ETIMEOUT where
// it did not answer in time and was ended.
int plo_helper_ask(struct plo_helper *helper, struct plo_helper_request *request, int fd,
                   uint64_t memory, struct plo_helper_answer *answer, struct pipilo_error *err);

// Ends those that are idle.
void plo_helpers_drop(void);

// Ends all, and the thread that starts them; none is in use.
void plo_helpers_stop(void);

// Since the start of the process: how many were started, and how many crashed or hung.
void plo_helpers_count(uint64_t *started, uint64_t *lost);

#endif
