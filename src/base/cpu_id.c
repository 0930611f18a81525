// cpu_id.c: /proc/cpuinfo and the processor's own words (see cpu_id.h).
#include "base/cpu_id.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#else
#include <sys/auxv.h>
#endif

static char name[128]; // written once
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void read_name(void)
{
    char line[256];
    FILE *file = fopen("/proc/cpuinfo", "re");
    while (file != NULL && *name == '\0' && fgets(line, sizeof line, file) != NULL) {
        char *colon = strchr(line, ':');
        if (strncmp(line, "model name", 10) != 0 || colon == NULL)
            continue;
        line[strcspn(line, "\n")] = '\0';
        snprintf(name, sizeof name, "%s", colon + 1 + strspn(colon + 1, " "));
    }
    if (file != NULL)
        fclose(file);
}

const char *plo_cpu_name(void)
{
    pthread_once(&once, read_name);
    return name;
}

#if defined(__x86_64__) || defined(__i386__)

// Leaf 1 without what differs from core to core (the number of the core), and both of leaf 7.
void plo_cpu_features(char *out, size_t out_size)
{
    unsigned a = 0, b = 0, c = 0, d = 0, seven[4] = { 0 }, more[4] = { 0 };
    __get_cpuid(1, &a, &b, &c, &d);
    __get_cpuid_count(7, 0, &seven[0], &seven[1], &seven[2], &seven[3]);
    __get_cpuid_count(7, 1, &more[0], &more[1], &more[2], &more[3]);
    snprintf(out, out_size, "%08x%08x%08x-%08x%08x%08x-%08x", a, c, d, seven[1], seven[2], seven[3],
             more[0]);
}

#else

void plo_cpu_features(char *out, size_t out_size)
{
    snprintf(out, out_size, "%016lx%016lx", getauxval(AT_HWCAP), getauxval(AT_HWCAP2));
}

#endif
