// sandbox.c: resource limits and a seccomp filter (see sandbox.h). The filter is a list of calls
// that are allowed, some of them with a look at an argument; anything else ends the process.
#include "image/isolate/sandbox.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/fail.h"

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#else
#define ARCHITECTURE 0
#endif

// x86-64 has a second set of numbers for programs of 32-bit pointers, from here on.
#define SECOND_SET 0x40000000U

int plo_sandbox_limit(struct pipilo_error *err)
{
    static const struct {
        int resource;
        rlim_t most;
    } limits[] = {
        // libvips has its modules and the file of a picture open; a socket and /dev/null are there.
        { RLIMIT_NOFILE, 32 },
        { RLIMIT_FSIZE, 0 },
        { RLIMIT_CORE, 0 },
    };
    for (size_t i = 0; i < PLO_COUNT(limits); i++) {
        // Where less is allowed already, that holds: who may lower a limit may not raise it again.
        struct rlimit limit = { 0 };
        int result = getrlimit(limits[i].resource, &limit);
        if (limit.rlim_max > limits[i].most)
            limit.rlim_max = limits[i].most;
        limit.rlim_cur = limit.rlim_max;
        if (result < 0 || setrlimit(limits[i].resource, &limit) < 0)
            return plo_fail_errno(err, -errno, "a limit of the decoder cannot be set");
    }
    return 0;
}

// --- the filter ----------------------------------------------------------------------------------

enum { MOST = 256 };

struct filter {
    struct sock_filter lines[MOST];
    unsigned short count;
};

static void add(struct filter *filter, struct sock_filter line)
{
    if (filter->count < MOST)
        filter->lines[filter->count++] = line;
}

static void load(struct filter *filter, size_t offset)
{
    add(filter, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset));
}

static void give(struct filter *filter, uint32_t what)
{
    add(filter, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, what));
}

static void load_number(struct filter *filter)
{
    load(filter, offsetof(struct seccomp_data, nr));
}

// The lower half of an argument; both processors are little-endian.
static void load_argument(struct filter *filter, int index)
{
    load(filter, offsetof(struct seccomp_data, args) + 8 * (size_t)index);
}

// `what` for a call, the number being loaded.
static void rule(struct filter *filter, int call, uint32_t what)
{
    add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1));
    give(filter, what);
}

// The call is allowed where of its argument the bits in `mask` are `value`, and else ends all.
static void rule_bits(struct filter *filter, int call, int argument, uint32_t mask, uint32_t value)
{
    add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 5));
    load_argument(filter, argument);
    add(filter, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    add(filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    give(filter, SECCOMP_RET_ALLOW);
    give(filter, SECCOMP_RET_KILL_PROCESS);
}

static void add_calls(struct filter *filter)
{
    static const int calls[] = {
        // Requests, answers, and the file to be probed.
        __NR_recvmsg,
        __NR_sendmsg,
        __NR_read,
        __NR_pread64,
        __NR_lseek,
        __NR_fstat,
        __NR_dup,
        __NR_close,
        // Memory.
        __NR_munmap,
        __NR_mremap,
        __NR_madvise,
        __NR_brk,
        // Threads wait for one another, and the process ends.
        __NR_futex,
        __NR_sched_yield,
        __NR_rt_sigprocmask,
        __NR_rt_sigreturn,
        __NR_sigaltstack,
        __NR_exit,
        __NR_exit_group,
        __NR_getpid,
        __NR_gettid,
        // Clocks, which mostly need no call, and numbers; qsort asks how much memory there is.
        __NR_sysinfo,
        __NR_clock_gettime,
        __NR_clock_nanosleep,
        __NR_gettimeofday,
        __NR_restart_syscall,
        __NR_getrandom,
        __NR_sched_getaffinity,
    };
    for (size_t i = 0; i < PLO_COUNT(calls); i++)
        rule(filter, calls[i], SECCOMP_RET_ALLOW);
    // No memory becomes code.
    rule_bits(filter, __NR_mmap, 2, PROT_EXEC, 0);
    rule_bits(filter, __NR_mprotect, 2, PROT_EXEC, 0);
    // The C library's last words, to /dev/null; and abort() ends this process and no other.
    rule_bits(filter, __NR_writev, 0, UINT32_MAX, STDERR_FILENO);
    rule_bits(filter, __NR_tgkill, 0, UINT32_MAX, (uint32_t)getpid());
}

static void add_thread_calls(struct filter *filter)
{
    // A thread, never a process. clone3 has its flags in memory, where no filter can see them: who
    // is told that there is none takes clone.
    rule_bits(filter, __NR_clone, 0, CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM);
    rule(filter, __NR_clone3, SECCOMP_RET_ERRNO | ENOSYS);
    rule(filter, __NR_set_robust_list, SECCOMP_RET_ALLOW);
    rule(filter, __NR_rseq, SECCOMP_RET_ALLOW);
    // Names and priorities of threads are nobody's concern here.
    rule(filter, __NR_prctl, SECCOMP_RET_ERRNO | EPERM);
    rule(filter, __NR_sched_getattr, SECCOMP_RET_ERRNO | ENOSYS);
    rule(filter, __NR_sched_setattr, SECCOMP_RET_ERRNO | ENOSYS);
    // The C library wants to handle the signal that cancels a thread; nothing here cancels one.
    rule(filter, __NR_rt_sigaction, SECCOMP_RET_ERRNO | EPERM);
}

int plo_sandbox_enter(bool threads, struct pipilo_error *err)
{
    struct filter filter = { .count = 0 };
    if (ARCHITECTURE == 0)
        return plo_fail(err, PIPILO_EIO, "there is no filter of system calls for this processor");
    load(&filter, offsetof(struct seccomp_data, arch));
    add(&filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0));
    give(&filter, SECCOMP_RET_KILL_PROCESS);
    load_number(&filter);
    add(&filter, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, SECOND_SET, 0, 1));
    give(&filter, SECCOMP_RET_KILL_PROCESS);
    add_calls(&filter);
    if (threads)
        add_thread_calls(&filter);
    give(&filter, SECCOMP_RET_KILL_PROCESS);
    const struct sock_fprog program = { filter.count, filter.lines };
    if (filter.count == MOST)
        return plo_fail(err, PIPILO_EINTERNAL, "the filter of system calls is too long");
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
        syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) != 0)
        return plo_fail_errno(err, -errno, "the system takes no filter of system calls");
    return 0;
}
