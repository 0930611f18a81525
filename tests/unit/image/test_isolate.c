// Decoding in a helper: the same pixels and the same errors as here, one helper used again and
// again, a new one where it was lost, and what the sandbox forbids.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/alloc.h"
#include "core/live.h"
#include "image/decoding.h"
#include "image/image.h"
#include "image/isolate/helper.h"
#include "image/isolate/isolate.h"
#include "image/isolate/sandbox.h"
#include "image/isolate/wire.h"
#include "samples.h"

enum { W = 61, H = 43 };

static struct plo_decode_options usual;

static uint64_t helpers(void)
{
    uint64_t started = 0, lost = 0;
    plo_helpers_count(&started, &lost);
    return started;
}

static uint64_t helpers_lost(void)
{
    uint64_t started = 0, lost = 0;
    plo_helpers_count(&started, &lost);
    return lost;
}

static void isolate(bool on)
{
    struct pipilo_error err = { 0 };
    struct pipilo_decoding decoding = PIPILO_DECODING_INIT;
    decoding.isolate = on ? 1 : -1;
    if (pipilo_decoding_set(&decoding, &err) < 0)
        fail_msg("%s", err.message);
}

static int begin(void **state)
{
    (void)state;
    usual = PLO_DECODE_OPTIONS_INIT;
    isolate(true);
    return 0;
}

static int nothing_is_left(void **state)
{
    (void)state;
    isolate(false);
    plo_helpers_stop();
    return plo_alloc_live() == 0 && plo_live_count(PLO_LIVE_IMAGE) == 0 ? 0 : -1;
}

static struct plo_image *open_bytes(const struct plo_buf *bytes)
{
    struct plo_image *image = NULL;
    struct plo_buf *copy = plo_buf_create(bytes->size);
    memcpy(copy->data, bytes->data, bytes->size);
    assert_int_equal(plo_image_open_bytes(&image, copy, NULL), 0);
    return image;
}

// What each way of reading the picture gives, or its code and message.
struct outcome {
    int codes[5];
    char messages[5][448];
    uint64_t hashes[5];
};

static void take(struct outcome *outcome, int which, int result, const struct pipilo_error *err,
                 struct plo_pixels *pixels)
{
    outcome->codes[which] = result;
    if (result < 0) {
        snprintf(outcome->messages[which], sizeof outcome->messages[which], "%s", err->message);
        return;
    }
    outcome->hashes[which] = sample_hash(pixels->data, 3 * (size_t)pixels->width * pixels->height) +
                             ((uint64_t)pixels->width << 32 | pixels->height);
    plo_buf_unref(&pixels->owner);
}

static struct outcome read_all(struct plo_image *image, bool apart)
{
    struct outcome outcome;
    struct pipilo_error err = { 0 };
    struct plo_pixels pixels = { 0 };
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    struct plo_preprocess p = PLO_PREPROCESS_INIT;
    struct plo_decode_options fast = usual;
    static float tensor[3 * 20 * 24];
    memset(&outcome, 0, sizeof outcome);
    fast.fast = true;
    fast.ignore_orientation = true;
    p.width = 24;
    p.height = 20;
    p.color = PLO_COLOR_BGR;
    isolate(apart);
    int result = plo_image_pixels(image, PLO_COLOR_BGR, &usual, scratch, &pixels, &err);
    take(&outcome, 0, result, &err, &pixels);
    result = plo_image_window(image, &p, &fast, scratch, &pixels, &err);
    take(&outcome, 1, result, &err, &pixels);
    result = plo_image_crop(image, 3, 5, 30, 20, PLO_COLOR_RGB, &usual, scratch, &pixels, &err);
    take(&outcome, 2, result, &err, &pixels);
    result = plo_image_crop(image, 50, 5, 30, 20, PLO_COLOR_RGB, &usual, scratch, &pixels, &err);
    take(&outcome, 3, result, &err, &pixels);
    outcome.codes[4] = plo_image_tensor(image, &p, &usual, scratch, tensor, &err);
    if (outcome.codes[4] == 0)
        outcome.hashes[4] = sample_hash((const uint8_t *)tensor, sizeof tensor);
    else
        snprintf(outcome.messages[4], sizeof outcome.messages[4], "%s", err.message);
    plo_image_scratch_destroy(scratch);
    isolate(true);
    return outcome;
}

