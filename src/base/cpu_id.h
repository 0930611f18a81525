// cpu_id.h: which processor this is, in words, for what may be used again on the same one only.
// Threads: any.
#ifndef PLO_BASE_CPU_ID_H
#define PLO_BASE_CPU_ID_H

#include <stddef.h>

// "model name" of /proc/cpuinfo, or "" where it does not say; static.
const char *plo_cpu_name(void);

// The instructions it has, as the processor itself numbers them: "16-hex-digits.." in at most 80
// bytes with the NUL. Virtual machines of one name differ in them.
void plo_cpu_features(char *out, size_t out_size);

#endif
