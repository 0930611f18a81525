// memory_tree.h: a made /proc and /sys/fs/cgroup, below which the library is made to read, so that
// a test says how much memory is used.
#ifndef TEST_MEMORY_TREE_H
#define TEST_MEMORY_TREE_H

#include <ftw.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/memory_use.h"

static char tree[64];

// Writes the file `name` below the tree, at once for who reads it meanwhile.
__attribute__((format(printf, 2, 3))) static inline void tree_put(const char *name,
                                                                  const char *format, ...)
{
    char path[512], fresh[520];
    snprintf(path, sizeof path, "%s/%s", tree, name);
    for (char *slash = strchr(path + strlen(tree) + 1, '/'); slash != NULL;
         slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        mkdir(path, 0700);
        *slash = '/';
    }
    snprintf(fresh, sizeof fresh, "%s.new", path);
    FILE *file = fopen(fresh, "w");
    assert_non_null(file);
    va_list args;
    va_start(args, format);
    vfprintf(file, format, args);
    va_end(args);
    assert_int_equal(fclose(file), 0);
    assert_int_equal(rename(fresh, path), 0);
}

// A machine of 8 GB of which half is free, and this process with 10 MB of its own.
static inline void tree_create(void)
{
    snprintf(tree, sizeof tree, "/tmp/pipilo-tree-XXXXXX");
    assert_non_null(mkdtemp(tree));
    tree_put("proc/meminfo", "MemTotal:        8000000 kB\nMemFree:          100000 kB\n"
                             "MemAvailable:    4000000 kB\n");
    tree_put("proc/self/status", "Name:\tx\nVmRSS:\t   20000 kB\nRssAnon:\t   10000 kB\n");
    plo_memory_use_set_root(tree);
}

// The process in a group of version 2 that may take 1,000 MB.
static inline void tree_group(void)
{
    tree_put("proc/self/cgroup", "0::/box\n");
    tree_put("sys/fs/cgroup/box/memory.max", "1000000000\n");
}

// How much of that it takes, beside 200 MB of files' pages.
static inline void tree_use(unsigned megabytes)
{
    tree_put("sys/fs/cgroup/box/memory.stat", "anon 1\nfile 200000000\n"
                                              "inactive_file 150000000\nactive_file 50000000\n");
    tree_put("sys/fs/cgroup/box/memory.current", "%u000000\n", megabytes + 200);
}

static inline int tree_remove_one(const char *path, const struct stat *status, int kind,
                                  struct FTW *walk)
{
    (void)status;
    (void)kind;
    (void)walk;
    return remove(path);
}

static inline void tree_remove(void)
{
    plo_memory_use_set_root("");
    assert_int_equal(nftw(tree, tree_remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
