// test_governor.c: states, what follows from them, marks and sizes; memory is what a made tree
// says.
#include <pthread.h>
#include <sys/wait.h>

#include <pipilo/library.h>
#include <pipilo/memory.h>

#include "base/clock.h"
#include "core/budget.h"
#include "core/governor.h"
#include "memory_tree.h"

#define MB UINT64_C(1000000)

static struct pipilo_memory_event seen;
static int calls, lines, relieved;
static char last_line[256];

static void note_event(void *cookie, const struct pipilo_memory_event *event)
{
    assert_string_equal(cookie, "cookie");
    seen = *event;
    calls++;
}

static void note_line(void *cookie, const char *line)
{
    (void)cookie;
    snprintf(last_line, sizeof last_line, "%s", line);
    lines++;
}

static void note_relief(void)
{
    relieved++;
}

static char cookie[] = "cookie";
static const struct pipilo_log log_lines = { note_line, NULL };

static int begin(void **state)
{
    (void)state;
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    memory.action = note_event;
    memory.cookie = cookie;
    tree_create();
    tree_group();
    tree_use(100);
    plo_governor_set_interval(0);
    assert_int_equal(pipilo_memory_set(&memory, NULL), 0);
    plo_governor_tick();
    calls = lines = relieved = 0;
    pipilo_set_log(&log_lines);
    plo_governor_add_relief(note_relief);
    plo_governor_add_relief(note_relief);
    return 0;
}

static int end(void **state)
{
    (void)state;
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    pipilo_set_log(NULL);
    tree_use(0);
    assert_int_equal(pipilo_memory_set(&memory, NULL), 0);
    plo_governor_tick();
    tree_remove();
    return plo_budget_used() == 0 ? 0 : -1;
}

static enum pipilo_memory_state at(unsigned megabytes)
{
    struct plo_governor_stats stats;
    tree_use(megabytes);
    plo_governor_tick();
    plo_governor_stats(&stats);
    return stats.state;
}

// Marks of a group of 1,000 MB: 750, 850, 950; each ends a sixteenth below.
static void states_and_their_slack(void **state)
{
    (void)state;
    const struct {
        unsigned used;
        enum pipilo_memory_state state;
    } steps[] = {
        { 749, PIPILO_MEMORY_OK },       { 750, PIPILO_MEMORY_SOFT },
        { 749, PIPILO_MEMORY_SOFT },     { 704, PIPILO_MEMORY_SOFT },
        { 703, PIPILO_MEMORY_OK },       { 849, PIPILO_MEMORY_SOFT },
        { 850, PIPILO_MEMORY_HARD },     { 797, PIPILO_MEMORY_HARD },
        { 796, PIPILO_MEMORY_SOFT },     { 950, PIPILO_MEMORY_CRITICAL },
        { 891, PIPILO_MEMORY_CRITICAL }, { 890, PIPILO_MEMORY_HARD },
        { 999, PIPILO_MEMORY_CRITICAL }, { 50, PIPILO_MEMORY_OK },
    };
    enum pipilo_memory_state before = PIPILO_MEMORY_OK;
    int changes = 0;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        assert_int_equal(at(steps[i].used), steps[i].state);
        changes += steps[i].state != before;
        // Once for each change, and never without one.
        assert_int_equal(calls, changes);
        assert_int_equal(lines, changes);
        if (steps[i].state != before) {
            assert_int_equal(seen.state, steps[i].state);
            assert_int_equal(seen.before, before);
            assert_int_equal(seen.used, steps[i].used * MB);
            assert_int_equal(seen.total, 1000 * MB);
            assert_non_null(strstr(last_line, pipilo_memory_state_name(seen.state)));
        }
        before = steps[i].state;
    }
    struct plo_governor_stats stats;
    plo_governor_stats(&stats);
    assert_int_equal(stats.peak, 999 * MB);
    assert_true(stats.entered[PIPILO_MEMORY_CRITICAL] >= 2);
}