static void check_same(const struct plo_buf *bytes)
{
    struct plo_image *here = open_bytes(bytes), *there = open_bytes(bytes);
    struct outcome a = read_all(here, false), b = read_all(there, true);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(a.codes[i], b.codes[i]);
        assert_string_equal(a.messages[i], b.messages[i]);
        assert_true(a.hashes[i] == b.hashes[i]);
    }
    plo_image_unref(&here);
    plo_image_unref(&there);
}

static void the_same_of_every_format(void **test)
{
    (void)test;
    struct plo_buf *samples[] = {
        sample_jpeg(W, H, SAMPLE_PLAIN, 0),
        sample_jpeg(W, H, SAMPLE_PROGRESSIVE, 6),
        sample_jpeg(W, H, SAMPLE_GREY, 3),
        sample_jpeg(W, H, SAMPLE_CMYK, 0),
        sample_png(W, H, false),
        sample_png(W, H, true),
        sample_webp(W, H, false),
        sample_webp(W, H, true),
        sample_bmp(W, H),
        sample_gif(W, H),
    };
    for (size_t i = 0; i < PLO_COUNT(samples); i++) {
        check_same(samples[i]);
        // Damaged: the same code, and the same words.
        samples[i]->size = samples[i]->size * 2 / 3;
        check_same(samples[i]);
        samples[i]->size = 20;
        check_same(samples[i]);
        plo_buf_unref(&samples[i]);
    }
}

// Large enough that the shared memory itself is handed over; it outlives the helper.
static void many_pixels_are_not_copied(void **test)
{
    (void)test;
    enum { WIDE = 1500, HIGH = 1100 };
    struct plo_buf *bytes = sample_png(WIDE, HIGH, false);
    struct plo_image *image = open_bytes(bytes);
    struct plo_image_scratch *scratch = plo_image_scratch_create();
    uint8_t *wanted = sample_pixels(WIDE, HIGH);
    struct plo_pixels first = { 0 }, second = { 0 };
    assert_int_equal(plo_image_pixels(image, PLO_COLOR_RGB, &usual, scratch, &first, NULL), 0);
    assert_int_equal(plo_image_pixels(image, PLO_COLOR_RGB, &usual, scratch, &second, NULL), 0);
    plo_helpers_drop();
    assert_memory_equal(first.data, wanted, 3 * WIDE * HIGH);
    assert_memory_equal(second.data, wanted, 3 * WIDE * HIGH);
    // What a child writes there is the child's.
    pid_t child = fork();
    if (child == 0) {
        memset(first.owner->data, 0, 3 * WIDE * HIGH);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_memory_equal(first.data, wanted, 3 * WIDE * HIGH);
    plo_buf_unref(&first.owner);
    plo_buf_unref(&second.owner);
    plo_image_unref(&image);
    plo_image_scratch_destroy(scratch);
    plo_buf_unref(&bytes);
    free(wanted);
}

// --- a helper that was taken over ----------------------------------------------------------------

// What it does when it is asked to give back pixels: a picture of somebody else's is to be spoilt.
enum crime { HONEST, KEEPS_IT_MAPPED, MAPS_IT_AGAIN, SAYS_NOTHING };

struct accused {
    int socket;
    enum crime crime;
    bool could; // write where the pixels are
};

static void *live_as_helper(void *cookie)
{
    struct accused *self = cookie;
    struct plo_helper_request request;
    struct plo_helper_answer answer = { 0 };
    int fd = -1, none = -1;
    if (plo_wire_recv(self->socket, &request, sizeof request, &fd) < 0)
        return NULL;
    const size_t size = request.region_size;
    uint8_t *region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    memset(region, 7, request.room);
    plo_wire_send(self->socket, &answer, sizeof answer, -1);
    plo_wire_recv(self->socket, &request, sizeof request, &none);
    assert_int_equal(request.verb, PLO_HELPER_FORGET);
    if (self->crime != KEEPS_IT_MAPPED)
        munmap(region, size);
    if (self->crime == SAYS_NOTHING)
        shutdown(self->socket, SHUT_RDWR);
    plo_wire_send(self->socket, &answer, sizeof answer, -1);
    // Until the other end is closed.
    plo_wire_recv(self->socket, &request, sizeof request, &none);
    if (self->crime == MAPS_IT_AGAIN)
        self->could = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) != MAP_FAILED ||
                      pwrite(fd, "8", 1, 0) == 1 ||
                      fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096) == 0;
    if (self->crime == KEEPS_IT_MAPPED)
        munmap(region, size);
    close(fd);
    return NULL;
}

