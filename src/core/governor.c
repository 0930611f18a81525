// governor.c: looks at memory, decides on a state, acts on it (see governor.h).
#include "core/governor.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/memory_use.h"
#include "core/budget.h"
#include "core/fail.h"
#include "core/fork.h"
#include "core/log.h"
#include "core/memory_marks.h"

enum { MOST_RELIEFS = 8 };
enum { STALLED = 10, FLOWING = 5 }; // per cent of the time in which all stand still
enum { STATES = PIPILO_MEMORY_CRITICAL + 1 };
enum { PATIENCE = 1 };                    // seconds that a row waits for another thread's look
#define SLACK        (UINT64_C(64) << 20) // below a mark at most, before its state ends
#define RELIEF_EVERY INT64_C(1000000000)
#define MEGABYTES(x) ((x) / 1000000)

static _Atomic int64_t interval = INT64_C(100000000);
static _Atomic int64_t due; // when to look next

// Guarded by the lock below.
static pthread_cond_t looked = PTHREAD_COND_INITIALIZER;
static bool looking;     // a thread does, or acts on what it saw
static pthread_t looker; // which
static struct pipilo_memory set;
static void (*reliefs[MOST_RELIEFS])(void);
static size_t relief_count;
static int64_t relieved; // when
static struct plo_governor_stats now;
static int64_t noted = INT64_MIN / 2; // when the figures in `now` were read
static bool stalled;

// A child of fork() begins at PIPILO_MEMORY_OK, without an action.
static void begin_anew(void)
{
    looked = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    looking = stalled = false;
    noted = INT64_MIN / 2;
    set.action = NULL;
    now = (struct plo_governor_stats){ 0 };
    due = 0;
}

static struct plo_lock lock = PLO_LOCK_INIT(begin_anew);

static const char *const names[STATES] = { "ok", "soft", "hard", "critical" };

const char *pipilo_memory_state_name(enum pipilo_memory_state state)
{
    return (size_t)state < STATES ? names[state] : "unknown";
}

void plo_governor_set_interval(int64_t ns)
{
    interval = ns;
    due = 0;
}

// --- deciding ------------------------------------------------------------------------------------

static enum pipilo_memory_state state_of(uint64_t used, const struct plo_memory_marks *marks)
{
    return used >= marks->critical ? PIPILO_MEMORY_CRITICAL
           : used >= marks->hard   ? PIPILO_MEMORY_HARD
           : used >= marks->soft   ? PIPILO_MEMORY_SOFT
                                   : PIPILO_MEMORY_OK;
}

// A state begins at its mark and ends a little below, so that memory that swings around a mark does
// not change the state all the time.
static enum pipilo_memory_state decide(enum pipilo_memory_state before, uint64_t used,
                                       const struct plo_memory_marks *marks)
{
    struct plo_memory_marks ends = *marks;
    uint64_t *const mark[] = { &ends.soft, &ends.hard, &ends.critical };
    for (size_t i = 0; i < PLO_COUNT(mark); i++)
        *mark[i] -= *mark[i] / 16 < SLACK ? *mark[i] / 16 : SLACK;
    enum pipilo_memory_state up = state_of(used, marks), down = state_of(used, &ends);
    return up > before ? up : down < before ? down : before;
}

// With the lock held: what the figures say, into `now`.
static void note(const struct plo_memory_use *use, const struct plo_memory_marks *marks)
{
    noted = plo_clock_ns();
    now.total = marks->total;
    now.soft = marks->soft;
    now.hard = marks->hard;
    now.critical = marks->critical;
    now.used = plo_memory_used(marks->total, use);
    if (now.used > now.peak)
        now.peak = now.used;
}

