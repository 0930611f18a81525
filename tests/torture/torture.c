// torture.c: each scenario again and again, and each time another call fails: of pipilo's
// allocations, of anybody's malloc, of reading, mapping, starting a thread, opening a library or a
// file. It must come to its end with what it gives when nothing fails or with an error that has a
// name and a message; leave nothing alive, neither pipilo's nor anybody else's block; and work
// again at once.
//
//     torture KIND [STEP]    KIND: pipilo, malloc, malloc-lasting, read, mmap, thread, dlopen,
//     files
//
// Each STEPth call fails; with PIPILO_TORTURE=full each.
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "faults.h"
#include "scenarios.h"

enum { PATIENCE = 240, TOLD_MOST = 20 };

struct kind {
    const char *name;
    enum fault fault; // FAULT_NONE: pipilo's allocator, or descriptors where `files`
    bool lasting, files;
    int codes[8]; // that may come out
};

// libarchive and SQLite do not always tell lack of memory from damage.
static const struct kind kinds[] = {
    { "pipilo", FAULT_NONE, false, false, { PIPILO_ENOMEM, PIPILO_ECORRUPT } },
    { "malloc", FAULT_MALLOC, false, false, { PIPILO_ENOMEM, PIPILO_ECORRUPT, PIPILO_EIO } },
    { "malloc-lasting", FAULT_MALLOC, true, false, { PIPILO_ENOMEM, PIPILO_ECORRUPT, PIPILO_EIO } },
    { "read",
      FAULT_READ,
      false,
      false,
      { PIPILO_EIO, PIPILO_ECORRUPT } }, // SQLite takes EIO for a damaged file
    { "mmap", FAULT_MMAP, false, false, { PIPILO_ENOMEM, PIPILO_EIO } },
    { "thread", FAULT_THREAD, true, false, { 0 } },
    { "dlopen",
      FAULT_DLOPEN,
      true,
      false,
      { PIPILO_ENOTFOUND, PIPILO_EIO, PIPILO_EENGINE, PIPILO_EFORMAT } },
    { "files", FAULT_NONE, false, true, { PIPILO_EIO } },
};

static const struct kind *kind;
static const char *name;
static int64_t nth, failures;
static int told;

static void tell(const char *what, const struct pipilo_error *err)
{
    if (told++ < TOLD_MOST)
        printf("%s, %s %" PRId64 ": %s: %s: %s\n", name, kind->name, nth, what,
               pipilo_error_name(err->code), err->message);
}

// A crash or a hang says where.
static void die(int signal_number)
{
    char text[160];
    int length = snprintf(text, sizeof text, "%s, %s %" PRId64 ": signal %d\n", name, kind->name,
                          nth, signal_number);
    if (write(STDOUT_FILENO, text, (size_t)length) < 0)
        _exit(3);
    signal(signal_number, SIG_DFL);
    raise(signal_number);
}

static bool may_be(const struct scenario *scenario, int code)
{
    if (scenario->never_damaged && code == PIPILO_ECORRUPT)
        return false;
    for (size_t i = 0; i < PLO_COUNT(kind->codes); i++)
        if (code == kind->codes[i])
            return true;
    return code == 0;
}

// --- what fails ----------------------------------------------------------------------------------

// No descriptor beyond the first nth - 1 free ones.
static void limit_files(bool limited)
{
    static rlim_t usual;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (usual == 0)
        usual = limit.rlim_cur;
    int next = open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (next >= 0)
        close(next);
    limit.rlim_cur = limited ? (rlim_t)(next + nth - 1) : usual;
    setrlimit(RLIMIT_NOFILE, &limit);
}

static void begin(void)
{
    if (kind->files)
        limit_files(true);
    else if (kind->fault == FAULT_NONE)
        plo_alloc_fail_nth(nth);
    else
        fault_begin(kind->fault, nth, kind->lasting);
}

// Whether anything has failed.
static bool end(void)
{
    if (kind->files)
        limit_files(false);
    return kind->files ? nth <= 32
                       : (kind->fault == FAULT_NONE ? plo_alloc_fail_nth(0) : fault_end()) >= nth;
}

// --- the runs ------------------------------------------------------------------------------------