static void pixels_that_were_taken_are_the_takers(void **test)
{
    (void)test;
    enum { SIZE = 3 << 20 };
    for (enum crime crime = HONEST; crime <= SAYS_NOTHING; crime++) {
        int pair[2];
        pthread_t thread;
        struct plo_helper_request request = { .verb = PLO_HELPER_PIXELS, .room = SIZE };
        struct plo_helper_answer answer;
        struct plo_helper helper = { .region_fd = -1 };
        uint8_t *kept = NULL;
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
        struct accused accused = { .socket = pair[1], .crime = crime };
        helper.socket = pair[0];
        assert_int_equal(pthread_create(&thread, NULL, live_as_helper, &accused), 0);
        assert_int_equal(plo_helper_room(&helper, SIZE + 100, NULL), 0);
        // As plo_helper_ask, which would limit a process.
        request.region_size = helper.region_size;
        helper.region_sent = true;
        assert_int_equal(plo_wire_send(pair[0], &request, sizeof request, helper.region_fd), 0);
        assert_int_equal(plo_wire_recv(pair[0], &answer, sizeof answer, NULL), 0);
        int result = plo_helper_keep_region(&helper, SIZE, &kept, NULL);
        bool safe = crime == HONEST || crime == MAPS_IT_AGAIN;
        assert_int_equal(result, safe ? 0 : PIPILO_EOPERATOR);
        assert_int_equal(helper.lost, !safe);
        assert_int_equal(helper.region_fd, -1);
        shutdown(pair[0], SHUT_RDWR);
        pthread_join(thread, NULL);
        assert_false(accused.could);
        for (size_t i = 0; safe && i < SIZE; i++)
            assert_int_equal(kept[i], 7);
        if (safe)
            munmap(kept, SIZE);
        close(pair[0]);
        close(pair[1]);
    }
}

static int decode_once(void)
{
    struct plo_buf *bytes = sample_jpeg(W, H, SAMPLE_PLAIN, 0);
    struct plo_image *image = open_bytes(bytes);
    struct plo_pixels pixels = { 0 };
    int result = plo_image_pixels(image, PLO_COLOR_RGB, &usual, NULL, &pixels, NULL);
    plo_buf_unref(&pixels.owner);
    plo_image_unref(&image);
    plo_buf_unref(&bytes);
    return result;
}

static void *decode_in_thread(void *result)
{
    *(int *)result = decode_once();
    return NULL;
}

// A helper that ended with the thread that first wanted it would be lost here.
static void one_helper_serves_thread_after_thread(void **test)
{
    (void)test;
    plo_helpers_drop();
    uint64_t before = helpers();
    for (int i = 0; i < 20; i++) {
        int result = -1;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, decode_in_thread, &result), 0);
        pthread_join(thread, NULL);
        assert_int_equal(result, 0);
    }
    assert_int_equal(helpers(), before + 1);
    assert_int_equal(helpers_lost(), 0);
}

static void an_idle_helper_that_is_killed_costs_nothing(void **test)
{
    (void)test;
    struct plo_helper *helper = NULL;
    assert_int_equal(plo_helper_take(&helper, false, NULL), 0);
    pid_t pid = helper->pid;
    plo_helper_give(&helper);
    uint64_t before = helpers();
    kill(pid, SIGKILL);
    siginfo_t info;
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(decode_once(), 0);
    assert_int_equal(helpers(), before + 1);
    assert_int_equal(helpers_lost(), 0);
}

static void a_helper_that_dies_or_hangs_costs_one_picture(void **test)
{
    (void)test;
    struct plo_helper_request request;
    struct plo_helper_answer answer;
    struct pipilo_error err = { 0 };
    struct plo_helper *helper = NULL;
    memset(&request, 0, sizeof request);
    request.verb = PLO_HELPER_PROBE;
    plo_decoding_set_limit(1000000);
    for (int stopped = 0; stopped < 2; stopped++) {
        assert_int_equal(plo_helper_take(&helper, false, NULL), 0);
        kill(helper->pid, stopped ? SIGSTOP : SIGKILL);
        int result = plo_helper_ask(helper, &request, -1, 0, &answer, &err);
        assert_int_equal(result, stopped ? PIPILO_ETIMEOUT : PIPILO_EOPERATOR);
        assert_non_null(strstr(err.message, stopped ? "0.001 s" : "signal 9"));
        plo_helper_give(&helper);
        assert_int_equal(helpers_lost(), stopped + 1);
    }
    plo_decoding_set_limit(0);
    assert_int_equal(decode_once(), 0);
}

