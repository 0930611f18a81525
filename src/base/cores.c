// cores.c: affinity and the cgroup's quota, versions 2 and 1 (see cores.h).
#include "base/cores.h"

#include <limits.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

// Cores of a quota in `path` ("max 100000" or "50000 100000"; v1 keeps the two numbers in two
// files), or INT_MAX where there is none.
static int quota_of(const char *path, const char *period_path)
{
    char text[32] = "";
    long long quota = -1, period = 100000;
    FILE *file = fopen(path, "re");
    if (file == NULL)
        return INT_MAX;
    int found = fscanf(file, "%31s %lld", text, &period);
    fclose(file);
    if (found < 1 || sscanf(text, "%lld", &quota) != 1 || quota <= 0)
        return INT_MAX;
    if (period_path != NULL && (file = fopen(period_path, "re")) != NULL) {
        if (fscanf(file, "%lld", &period) != 1)
            period = 100000;
        fclose(file);
    }
    if (period <= 0 || quota / period >= INT_MAX)
        return INT_MAX;
    return (int)((quota + period - 1) / period);
}

static int quota_in(const char *root, const char *group, bool unified)
{
    char path[1024], period[1024];
    if (unified) {
        snprintf(path, sizeof path, "%s%s/cpu.max", root, group);
        return quota_of(path, NULL);
    }
    snprintf(path, sizeof path, "%s/cpu%s/cpu.cfs_quota_us", root, group);
    snprintf(period, sizeof period, "%s/cpu%s/cpu.cfs_period_us", root, group);
    return quota_of(path, period);
}

// Whether "cpu" is among the controllers "cpu,cpuacct:...": not "cpuset" or "cpuacct" alone.
static bool has_cpu(const char *controllers)
{
    while (*controllers != ':' && *controllers != '\0') {
        size_t length = strcspn(controllers, ",:");
        if (length == 3 && strncmp(controllers, "cpu", 3) == 0)
            return true;
        controllers += length + (controllers[length] == ',');
    }
    return false;
}

// The smallest from `group` up, which is cut short on the way.
static int smallest_above(const char *root, char *group, bool unified)
{
    int smallest = INT_MAX;
    for (;;) {
        if (strcmp(group, "/") == 0)
            *group = '\0';
        int quota = quota_in(root, group, unified);
        smallest = quota < smallest ? quota : smallest;
        char *slash = strrchr(group, '/');
        if (slash == NULL)
            return smallest;
        *slash = '\0';
    }
}

int plo_cores_quota(const char *list, const char *root)
{
    int smallest = INT_MAX;
    char line[600];
    FILE *file = fopen(list, "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        bool unified = strncmp(line, "0::", 3) == 0;
        char *controllers = strchr(line, ':');
        char *group = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (group == NULL || (!unified && !has_cpu(controllers + 1)))
            continue;
        int quota = smallest_above(root, group + 1, unified);
        smallest = quota < smallest ? quota : smallest;
    }
    if (file != NULL)
        fclose(file);
    return smallest;
}

int plo_cores(void)
{
    cpu_set_t set;
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    // Above 1024 cores the set is too small and the call fails: then all of them.
    if (sched_getaffinity(0, sizeof set, &set) == 0)
        cores = CPU_COUNT(&set);
    int quota = plo_cores_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    if (cores > quota)
        cores = quota;
    return cores < 1 ? 1 : (int)cores;
}
