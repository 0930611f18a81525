// shard.h: which inputs a part of a whole takes: of N parts, part I takes every Nth input from the
// Ith on. So the row r of the whole is row r / N of part r % N + 1, and how long an input takes, or
// on how many threads, changes nothing. Threads: any; one owner.
#ifndef PLO_OPS_SHARD_H
#define PLO_OPS_SHARD_H

#include <pipilo/sys/op.h>

#include "base/str.h"
#include "table/table.h"

// The parameter `shard` of an operator; None gives of = 0. Errors: PIPILO_EPIPELINE for what is no
// "I/N".
int plo_shard_of_args(struct plo_shard *shard, const pipilo_args *args, struct pipilo_error *err);

// Counts one more input, whose source goes into the digest. True where this part takes it.
// PIPILO_ENOMEM; `text` is scratch.
int plo_shard_take(struct plo_shard *shard, const char *source, struct plo_str *text, bool *own,
                   struct pipilo_error *err);

#endif