// With the lock held: true where the state is another one, with *event filled.
static bool step(const struct plo_memory_use *use, struct pipilo_memory_event *event)
{
    struct plo_memory_marks marks;
    plo_memory_marks_find(&marks, &set, use);
    note(use, &marks);
    enum pipilo_memory_state state = decide(now.state, now.used, &marks);
    // Standing still is a reason to do less, not to stop: others may be its cause.
    stalled = use->stalled >= (stalled ? FLOWING : STALLED);
    if (stalled && state == PIPILO_MEMORY_OK)
        state = PIPILO_MEMORY_SOFT;
    *event = (struct pipilo_memory_event){ state, now.state, now.used, now.total };
    if (state == now.state)
        return false;
    now.state = state;
    now.entered[state]++;
    return true;
}

// --- acting --------------------------------------------------------------------------------------

static void relieve(void)
{
    void (*functions[MOST_RELIEFS])(void);
    plo_lock_take(&lock);
    size_t count = relief_count;
    memcpy(functions, reliefs, sizeof functions);
    plo_lock_release(&lock);
    for (size_t i = 0; i < count; i++)
        functions[i]();
    plo_alloc_trim();
}

static void tell(const struct pipilo_memory_event *event)
{
    static const char *const what[STATES] = {
        "work goes on as before",
        "less is worked on at once, what is idle is given back",
        "one row at a time is worked on",
        "new rows that need memory are errors",
    };
    plo_log("memory is %s (was %s): %" PRIu64 " of %" PRIu64 " MB are used; %s",
            names[event->state], names[event->before], MEGABYTES(event->used),
            MEGABYTES(event->total), what[event->state]);
}

// Where memory is critical, what has become idle since the last time is given back.
static void relieve_again(void)
{
    int64_t clock = plo_clock_ns();
    plo_lock_take(&lock);
    bool due_again = now.state == PIPILO_MEMORY_CRITICAL && clock - relieved >= interval;
    if (due_again)
        relieved = clock;
    plo_lock_release(&lock);
    if (due_again)
        relieve();
}

static void look(bool refusing)
{
    struct plo_memory_use use;
    struct pipilo_memory_event event;
    if (refusing)
        relieve_again();
    plo_memory_use_read(&use);
    int64_t clock = plo_clock_ns();
    plo_lock_take(&lock);
    bool changed = step(&use, &event);
    bool short_of = event.state > PIPILO_MEMORY_OK;
    bool first = short_of && event.before == PIPILO_MEMORY_OK;
    bool last = changed && event.state == PIPILO_MEMORY_CRITICAL; // before rows are refused
    bool relief = first || last || (short_of && clock - relieved >= RELIEF_EVERY);
    if (relief)
        relieved = clock;
    void (*action)(void *, const struct pipilo_memory_event *) = set.action;
    void *cookie = set.cookie;
    plo_lock_release(&lock);
    plo_memory_marks_complain();
    if (changed) {
        static const enum plo_admission admission[STATES] = { PLO_ADMIT_ALL, PLO_ADMIT_HALF,
                                                              PLO_ADMIT_ONE, PLO_ADMIT_NONE };
        plo_budget_admit(admission[event.state]);
    }
    if (relief)
        relieve();
    if (changed)
        tell(&event);
    if (changed && action != NULL)
        action(cookie, &event);
}

// False where another thread is at it.
static bool look_alone(bool refusing)
{
    plo_lock_take(&lock);
    bool mine = !looking;
    looking = true;
    if (mine)
        looker = pthread_self();
    plo_lock_release(&lock);
    if (!mine)
        return false;
    look(refusing);
    plo_lock_take(&lock);
    looking = false;
    pthread_cond_broadcast(&looked);
    plo_lock_release(&lock);
    return true;
}

void plo_governor_tick(void)
{
    int64_t clock = plo_clock_ns();
    int64_t when = atomic_load_explicit(&due, memory_order_relaxed);
    if (clock >= when && atomic_compare_exchange_strong(&due, &when, clock + interval))
        (void)look_alone(false);
}