static void admission_follows(void **state)
{
    (void)state;
    struct plo_budget_waiter waiter = { .wake = NULL };
    plo_budget_set(100);
    at(100);
    assert_int_equal(plo_budget_reserve(40, NULL), PLO_GRANTED);
    assert_int_equal(plo_budget_reserve(40, NULL), PLO_GRANTED);
    plo_budget_release(40);
    at(760); // half the budget
    assert_int_equal(plo_budget_reserve(40, NULL), PLO_WAIT);
    assert_int_equal(plo_budget_reserve(10, NULL), PLO_GRANTED);
    plo_budget_release(10);
    at(860); // one at a time
    assert_int_equal(plo_budget_reserve(1, NULL), PLO_WAIT);
    plo_budget_release(40);
    assert_int_equal(plo_budget_reserve(90, NULL), PLO_GRANTED);
    assert_int_equal(plo_budget_reserve(1, NULL), PLO_WAIT);
    plo_budget_release(90);
    at(100);
    assert_int_equal(plo_budget_reserve(10, NULL), PLO_GRANTED);
    at(960); // nothing, once what is at work has ended
    assert_int_equal(plo_budget_reserve(1, NULL), PLO_WAIT);
    plo_budget_release(10);
    assert_int_equal(plo_budget_reserve(1, &waiter), PLO_REFUSED);
    assert_false(waiter.queued);
    assert_int_equal(plo_budget_reserve(101, NULL), PLO_NEVER);
    at(100);
    assert_int_equal(plo_budget_reserve(100, NULL), PLO_GRANTED);
    plo_budget_release(100);
}

static int woken;

static void wake(struct plo_budget_waiter *waiter)
{
    (void)waiter;
    woken++;
}

// Who waits because memory is short is told when it is not any more.
static void waiters_are_woken(void **state)
{
    (void)state;
    struct plo_budget_waiter waiter = { .wake = wake };
    woken = 0;
    at(860);
    assert_int_equal(plo_budget_reserve(10, NULL), PLO_GRANTED);
    assert_int_equal(plo_budget_reserve(10, &waiter), PLO_WAIT);
    at(860);
    assert_int_equal(woken, 0);
    at(100);
    assert_int_equal(woken, 1);
    assert_int_equal(plo_budget_reserve(10, &waiter), PLO_GRANTED);
    plo_budget_release(20);
}

static void relief_comes_with_soft(void **state)
{
    (void)state;
    at(100);
    assert_int_equal(relieved, 0);
    int64_t begun = plo_clock_ns();
    at(760);
    assert_int_equal(relieved, 1); // added twice, called once
    at(860);
    at(760);
    // Not more than once a second; the machine may have stood still for one.
    if (plo_clock_ns() - begun < 1000000000)
        assert_int_equal(relieved, 1);
    int before = relieved;
    at(100);
    at(860);
    assert_int_equal(relieved, before + 1);
    at(960); // before rows are refused, whatever was given back just now
    assert_int_equal(relieved, before + 2);
}

// All stand still for memory: less is done, but others may be the cause, so it does not stop.
static void standing_still_is_soft(void **state)
{
    (void)state;
    tree_put("sys/fs/cgroup/box/memory.pressure", "full avg10=9.99\n");
    assert_int_equal(at(100), PIPILO_MEMORY_OK);
    tree_put("sys/fs/cgroup/box/memory.pressure", "full avg10=50.00\n");
    assert_int_equal(at(100), PIPILO_MEMORY_SOFT);
    tree_put("sys/fs/cgroup/box/memory.pressure", "full avg10=5.00\n");
    assert_int_equal(at(100), PIPILO_MEMORY_SOFT);
    tree_put("sys/fs/cgroup/box/memory.pressure", "full avg10=4.99\n");
    assert_int_equal(at(100), PIPILO_MEMORY_OK);
}

// --- marks ---

static struct plo_governor_stats set(uint64_t total, uint64_t soft, uint64_t hard,
                                     uint64_t critical)
{
    struct plo_governor_stats stats;
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    memory.total = total;
    memory.soft = soft;
    memory.hard = hard;
    memory.critical = critical;
    assert_int_equal(pipilo_memory_set(&memory, NULL), 0);
    plo_governor_stats(&stats);
    return stats;
}

