// machine.c: /proc/stat (see machine.h).
#include "machine.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static double own_seconds(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return (double)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
           (double)(used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

// "user nice system idle iowait irq softirq steal": what is not idle or waiting is busy.
static int read_line(const char *numbers, double *busy, double *all)
{
    unsigned long long t[8];
    if (sscanf(numbers, "%llu %llu %llu %llu %llu %llu %llu %llu", &t[0], &t[1], &t[2], &t[3],
               &t[4], &t[5], &t[6], &t[7]) != 8)
        return -1;
    double second = (double)sysconf(_SC_CLK_TCK), sum = 0;
    for (int i = 0; i < 8; i++)
        sum += (double)t[i];
    *all = sum / second;
    *busy = (sum - (double)t[3] - (double)t[4]) / second;
    return 0;
}

void machine_look(struct machine_times *out)
{
    char line[512];
    *out = (struct machine_times){ .own = own_seconds() };
    FILE *file = fopen("/proc/stat", "re");
    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "cpu", 3) != 0)
            break;
        const char *numbers = strchr(line, ' ');
        if (numbers == NULL)
            continue;
        if (!isdigit((unsigned char)line[3]))
            read_line(numbers, &out->busy, &out->all);
        else if (out->cores < MACHINE_CORES &&
                 read_line(numbers, &out->core_busy[out->cores], &out->core_all[out->cores]) == 0)
            out->cores++;
    }
    if (file != NULL)
        fclose(file);
}

static double share(double part, double whole)
{
    return whole <= 0 || part <= 0 ? 0 : part < whole ? part / whole : 1;
}

double machine_others(const struct machine_times *before, const struct machine_times *after)
{
    double busy = after->busy - before->busy, own = after->own - before->own;
    return share(busy - own, after->all - before->all);
}

double machine_core(const struct machine_times *before, const struct machine_times *after, int core)
{
    return share(after->core_busy[core] - before->core_busy[core],
                 after->core_all[core] - before->core_all[core]);
}

// --- giving way ----------------------------------------------------------------------------------

// glibc has no function and no names for these; they are part of the kernel's interface.
enum { IO_OF_PROCESS = 1, IO_CLASS_SHIFT = 13, IO_BEST_EFFORT = 2, IO_IDLE = 3, IO_LOWEST = 7 };
enum { NICE = 10 };

bool machine_give_way(void)
{
    errno = 0;
    int now = getpriority(PRIO_PROCESS, 0);
    if (errno != 0 || (now < NICE && setpriority(PRIO_PROCESS, 0, NICE) < 0))
        return false;
    long disk = syscall(SYS_ioprio_get, IO_OF_PROCESS, 0);
    if (disk >> IO_CLASS_SHIFT == IO_IDLE)
        return true;
    return syscall(SYS_ioprio_set, IO_OF_PROCESS, 0,
                   IO_BEST_EFFORT << IO_CLASS_SHIFT | IO_LOWEST) == 0;
}
