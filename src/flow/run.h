// run.h: the inside of a run: its columns, its nodes and what each is busy with.
//
// A node turns rows of its input columns into calls (feed.c), a thread makes the call, and the
// results go to the output columns in the order of the calls (emit.c). A node whose operator is
// stateless has several calls under way; the list keeps their order. schedule.c chooses who does
// what next, step.c does it.
//
// Locks: `lock` guards everything in the run, its nodes, calls and columns, except inside a call,
// which belongs to the thread that makes it. It is not held while an operator runs, and no other
// lock is taken under it: what concerns the budget and the pool is noted and done after unlocking.
#ifndef PLO_FLOW_RUN_H
#define PLO_FLOW_RUN_H

#include <pthread.h>

#include "core/budget.h"
#include "flow/column.h"
#include "flow/plan.h"
#include "flow/window.h"

// Some rows on their way through a node's operator.
struct plo_call {
    struct plo_call *next;
    size_t rows, capacity;
    pipilo_value **in;   // rows x columns of the callable
    pipilo_value **out;  // rows: what the operator gave
    pipilo_value **keep; // filter: rows x inputs, what goes on where the test is true
    bool done;           // `out` is complete
    size_t emitted;      // rows handed on
    size_t item;         // flat_map: items of the row `emitted` handed on
    uint64_t reserved;   // bytes of the budget
};

// A node's reader on a column.
struct plo_input {
    struct plo_column *column;
    size_t reader;
};

struct plo_node {
    const struct plo_plan_node *plan;
    pipilo_run *run;
    const struct pipilo_operator *op; // NULL: identity
    void *state;                      // the operator's state of this run
    bool started;
    struct plo_input *inputs; // the plan's inputs, then its `by`
    size_t input_count;
    struct plo_column **outputs;
    size_t output_count;
    unsigned limit;                // calls at the same time
    unsigned running;              // calls being made
    struct plo_call *first, *last; // in the order of their rows
    size_t calls;
    struct plo_call *spare;  // one to use again
    struct plo_call *parked; // waits for the budget; also in the list
    bool waiting;            // the budget will wake the run for it
    bool feeding;            // a thread reserves for new calls
    bool emitting;           // a thread draws items from an iterator
    bool scalar_taken;       // the one row of scalars was read
    bool ended;              // the inputs give no more
    bool closing;            // a thread flushes the operator
    bool finished;           // outputs sealed
    struct plo_window *window;
    int64_t position;   // window: the next row's number
    pipilo_value **row; // scratch for one row of inputs
    struct plo_reduce *reduce;
};

struct pipilo_run {
    int refs; // atomic: the user's, and one while queued or worked on by the pool
    pipilo_pipeline *plan;
    pthread_mutex_t lock;
    pthread_cond_t changed; // for the caller: something happened that it may wait for
    struct plo_column *columns;
    struct plo_node *nodes;
    size_t node_count;
    struct plo_node output; // reads the output columns; makes no calls
    size_t unfinished;      // nodes
    unsigned busy;          // calls, reservations and flushes under way
    unsigned in_reduce;     // reduce calls on the caller's stack
    bool stopping;          // begin nothing new
    int draining;           // atomic: iterators give no more
    bool strict;            // the first error value fails the run
    bool aligned;           // an Empty keeps its place in a stream (pipilo_run_keep_places)
    bool released;          // the user let go: columns and nodes are gone
    bool abandoned;         // the process forked: nothing in here is used or freed
    unsigned generation;    // of the process that began it (fork.h)
    uint64_t steps;         // begun and ended, to see whether something happened meanwhile
    uint64_t most_bytes;    // the budget when the run began: what it may hold between its steps
    bool caller_waits;
    struct pipilo_error error;   // code 0: none
    pipilo_value *failure;       // the error value that failed a strict run, or NULL
    void (*ready)(void *cookie); // pipilo_run_watch; NULL: nobody watches
    void *ready_cookie;
    bool told;        // `ready` was called, or somebody takes rows: it is not called again
    unsigned telling; // calls of `ready` under way
    struct plo_budget_waiter waiter;
    int woken;       // atomic: the budget has bytes again
    int64_t charged; // bytes charged in all
    bool queued;     // in the pool's queue; guarded by the pool's lock
    pipilo_run *next_queued;
};