static void assert_marks(struct plo_governor_stats stats, uint64_t soft, uint64_t hard,
                         uint64_t critical)
{
    assert_int_equal(stats.soft, soft);
    assert_int_equal(stats.hard, hard);
    assert_int_equal(stats.critical, critical);
}

static void marks_keep_their_order(void **state)
{
    (void)state;
    assert_marks(set(0, 0, 0, 0), 750 * MB, 850 * MB, 950 * MB);
    assert_marks(set(400 * MB, 0, 0, 0), 300 * MB, 340 * MB, 380 * MB);
    assert_marks(set(PIPILO_SHARE(50), 0, 0, 0), 375 * MB, 425 * MB, 475 * MB);
    assert_marks(set(0, PIPILO_SHARE(60), 0, 0), 600 * MB, 850 * MB, 950 * MB);
    assert_marks(set(0, 900 * MB, 0, 0), 900 * MB, 900 * MB, 950 * MB);
    assert_marks(set(0, 970 * MB, 0, 0), 970 * MB, 970 * MB, 970 * MB);
    assert_marks(set(0, 0, 400 * MB, 0), 350 * MB, 400 * MB, 950 * MB);
    assert_marks(set(0, 0, 0, 400 * MB), 350 * MB, 400 * MB, 400 * MB);
    assert_marks(set(0, 1, 2, 3), 1, 2, 3);
    // More than there is cannot be had.
    assert_int_equal(set(5000 * MB, 0, 0, 0).total, 1000 * MB);
    // A large machine keeps no more free than is of use.
    tree_put("proc/self/cgroup", "4:cpu:/\n");
    tree_put("proc/meminfo", "MemTotal: 67108864 kB\nMemAvailable: 67000000 kB\n");
    assert_marks(set(0, 0, 0, 0), UINT64_C(62) << 30, UINT64_C(63) << 30,
                 (UINT64_C(64) << 30) - (256 << 20));
}

static void what_is_refused(void **state)
{
    (void)state;
    struct pipilo_error err;
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    struct plo_governor_stats before, after;
    plo_governor_stats(&before);
    memory.soft = 500 * MB;
    memory.hard = 400 * MB;
    assert_int_equal(pipilo_memory_set(&memory, &err), PIPILO_EINVALID);
    assert_non_null(strstr(err.message, "soft (500 MB)"));
    memory.soft = 0;
    memory.critical = 300 * MB;
    assert_int_equal(pipilo_memory_set(&memory, &err), PIPILO_EINVALID);
    memory.hard = PIPILO_SHARE(101);
    assert_int_equal(pipilo_memory_set(&memory, &err), PIPILO_EINVALID);
    assert_non_null(strstr(err.message, "101%"));
    plo_governor_stats(&after);
    assert_marks(after, before.soft, before.hard, before.critical);
}

static void the_process_counts_too(void **state)
{
    (void)state;
    set(500 * MB, 0, 0, 0);
    assert_int_equal(at(100), PIPILO_MEMORY_OK);
    tree_put("proc/self/status", "RssAnon: 390625 kB\n"); // 400 MB, the group has 900 left
    assert_int_equal(at(100), PIPILO_MEMORY_SOFT);
    tree_put("proc/self/status", "RssAnon: 1000 kB\n");
    assert_int_equal(at(100), PIPILO_MEMORY_OK);
    // The machine is nearly full, whoever it is.
    tree_put("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 20000 kB\n");
    assert_int_equal(at(100), PIPILO_MEMORY_CRITICAL);
    tree_put("proc/meminfo", "MemTotal: 8000000 kB\nMemAvailable: 4000000 kB\n");
    assert_int_equal(at(100), PIPILO_MEMORY_OK);
}

