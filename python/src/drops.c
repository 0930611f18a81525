// drops.c: who holds the GIL, and what becomes of Python objects that are let go without it (see
// core.h).
//
// Three cases. A thread that drives a run keeps them in its drive until no lock of the library is
// held: a __del__ may do anything. A thread that holds the GIL and drives nothing lets them go at
// once. Any other, a pool thread, queues them, and the next Python thread to come here takes the
// queue; a pending call sees to it that one comes.
#include <pthread.h>
#include <stdlib.h>

#include "core.h"

static _Thread_local struct plopy_drive *drive_now;
static _Thread_local bool gil_held; // outside of a drive

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; // guards what follows
static PyObject **queue;
static size_t count, capacity;
static bool closed;

static int queued; // atomic: whether the queue holds something

struct plopy_drive *plopy_drive_now(void)
{
    return drive_now;
}

// False where there is no memory: the object then stays alive for good, which harms least.
static bool push(PyObject ***list, size_t *length, size_t *room, PyObject *object)
{
    if (*length == *room) {
        size_t more = *room > 0 ? 2 * *room : 64;
        PyObject **grown = realloc(*list, more * sizeof *grown);
        if (grown == NULL)
            return false;
        *list = grown;
        *room = more;
    }
    (*list)[(*length)++] = object;
    return true;
}

static int pending(void *unused)
{
    (void)unused;
    plopy_drain();
    return 0;
}

static void enqueue(PyObject *object)
{
    pthread_mutex_lock(&lock);
    bool first = count == 0;
    if (!closed && push(&queue, &count, &capacity, object))
        __atomic_store_n(&queued, 1, __ATOMIC_RELEASE);
    else
        first = false;
    // Under the lock: once it is closed, the interpreter may be gone. The call only puts down what
    // the main thread shall do; it does not wait for it.
    if (first)
        Py_AddPendingCall(pending, NULL);
    pthread_mutex_unlock(&lock);
}

void plopy_release(void *object)
{
    struct plopy_drive *drive = drive_now;
    if (drive != NULL) {
        push(&drive->drops, &drive->count, &drive->capacity, object);
        return;
    }
    if (gil_held)
        Py_DECREF((PyObject *)object);
    else
        enqueue(object);
}

static void drain_queue(void)
{
    if (!__atomic_load_n(&queued, __ATOMIC_ACQUIRE))
        return;
    pthread_mutex_lock(&lock);
    PyObject **list = queue;
    size_t length = count;
    queue = NULL;
    count = capacity = 0;
    __atomic_store_n(&queued, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
    for (size_t i = 0; i < length; i++)
        Py_DECREF(list[i]);
    free(list);
}

void plopy_drain(void)
{
    struct plopy_drive *drive = drive_now;
    // What goes may let go of more, into the same list.
    while (drive != NULL && drive->count > 0)
        Py_DECREF(drive->drops[--drive->count]);
    drain_queue();
    plopy_say_lines();
}

void plopy_drive_begin(struct plopy_drive *drive)
{
    *drive = (struct plopy_drive){ .outer = drive_now };
    drive_now = drive;
    drain_queue();
}

void plopy_drive_end(struct plopy_drive *drive)
{
    plopy_drain();
    drive_now = drive->outer;
    free(drive->drops);
    drive->drops = NULL;
}

void plopy_gil_give(struct plopy_drive *drive)
{
    drive->saved = PyEval_SaveThread();
}

void plopy_gil_take(struct plopy_drive *drive)
{
    PyThreadState *saved = drive->saved;
    drive->saved = NULL;
    PyEval_RestoreThread(saved);
}

bool plopy_callback_begin(struct plopy_drive *drive)
{
    bool taken = drive->saved != NULL;
    if (taken)
        plopy_gil_take(drive);
    if (drive->count > 0 || __atomic_load_n(&queued, __ATOMIC_RELAXED))
        plopy_drain();
    return taken;
}

void plopy_callback_end(struct plopy_drive *drive, bool taken)
{
    if (taken)
        plopy_gil_give(drive);
}

bool plopy_enter(void)
{
    bool before = gil_held;
    gil_held = true;
    drain_queue();
    return before;
}

void plopy_leave(bool before)
{
    gil_held = before;
}

void plopy_drops_close(void)
{
    pthread_mutex_lock(&lock);
    closed = true;
    pthread_mutex_unlock(&lock);
}

static void after_fork(void)
{
    lock = (pthread_mutex_t)PTHREAD_MUTEX_INITIALIZER;
    queue = NULL;
    count = capacity = 0;
    queued = 0;
    drive_now = NULL;
}

void plopy_register_fork(void)
{
    pthread_atfork(NULL, NULL, after_fork);
}
