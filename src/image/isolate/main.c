// main.c: the program pipilo-decoder, a helper that decodes (docs/reliability.md). Only pipilo
// starts it: pipilo-decoder KIND PARENT, a socket being descriptor 3.
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__GLIBC__)
#include <malloc.h>
#endif

#include "base/alloc.h"
#include "image/isolate/protocol.h"
#include "image/isolate/server.h"

// What the parent had open, and did not say that nobody should inherit it.
static void close_others(void)
{
    if (syscall(SYS_close_range, PLO_HELPER_SOCKET + 1, ~0U, 0) == 0)
        return;
    long most = sysconf(_SC_OPEN_MAX);
    for (int fd = PLO_HELPER_SOCKET + 1; fd < most; fd++)
        close(fd);
}

int main(int count, char **words)
{
    if (count != 3)
        return 2;
    // It ends with its parent, which may have gone already.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != (pid_t)strtol(words[2], NULL, 10))
        return 1;
    close_others();
#if defined(__GLIBC__)
    // One heap for all threads: their own would take 64 MB of addresses each.
    mallopt(M_ARENA_MAX, 1);
#endif
    // What a large picture took shall not stay with a helper that decodes small ones.
    plo_alloc_fit(UINT64_C(128) << 20);
    return plo_helper_serve(words[1]);
}
