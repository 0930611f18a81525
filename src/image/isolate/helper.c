// helper.c: helper processes: started, asked, ended, kept (see helper.h).
#include "image/isolate/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/fail.h"
#include "core/fork.h"
#include "core/governor.h"
#include "image/decoding.h"
#include "image/isolate/spawn.h"
#include "image/isolate/wire.h"

#define SECOND   INT64_C(1000000000)
#define MEBIBYTE (UINT64_C(1) << 20)

enum {
    DEFAULT_LIMIT = 120, // seconds, where no other limit is set
    START_LIMIT = 30,    // seconds until hello
    GRACE = 1,           // seconds in which the helper may find out itself that time is up
};

// Addresses that a helper may take beyond what a picture needs: its allocator's, and libvips's
// threads' stacks.
#define SLACK_ROWS (64 * MEBIBYTE)
#define SLACK_VIPS (1024 * MEBIBYTE)

// A region that is kept from picture to picture.
#define REGION_GRAIN (MEBIBYTE / 4)
#define REGION_KEEP  (4 * MEBIBYTE)

static void begin_anew(void);

static struct plo_lock lock = PLO_LOCK_INIT(begin_anew); // guards what follows
static struct plo_helper *idle;                          // by `next`, the last used first
static struct plo_helper *all;                           // by `other`
static _Atomic uint64_t started, lost;

// The child's copies of the sockets would keep helpers waiting when the parent is gone.
static void begin_anew(void)
{
    for (struct plo_helper *helper = all; helper != NULL; helper = helper->other)
        close(helper->socket);
    idle = all = NULL;
}

// --- an end --------------------------------------------------------------------------------------

static void drop_region(struct plo_helper *helper)
{
    if (helper->region != NULL)
        munmap(helper->region, helper->region_size);
    if (helper->region_fd >= 0)
        close(helper->region_fd);
    helper->region = NULL;
    helper->region_size = 0;
    helper->region_fd = -1;
    helper->region_sent = false;
}

static void forget(struct plo_helper *helper)
{
    plo_lock_take(&lock);
    struct plo_helper **place = &all;
    while (*place != NULL && *place != helper)
        place = &(*place)->other;
    if (*place != NULL)
        *place = helper->other;
    plo_lock_release(&lock);
}

// It is used no more.
static void lose(struct plo_helper *helper)
{
    helper->lost = true;
    atomic_fetch_add(&lost, 1);
}

static pid_t wait_for(const struct plo_helper *helper, int how, int *status)
{
    pid_t got = 0;
    do
        got = waitpid(helper->pid, status, how);
    while (got < 0 && errno == EINTR);
    return got;
}

// Ends it where it has not ended, and gives its status as waitpid does; -1 where the program that
// pipilo is part of took that: then the number may be another process's by now.
static int reap(struct plo_helper *helper)
{
    int status = -1;
    if (helper->pid <= 0)
        return -1;
    pid_t got = wait_for(helper, WNOHANG, &status);
    if (got == 0) {
        kill(helper->pid, SIGKILL);
        got = wait_for(helper, 0, &status);
    }
    helper->pid = 0;
    return got < 0 ? -1 : status;
}

static void end(struct plo_helper *helper)
{
    reap(helper);
    forget(helper);
    drop_region(helper);
    if (helper->socket >= 0)
        close(helper->socket);
    plo_free(helper);
}

static int fail_nonsense(struct pipilo_error *err)
{
    return plo_fail(err, PIPILO_EOPERATOR, "the decoder gave a wrong answer");
}

// What became of a helper that does not answer any more.
static int fail_lost(struct plo_helper *helper, int64_t limit, struct pipilo_error *err)
{
    // It could have closed the socket and live on; one that is dying keeps the status it has.
    int status = reap(helper);
    if (status < 0 || WIFEXITED(status))
        return plo_fail(err, PIPILO_EOPERATOR, "the decoder ended while it worked on it");
    int signal = WTERMSIG(status);
    if (signal == SIGXCPU)
        return plo_deadline_fail(limit, err);
    return plo_fail(err, PIPILO_EOPERATOR, "the decoder crashed on it (signal %d, %s)", signal,
                    strsignal(signal));
}

