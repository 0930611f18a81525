// test_memory_use.c: numbers out of made trees of both versions of control groups, and out of the
// real /proc.
#include "memory_tree.h"

static struct plo_memory_use use;

static int make(void **state)
{
    (void)state;
    tree_create();
    return 0;
}

static int clear(void **state)
{
    (void)state;
    tree_remove();
    return 0;
}

static void without_groups(void **state)
{
    (void)state;
    tree_put("proc/pressure/memory", "some avg10=80.00 avg60=1.00 avg300=0.00 total=5\n"
                                     "full avg10=12.34 avg60=0.00 avg300=0.00 total=5\n");
    plo_memory_use_read(&use);
    assert_int_equal(use.machine_total, 8000000 * UINT64_C(1024));
    assert_int_equal(use.machine_left, 4000000 * UINT64_C(1024));
    assert_int_equal(use.anonymous, 10000 * 1024);
    assert_true(use.group_limit == UINT64_MAX && use.group_left == UINT64_MAX);
    assert_int_equal(use.stalled, 12);
}

static void version_2(void **state)
{
    (void)state;
    tree_put("proc/pressure/memory", "full avg10=99.00\n");
    tree_put("proc/self/cgroup", "0::/pod/box\n");
    tree_put("sys/fs/cgroup/pod/box/memory.pressure",
             "some avg10=3.00 avg60=0.00 avg300=0.00 total=1\nfull avg10=2.50 total=1\n");
    tree_put("sys/fs/cgroup/pod/box/memory.max", "max\n");
    tree_put("sys/fs/cgroup/pod/box/memory.current", "999\n");
    tree_put("sys/fs/cgroup/pod/memory.max", "5000\n");
    tree_put("sys/fs/cgroup/pod/memory.current", "3000\n");
    tree_put("sys/fs/cgroup/pod/memory.stat", "inactive_file 600\nactive_file 400\n");
    plo_memory_use_read(&use);
    assert_int_equal(use.group_limit, 5000);
    assert_int_equal(use.group_left, 3000); // 5000 - (3000 - 1000)
    assert_int_equal(use.stalled, 2);       // the group's own, not the machine's
    // Where the kernel throttles is a limit too.
    tree_put("sys/fs/cgroup/pod/box/memory.high", "1500\n");
    plo_memory_use_read(&use);
    assert_int_equal(use.group_limit, 1500);
    assert_int_equal(use.group_left, 501);
    // A group that is full leaves nothing.
    tree_put("sys/fs/cgroup/pod/box/memory.current", "1600\n");
    plo_memory_use_read(&use);
    assert_int_equal(use.group_left, 0);
}

// The tightest group is not the one with the smallest limit: others share the one above.
static void shared_limit(void **state)
{
    (void)state;
    tree_put("proc/self/cgroup", "0::/pod/box\n");
    tree_put("sys/fs/cgroup/pod/box/memory.max", "5000\n");
    tree_put("sys/fs/cgroup/pod/box/memory.current", "1000\n");
    tree_put("sys/fs/cgroup/pod/memory.max", "9000\n");
    tree_put("sys/fs/cgroup/pod/memory.current", "8700\n");
    plo_memory_use_read(&use);
    assert_int_equal(use.group_limit, 5000);
    assert_int_equal(use.group_left, 300);
}

static void version_1(void **state)
{
    (void)state;
    tree_put("proc/self/cgroup", "9:name=systemd:/\n4:cpuset,memory:/a/b\n1:cpu:/\n0::/\n");
    tree_put("sys/fs/cgroup/memory/a/b/memory.limit_in_bytes", "9223372036854771712\n");
    tree_put("sys/fs/cgroup/memory/a/b/memory.usage_in_bytes", "100\n");
    tree_put("sys/fs/cgroup/memory/a/memory.limit_in_bytes", "7000\n");
    tree_put("sys/fs/cgroup/memory/a/memory.usage_in_bytes", "6000\n");
    tree_put("sys/fs/cgroup/memory/a/memory.stat",
             "inactive_file 1\nactive_file 1\ntotal_inactive_file 1000\ntotal_active_file 500\n");
    plo_memory_use_read(&use);
    assert_int_equal(use.group_limit, 7000);
    assert_int_equal(use.group_left, 2500);
}

// In a container the path may be the host's: what is mounted there is its own group.
static void a_path_from_outside(void **state)
{
    (void)state;
    tree_put("proc/self/cgroup", "4:memory:/docker/0123\n");
    tree_put("sys/fs/cgroup/memory/memory.limit_in_bytes", "4000\n");
    tree_put("sys/fs/cgroup/memory/memory.usage_in_bytes", "1000\n");
    plo_memory_use_read(&use);
    assert_int_equal(use.group_limit, 4000);
    assert_int_equal(use.group_left, 3000);
}

static void what_cannot_be_read(void **state)
{
    (void)state;
    char path[128];
    tree_put("proc/self/cgroup", "nonsense\n0:\n0::\n4:memory:/\n0::%0900d\n", 1);
    tree_put("sys/fs/cgroup/memory/memory.limit_in_bytes", "lots\n");
    tree_put("proc/meminfo", "MemTotal:\n");
    tree_put("proc/self/status", "RssAnon:\n");
    tree_put("proc/pressure/memory", "some avg10=1\n");
    plo_memory_use_read(&use);
    assert_int_equal(use.anonymous, 0);
    assert_true(use.machine_total > 0 && use.machine_total < UINT64_MAX);
    assert_true(use.machine_left == UINT64_MAX && use.group_left == UINT64_MAX);
    assert_int_equal(use.stalled, 0);
    snprintf(path, sizeof path, "%s/nowhere", tree);
    plo_memory_use_set_root(path);
    plo_memory_use_read(&use);
    assert_int_equal(use.anonymous, 0);
}

// What a count of pages may be off by: since Linux 6.2 each core keeps some for itself.
static unsigned long long slack(void)
{
    unsigned long long cores = (unsigned long long)sysconf(_SC_NPROCESSORS_CONF);
    unsigned long long batch = cores < 16 ? 32 : 2 * cores;
    return (2 << 20) + cores * batch * (unsigned long long)sysconf(_SC_PAGESIZE);
}

// The kernel's other count of the same pages.
static void the_real_process(void **state)
{
    (void)state;
    char line[128];
    unsigned long long off = slack();
    unsigned long long rolled = 0;
    plo_memory_use_set_root("");
    size_t size = 64 << 20;
    char *block = malloc(size);
    assert_non_null(block);
    memset(block, 1, size);
    plo_memory_use_read(&use);
    FILE *file = fopen("/proc/self/smaps_rollup", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "Anonymous: %llu", &rolled) == 1)
            break;
    free(block);
    if (file == NULL)
        skip();
    fclose(file);
    assert_true(use.anonymous + off >= size);
    assert_in_range(use.anonymous + off, rolled * 1024, rolled * 1024 + 2 * off);
    assert_true(use.machine_left < use.machine_total);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(without_groups, make, clear),
        cmocka_unit_test_setup_teardown(version_2, make, clear),
        cmocka_unit_test_setup_teardown(shared_limit, make, clear),
        cmocka_unit_test_setup_teardown(version_1, make, clear),
        cmocka_unit_test_setup_teardown(a_path_from_outside, make, clear),
        cmocka_unit_test_setup_teardown(what_cannot_be_read, make, clear),
        cmocka_unit_test_setup_teardown(the_real_process, make, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