// Of a picture whose header tells less than it takes: here of one whose header was not asked, a BMP
// of 150 million black pixels in two bytes of run lengths.
static void memory_ends_where_the_header_says(void **test)
{
    (void)test;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip(); // its allocator ends the process where the system gives no memory
#endif
    static const uint8_t black[60] = {
        'B',  'M',  60, 0, 0,    0,    0, 0, 0, 0, 58, 0, 0, 0, 40, 0, 0,        0,
        0x98, 0x3a, 0,  0, 0x10, 0x27, 0, 0, 1, 0, 8,  0, 1, 0, 0,  0, [46] = 1, [59] = 1
    };
    struct plo_buf *bytes = plo_buf_create(sizeof black);
    memcpy(bytes->data, black, sizeof black);
    struct plo_helper *helper = NULL;
    struct plo_helper_request request;
    struct plo_helper_answer answer;
    for (uint64_t memory = 0; memory <= 1 << 30; memory += 1 << 30) {
        memset(&request, 0, sizeof request);
        request.verb = PLO_HELPER_WINDOW;
        request.options = usual;
        request.preprocess = PLO_PREPROCESS_INIT;
        request.room = 3 * 224 * 224;
        request.encoded_at = request.room;
        request.encoded_size = bytes->size;
        assert_int_equal(plo_helper_take(&helper, false, NULL), 0);
        assert_int_equal(plo_helper_room(helper, request.room + bytes->size, NULL), 0);
        memcpy(helper->region + request.room, bytes->data, bytes->size);
        assert_int_equal(plo_helper_ask(helper, &request, -1, memory, &answer, NULL), 0);
        assert_int_equal(answer.err.code, memory > 0 ? 0 : PIPILO_ENOMEM);
        plo_helper_give(&helper);
    }
    plo_buf_unref(&bytes);
}

// Each allocation fails once, a helper being started each time: the code is ENOMEM, nothing stays,
// and the next picture goes.
static void survives_lack_of_memory(void **test)
{
    (void)test;
    struct plo_buf *bytes = sample_jpeg(W, H, SAMPLE_PLAIN, 0);
    struct plo_image *image = open_bytes(bytes);
    int failed = 0;
    for (int64_t nth = 1;; nth++) {
        struct plo_pixels pixels = { 0 };
        plo_helpers_drop();
        int64_t before = plo_alloc_live();
        plo_alloc_fail_nth(nth);
        int result = plo_image_pixels(image, PLO_COLOR_RGB, &usual, NULL, &pixels, NULL);
        plo_alloc_fail_nth(0);
        plo_buf_unref(&pixels.owner);
        plo_helpers_drop();
        assert_int_equal(plo_alloc_live(), before);
        if (result == 0)
            break;
        assert_int_equal(result, PIPILO_ENOMEM);
        failed++;
    }
    assert_in_range(failed, 3, 20);
    plo_image_unref(&image);
    plo_buf_unref(&bytes);
}

