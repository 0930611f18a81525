// links.c: open connections and their patience (see links.h).
//
// A client that trickles its bytes would be busy for ever by a time-out that starts anew with each
// of them, so what counts is the time since the head, the body or the answer began.
#include "links.h"

#include <linux/tcp.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "clock.h"
#include "metrics.h"

// For a head, also the pause before it; and for a body or answer, beyond a rate any client has.
#define HEAD_TIME (20 * SECOND)
#define BODY_TIME (20 * SECOND)
enum { SLOWEST = 32 << 10 }; // bytes a second

struct link {
    int fd;
    enum link_state state;
    int64_t since;
    uint64_t moved;
    uint64_t received; // bytes of the connection when its last request was done
    bool ended;        // here: nothing more is to be done with it
    bool cut;          // it was for its slowness
    atomic_bool *gone; // in LINK_WORK: who wants to know
    struct link *next, *before;
};

struct links {
    bool plain;
    pthread_mutex_t lock; // guards the list and all in it
    struct link *first;
};

struct links *links_create(bool plain)
{
    struct links *links = calloc(1, sizeof *links);
    if (links != NULL) {
        links->plain = plain;
        pthread_mutex_init(&links->lock, NULL);
    }
    return links;
}

void links_destroy(struct links *links)
{
    if (links == NULL)
        return;
    pthread_mutex_destroy(&links->lock);
    free(links);
}

// Bytes that came over the connection so far; 0 where the system does not say.
static uint64_t received(int fd)
{
    struct tcp_info info;
    socklen_t size = sizeof info;
    memset(&info, 0, sizeof info);
    if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) < 0)
        return 0;
    return info.tcpi_bytes_received;
}

struct link *links_add(struct links *links, int fd)
{
    struct link *link = calloc(1, sizeof *link);
    if (link == NULL)
        return NULL;
    link->fd = fd;
    link->since = clock_now();
    pthread_mutex_lock(&links->lock);
    link->next = links->first;
    if (link->next != NULL)
        link->next->before = link;
    links->first = link;
    pthread_mutex_unlock(&links->lock);
    return link;
}

void links_remove(struct links *links, struct link *link)
{
    if (link == NULL)
        return;
    pthread_mutex_lock(&links->lock);
    *(link->before != NULL ? &link->before->next : &links->first) = link->next;
    if (link->next != NULL)
        link->next->before = link->before;
    pthread_mutex_unlock(&links->lock);
    free(link);
}

void links_set(struct links *links, struct link *link, enum link_state state)
{
    if (link == NULL)
        return;
    pthread_mutex_lock(&links->lock);
    link->state = state;
    link->since = clock_now();
    link->moved = 0;
    link->gone = NULL;
    if (state == LINK_IDLE)
        link->received = received(link->fd);
    pthread_mutex_unlock(&links->lock);
}

void links_work(struct links *links, struct link *link, atomic_bool *gone)
{
    links_set(links, link, LINK_WORK);
    if (link == NULL)
        return;
    pthread_mutex_lock(&links->lock);
    link->gone = gone;
    pthread_mutex_unlock(&links->lock);
}

void links_moved(struct links *links, struct link *link, uint64_t bytes)
{
    if (link == NULL)
        return;
    pthread_mutex_lock(&links->lock);
    link->moved += bytes;
    pthread_mutex_unlock(&links->lock);
}

bool links_is_cut(struct links *links, const struct link *link)
{
    if (link == NULL)
        return false;
    pthread_mutex_lock(&links->lock);
    bool cut = link->cut;
    pthread_mutex_unlock(&links->lock);
    return cut;
}

// Ends the connection under whoever reads or writes it: HTTP's own threads find the end of it and
// tidy up.
static void end(struct link *link)
{
    shutdown(link->fd, SHUT_RDWR);
    link->ended = true;
}

// The same with a word where one can be said.
static void cut(const struct links *links, struct link *link)
{
    static const char late[] = "HTTP/1.1 408 Request Timeout\r\nConnection: close\r\n"
                               "Content-Type: application/json\r\nContent-Length: 106\r\n\r\n"
                               "{\"error\": {\"message\": \"the request came too slowly\", "
                               "\"type\": \"invalid_request_error\", "
                               "\"code\": \"timeout\"}}\n";
    bool asking = link->state == LINK_BODY ||
                  (link->state == LINK_IDLE && received(link->fd) > link->received);
    // One whose head is here is counted with its route.
    if (asking && link->state == LINK_IDLE)
        metrics_request(METRIC_ROUTES - 1, 408);
    if (asking && links->plain)
        (void)!send(link->fd, late, sizeof late - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (asking || link->state == LINK_ANSWER)
        metrics_cut_off();
    link->cut = true;
    end(link);
}

// Whether the client has ended what it sends and all of it was read. libmicrohttpd does not see an
// end that came together with the last bytes.
static bool gone(const struct link *link)
{
    struct pollfd end = { .fd = link->fd, .events = POLLRDHUP };
    int unread = 0;
    return link->state != LINK_ANSWER && poll(&end, 1, 0) == 1 &&
           ioctl(link->fd, FIONREAD, &unread) == 0 && unread == 0;
}

static int64_t patience(const struct link *link, bool all_idle)
{
    if (link->state != LINK_IDLE)
        return BODY_TIME + (int64_t)(link->moved / SLOWEST) * SECOND;
    if (!all_idle)
        return HEAD_TIME;
    return received(link->fd) > link->received ? SECOND : 0;
}

void links_cut(struct links *links, bool all_idle)
{
    int64_t now = clock_now();
    pthread_mutex_lock(&links->lock);
    for (struct link *link = links->first; link != NULL; link = link->next) {
        if (link->ended)
            continue;
        if (link->state == LINK_WORK) {
            if (link->gone != NULL && gone(link))
                atomic_store(link->gone, true);
        } else if (gone(link))
            end(link);
        else if (now - link->since > patience(link, all_idle))
            cut(links, link);
    }
    pthread_mutex_unlock(&links->lock);
}
