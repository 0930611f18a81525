// kernels.c: the choice among the sets of inner loops, once for the process (see kernels.h).
#include "image/kernels.h"

#include <stdbool.h>

static bool always(void)
{
    return true;
}

#if defined(__x86_64__)
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}

// Intel's since Ice Lake, AMD's since Zen 4: byte permutations and products of four bytes. The
// first CPUs with AVX-512 have neither and slow their clock down for it: they take AVX2.
static bool has_avx512(void)
{
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512vbmi") &&
           __builtin_cpu_supports("avx512vnni");
}
#endif

static const struct choice {
    const struct plo_kernels *kernels;
    bool (*runs)(void);
} choices[] = {
#if defined(__x86_64__)
    { &plo_kernels_avx512, has_avx512 },
    { &plo_kernels_avx2, has_avx2 },
#endif
#if defined(__aarch64__)
    { &plo_kernels_neon, always }, // every CPU of 64 bits has it
#endif
    { &plo_kernels_c, always },
};

const struct plo_kernels *plo_kernels_at(size_t index)
{
    for (size_t i = 0; i < sizeof choices / sizeof choices[0]; i++) {
        if (!choices[i].runs())
            continue;
        if (index == 0)
            return choices[i].kernels;
        index--;
    }
    return NULL;
}

const struct plo_kernels *plo_kernels(void)
{
    return plo_kernels_at(0);
}
