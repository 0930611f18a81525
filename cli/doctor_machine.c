// doctor_machine.c: processor, memory and libraries (see doctor.h).
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include <pipilo/pipilo.h>

#include "doctor.h"
#include "say.h"

enum { FEW_DESCRIPTORS = 256, STALLED = 10 };

// What a run needs at most for itself, and for each thread with --isolate: its helper, the one for
// libvips, and what each of them shares. Measured, a little rounded up.
enum { RUN_DESCRIPTORS = 16, THREAD_DESCRIPTORS = 8 };

static const uint64_t little = UINT64_C(512) << 20; // bytes of budget

static void tell_processor(struct doctor *doctor, const struct pipilo_machine *machine)
{
    const char *cpu = *machine->cpu != '\0' ? machine->cpu : "an unnamed processor";
    bool plain = strcmp(machine->vectors, "plain C") == 0;
    doctor_tell(doctor, plain ? DOCTOR_NOTE : DOCTOR_GOOD, "processor",
                text_format("%s; multiply-adds with %s, pixels with %s", cpu, machine->vectors,
                            machine->kernels),
                plain ? "no vector unit that pipilo knows: everything works, and slowly" : NULL);
}

static void tell_cores(struct doctor *doctor, const struct pipilo_machine *machine)
{
    cpu_set_t set;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    long allowed = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : online;
    char *quota = machine->quota > 0 ? text_format("%d", machine->quota) : text_format("none");
    doctor_tell(doctor, DOCTOR_GOOD, "cores",
                text_format("%d to work with: %ld online, %ld by affinity, CPU quota %s",
                            machine->cores, online, allowed, quota),
                NULL);
    free(quota);
}

// The kilobytes of a line of /proc/meminfo, as bytes; 0 where it is not there.
static uint64_t meminfo(const char *name)
{
    char line[128];
    unsigned long long kilobytes = 0;
    size_t length = strlen(name);
    FILE *file = fopen("/proc/meminfo", "re");
    while (file != NULL && kilobytes == 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, length) == 0 && line[length] == ':')
            kilobytes = strtoull(line + length + 1, NULL, 10);
    if (file != NULL)
        fclose(file);
    return (uint64_t)kilobytes * 1024;
}

static void tell_memory(struct doctor *doctor, const struct pipilo_machine *machine)
{
    doctor_tell(doctor, DOCTOR_GOOD, "memory",
                text_format("%s, of which %s can be had; %s hold files",
                            text_size(machine->memory_total).text,
                            text_size(machine->memory_left).text,
                            text_size(meminfo("Cached")).text),
                NULL);
}

// 1 or 2: the version of control groups that has this process's memory; 0: none has.
static int group_version(void)
{
    char line[1024];
    int version = 0;
    FILE *file = fopen("/proc/self/cgroup", "re");
    while (file != NULL && version != 1 && fgets(line, sizeof line, file) != NULL) {
        char *controllers = strchr(line, ':');
        char *path = controllers != NULL ? strchr(controllers + 1, ':') : NULL;
        if (path == NULL)
            continue;
        *path = '\0';
        if (strstr(controllers, "memory") != NULL)
            version = 1;
        else if (controllers[1] == '\0' && access("/sys/fs/cgroup/cgroup.controllers", F_OK) == 0)
            version = 2;
    }
    if (file != NULL)
        fclose(file);
    return version;
}

static void tell_group(struct doctor *doctor, const struct pipilo_machine *machine)
{
    int version = group_version();
    char *text;
    if (version == 0)
        text = text_format("none has the memory of this process");
    else if (machine->group_limit == UINT64_MAX)
        text = text_format("version %d, without a limit", version);
    else
        text =
            text_format("version %d, a limit of %s, of which %s are left", version,
                        text_size(machine->group_limit).text, text_size(machine->group_left).text);
    doctor_tell(doctor, DOCTOR_GOOD, "control group", text, NULL);
}