// A helper that could not be asked or did not answer: it is lost.
static int fail_reply(struct plo_helper *helper, int reason, int64_t limit,
                      struct pipilo_error *err)
{
    lose(helper);
    if (reason == -ETIMEDOUT)
        return plo_deadline_fail(limit, err);
    // One that is still there after nonsense is ended like one that hangs.
    return reason == -EPROTO ? fail_nonsense(err) : fail_lost(helper, limit, err);
}

// --- a start -------------------------------------------------------------------------------------

// Waits until there is something to read: 0, or -ETIMEDOUT.
static int wait_until(int socket, int64_t until)
{
    for (;;) {
        int64_t left = until - plo_clock_ns();
        if (left <= 0)
            return -ETIMEDOUT;
        // Rounded up, so that the last wait is no busy one.
        int64_t ms = left / 1000000 + 1;
        struct pollfd wanted = { .fd = socket, .events = POLLIN };
        int result = poll(&wanted, 1, ms < 60000 ? (int)ms : 60000);
        if (result > 0)
            return 0;
        if (result < 0 && errno != EINTR)
            return -errno;
    }
}

// Asks and waits: 0, or a negative errno.
static int exchange(struct plo_helper *helper, const struct plo_helper_request *request, int fd,
                    int64_t until, struct plo_helper_answer *answer)
{
    int reason = plo_wire_send(helper->socket, request, sizeof *request, fd);
    if (reason == 0)
        reason = wait_until(helper->socket, until);
    if (reason == 0)
        reason = plo_wire_recv(helper->socket, answer, sizeof *answer, NULL);
    return reason;
}

// A program that is not the helper it should be: `what` says how, after its name.
static int fail_program(struct pipilo_error *err, const char *what)
{
    char *program = NULL;
    PLO_TRY(plo_spawn_program(&program, err));
    int result = plo_fail(err, PIPILO_EIO,
                          "%.200s %s: it must be the pipilo-decoder of this pipilo; install that "
                          "anew, or have PIPILO_DECODER name it",
                          program, what);
    plo_free(program);
    return result;
}

static int greet(struct plo_helper *helper, struct pipilo_error *err)
{
    struct plo_helper_hello hello;
    int reason = wait_until(helper->socket, plo_clock_ns() + START_LIMIT * SECOND);
    if (reason == 0)
        reason = plo_wire_recv(helper->socket, &hello, sizeof hello, NULL);
    if (reason == -ETIMEDOUT) {
        char what[64];
        snprintf(what, sizeof what, "does not answer in the %d s it has for its start",
                 START_LIMIT);
        return fail_program(err, what);
    }
    if (reason == -EPROTO)
        return fail_program(err, "answers in another way");
    if (reason == -EPIPE || reason == -ECONNRESET)
        return fail_program(err, "ends at its start");
    if (reason < 0)
        return plo_fail_errno(err, reason, "the decoder does not start");
    if (hello.version != PLO_HELPER_VERSION ||
        hello.request_size != sizeof(struct plo_helper_request) ||
        hello.answer_size != sizeof(struct plo_helper_answer))
        return fail_program(err, "is of another version of pipilo");
    if (hello.err.code < 0)
        return plo_fail(err, hello.err.code, "the decoder does not start: %s", hello.err.message);
    helper->address_space = hello.address_space;
    return 0;
}

