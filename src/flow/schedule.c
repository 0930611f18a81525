// schedule.c: who works on which node of a run next.
//
// Any thread that works on a run repeats: choose the node farthest down that has something to do,
// make one step of it. Farthest down first keeps little in flight. When nothing can move although
// the run is not over, the smallest full column is made larger (T. Parks, Bounded Scheduling of
// Process Networks, 1995), so that no graph can deadlock.
#include <time.h>

#include "base/clock.h"
#include "core/fail.h"
#include "core/fork.h"
#include "flow/pool.h"
#include "flow/run.h"

enum { CHARGE_STEP = 1 << 20 }; // columns are charged to the budget in steps of this many bytes
enum { TURN = 16 };             // steps a thread makes of one run while others wait for a place

// --- choosing -------------------------------------------------------------------------------

static void take_wake(pipilo_run *run)
{
    if (!__atomic_exchange_n(&run->woken, 0, __ATOMIC_ACQ_REL))
        return;
    for (size_t i = 0; i < run->node_count; i++)
        run->nodes[i].waiting = false;
}

// The node farthest down that has something to do for this kind of thread.
static struct plo_node *choose(pipilo_run *run, bool caller)
{
    if (run->stopping)
        return NULL;
    take_wake(run);
    for (size_t i = run->node_count; i > 0; i--) {
        struct plo_node *node = &run->nodes[i - 1];
        if ((caller || !plo_node_caller_only(node)) && plo_node_has_step(node))
            return node;
    }
    return NULL;
}

bool plo_run_over(const pipilo_run *run)
{
    return run->unfinished == 0 || run->stopping;
}

bool plo_run_row_ready(pipilo_run *run)
{
    return plo_node_row(&run->output, false) == PLO_ROW;
}

// --- lock, and what is done after it --------------------------------------------------------

// In a child of fork(): threads that worked on the run are gone, wherever they were.
static void abandon(pipilo_run *run)
{
    pthread_mutex_init(&run->lock, NULL);
    pthread_cond_init(&run->changed, NULL);
    run->generation = plo_fork_generation();
    run->abandoned = run->stopping = true;
    plo_fail(&run->error, PIPILO_EINVALID, "the run began before the process forked");
}

void plo_run_lock(pipilo_run *run)
{
    if (run->generation != plo_fork_generation())
        abandon(run);
    pthread_mutex_lock(&run->lock);
}

// The bytes that all columns and windows hold.
static size_t held(const pipilo_run *run)
{
    size_t bytes = 0;
    for (size_t i = 0; i < run->plan->column_count; i++)
        bytes += run->columns[i].bytes;
    for (size_t i = 0; i < run->node_count; i++)
        bytes += plo_window_bytes(run->nodes[i].window) + plo_reduce_bytes(run->nodes[i].reduce);
    return bytes;
}

// What the budget is to be told of what the run holds, roughly.
static int64_t charge(pipilo_run *run)
{
    if (run->released)
        return 0;
    size_t bytes = held(run);
    int64_t wanted = (int64_t)(bytes / CHARGE_STEP) * CHARGE_STEP;
    // Some slack keeps a run that swings around a step from charging all the time.
    if (wanted <= run->charged && wanted + 4 * CHARGE_STEP >= run->charged)
        return 0;
    int64_t more = wanted - run->charged;
    run->charged = wanted;
    return more;
}

// Work for the pool, beyond what the calling thread is about to do itself?
static bool others_needed(pipilo_run *run)
{
    return !run->stopping && choose(run, false) != NULL;
}

// Something the waiting caller waits for? What the pool can do it leaves to the pool: a wake for
// each step of others would cost more than many a step.
static bool caller_needed(pipilo_run *run)
{
    if (run->busy == 0 || run->in_reduce > 0 || plo_run_over(run) || plo_run_row_ready(run))
        return true;
    for (size_t i = 0; i < run->node_count; i++)
        if (plo_node_caller_only(&run->nodes[i]) && plo_node_has_step(&run->nodes[i]))
            return true;
    return false;
}

// Whether who watches the run is to be told of it now; notes that it was.
static bool begin_telling(pipilo_run *run)
{
    bool over = plo_run_over(run) && run->busy == 0;
    if (run->ready == NULL || run->told || run->released || (!over && !plo_run_row_ready(run)))
        return false;
    run->told = true;
    run->telling++;
    return true;
}

// `ready` as it was with the lock held: who lets the run go takes it away, and then waits for this.
static void tell(pipilo_run *run, void (*ready)(void *cookie), void *cookie)
{
    ready(cookie);
    pthread_mutex_lock(&run->lock);
    run->telling--;
    if (run->caller_waits)
        pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
}

void plo_run_unlock_for(pipilo_run *run, bool tell_others)
{
    void (*ready)(void *) = begin_telling(run) ? run->ready : NULL;
    void *cookie = run->ready_cookie;
    int64_t more = charge(run);
    bool submit = tell_others && others_needed(run);
    if (run->caller_waits && caller_needed(run))
        pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    if (more != 0)
        plo_budget_adjust(more);
    if (submit)
        plo_pool_submit(run);
    if (ready != NULL)
        tell(run, ready, cookie);
}