// run.c -------------------------------------------------------------------------------------

void plo_run_retain(pipilo_run *run);
void plo_run_release(pipilo_run *run);

// schedule.c --------------------------------------------------------------------------------

// Works on the run until there is nothing to do for a pool thread.
void plo_run_work(pipilo_run *run);

// Locks; unlocks and then does what was noted for the budget and the pool. With `tell_others`
// false the pool is not told of work: the calling thread goes on with it itself.
void plo_run_lock(pipilo_run *run);
void plo_run_unlock(pipilo_run *run);
void plo_run_unlock_for(pipilo_run *run, bool tell_others);

// Called by the budget, on whatever thread gave bytes back, for a row that waits for some.
void plo_run_wake(struct plo_budget_waiter *waiter);

// With the lock held: whether nothing more will be begun, and whether the user can have a row.
bool plo_run_over(const pipilo_run *run);
bool plo_run_row_ready(pipilo_run *run);

// Fails the run as a whole, unless it failed already.
void plo_run_fail(pipilo_run *run, const struct pipilo_error *err);

// With the lock held: what becomes of an error value that comes out of a node. In a strict run it
// fails the run: its code, with `err` filled. Else 0, as for any other value.
int plo_run_judge(pipilo_run *run, pipilo_value *value, struct pipilo_error *err);

// With the lock held: makes one step of some node if there is one for this thread, or waits until
// something changed or `until_ns` (plo_clock_ns; INT64_MAX: for ever). Only the calling thread.
void plo_run_help(pipilo_run *run, int64_t until_ns);

// The waiting alone.
void plo_run_wait(pipilo_run *run, int64_t until_ns);

// step.c ------------------------------------------------------------------------------------

// Whether only the thread that drives the run may step the node.
bool plo_node_caller_only(const struct plo_node *node);

// Whether there is something to do for the node now, and doing it. The step unlocks the run while
// an operator works; a failure fails the run.
bool plo_node_has_step(struct plo_node *node);
void plo_node_step(struct plo_node *node);

// feed.c ------------------------------------------------------------------------------------

enum plo_rows { PLO_ROW, PLO_ROW_WAIT, PLO_ROW_END };

// The next row of the node's inputs into node->row, one reference each, Empty where a column was
// shorter; advances the readers. With `take` false only tells what would come.
enum plo_rows plo_node_row(struct plo_node *node, bool take);

// Whether there is something to feed.
bool plo_node_can_feed(struct plo_node *node);

// Makes one new call out of waiting rows, puts it into the node's list and gives it; NULL where no
// row was complete (also at the end: node->ended).
int plo_node_feed(struct plo_node *node, struct plo_call **out, struct pipilo_error *err);

// The node reads no more.
void plo_node_leave(struct plo_node *node);

// Takes rows from `from` on out of the call and into a new one behind it.
int plo_call_split(struct plo_node *node, struct plo_call *call, size_t from, struct plo_call **out,
                   struct pipilo_error *err);

size_t plo_node_call_columns(const struct plo_node *node);
// Lets go of a call's rows, so that it can be used again; and frees it.
void plo_call_clear(const struct plo_node *node, struct plo_call *call);
void plo_call_destroy(const struct plo_node *node, struct plo_call *call);

// emit.c ------------------------------------------------------------------------------------

// Rows that every output column still takes.
size_t plo_node_room(const struct plo_node *node);

// Whether the first call has results and there is room for one.
bool plo_node_can_emit(const struct plo_node *node);

// Hands results on while there is room. May unlock the run while it draws from an iterator.
int plo_node_emit(struct plo_node *node, struct pipilo_error *err);

// reduce.c ----------------------------------------------------------------------------------

// One iterator a column for the node's one call, into `iterators`.
int plo_reduce_begin(struct plo_node *node, pipilo_value **iterators, struct pipilo_error *err);

// Bytes that were read for one column while another was asked for; 0 for NULL.
size_t plo_reduce_bytes(const struct plo_reduce *reduce);

// After the call: iterators that were kept give no more.
void plo_reduce_end(struct plo_node *node);

#endif