static void a_child_of_fork_has_its_own(void **test)
{
    (void)test;
#ifdef __SANITIZE_THREAD__
    skip(); // it takes a thread that a child of fork() starts for one of the parent's
#endif
    assert_int_equal(decode_once(), 0);
    uint64_t before = helpers();
    pid_t child = fork();
    if (child == 0) {
        bool good = decode_once() == 0 && helpers() == before + 1;
        plo_helpers_stop();
        _exit(good ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(decode_once(), 0);
    assert_int_equal(helpers(), before);
}

// --- what the sandbox forbids --------------------------------------------------------------------

static void try_open(void)
{
    open("/dev/null", O_RDONLY);
}

static void try_socket(void)
{
    socket(AF_INET, SOCK_STREAM, 0);
}

static void try_exec(void)
{
    execl("/bin/true", "true", (char *)NULL);
}

static void try_fork(void)
{
    // Not by the library, which may call what is allowed before.
    if (fork() == 0)
        _exit(0);
}

static pid_t parent; // known before, for asking is forbidden too

static void try_kill(void)
{
    kill(parent, 0);
}

static void try_kill_thread(void)
{
    tgkill(parent, parent, 0);
}

static void try_code(void)
{
    mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

static void try_code_later(void)
{
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(page, 4096, PROT_READ | PROT_EXEC);
}

static void try_limit(void)
{
    struct rlimit limit = { RLIM_INFINITY, RLIM_INFINITY };
    setrlimit(RLIMIT_AS, &limit);
}

static void try_unlink(void)
{
    unlink("/nowhere");
}

// As a heap that was found damaged does: it ends by its own signal.
static void try_abort(void)
{
    abort();
}

static void try_memory(void)
{
    munmap(mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0),
           1 << 20);
}

static int run_sandboxed(bool threads, void (*attempt)(void))
{
    int status = -1;
    parent = getpid();
    pid_t child = fork();
    if (child == 0) {
        if (plo_sandbox_limit(NULL) < 0 || plo_sandbox_enter(threads, NULL) < 0)
            _exit(9);
        attempt();
        // Not _exit, with which a sanitizer would look for leaks, by a process of its own.
        syscall(SYS_exit_group, 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void what_a_helper_may_not_do_ends_it(void **test)
{
    (void)test;
    void (*const forbidden[])(void) = { try_open,  try_socket,      try_exec, try_fork,
                                        try_kill,  try_kill_thread, try_code, try_code_later,
                                        try_limit, try_unlink };
    for (int threads = 0; threads < 2; threads++) {
        for (size_t i = 0; i < PLO_COUNT(forbidden); i++) {
            int status = run_sandboxed(threads, forbidden[i]);
            assert_true(WIFSIGNALED(status));
            assert_int_equal(WTERMSIG(status), SIGSYS);
        }
        assert_int_equal(run_sandboxed(threads, try_memory), 0);
        assert_int_equal(WTERMSIG(run_sandboxed(threads, try_abort)), SIGABRT);
    }
}

// --- what is set ---------------------------------------------------------------------------------

static void what_is_set_is_got(void **test)
{
    (void)test;
    struct pipilo_decoding decoding = PIPILO_DECODING_INIT;
    isolate(true);
    pipilo_decoding_get(&decoding);
    assert_int_equal(decoding.isolate, 1);
    assert_true(decoding.time_limit == 0);
    decoding.time_limit = 2.5;
    assert_int_equal(pipilo_decoding_set(&decoding, NULL), 0);
    decoding.time_limit = 0;
    pipilo_decoding_get(&decoding);
    assert_true(decoding.time_limit == 2.5);
    decoding.time_limit = 1e300;
    assert_int_equal(pipilo_decoding_set(&decoding, NULL), PIPILO_EINVALID);
    decoding.time_limit = 0;
    assert_int_equal(pipilo_decoding_set(&decoding, NULL), 0);
}

static void without_a_program_nothing_is_set(void **test)
{
    (void)test;
    char *program = strdup(getenv("PIPILO_DECODER"));
    struct pipilo_decoding decoding = PIPILO_DECODING_INIT;
    struct pipilo_error err = { 0 };
    isolate(false);
    decoding.isolate = 1;
    setenv("PIPILO_DECODER", "/nowhere/pipilo-decoder", 1);
    assert_int_equal(pipilo_decoding_set(&decoding, &err), PIPILO_ENOTFOUND);
    assert_non_null(strstr(err.message, "/nowhere/pipilo-decoder"));
    setenv("PIPILO_DECODER", "/bin/true", 1);
    assert_int_equal(pipilo_decoding_set(&decoding, &err), PIPILO_EIO);
    pipilo_decoding_get(&decoding);
    assert_int_equal(decoding.isolate, -1);
    setenv("PIPILO_DECODER", program, 1);
    isolate(true);
    free(program);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_of_every_format),
        cmocka_unit_test(many_pixels_are_not_copied),
        cmocka_unit_test(one_helper_serves_thread_after_thread),
        cmocka_unit_test(an_idle_helper_that_is_killed_costs_nothing),
        cmocka_unit_test(survives_lack_of_memory),
        cmocka_unit_test(a_child_of_fork_has_its_own),
        cmocka_unit_test(a_helper_that_dies_or_hangs_costs_one_picture),
        cmocka_unit_test(memory_ends_where_the_header_says),
        cmocka_unit_test(what_a_helper_may_not_do_ends_it),
        cmocka_unit_test(what_is_set_is_got),
        cmocka_unit_test(without_a_program_nothing_is_set),
        cmocka_unit_test(pixels_that_were_taken_are_the_takers),
    };
    return cmocka_run_group_tests(tests, begin, nothing_is_left);
}