static int start(struct plo_helper *helper, struct pipilo_error *err)
{
    int pair[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
        return plo_fail_errno(err, -errno, "the decoder cannot be started");
    helper->socket = pair[0];
    int result =
        plo_spawn(&helper->pid, helper->vips ? PLO_HELPER_VIPS : PLO_HELPER_ROWS, pair[1], err);
    close(pair[1]);
    return result < 0 ? result : greet(helper, err);
}

// Who ends without pipilo_close leaves no dead child to whoever inherits it.
static void drop_at_exit(void)
{
    atexit(plo_helpers_drop);
}

static int create(struct plo_helper **out, bool vips, struct pipilo_error *err)
{
    struct plo_helper *helper = plo_alloc0(1, sizeof *helper);
    if (helper == NULL)
        return plo_fail_nomem(err, sizeof *helper);
    helper->vips = vips;
    helper->socket = helper->region_fd = -1;
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, drop_at_exit);
    plo_governor_add_relief(plo_helpers_drop);
    int result = start(helper, err);
    if (result < 0) {
        end(helper);
        return result;
    }
    atomic_fetch_add(&started, 1);
    plo_lock_take(&lock);
    helper->other = all;
    all = helper;
    plo_lock_release(&lock);
    *out = helper;
    return 0;
}

// --- the region ----------------------------------------------------------------------------------

// Has the helper unmap the region, and waits until it says so. It is lost where it does not.
static int take_back(struct plo_helper *helper, struct pipilo_error *err)
{
    struct plo_helper_request request;
    struct plo_helper_answer answer;
    if (!helper->region_sent)
        return 0;
    memset(&request, 0, sizeof request);
    request.verb = PLO_HELPER_FORGET;
    int64_t until = plo_clock_ns() + START_LIMIT * SECOND;
    int reason = exchange(helper, &request, -1, until, &answer);
    helper->region_sent = false;
    return reason == 0 ? 0 : fail_reply(helper, reason, START_LIMIT * SECOND, err);
}