void plo_governor_look(void)
{
    struct timespec until;
    bool given_up = false;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE;
    while (!given_up && !look_alone(true)) {
        plo_lock_take(&lock);
        // An action does not wait for itself, and nobody long for one: it may want what he holds.
        given_up = looking && pthread_equal(looker, pthread_self());
        while (looking && !given_up)
            given_up = pthread_cond_timedwait(&looked, &lock.mutex, &until) == ETIMEDOUT;
        plo_lock_release(&lock);
    }
}

void plo_governor_add_relief(void (*give_back)(void))
{
    plo_lock_take(&lock);
    size_t i = 0;
    while (i < relief_count && reliefs[i] != give_back)
        i++;
    if (i == relief_count && relief_count < MOST_RELIEFS)
        reliefs[relief_count++] = give_back;
    plo_lock_release(&lock);
}

uint64_t plo_governor_room(void)
{
    struct plo_memory_use use;
    struct plo_memory_marks marks;
    plo_memory_use_read(&use);
    plo_lock_take(&lock);
    plo_memory_marks_find(&marks, &set, &use);
    plo_lock_release(&lock);
    plo_memory_marks_complain();
    return marks.total - plo_memory_used(marks.total, &use);
}

int plo_governor_refuse(uint64_t need, struct pipilo_error *err)
{
    plo_lock_take(&lock);
    now.refused++;
    struct plo_governor_stats at = now;
    plo_lock_release(&lock);
    return plo_fail(err, PIPILO_EBUDGET,
                    "memory is short: %" PRIu64 " of %" PRIu64 " MB are used, above %" PRIu64
                    " MB nothing is begun, and it needs %" PRIu64 " bytes",
                    MEGABYTES(at.used), MEGABYTES(at.total), MEGABYTES(at.critical), need);
}

void plo_governor_stats(struct plo_governor_stats *stats)
{
    plo_lock_take(&lock);
    bool stale = plo_clock_ns() - noted >= interval;
    plo_lock_release(&lock);
    struct plo_memory_use use;
    if (stale)
        plo_memory_use_read(&use);
    plo_lock_take(&lock);
    if (stale) {
        struct plo_memory_marks marks;
        plo_memory_marks_find(&marks, &set, &use);
        note(&use, &marks);
    }
    *stats = now;
    plo_lock_release(&lock);
    plo_memory_marks_complain();
}

// --- settings ------------------------------------------------------------------------------------

void plo_governor_set_limit(uint64_t size)
{
    struct plo_memory_use use;
    plo_memory_use_read(&use);
    plo_lock_take(&lock);
    set.limit = size;
    plo_lock_release(&lock);
    plo_budget_set(size != 0 ? plo_memory_limit(size, &use) : 0);
    plo_memory_marks_complain();
}

int pipilo_memory_set(const struct pipilo_memory *memory, struct pipilo_error *err)
{
    struct pipilo_memory wanted = { 0 };
    struct plo_memory_use use;
    memcpy(&wanted, memory,
           memory->struct_size < sizeof wanted ? memory->struct_size : sizeof wanted);
    plo_memory_use_read(&use);
    PLO_TRY(plo_memory_marks_check(&wanted, &use, err));
    plo_lock_take(&lock);
    set = wanted;
    noted = INT64_MIN / 2; // the marks are others
    // The action before may be under way; who sets from within it does not wait for itself.
    while (looking && !pthread_equal(looker, pthread_self()))
        pthread_cond_wait(&looked, &lock.mutex);
    plo_lock_release(&lock);
    plo_governor_set_limit(wanted.limit);
    due = 0;
    return 0;
}

void pipilo_memory_get(struct pipilo_memory *memory)
{
    uint32_t size = memory->struct_size < sizeof set ? memory->struct_size : sizeof set;
    plo_lock_take(&lock);
    struct pipilo_memory copy = set;
    plo_lock_release(&lock);
    copy.struct_size = size;
    memcpy(memory, &copy, size);
}
