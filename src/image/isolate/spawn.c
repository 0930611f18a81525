// spawn.c: the thread that starts helpers, and where their program is (see spawn.h).
#include "image/isolate/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/dynlib.h"
#include "core/fail.h"
#include "core/fork.h"
#include "image/isolate/protocol.h"

#define PROGRAM "pipilo-decoder"

// --- the program ---------------------------------------------------------------------------------

// Beside an installed library, in a wheel, beside an installed program, and in the build tree of
// the library and of the package.
int plo_spawn_program(char **out, struct pipilo_error *err)
{
    static const char *const places[] = { "pipilo/" PROGRAM, PROGRAM, "../lib/pipilo/" PROGRAM,
                                          "../image/" PROGRAM, "../src/image/" PROGRAM };
    const char *setting = getenv("PIPILO_DECODER");
    if (setting != NULL && *setting != '\0') {
        *out = plo_strdup(setting);
        return *out != NULL ? 0 : plo_fail_nomem(err, 0);
    }
    for (size_t i = 0; i < PLO_COUNT(places); i++) {
        *out = plo_dynlib_beside(places[i]);
        if (*out == NULL)
            return plo_fail_nomem(err, 0);
        if (access(*out, X_OK) == 0)
            return 0;
        plo_free(*out);
    }
    *out = NULL;
    return plo_fail(err, PIPILO_ENOTFOUND,
                    "there is no " PROGRAM
                    " beside pipilo's library; PIPILO_DECODER may say where it is");
}

// Nothing of the environment but what the loader and the sanitizers read: it may hold secrets.
static char **keep_environment(void)
{
    static const char *const kept[] = { "LD_", "ASAN_", "UBSAN_", "LSAN_", "TSAN_" };
    size_t count = 0, all = 0;
    while (environ[all] != NULL)
        all++;
    char **names = plo_alloc0(all + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < all; i++)
        for (size_t k = 0; k < PLO_COUNT(kept); k++)
            if (strncmp(environ[i], kept[k], strlen(kept[k])) == 0)
                names[count++] = environ[i];
    return names;
}

// --- one start -----------------------------------------------------------------------------------

// Of a group of its own, so that Ctrl-C at a terminal lets it end the picture it works on; without
// the parent's settings of signals; with nothing to read or write but its socket.
static int set_up(posix_spawnattr_t *attributes, posix_spawn_file_actions_t *actions, int socket)
{
    const short flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF;
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    int reason = posix_spawnattr_setflags(attributes, flags);
    if (reason == 0)
        reason = posix_spawnattr_setpgroup(attributes, 0);
    if (reason == 0)
        reason = posix_spawnattr_setsigmask(attributes, &none);
    if (reason == 0)
        reason = posix_spawnattr_setsigdefault(attributes, &all);
    if (reason == 0)
        reason = posix_spawn_file_actions_adddup2(actions, socket, PLO_HELPER_SOCKET);
    for (int fd = 0; fd < PLO_HELPER_SOCKET && reason == 0; fd++)
        reason = posix_spawn_file_actions_addopen(actions, fd, "/dev/null", O_RDWR, 0);
    return reason;
}

static int start(pid_t *pid, const char *program, const char *kind, int socket, char **names)
{
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_t actions;
    char parent[24];
    snprintf(parent, sizeof parent, "%ld", (long)getpid());
    char *const words[] = { (char *)PROGRAM, (char *)kind, parent, NULL };
    int reason = posix_spawnattr_init(&attributes);
    if (reason != 0)
        return reason;
    reason = posix_spawn_file_actions_init(&actions);
    if (reason == 0) {
        reason = set_up(&attributes, &actions, socket);
        if (reason == 0)
            reason = posix_spawn(pid, program, &actions, &attributes, words, names);
        posix_spawn_file_actions_destroy(&actions);
    }
    posix_spawnattr_destroy(&attributes);
    return reason;
}

// --- the thread ----------------------------------------------------------------------------------

// Somebody's wish, on the stack of who waits for it.
struct order {
    const char *program, *kind;
    char **names;
    int socket;
    pid_t pid;
    int reason; // an errno
    bool done;
    struct order *next;
};

static void begin_anew(void);

static struct plo_lock lock = PLO_LOCK_INIT(begin_anew); // guards what follows
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static struct order *orders;
static pthread_t thread;
static bool running, stopping;

// The thread is the parent's, and so is who waits.
static void begin_anew(void)
{
    changed = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
    orders = NULL;
    running = stopping = false;
}

static void *work(void *unused)
{
    (void)unused;
    plo_lock_take(&lock);
    // What was ordered is done first: somebody waits for it.
    while (!stopping || orders != NULL) {
        struct order *order = orders;
        if (order == NULL) {
            pthread_cond_wait(&changed, &lock.mutex);
            continue;
        }
        orders = order->next;
        plo_lock_release(&lock);
        order->reason =
            start(&order->pid, order->program, order->kind, order->socket, order->names);
        plo_lock_take(&lock);
        order->done = true;
        pthread_cond_broadcast(&changed);
    }
    plo_lock_release(&lock);
    return NULL;
}

// With the lock held; signals are for the program's own threads.
static int begin_thread(void)
{
    sigset_t all, before;
    if (running)
        return 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int reason = pthread_create(&thread, NULL, work, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    running = reason == 0;
    return reason;
}

static int place_order(struct order *order)
{
    plo_lock_take(&lock);
    int reason = begin_thread();
    if (reason == 0) {
        order->next = orders;
        orders = order;
        pthread_cond_broadcast(&changed);
        while (!order->done)
            pthread_cond_wait(&changed, &lock.mutex);
        reason = order->reason;
    }
    plo_lock_release(&lock);
    return reason;
}

int plo_spawn(pid_t *pid, const char *kind, int socket, struct pipilo_error *err)
{
    char *program = NULL;
    PLO_TRY(plo_spawn_program(&program, err));
    struct order order = {
        .program = program, .kind = kind, .names = keep_environment(), .socket = socket
    };
    int result = 0;
    if (order.names == NULL) {
        result = plo_fail_nomem(err, 0);
    } else {
        int reason = place_order(&order);
        if (reason != 0)
            result = plo_fail_errno(err, -reason, "%s cannot be started", program);
    }
    *pid = order.pid;
    plo_free(order.names);
    plo_free(program);
    return result;
}

void plo_spawn_stop(void)
{
    plo_lock_take(&lock);
    bool was_running = running;
    pthread_t gone = thread;
    stopping = was_running;
    pthread_cond_broadcast(&changed);
    plo_lock_release(&lock);
    if (!was_running)
        return;
    pthread_join(gone, NULL);
    plo_lock_take(&lock);
    running = stopping = false;
    plo_lock_release(&lock);
}
