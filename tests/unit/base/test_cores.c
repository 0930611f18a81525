// How many cores a quota leaves, by cgroup trees that are made here.
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cores.h"
#include "base/file.h"

static char root[64], list[96];

static int enter(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/pipilo-cores-XXXXXX");
    if (mkdtemp(root) == NULL)
        return -1;
    snprintf(list, sizeof list, "%s/list", root);
    return 0;
}

static int leave(void **state)
{
    (void)state;
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", root);
    return system(command);
}

// Writes `text` to FOLDER/NAME below the root.
static void put(const char *folder, const char *name, const char *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s%s", root, folder);
    assert_int_equal(plo_file_make_folders(path), 0);
    snprintf(path, sizeof path, "%s%s/%s", root, folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0 && fclose(file) == 0);
}

static void version_2_takes_the_smallest_on_the_way(void **state)
{
    (void)state;
    put("", "list", "0::/user.slice/job\n");
    assert_int_equal(plo_cores_quota(list, root), INT_MAX);
    put("/user.slice/job", "cpu.max", "max 100000\n");
    assert_int_equal(plo_cores_quota(list, root), INT_MAX);
    put("/user.slice", "cpu.max", "350000 100000\n");
    assert_int_equal(plo_cores_quota(list, root), 4);
    put("/user.slice/job", "cpu.max", "100000 50000\n");
    assert_int_equal(plo_cores_quota(list, root), 2);
    put("", "cpu.max", "1000 100000\n");
    assert_int_equal(plo_cores_quota(list, root), 1);
}

// In a container with a namespace of its own the group is the root.
static void version_2_at_the_root(void **state)
{
    (void)state;
    put("", "list", "0::/\n");
    put("", "cpu.max", "600000 100000\n");
    assert_int_equal(plo_cores_quota(list, root), 6);
}

static void version_1_has_two_files(void **state)
{
    (void)state;
    put("", "list",
        "5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n");
    put("/cpu/docker/abc", "cpu.cfs_quota_us", "-1\n");
    put("/cpu/docker/abc", "cpu.cfs_period_us", "100000\n");
    assert_int_equal(plo_cores_quota(list, root), INT_MAX);
    put("/cpu/docker/abc", "cpu.cfs_quota_us", "75000\n");
    put("/cpu/docker/abc", "cpu.cfs_period_us", "25000\n");
    assert_int_equal(plo_cores_quota(list, root), 3);
    put("/cpu", "cpu.cfs_quota_us", "150000\n");
    assert_int_equal(plo_cores_quota(list, root), 2);
}

// cpuset and cpuacct are other controllers, in other groups.
static void version_1_by_the_whole_name(void **state)
{
    (void)state;
    put("", "list", "3:cpuset:/a\n2:cpuacct:/a\n");
    put("/cpu/a", "cpu.cfs_quota_us", "100000\n");
    assert_int_equal(plo_cores_quota(list, root), INT_MAX);
    put("", "list", "3:cpuset:/a\n2:cpuacct,cpu:/a\n");
    assert_int_equal(plo_cores_quota(list, root), 1);
}

static void damaged_files_are_no_quota(void **state)
{
    (void)state;
    const char *const texts[] = { "", "many\n", "0 100000\n", "100000 0\n", "-5 100000\n" };
    assert_int_equal(plo_cores_quota("/nowhere", root), INT_MAX);
    put("", "list", "0::/a\nnonsense\n\n");
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        put("/a", "cpu.max", texts[i]);
        assert_int_equal(plo_cores_quota(list, root), INT_MAX);
    }
}

static void affinity_is_respected(void **state)
{
    (void)state;
    cpu_set_t all, one;
    assert_int_equal(sched_getaffinity(0, sizeof all, &all), 0);
    assert_in_range(plo_cores(), 1, CPU_COUNT(&all));
    CPU_ZERO(&one);
    for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
        if (CPU_ISSET(i, &all))
            CPU_SET(i, &one);
    assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
    assert_int_equal(plo_cores(), 1);
    assert_int_equal(sched_setaffinity(0, sizeof all, &all), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(version_2_takes_the_smallest_on_the_way, enter, leave),
        cmocka_unit_test_setup_teardown(version_2_at_the_root, enter, leave),
        cmocka_unit_test_setup_teardown(version_1_has_two_files, enter, leave),
        cmocka_unit_test_setup_teardown(version_1_by_the_whole_name, enter, leave),
        cmocka_unit_test_setup_teardown(damaged_files_are_no_quota, enter, leave),
        cmocka_unit_test(affinity_is_respected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
