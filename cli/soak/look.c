// look.c: numbers of this process, and what becomes of them over many steps (see look.h).
#include "look.h"

#include <dirent.h>
#include <malloc.h>

#include <pipilo/library.h>

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

enum { WARM = 5 }; // one in so many steps is for warming up

static const double chance = 0.05; // that any of all series is called a slope and is none

// What a series may have grown by in the whole run without being a slope: free heap in pieces that
// nothing has fitted yet, stacks and caches whose pages are touched for the first time, which in
// runs of a second has come to 0.8 MB. What glibc keeps for a thread, a quarter of a megabyte at
// most, it counts as in use. And of blocks some hundreds belong to rows under way, of which there
// are more or fewer as the machine has other things to do.
static const struct {
    const char *name, *label;
    bool bytes;
    double least; // growth
    double limit; // for what is not bytes: a step
} about[] = {
    [SOAK_ANONYMOUS] = { "anonymous", "anonymous memory", true, 2 << 20, 0 },
    [SOAK_HEAP] = { "heap", "heap in use", true, 1 << 20, 0 },
    [SOAK_BLOCKS] = { "blocks", "live blocks", false, 100, 0.01 },
    [SOAK_DESCRIPTORS] = { "descriptors", "descriptors", false, 0.5, 0.001 },
    [SOAK_THREADS] = { "threads", "threads", false, 0.5, 0.001 },
};

const char *soak_series_name(enum soak_series series)
{
    return about[series].name;
}

const char *soak_series_label(enum soak_series series)
{
    return about[series].label;
}

bool soak_series_is_bytes(enum soak_series series)
{
    return about[series].bytes;
}

const char *verdict_name(enum verdict verdict)
{
    static const char *const names[] = { "flat", "grows", "unclear", "not judged" };
    return names[verdict];
}

// Names in a folder.
static double entries(const char *path)
{
    double count = 0;
    DIR *folder = opendir(path);
    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        count += entry->d_name[0] != '.';
    if (folder != NULL)
        closedir(folder);
    return count;
}

void look_now(double values[SOAK_SERIES])
{
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    struct mallinfo2 heap = mallinfo2();
    pipilo_stats(&stats);
    values[SOAK_ANONYMOUS] = (double)stats.memory_anonymous;
    values[SOAK_HEAP] = (double)(heap.uordblks + heap.hblkhd);
    values[SOAK_BLOCKS] = (double)stats.allocations;
    values[SOAK_DESCRIPTORS] = entries("/proc/self/fd") - 1; // without the one that looks
    values[SOAK_THREADS] = entries("/proc/self/task");
}

void looks_begin(struct looks *looks)
{
    looks->every = 1;
    looks->count = 0;
}

static void drop_half(struct looks *looks)
{
    for (size_t i = 0; i < looks->count / 2; i++) {
        looks->at[i] = looks->at[2 * i + 1];
        for (int series = 0; series < SOAK_SERIES; series++)
            looks->values[series][i] = looks->values[series][2 * i + 1];
    }
    looks->count /= 2;
    looks->every *= 2;
}

void looks_step(struct looks *looks, int64_t done)
{
    double now[SOAK_SERIES];
    if (done % looks->every != 0)
        return;
    if (looks->count == SOAK_LOOKS) {
        drop_half(looks);
        if (done % looks->every != 0)
            return;
    }
    look_now(now);
    looks->at[looks->count] = (double)done;
    for (int series = 0; series < SOAK_SERIES; series++)
        looks->values[series][looks->count] = now[series];
    looks->count++;
}

size_t looks_warm(const struct looks *looks)
{
    size_t first = 0;
    while (first < looks->count && looks->at[first] < looks->at[looks->count - 1] / WARM)
        first++;
    return first;
}

static enum verdict judge(const struct finding *finding, enum soak_series series, double steps,
                          int series_count)
{
    const struct fit *fit = &finding->fit;
    if (SANITIZED && about[series].bytes)
        return SOAK_UNJUDGED;
    // One in `chance` runs of so many series may be wrong, so each has its part of it (Bonferroni).
    if (fit->slope > 0 && fit->p < chance / series_count &&
        fit->slope * steps > about[series].least)
        return SOAK_GROWS;
    if (fit->low >= -finding->limit && fit->high <= finding->limit)
        return SOAK_FLAT;
    return SOAK_UNCLEAR;
}

void looks_judge(struct finding *out, const struct looks *looks, enum soak_series series,
                 double limit, int series_count)
{
    size_t first = looks_warm(looks), count = looks->count - first;
    double steps = count > 0 ? looks->at[looks->count - 1] - looks->at[first] : 0;
    fit_line(&out->fit, looks->at + first, looks->values[series] + first, count);
    out->limit = about[series].bytes ? limit : about[series].limit;
    out->verdict = judge(out, series, steps, series_count);
}
