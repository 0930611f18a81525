// serve_load.c: requests to a `pipilo serve`, over many connections from one thread, and how long
// each took.
//
// usage: bench_serve_load PORT CONNECTIONS SECONDS RATE PICTURE...
//
// Each request is one PICTURE to POST /embed, in turn. With RATE 0 every connection asks again as
// soon as it has its answer; else RATE requests a second are sent, evenly, each by a connection
// that is free, and its time runs from when it was due.
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST_TIMES = 1 << 20, ANSWER = 64 << 10 };

struct request {
    char *data;
    size_t size;
};

struct peer {
    int fd;
    const struct request *request; // NULL: it is free
    size_t sent;
    char head[ANSWER];  // the answer so far
    size_t got, wanted; // wanted: all of it, 0 until that is known
    double due;
};

struct load {
    struct request *requests;
    size_t request_count, next;
    struct peer *peers;
    int count, epoll;
    double rate, began, next_due;
    double *times;
    size_t done, busy, failed; // busy: answered 429
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static struct request read_request(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        die(path);
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    struct request request = { .data = malloc(size + 256) };
    int head = snprintf(request.data, 256,
                        "POST /embed HTTP/1.1\r\nHost: 127.0.0.1\r\n"
                        "Accept: application/octet-stream\r\nContent-Length: %zu\r\n\r\n",
                        size);
    if (fread(request.data + head, 1, size, file) != size)
        die(path);
    fclose(file);
    request.size = (size_t)head + size;
    return request;
}

static void begin(struct load *load, struct peer *peer, double due)
{
    peer->request = &load->requests[load->next++ % load->request_count];
    peer->sent = peer->got = peer->wanted = 0;
    peer->due = due;
}

// Whether the answer is whole.
static bool answered(struct load *load, struct peer *peer)
{
    if (peer->wanted == 0) {
        peer->head[peer->got] = '\0';
        char *end = strstr(peer->head, "\r\n\r\n"),
             *length = strstr(peer->head, "Content-Length: ");
        if (end == NULL || length == NULL)
            return false;
        peer->wanted = (size_t)(end + 4 - peer->head) + strtoul(length + 16, NULL, 10);
    }
    if (peer->got < peer->wanted)
        return false;
    bool good = strncmp(peer->head + 9, "200", 3) == 0;
    load->busy += strncmp(peer->head + 9, "429", 3) == 0;
    load->failed += !good && strncmp(peer->head + 9, "429", 3) != 0;
    if (good && load->done < MOST_TIMES)
        load->times[load->done++] = now() - peer->due;
    peer->request = NULL;
    return true;
}

static void go_on(struct load *load, struct peer *peer)
{
    while (peer->request != NULL && peer->sent < peer->request->size) {
        ssize_t some = send(peer->fd, peer->request->data + peer->sent,
                            peer->request->size - peer->sent, MSG_NOSIGNAL);
        if (some < 0 && errno == EAGAIN)
            break;
        if (some < 0)
            die("send");
        peer->sent += (size_t)some;
    }
    for (;;) {
        ssize_t some = recv(peer->fd, peer->head + peer->got, ANSWER - 1 - peer->got, 0);
        if (some < 0 && errno == EAGAIN)
            return;
        if (some <= 0)
            die("the server closed a connection");
        peer->got += (size_t)some;
        if (!answered(load, peer))
            continue;
        if (load->rate == 0) {
            begin(load, peer, now());
            go_on(load, peer);
        }
        return;
    }
}

static void connect_all(struct load *load, int port)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
    int one = 1;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    load->epoll = epoll_create1(0);
    for (int i = 0; i < load->count; i++) {
        struct peer *peer = &load->peers[i];
        peer->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(peer->fd, (struct sockaddr *)&address, sizeof address) < 0)
            die("connect");
        setsockopt(peer->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(peer->fd, F_SETFL, O_NONBLOCK);
        struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = peer };
        epoll_ctl(load->epoll, EPOLL_CTL_ADD, peer->fd, &event);
    }
}

static struct peer *free_peer(struct load *load)
{
    for (int i = 0; i < load->count; i++)
        if (load->peers[i].request == NULL)
            return &load->peers[i];
    return NULL;
}

static void send_due(struct load *load)
{
    struct peer *peer;
    while (load->next_due <= now() && (peer = free_peer(load)) != NULL) {
        begin(load, peer, load->next_due);
        load->next_due += 1 / load->rate;
        go_on(load, peer);
    }
}

static void run(struct load *load, double seconds)
{
    struct epoll_event events[256];
    load->began = load->next_due = now();
    for (int i = 0; load->rate == 0 && i < load->count; i++) {
        begin(load, &load->peers[i], now());
        go_on(load, &load->peers[i]);
    }
    while (now() - load->began < seconds) {
        int wait = load->rate > 0 ? 1 : 100;
        int count = epoll_wait(load->epoll, events, 256, wait);
        for (int i = 0; i < count; i++)
            if (((struct peer *)events[i].data.ptr)->request != NULL)
                go_on(load, events[i].data.ptr);
        if (load->rate > 0)
            send_due(load);
    }
}

static int by_time(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    struct load load = { 0 };
    if (argc < 6) {
        fputs("usage: bench_serve_load PORT CONNECTIONS SECONDS RATE PICTURE...\n", stderr);
        return 2;
    }
    load.count = (int)strtol(argv[2], NULL, 10);
    load.rate = strtod(argv[4], NULL);
    load.request_count = (size_t)argc - 5;
    load.requests = calloc(load.request_count, sizeof *load.requests);
    load.peers = calloc((size_t)load.count, sizeof *load.peers);
    load.times = calloc(MOST_TIMES, sizeof *load.times);
    for (size_t i = 0; i < load.request_count; i++)
        load.requests[i] = read_request(argv[5 + i]);
    connect_all(&load, (int)strtol(argv[1], NULL, 10));
    run(&load, strtod(argv[3], NULL));
    double took = now() - load.began;
    qsort(load.times, load.done, sizeof *load.times, by_time);
    printf("{\"answered\": %zu, \"a_second\": %.1f, \"p50_ms\": %.2f, \"p99_ms\": %.2f, "
           "\"busy\": %zu, \"failed\": %zu}\n",
           load.done, (double)load.done / took, 1e3 * load.times[load.done / 2],
           1e3 * load.times[load.done * 99 / 100], load.busy, load.failed);
    return load.failed > 0;
}