static void what_is_set_is_what_one_gets(void **state)
{
    (void)state;
    struct pipilo_memory memory = PIPILO_MEMORY_INIT, back = PIPILO_MEMORY_INIT;
    memory.limit = PIPILO_SHARE(30);
    memory.soft = 500 * MB;
    memory.action = note_event;
    memory.cookie = cookie;
    assert_int_equal(pipilo_memory_set(&memory, NULL), 0);
    assert_int_equal(plo_budget_limit(), 300 * MB);
    pipilo_memory_get(&back);
    assert_int_equal(back.limit, PIPILO_SHARE(30));
    assert_int_equal(back.soft, 500 * MB);
    assert_int_equal(back.hard, 0);
    assert_ptr_equal(back.action, note_event);
    plo_governor_set_limit(77);
    pipilo_memory_get(&back);
    assert_int_equal(back.limit, 77);
    assert_int_equal(back.soft, 500 * MB);
    plo_governor_set_limit(0);
    assert_int_equal(plo_budget_limit(), 500 * MB); // half of what there is
}

static void sizes(void **state)
{
    (void)state;
    const struct {
        const char *text;
        uint64_t size;
    } good[] = {
        { "0", 0 },
        { "1000", 1000 },
        { "512M", 512 << 20 },
        { "512m", 512 << 20 },
        { "2GiB", UINT64_C(2) << 30 },
        { "2gib", UINT64_C(2) << 30 },
        { "1.5K", 1536 },
        { "3KB", 3072 },
        { "12B", 12 },
        { "80%", PIPILO_SHARE(80) },
        { "100%", PIPILO_SHARE(100) },
    };
    const char *bad[] = { "",    "M",   "-1", "+1",   "inf", "nan",   "0x10", "1e3",      "5 M",
                          "12Q", "1MM", "0%", "101%", "5%%", "1.2.3", "1iB",  "99999999P" };
    uint64_t size;
    struct pipilo_error err;
    for (size_t i = 0; i < sizeof good / sizeof good[0]; i++) {
        assert_int_equal(pipilo_size_parse(&size, good[i].text, &err), 0);
        assert_int_equal(size, good[i].size);
    }
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        if (pipilo_size_parse(&size, bad[i], &err) != PIPILO_EINVALID)
            fail_msg("'%s' passed", bad[i]);
        assert_non_null(strstr(err.message, bad[i]));
    }
}

// --- lifetimes ---

static void set_again(void *unused, const struct pipilo_memory_event *event)
{
    (void)unused;
    (void)event;
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    calls++;
    assert_int_equal(pipilo_memory_set(&memory, NULL), 0);
}

static void an_action_may_set(void **state)
{
    (void)state;
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    memory.action = set_again;
    assert_int_equal(pipilo_memory_set(&memory, NULL), 0);
    at(760);
    assert_int_equal(calls, 1);
    at(100);
    assert_int_equal(calls, 1); // it took itself out
}

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static bool inside, finished;

static void dwell(void *unused, const struct pipilo_memory_event *event)
{
    (void)unused;
    (void)event;
    struct timespec pause = { 0, 20000000 };
    pthread_mutex_lock(&gate);
    inside = true;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&gate);
    nanosleep(&pause, NULL);
    __atomic_store_n(&finished, true, __ATOMIC_RELEASE);
}

static void *tick(void *unused)
{
    plo_governor_tick();
    return unused;
}

// Who takes an action away may forget what it uses.
static void setting_waits_for_the_action(void **state)
{
    (void)state;
    pthread_t thread;
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    memory.action = dwell;
    assert_int_equal(pipilo_memory_set(&memory, NULL), 0);
    tree_use(760);
    pthread_create(&thread, NULL, tick, NULL);
    pthread_mutex_lock(&gate);
    while (!inside)
        pthread_cond_wait(&moved, &gate);
    pthread_mutex_unlock(&gate);
    memory.action = NULL;
    assert_int_equal(pipilo_memory_set(&memory, NULL), 0);
    assert_true(__atomic_load_n(&finished, __ATOMIC_ACQUIRE));
    pthread_join(thread, NULL);
}

