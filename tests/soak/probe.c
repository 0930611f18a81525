// probe.c: see probe.h.
#include "probe.h"

#include <dirent.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { LIMIT_KB = 1024 };

// Names in a folder.
static int entries(const char *path)
{
    int count = 0;
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    if (folder != NULL)
        closedir(folder);
    return count;
}

struct probe probe_take(void)
{
    struct probe probe = { 0 };
    char line[128];
    FILE *file = fopen("/proc/self/status", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "RssAnon: %" SCNd64, &probe.anonymous) == 1)
            break;
    if (file != NULL)
        fclose(file);
    probe.threads = entries("/proc/self/task");
    probe.descriptors = entries("/proc/self/fd") - 1; // without the one that looks
    return probe;
}

static int least(int a, int b)
{
    return a < b ? a : b;
}

void watch_step(struct watch *watch, int64_t step)
{
    int64_t every = watch->steps / (SOAK_TENTHS * SOAK_SAMPLES);
    int tenth = (int)(step * SOAK_TENTHS / watch->steps);
    if (step % every != every - 1 || watch->taken[tenth] == SOAK_SAMPLES)
        return;
    struct probe now = probe_take();
    if (watch->taken[tenth] > 0) {
        now.threads = least(now.threads, watch->last.threads);
        now.descriptors = least(now.descriptors, watch->last.descriptors);
    }
    watch->anonymous[tenth][watch->taken[tenth]++] = now.anonymous;
    watch->last = now;
    if (tenth == 0)
        watch->first = now;
}

static int by_size(const void *a, const void *b)
{
    const int64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int64_t median(const struct watch *watch, int tenth)
{
    int64_t sorted[SOAK_SAMPLES];
    memcpy(sorted, watch->anonymous[tenth], sizeof sorted);
    qsort(sorted, (size_t)watch->taken[tenth], sizeof sorted[0], by_size);
    return sorted[watch->taken[tenth] / 2];
}

bool watch_holds(const struct watch *watch, const char *what)
{
    int64_t first = median(watch, 0), highest = 0;
    printf("%" PRId64 " %s, RssAnon in kB, the median of each tenth:", watch->steps, what);
    for (int tenth = 0; tenth < SOAK_TENTHS; tenth++) {
        int64_t here = median(watch, tenth);
        printf(" %" PRId64, here);
        if (tenth > 0 && here > highest)
            highest = here;
    }
    printf("\nit grew by %" PRId64
           " kB after the first; threads %d and %d, descriptors %d and %d\n",
           highest - first, watch->first.threads, watch->last.threads, watch->first.descriptors,
           watch->last.descriptors);
    return (SANITIZED || highest - first < LIMIT_KB) &&
           watch->first.threads == watch->last.threads &&
           watch->first.descriptors == watch->last.descriptors;
}

bool closes_clean(const struct probe *before)
{
    struct pipilo_error err = { 0 };
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    bool closed = pipilo_close(&err) == 0;
    pipilo_stats(&stats);
    struct probe probe = probe_take();
    printf("closed%s%s: %" PRId64 " blocks alive, %d threads, %d descriptors, RssAnon %" PRId64
           " kB\n",
           closed ? "" : " with an error: ", closed ? "" : err.message, stats.allocations,
           probe.threads, probe.descriptors, probe.anonymous);
    bool same = soak_is_full() ||
                (probe.threads == before->threads && probe.descriptors == before->descriptors);
    return closed && same && stats.values == 0 && stats.images == 0 && stats.pipelines == 0 &&
           stats.runs == 0 && stats.models == 0 && stats.sources == 0 && stats.tables == 0 &&
           stats.allocations == 0 && stats.budget_used == 0;
}

bool soak_is_full(void)
{
    const char *value = getenv("PIPILO_SOAK");
    return value != NULL && strcmp(value, "full") == 0;
}

const char *soak_model(void)
{
    static char path[PATH_MAX];
    const char *deps = getenv("PIPILO_DEPS");
    if (!soak_is_full() || deps == NULL)
        return "null:64";
    snprintf(path, sizeof path, "%s/models/efficientnet-lite0", deps);
    return path;
}

void give_up(const char *what, const struct pipilo_error *err)
{
    printf("%s: %s\n", what, err != NULL ? err->message : "failed");
    exit(1);
}
