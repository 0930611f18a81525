// cores.h: how many cores this process may use. Threads: any.
#ifndef PLO_BASE_CORES_H
#define PLO_BASE_CORES_H

// Cores the process's affinity allows, no more than its cgroup's CPU quota, rounded up; at least 1.
// Read anew at each call (a few microseconds).
int plo_cores(void);

#endif