static void tell_pressure(struct doctor *doctor, const struct pipilo_machine *machine)
{
    bool counted = access("/proc/pressure/memory", R_OK) == 0;
    bool high = machine->stalled >= STALLED;
    doctor_tell(
        doctor, high ? DOCTOR_NOTE : DOCTOR_GOOD, "pressure",
        counted
            ? text_format("of the last 10 s all stood still for memory for %u %%", machine->stalled)
            : text_format("the kernel does not count it (PSI); nothing needs it"),
        high ? "memory is short now: end what takes it, or work with less (--memory)" : NULL);
}

static void tell_marks(struct doctor *doctor)
{
    struct pipilo_memory memory = PIPILO_MEMORY_INIT;
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    struct pipilo_error err;
    bool wrong = pipilo_memory_set(&memory, &err) < 0;
    pipilo_stats(&stats);
    bool small = stats.budget_limit < little;
    const char *mend = wrong   ? err.message
                       : small ? "large pictures and models may not fit: --memory, or a larger "
                                 "limit of the control group"
                               : NULL;
    doctor_tell(doctor,
                wrong   ? DOCTOR_WRONG
                : small ? DOCTOR_NOTE
                        : DOCTOR_GOOD,
                "memory marks",
                text_format("budget %s of %s; soft %s, hard %s, critical %s",
                            text_size(stats.budget_limit).text, text_size(stats.memory_total).text,
                            text_size(stats.memory_soft).text, text_size(stats.memory_hard).text,
                            text_size(stats.memory_critical).text),
                mend);
}

static void tell_descriptors(struct doctor *doctor, const struct pipilo_machine *machine)
{
    struct rlimit limit = { 0 };
    getrlimit(RLIMIT_NOFILE, &limit);
    rlim_t needed = RUN_DESCRIPTORS + THREAD_DESCRIPTORS * (rlim_t)machine->cores;
    bool short_of = limit.rlim_cur < needed;
    bool few = limit.rlim_cur < FEW_DESCRIPTORS;
    rlim_t plenty = needed < 1024 ? 1024 : needed;
    char *mend = short_of ? text_format("a run may need %llu: ulimit -n %llu",
                                        (unsigned long long)needed, (unsigned long long)plenty)
                 : few    ? text_format("few for many threads or shards: ulimit -n %llu",
                                        (unsigned long long)plenty)
                          : NULL;
    doctor_tell(doctor,
                short_of ? DOCTOR_WRONG
                : few    ? DOCTOR_NOTE
                         : DOCTOR_GOOD,
                "descriptors", text_format("%llu at a time", (unsigned long long)limit.rlim_cur),
                mend);
    free(mend);
}

static void tell_library(struct doctor *doctor, const struct pipilo_machine_library *library)
{
    bool needed = *library->package == '\0';
    if (library->version != NULL) {
        char *path = library->path != NULL ? text_clean(library->path) : NULL;
        doctor_tell(doctor, DOCTOR_GOOD, library->name,
                    text_format("%s%sfor %s; %s", library->version,
                                *library->version != '\0' ? ", " : "", library->purpose,
                                path != NULL ? path : "a part of this program"),
                    NULL);
        free(path);
        return;
    }
    char *mend = needed ? text_format("%s needs it: install pipilo anew, or have PIPILO_OPENVINO "
                                      "name the folder with libopenvino_c.so",
                                      library->purpose)
                        : text_format("needed for %s: apt-get install %s", library->purpose,
                                      library->package);
    doctor_tell(doctor, needed ? DOCTOR_WRONG : DOCTOR_NOTE, library->name,
                text_format("not there: %s", library->why), mend);
    free(mend);
}

void doctor_machine(struct doctor *doctor)
{
    struct pipilo_machine *machine = NULL;
    if (pipilo_machine_show(&machine, NULL) < 0)
        must(NULL);
    tell_processor(doctor, machine);
    tell_cores(doctor, machine);
    tell_memory(doctor, machine);
    tell_group(doctor, machine);
    tell_pressure(doctor, machine);
    tell_marks(doctor);
    tell_descriptors(doctor, machine);
    for (size_t i = 0; i < machine->library_count; i++)
        tell_library(doctor, &machine->libraries[i]);
    pipilo_free(machine);
}