static void expect_nothing_alive(const struct pipilo_error *why)
{
    struct pipilo_error err = { 0 };
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    if (pipilo_close(&err) < 0)
        tell("not let go", &err);
    pipilo_stats(&stats);
    if (stats.allocations != 0 || stats.budget_used != 0)
        tell("blocks of pipilo's or budget left", why);
}

static bool run_failing(const struct scenario *scenario, bool apart)
{
    struct pipilo_error err = { 0 };
    alarm(PATIENCE);
    begin();
    int code = scenario_run(scenario, &err);
    bool failed = end();
    failures += failed;
    if (code != 0 && err.code != code)
        tell("another code than it returned", &err);
    if (code != 0 && (!may_be(scenario, code) || err.message[0] == '\0'))
        tell("not the error that it should be", &err);
    // What is made once for all, by the first run of a process, stays.
    if (!apart)
        expect_nothing_alive(&err);
    return failed;
}

static void expect_good(const struct scenario *scenario)
{
    struct pipilo_error err = { 0 };
    alarm(PATIENCE);
    if (scenario_run(scenario, &err) < 0)
        tell("nothing fails", &err);
    if (pipilo_close(&err) < 0)
        tell("not let go", &err);
}

// A library that is open stays so: each failure has a process of its own, in which none is yet.
static bool run_apart(const struct scenario *scenario)
{
    int status = 0;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        told = 0;
        int failed = run_failing(scenario, true);
        expect_good(scenario);
        fflush(stdout);
        _exit(failed | (told > 0) << 1);
    }
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status)) {
        told++;
        return false;
    }
    told += WEXITSTATUS(status) >> 1 & 1;
    failures += WEXITSTATUS(status) & 1;
    return WEXITSTATUS(status) & 1;
}

static void torture(const struct scenario *scenario, int64_t step)
{
    bool more = true;
    name = scenario->name;
    for (nth = 1; more && kind->fault == FAULT_DLOPEN; nth += step)
        more = run_apart(scenario);
    if (kind->fault == FAULT_DLOPEN)
        return;
    nth = 0;
    // Twice: what libraries keep for good is there afterwards.
    expect_good(scenario);
    expect_good(scenario);
    for (nth = 1; more; nth += step)
        more = run_failing(scenario, false);
    expect_good(scenario);
}

static void enter(char *folder)
{
    if (mkdtemp(folder) == NULL || chdir(folder) < 0) {
        perror(folder);
        exit(1);
    }
    setenv("PIPILO_HOME", "home", 1);
    setenv("TMPDIR", ".", 1);
    scenarios_prepare();
}

int main(int count, char **arguments)
{
    // In memory where there is such a place: every table that is written is synced.
    bool shm = access("/dev/shm", W_OK) == 0;
    char folder[64], command[80];
    snprintf(folder, sizeof folder, "%s/pipilo-torture-XXXXXX", shm ? "/dev/shm" : "/tmp");
    const char *all = getenv("PIPILO_TORTURE");
    int64_t step = count > 2 ? strtoll(arguments[2], NULL, 10) : 1;
    for (size_t i = 0; count > 1 && i < PLO_COUNT(kinds); i++)
        if (strcmp(kinds[i].name, arguments[1]) == 0)
            kind = &kinds[i];
    if (kind == NULL || step < 1)
        return 2;
    if ((kind->fault != FAULT_NONE) && !FAULTS_OF_THE_SYSTEM)
        return 77;
    signal(SIGALRM, die);
    if (FAULTS_OF_THE_SYSTEM)
        for (size_t i = 0; i < 3; i++)
            signal((int[]){ SIGSEGV, SIGBUS, SIGABRT }[i], die);
    enter(folder);
    for (int i = 0; i < scenario_count; i++)
        if ((count < 4 || strcmp(arguments[3], scenarios[i].name) == 0) &&
            !(scenarios[i].ends && kind->fault == FAULT_MALLOC && kind->lasting))
            torture(&scenarios[i], all != NULL && strcmp(all, "full") == 0 ? 1 : step);
    snprintf(command, sizeof command, "rm -rf %s", folder);
    if (chdir("/") < 0 || system(command) != 0)
        told++;
    printf("%" PRId64 " calls failed in %d scenarios, %d defects\n", failures, scenario_count,
           told);
    return told > 0 || failures == 0;
}