static int child_status(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_child_begins_anew(void **state)
{
    (void)state;
    assert_int_equal(at(860), PIPILO_MEMORY_HARD);
    assert_int_equal(calls, 1);
    pid_t child = fork();
    if (child == 0) {
        struct plo_governor_stats stats;
        plo_governor_stats(&stats);
        bool good = stats.state == PIPILO_MEMORY_OK && plo_budget_admission() == PLO_ADMIT_ALL;
        good = good && at(860) == PIPILO_MEMORY_HARD && calls == 1;
        _exit(good ? 0 : 1);
    }
    assert_int_equal(child_status(child), 0);
}

static int complaints;

// A program's own log may ask for anything.
static void ask_back(void *own, const char *line)
{
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    struct plo_governor_stats stats;
    (void)own;
    complaints += strstr(line, "PIPILO_MEMORY") != NULL;
    pipilo_memory_get(&memory);
    plo_governor_stats(&stats);
    plo_governor_room();
    plo_budget_limit();
}

static void first_by_stats(void)
{
    struct plo_governor_stats stats;
    plo_governor_stats(&stats);
}

static void first_by_room(void)
{
    plo_governor_room();
}

static void first_by_limit(void)
{
    plo_budget_limit();
}

static void first_by_set(void)
{
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    assert_int_equal(pipilo_memory_set(&memory, NULL), 0);
}

// Whatever reads the environment first: each complaint once, and under no lock.
static void a_log_may_ask_back(void **state)
{
    static const struct pipilo_log asking = { ask_back, NULL };
    static void (*const firsts[])(void) = { first_by_stats, first_by_room, first_by_limit,
                                            first_by_set, plo_governor_tick };
    (void)state;
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        pid_t child = fork();
        if (child == 0) {
            alarm(120);
            setenv("PIPILO_MEMORY", "a lot", 1);
            setenv("PIPILO_MEMORY_SOFT", "much", 1);
            pipilo_set_log(&asking);
            firsts[i]();
            first_by_stats();
            _exit(complaints == 2 ? 0 : 1);
        }
        assert_int_equal(child_status(child), 0);
    }
}

// Before anything else: the environment is read once.
static void the_environment(void **state)
{
    (void)state;
    pid_t child = fork();
    if (child == 0) {
        struct plo_governor_stats stats;
        struct pipilo_memory memory = PIPILO_MEMORY_INIT;
        setenv("PIPILO_MEMORY", "10%", 1);
        setenv("PIPILO_MEMORY_SOFT", "200MB", 1);
        setenv("PIPILO_MEMORY_HARD", "30%", 1);
        setenv("PIPILO_MEMORY_CRITICAL", "a lot", 1);
        pipilo_set_log(&log_lines);
        tree_create();
        tree_group();
        plo_governor_stats(&stats);
        bool good = plo_budget_limit() == 100 * MB && stats.soft == UINT64_C(200) << 20 &&
                    stats.hard == 300 * MB && stats.critical == 950 * MB;
        good = good && lines == 1 && strstr(last_line, "PIPILO_MEMORY_CRITICAL") != NULL;
        // What is set goes before it.
        memory.limit = 5;
        memory.soft = 6;
        good = good && pipilo_memory_set(&memory, NULL) == 0 && plo_budget_limit() == 5;
        plo_governor_stats(&stats);
        good = good && stats.soft == 6 && stats.hard == 300 * MB;
        tree_remove();
        _exit(good ? 0 : 1);
    }
    assert_int_equal(child_status(child), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_log_may_ask_back),
        cmocka_unit_test(the_environment),
        TEST(states_and_their_slack),
        TEST(admission_follows),
        TEST(waiters_are_woken),
        TEST(relief_comes_with_soft),
        TEST(standing_still_is_soft),
        TEST(marks_keep_their_order),
        TEST(what_is_refused),
        TEST(the_process_counts_too),
        TEST(what_is_set_is_what_one_gets),
        TEST(sizes),
        TEST(an_action_may_set),
        TEST(setting_waits_for_the_action),
        TEST(a_child_begins_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