void plo_run_unlock(pipilo_run *run)
{
    plo_run_unlock_for(run, true);
}

// Called by the budget on whatever thread gave bytes back: notes it and has somebody look.
void plo_run_wake(struct plo_budget_waiter *waiter)
{
    pipilo_run *run = (pipilo_run *)((char *)waiter - offsetof(pipilo_run, waiter));
    __atomic_store_n(&run->woken, 1, __ATOMIC_RELEASE);
    pthread_mutex_lock(&run->lock);
    pthread_cond_broadcast(&run->changed);
    pthread_mutex_unlock(&run->lock);
    plo_pool_submit(run);
}

void plo_run_fail(pipilo_run *run, const struct pipilo_error *err)
{
    run->stopping = true;
    if (run->error.code == 0)
        run->error = *err;
}

int plo_run_judge(pipilo_run *run, pipilo_value *value, struct pipilo_error *err)
{
    if (!run->strict || value->kind != PIPILO_ERROR)
        return 0;
    if (run->failure == NULL)
        run->failure = pipilo_value_ref(value);
    *err = *value->as.error;
    return err->code;
}

// --- a run that cannot move -----------------------------------------------------------------

// The smallest full column that keeps a node from going on.
static struct plo_column *smallest_full(pipilo_run *run)
{
    struct plo_column *smallest = NULL;
    for (size_t i = 0; i < run->node_count; i++) {
        struct plo_node *node = &run->nodes[i];
        for (size_t o = 0; o < node->output_count && !node->finished; o++) {
            struct plo_column *column = node->outputs[o];
            if (plo_column_room(column) == 0 &&
                (smallest == NULL || column->most_rows < smallest->most_rows))
                smallest = column;
        }
    }
    return smallest;
}

// Nothing is under way, nothing can begin and no row is ready: lets the smallest full column grow.
// What it may hold more is within the budget or the run fails by name.
static bool unstall(pipilo_run *run)
{
    struct pipilo_error err;
    if (run->busy > 0 || plo_run_over(run) || plo_run_row_ready(run) || choose(run, true) != NULL)
        return false;
    for (size_t i = 0; i < run->node_count; i++)
        if (run->nodes[i].waiting)
            return false;
    struct plo_column *column = smallest_full(run);
    if (column == NULL) {
        // A reduce on this thread's stack may be what others wait for.
        if (run->in_reduce > 0)
            return false;
        plo_fail(&err, PIPILO_EINTERNAL, "the run cannot go on");
        plo_run_fail(run, &err);
        return true;
    }
    if (held(run) >= run->most_bytes) {
        plo_fail(&err, PIPILO_EBUDGET,
                 "the rows between two steps would need more than the memory budget of %llu bytes",
                 (unsigned long long)run->most_bytes);
        plo_run_fail(run, &err);
        return true;
    }
    if (column->tail - column->head >= column->most_rows)
        column->most_rows *= 2;
    else
        column->most_bytes *= 2;
    return true;
}

// --- working --------------------------------------------------------------------------------

void plo_run_work(pipilo_run *run)
{
    plo_run_lock(run);
    for (int steps = 0; steps < TURN || !plo_pool_wanted(); steps++) {
        struct plo_node *node = choose(run, false);
        if (node == NULL)
            break;
        plo_node_step(node);
    }
    unstall(run);
    plo_run_unlock_for(run, true);
}

void plo_run_wait(pipilo_run *run, int64_t until_ns)
{
    run->caller_waits = true;
    if (until_ns == INT64_MAX) {
        pthread_cond_wait(&run->changed, &run->lock);
    } else {
        struct timespec until = { until_ns / 1000000000, until_ns % 1000000000 };
        pthread_cond_timedwait(&run->changed, &run->lock, &until);
    }
    run->caller_waits = false;
}

void plo_run_help(pipilo_run *run, int64_t until_ns)
{
    struct plo_node *node = choose(run, true);
    if (node == NULL) {
        if (!unstall(run))
            plo_run_wait(run, until_ns);
        return;
    }
    if (plo_node_caller_only(node)) {
        plo_node_step(node);
        return;
    }
    // The pool's lock is not taken under the run's. A node for the caller alone is stepped without
    // a place of the pool: it may work on this run (reduce) or on another one from within its call.
    uint64_t steps = run->steps;
    pthread_mutex_unlock(&run->lock);
    bool entered = plo_pool_enter(run);
    if (!entered)
        plo_pool_submit(run);
    pthread_mutex_lock(&run->lock);
    if (!entered) {
        // Every place is taken: the pool works on this run as soon as one is free.
        if (run->steps == steps && !plo_run_row_ready(run) && !plo_run_over(run))
            plo_run_wait(run, until_ns);
        return;
    }
    for (int turn = 0; turn < TURN || !plo_pool_wanted(); turn++) {
        bool late = until_ns != INT64_MAX && plo_clock_ns() >= until_ns;
        if (late || plo_run_row_ready(run) || plo_run_over(run))
            break;
        node = choose(run, true);
        if (node == NULL || plo_node_caller_only(node))
            break;
        plo_node_step(node);
    }
    plo_run_unlock_for(run, false);
    plo_pool_leave();
    plo_run_lock(run);
}
