// memory_use.c: numbers out of /proc and out of cgroup files (see memory_use.h).
#include "base/memory_use.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *root = "";

void plo_memory_use_set_root(const char *folder)
{
    root = folder;
}

static FILE *open_file(const char *folder, const char *name)
{
    char path[1280];
    int length = snprintf(path, sizeof path, "%s%s%s", root, folder, name);
    return length > 0 && (size_t)length < sizeof path ? fopen(path, "re") : NULL;
}

static uint64_t add(uint64_t a, uint64_t b)
{
    return a < UINT64_MAX - b ? a + b : UINT64_MAX;
}

static uint64_t less(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

// The number in a file of one line; UINT64_MAX where there is none ("max", no file), or where it is
// the page below 2^63 that version 1 writes for no limit.
static uint64_t number_in(const char *folder, const char *name)
{
    uint64_t number = UINT64_MAX;
    FILE *file = open_file(folder, name);
    bool found = file != NULL && fscanf(file, "%" SCNu64, &number) == 1;
    if (file != NULL)
        fclose(file);
    return found && number < UINT64_C(1) << 62 ? number : UINT64_MAX;
}

// One line "name number" looked for in a file of such lines; `unit` bytes each.
struct wanted {
    const char *name;
    uint64_t unit;
    uint64_t *out;
};

static void find_lines(const char *folder, const char *name, const struct wanted *wanted,
                       size_t count)
{
    char line[256], key[64];
    uint64_t number;
    size_t left = count;
    FILE *file = open_file(folder, name);
    while (file != NULL && left > 0 && fgets(line, sizeof line, file) != NULL) {
        if (sscanf(line, "%63s %" SCNu64, key, &number) != 2)
            continue;
        for (size_t i = 0; i < count; i++) {
            if (strcmp(key, wanted[i].name) != 0)
                continue;
            *wanted[i].out = number * wanted[i].unit;
            left--;
        }
    }
    if (file != NULL)
        fclose(file);
}

// "full avg10=1.23 avg60=... total=...": the first number, in hundredths.
static bool read_stalled(const char *folder, const char *name, unsigned *stalled)
{
    char line[256];
    unsigned whole = 0;
    bool found = false;
    FILE *file = open_file(folder, name);
    while (file != NULL && !found && fgets(line, sizeof line, file) != NULL)
        found = sscanf(line, "full avg10=%u", &whole) == 1;
    if (file != NULL)
        fclose(file);
    if (found)
        *stalled = whole;
    return found;
}

// --- control groups ------------------------------------------------------------------------------

// What differs between the versions.
struct version {
    const char *mounts[3]; // where its memory controller may be mounted; ends with NULL
    const char *limit, *throttle, *used;
    const char *inactive, *active; // in memory.stat: pages of files
};

static const struct version versions[] = {
    { { "/sys/fs/cgroup/memory", NULL },
      "/memory.limit_in_bytes",
      NULL,
      "/memory.usage_in_bytes",
      "total_inactive_file",
      "total_active_file" },
    { { "/sys/fs/cgroup", "/sys/fs/cgroup/unified", NULL },
      "/memory.max",
      "/memory.high", // past it the kernel slows the group down instead of giving it memory
      "/memory.current",
      "inactive_file",
      "active_file" },
};

static void read_group(const struct version *version, const char *folder,
                       struct plo_memory_use *use)
{
    uint64_t limit = number_in(folder, version->limit), inactive = 0, active = 0;
    if (version->throttle != NULL)
        limit = less(limit, number_in(folder, version->throttle));
    if (limit == UINT64_MAX)
        return;
    uint64_t used = number_in(folder, version->used);
    const struct wanted wanted[] = { { version->inactive, 1, &inactive },
                                     { version->active, 1, &active } };
    find_lines(folder, "/memory.stat", wanted, 2);
    uint64_t files = add(inactive, active);
    used = used == UINT64_MAX || used < files ? 0 : used - files;
    use->group_limit = less(use->group_limit, limit);
    use->group_left = less(use->group_left, used < limit ? limit - used : 0);
}

// All groups from `own` to the root, below one mount.
static bool read_groups(const struct version *version, const char *mount, const char *own,
                        struct plo_memory_use *use)
{
    char folder[1024];
    int length = snprintf(folder, sizeof folder, "%s%s", mount, own);
    if (length < 0 || (size_t)length >= sizeof folder)
        return false;
    bool told = read_stalled(folder, "/memory.pressure", &use->stalled);
    for (size_t end = strlen(folder);; end--) {
        if (end > strlen(mount) && folder[end] != '\0' && folder[end] != '/')
            continue;
        folder[end] = '\0';
        read_group(version, folder, use);
        if (end == strlen(mount))
            return told;
    }
}

// Lines of /proc/self/cgroup read "0::/path" (version 2) or "N:controllers:/path" (version 1).
static void read_control_groups(struct plo_memory_use *use)
{
    char line[1024];
    bool told = false;
    FILE *file = open_file("/proc/self/cgroup", "");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\n")] = '\0';
        char *controllers = strchr(line, ':');
        char *own = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (own == NULL)
            continue;
        *own++ = '\0';
        bool unified = controllers[1] == '\0';
        if (!unified && strstr(controllers + 1, "memory") == NULL)
            continue;
        const struct version *version = &versions[unified ? 1 : 0];
        for (const char *const *mount = version->mounts; *mount != NULL; mount++)
            told = read_groups(version, *mount, own, use) || told;
    }
    if (file != NULL)
        fclose(file);
    if (!told)
        read_stalled("/proc/pressure/memory", "", &use->stalled);
}

// --- the process and the machine -----------------------------------------------------------------

uint64_t plo_memory_anonymous(void)
{
    uint64_t bytes = 0;
    const struct wanted wanted = { "RssAnon:", 1024, &bytes };
    find_lines("/proc/self/status", "", &wanted, 1);
    return bytes;
}

void plo_memory_use_read(struct plo_memory_use *use)
{
    *use = (struct plo_memory_use){ .machine_total = UINT64_MAX,
                                    .machine_left = UINT64_MAX,
                                    .group_limit = UINT64_MAX,
                                    .group_left = UINT64_MAX };
    const struct wanted wanted[] = { { "MemTotal:", 1024, &use->machine_total },
                                     { "MemAvailable:", 1024, &use->machine_left } };
    find_lines("/proc/meminfo", "", wanted, 2);
    if (use->machine_total == UINT64_MAX)
        use->machine_total = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    use->anonymous = plo_memory_anonymous();
    read_control_groups(use);
}