// Memory with a descriptor, whose size is fixed from the start: who has it cannot cut it off.
static int create_region(size_t size)
{
    int fd = memfd_create("pipilo", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return -errno;
    const int seals = F_SEAL_SHRINK | F_SEAL_GROW;
    if (ftruncate(fd, (off_t)size) < 0 || fcntl(fd, F_ADD_SEALS, seals) < 0) {
        int reason = -errno;
        close(fd);
        return reason;
    }
    return fd;
}

int plo_helper_room(struct plo_helper *helper, size_t size, struct pipilo_error *err)
{
    if (helper->region_size >= size && helper->region != NULL)
        return 0;
    int taken = take_back(helper, err);
    drop_region(helper);
    PLO_TRY(taken);
    size_t room = (size + REGION_GRAIN - 1) / REGION_GRAIN * REGION_GRAIN;
    int fd = create_region(room);
    if (fd < 0)
        return plo_fail_errno(err, fd, "memory to share with the decoder");
    void *region = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (region == MAP_FAILED) {
        close(fd);
        return plo_fail_nomem(err, room);
    }
    helper->region = region;
    helper->region_size = room;
    helper->region_fd = fd;
    return 0;
}

// The helper has no way any more to write where the pixels are: it has unmapped them, or the seal
// is refused, and it can map or write the memory no more.
static int seal(struct plo_helper *helper, struct pipilo_error *err)
{
    PLO_TRY(take_back(helper, err));
    if (fcntl(helper->region_fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SEAL) == 0)
        return 0;
    lose(helper);
    return fail_nonsense(err);
}

int plo_helper_keep_region(struct plo_helper *helper, size_t size, uint8_t **out,
                           struct pipilo_error *err)
{
    uint8_t *region = helper->region;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    size_t kept = (size + page - 1) / page * page;
    // From now on private: what a child of fork() writes there is the child's.
    if (mmap(region, kept, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, helper->region_fd, 0) ==
        MAP_FAILED)
        return plo_fail_nomem(err, size);
    if (kept < helper->region_size) {
        madvise(region + kept, helper->region_size - kept, MADV_REMOVE);
        munmap(region + kept, helper->region_size - kept);
    }
    helper->region = NULL;
    int result = seal(helper, err);
    drop_region(helper);
    if (result < 0) {
        munmap(region, kept);
        return result;
    }
    *out = region;
    return 0;
}

// --- the list ------------------------------------------------------------------------------------

static struct plo_helper *take_idle(bool vips)
{
    plo_lock_take(&lock);
    struct plo_helper **place = &idle;
    while (*place != NULL && (*place)->vips != vips)
        place = &(*place)->next;
    struct plo_helper *helper = *place;
    if (helper != NULL)
        *place = helper->next;
    plo_lock_release(&lock);
    return helper;
}

// An idle helper says nothing: what there is to read is its end.
static bool is_gone(const struct plo_helper *helper)
{
    struct pollfd wanted = { .fd = helper->socket, .events = POLLIN };
    return poll(&wanted, 1, 0) != 0;
}

int plo_helper_take(struct plo_helper **out, bool vips, struct pipilo_error *err)
{
    struct plo_helper *helper = NULL;
    while ((helper = take_idle(vips)) != NULL) {
        if (!is_gone(helper)) {
            *out = helper;
            return 0;
        }
        end(helper);
    }
    return create(out, vips, err);
}

void plo_helper_give(struct plo_helper **given)
{
    struct plo_helper *helper = *given;
    *given = NULL;
    if (!helper->lost && helper->region_size > REGION_KEEP) {
        (void)take_back(helper, NULL);
        drop_region(helper);
    }
    if (helper->lost) {
        end(helper);
        return;
    }
    plo_lock_take(&lock);
    helper->next = idle;
    idle = helper;
    plo_lock_release(&lock);
}

void plo_helpers_drop(void)
{
    plo_lock_take(&lock);
    struct plo_helper *gone = idle;
    idle = NULL;
    plo_lock_release(&lock);
    while (gone != NULL) {
        struct plo_helper *next = gone->next;
        end(gone);
        gone = next;
    }
}

void plo_helpers_stop(void)
{
    plo_helpers_drop();
    plo_spawn_stop();
}

void plo_helpers_count(uint64_t *out_started, uint64_t *out_lost)
{
    *out_started = atomic_load(&started);
    *out_lost = atomic_load(&lost);
}

// --- a request -----------------------------------------------------------------------------------

static rlim_t at_most(rlim_t wanted, rlim_t most)
{
    return wanted < most ? wanted : most;
}

static void set_limit(struct plo_helper *helper, int resource, uint64_t value)
{
    struct rlimit limit;
    if (prlimit(helper->pid, resource, NULL, &limit) < 0)
        return;
    limit.rlim_cur = at_most(value, limit.rlim_max);
    prlimit(helper->pid, resource, &limit, NULL);
}

// What the picture needs, and no more; of the processor four times the time, as libvips's libraries
// work in several threads. It is the last bar, should this process not look after the helper.
static void set_limits(struct plo_helper *helper, uint64_t memory, int64_t time)
{
    uint64_t slack = helper->vips ? SLACK_VIPS : SLACK_ROWS;
    uint64_t grain = slack;
    uint64_t addresses =
        helper->address_space + slack + (memory + helper->region_size + grain - 1) / grain * grain;
    if (addresses != helper->address_limit)
        set_limit(helper, RLIMIT_AS, addresses);
    helper->address_limit = addresses;
    clockid_t clock;
    struct timespec used = { 0 };
    if (clock_getcpuclockid(helper->pid, &clock) == 0)
        clock_gettime(clock, &used);
    set_limit(helper, RLIMIT_CPU, (uint64_t)used.tv_sec + 2 + 4 * (uint64_t)(time / SECOND + 1));
}

int plo_helper_ask(struct plo_helper *helper, struct plo_helper_request *request, int fd,
                   uint64_t memory, struct plo_helper_answer *answer, struct pipilo_error *err)
{
    int64_t limit = plo_decoding_limit();
    if (limit == 0)
        limit = DEFAULT_LIMIT * SECOND;
    int64_t until = plo_clock_ns() + limit + GRACE * SECOND;
    set_limits(helper, memory, limit);
    request->limit = limit;
    request->new_region = fd < 0 && helper->region != NULL && !helper->region_sent;
    request->region_size = helper->region_size;
    int reason =
        exchange(helper, request, request->new_region ? helper->region_fd : fd, until, answer);
    helper->region_sent = helper->region_sent || request->new_region;
    return reason == 0 ? 0 : fail_reply(helper, reason, limit, err);
}
