// relay.c: copies standard input into a pipe until a signal comes (see relay.h).
#include "relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <unistd.h>

#include "drive.h"

static int from, to;

// Waits until `fd` is ready; 0 where a signal came instead.
static int wait_for(int fd, short events)
{
    struct pollfd wanted[] = { { .fd = fd, .events = events },
                               { .fd = signals_fd(), .events = POLLIN } };
    for (;;) {
        int ready = poll(wanted, 2, -1);
        if (ready < 0 && errno != EINTR)
            return 0;
        if (ready > 0 && wanted[1].revents != 0)
            return 0;
        if (ready > 0)
            return 1;
    }
}

static int copy(const char *data, size_t size)
{
    while (size > 0) {
        if (!wait_for(to, POLLOUT))
            return -1;
        ssize_t written = write(to, data, size);
        if (written < 0 && errno != EAGAIN && errno != EINTR)
            return -1;
        if (written > 0) {
            data += written;
            size -= (size_t)written;
        }
    }
    return 0;
}

static void *relay(void *unused)
{
    static char data[65536];
    (void)unused;
    while (wait_for(from, POLLIN)) {
        ssize_t size = read(from, data, sizeof data);
        if (size < 0 && errno == EINTR)
            continue;
        if (size <= 0 || copy(data, (size_t)size) < 0)
            break;
    }
    // First the run, so that the end of the names is not taken for the end of the work.
    if (signals_caught())
        drive_stop();
    close(to);
    return NULL;
}

void relay_start(void)
{
    int ends[2];
    pthread_t thread;
    sigset_t all, before;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return;
    from = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
    to = ends[1];
    if (from < 0 || fcntl(to, F_SETFL, O_NONBLOCK) < 0 || dup2(ends[0], STDIN_FILENO) < 0) {
        close(ends[0]);
        close(ends[1]);
        return;
    }
    close(ends[0]);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&thread, NULL, relay, NULL) == 0)
        pthread_detach(thread);
    else
        dup2(from, STDIN_FILENO);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
