// cores.h: how many cores this process may use. Threads: any.
#ifndef PLO_BASE_CORES_H
#define PLO_BASE_CORES_H

// Cores the process's affinity allows, no more than its cgroup's CPU quota, rounded up; at least 1.
// Read anew at each call (a few microseconds).
int plo_cores(void);

// The smallest CPU quota, in cores rounded up, on the way from the groups that the file `list`
// names (as /proc/self/cgroup, versions 2 and 1) to the top of the tree `root` (/sys/fs/cgroup);
// INT_MAX where there is none.
int plo_cores_quota(const char *list, const char *root);

#endif
