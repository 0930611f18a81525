// test_model.c: the cache and the queue, on the null engine: what is loaded once, who waits, what
// is dropped, and that no vector knows its neighbours.
#include <pthread.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/budget.h"
#include "core/live.h"
#include "helper.h"
#include "model/digest.h"
#include "model/model.h"

static char folder[256];

static const char card_text[] =
    "{\"name\":\"file\",\"task\":\"image_embedding\",\"file\":\"model.onnx\","
    "\"input\":{\"name\":\"in\"},\"preprocess\":{\"resize\":{\"mode\":\"exact\",\"size\":30},"
    "\"mean\":[0,0,0],\"std\":[1,1,1]},\"output\":{\"name\":\"out\",\"dim\":7}%s}";

static void write_model(const char *more)
{
    static const uint8_t onnx[] = { 1 << 3, 8, 7 << 3 | 2, 0 };
    char text[700];
    snprintf(text, sizeof text, card_text, more);
    write_text(folder, "model.json", text);
    write_file(folder, "model.onnx", onnx, sizeof onnx);
}

static int set_up(void **state)
{
    (void)state;
    make_folder(folder);
    setenv("PIPILO_CACHE", "0", 1);
    write_model("");
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    plo_install_remove(folder);
    return 0;
}

// After each test nothing is left.
static int nothing_left(void **state)
{
    (void)state;
    plo_model_cache_drop();
    plo_model_cache_set_idle(60LL * 1000000000);
    return plo_live_count(PLO_LIVE_MODEL) == 0 && plo_alloc_live() == 0 && plo_budget_used() == 0
               ? 0
               : -1;
}

static struct plo_model *open_model(const char *spec, struct plo_model_options options)
{
    struct plo_model *model = NULL;
    struct pipilo_error err = { 0 };
    if (plo_model_open(&model, spec, &options, &err) < 0)
        fail_msg("%s: %s", spec, err.message);
    return model;
}

static float *random_rows(const struct plo_model *model, size_t rows, unsigned seed)
{
    size_t count = rows * plo_model_input_floats(model);
    float *input = plo_alloc_aligned(count * sizeof *input);
    assert_non_null(input);
    for (size_t i = 0; i < count; i++) {
        seed = seed * 1664525u + 1013904223u;
        input[i] = (float)(seed >> 16) / 65536.0f - 0.5f;
    }
    return input;
}

static void ten_thousand_opens_load_once(void **state)
{
    (void)state;
    int64_t loads = plo_model_loads(), reads = plo_digest_reads();
    struct timespec settled = { 3, 0 }; // a digest of a file just written is not remembered
    nanosleep(&settled, NULL);
    struct plo_model_options options = { .engine = "null" };
    struct plo_model *first = open_model(folder, options);
    plo_model_unref(&first);
    int64_t live = plo_alloc_live(), start = plo_clock_ns();
    for (int i = 0; i < 10000; i++) {
        struct plo_model *model = open_model(folder, options);
        plo_model_unref(&model);
    }
    print_message("10000 opens: %.1f us each\n", (double)(plo_clock_ns() - start) / 1e7);
    assert_int_equal(plo_model_loads() - loads, 1);
    assert_int_equal(plo_digest_reads() - reads, 1);
    assert_int_equal(plo_alloc_live(), live);
    assert_int_equal(plo_live_count(PLO_LIVE_MODEL), 1);
}

static void different_options_are_different_models(void **state)
{
    (void)state;
    struct plo_model *a = open_model("null:8", (struct plo_model_options){ .streams = 1 });
    struct plo_model *b = open_model("null:8", (struct plo_model_options){ .streams = 1 });
    struct plo_model *c = open_model("null:9", (struct plo_model_options){ .streams = 1 });
    struct plo_model *d =
        open_model("null:8", (struct plo_model_options){ .streams = 1, .batch = 4 });
    struct plo_model *e =
        open_model("null:8", (struct plo_model_options){ .streams = 1, .normalize = true });
    assert_ptr_equal(a, b);
    assert_ptr_not_equal(a, c);
    assert_ptr_not_equal(a, d);
    assert_ptr_not_equal(a, e);
    assert_int_equal(plo_model_dim(c), 9);
    assert_int_equal(plo_model_rows(d), 4);
    assert_int_equal(plo_model_input_floats(a), 3 * 224 * 224);
    struct plo_model *all[] = { a, b, c, d, e };
    for (size_t i = 0; i < PLO_COUNT(all); i++)
        plo_model_unref(&all[i]);
}

static void a_changed_card_is_another_model(void **state)
{
    (void)state;
    struct plo_model_options options = { .engine = "null" };
    struct plo_model *a = open_model(folder, options);
    write_model(",\"license\":\"x\""); // fixes no vector
    struct plo_model *b = open_model(folder, options);
    assert_ptr_equal(a, b);
    write_model(
        ",\"precision\":{\"bf16\":{\"worst_cosine\":0.9995,\"mean_cosine\":1,\"pictures\":9}}");
    options.precision = PLO_PRECISION_AUTO;
    struct plo_model *c = open_model(folder, options);
    assert_int_equal(plo_model_precision(c), PLO_PRECISION_BF16);
    write_model(
        ",\"precision\":{\"bf16\":{\"worst_cosine\":0.9985,\"mean_cosine\":1,\"pictures\":9}}");
    struct plo_model *d = open_model(folder, options);
    assert_int_equal(plo_model_precision(d), PLO_PRECISION_F32);
    assert_ptr_equal(a, d);
    plo_model_unref(&a);
    plo_model_unref(&b);
    plo_model_unref(&c);
    plo_model_unref(&d);
    write_model("");
}

static void idle_models_go(void **state)
{
    (void)state;
    struct plo_model_options options = { .streams = 1 };
    struct plo_model *a = open_model("null:10", options), *b = open_model("null:11", options);
    plo_model_unref(&a);
    assert_int_equal(plo_live_count(PLO_LIVE_MODEL), 2); // kept a while
    assert_int_equal(plo_model_cache_drop(), 1);         // but b is held
    plo_model_cache_set_idle(0);
    int64_t loads = plo_model_loads();
    plo_model_unref(&b);
    assert_int_equal(plo_live_count(PLO_LIVE_MODEL), 0);
    b = open_model("null:11", options);
    assert_int_equal(plo_model_loads() - loads, 1);
    plo_model_unref(&b);
}

static void says_what_is_wrong(void **state)
{
    (void)state;
    struct pipilo_error err;
    struct plo_model *model;
    static const struct {
        const char *spec;
        struct plo_model_options options;
        int code;
        const char *message;
    } cases[] = {
        { "null:0", { 0 }, PIPILO_EINVALID, "DIM from 1 to 65536" },
        { "null:x", { 0 }, PIPILO_EINVALID, "DIM from 1 to 65536" },
        { "null", { .device = "GPU" }, PIPILO_ENOTFOUND, "no device 'GPU'; there is CPU" },
        { "null", { .engine = "openvin" }, PIPILO_EINVALID, "runs on the null engine" },
        { "null", { .streams = 5000 }, PIPILO_EINVALID, "streams is 5000" },
        { "null", { .threads = -1 }, PIPILO_EINVALID, "threads is -1" },
    };
    for (size_t i = 0; i < PLO_COUNT(cases); i++) {
        err = (struct pipilo_error){ 0 };
        assert_int_equal(plo_model_open(&model, cases[i].spec, &cases[i].options, &err),
                         cases[i].code);
        assert_message(err, cases[i].code, cases[i].message);
        assert_null(model);
    }
    struct plo_model_options options = { .engine = "tensorrt" };
    assert_int_equal(plo_model_open(&model, folder, &options, &err), PIPILO_ENOTFOUND);
    assert_message(err, PIPILO_ENOTFOUND, "there are openvino, null");
    write_model(",\"sha256\":\"c35aebb3824e275da7238c9420f181f77f9c11a7a2f3906e81b4fcd3baa2c92a\"");
    options.engine = "null";
    assert_int_equal(plo_model_open(&model, folder, &options, &err), PIPILO_EMODEL);
    assert_message(err, PIPILO_EMODEL, "is damaged or was replaced");
    write_model("");
}

static void described_models_do_not_run(void **state)
{
    (void)state;
    struct plo_model *model = NULL;
    struct pipilo_error err = { 0 };
    int64_t loads = plo_model_loads();
    assert_int_equal(plo_model_describe(&model, "null:8", NULL, &err), 0);
    assert_int_equal(plo_model_loads(), loads);
    assert_int_equal(plo_model_dim(model), 8);
    assert_string_equal(plo_model_engine(model), "null");
    float in[4], out[8];
    assert_int_equal(plo_model_embed(model, in, 1, out, &err), PIPILO_EINVALID);
    plo_model_unref(&model);
}

// --- vectors -------------------------------------------------------------------------------------

// Every row alone, at batch 1, is the truth.
static float *one_by_one(struct plo_model *single, float *input, size_t rows)
{
    size_t dim = plo_model_dim(single), floats = plo_model_input_floats(single);
    float *wanted = plo_alloc0(rows * dim, sizeof *wanted);
    for (size_t row = 0; row < rows; row++) {
        float *copy = random_rows(single, 1, 0);
        memcpy(copy, input + row * floats, floats * sizeof *copy);
        assert_int_equal(plo_model_embed(single, copy, 1, wanted + row * dim, NULL), 0);
        plo_free(copy);
    }
    return wanted;
}

static void vectors_do_not_know_their_neighbours(void **state)
{
    (void)state;
    // 30 x 30 pixels: rows that do not lie on 64-byte boundaries.
    const char *specs[] = { "null:5", folder };
    for (size_t s = 0; s < PLO_COUNT(specs); s++) {
        struct plo_model_options options = { .engine = "null", .streams = 1, .normalize = true };
        struct plo_model *single = open_model(specs[s], options);
        size_t rows = 11, dim = plo_model_dim(single);
        float *input = random_rows(single, rows, 7), *wanted = one_by_one(single, input, rows);
        float *output = plo_alloc0(rows * dim, sizeof *output);
        for (size_t batch = 1; batch <= 8; batch *= 2) {
            options.batch = batch;
            struct plo_model *model = open_model(specs[s], options);
            int64_t before = plo_model_inferences(model);
            memset(output, 0, rows * dim * sizeof *output);
            assert_int_equal(plo_model_embed(model, input, rows, output, NULL), 0);
            assert_memory_equal(output, wanted, rows * dim * sizeof *output);
            assert_int_equal(plo_model_inferences(model) - before, (rows + batch - 1) / batch);
            plo_model_unref(&model);
        }
        plo_free(input);
        plo_free(wanted);
        plo_free(output);
        plo_model_unref(&single);
    }
}

enum { CALLERS = 8, ROUNDS = 60 };

struct caller {
    struct plo_model *model;
    float *input, *wanted;
    size_t rows;
    _Atomic int *wrong;
};

static void *call(void *cookie)
{
    struct caller *caller = cookie;
    size_t bytes = caller->rows * plo_model_dim(caller->model) * sizeof(float);
    float *output = plo_alloc(bytes);
    for (int i = 0; output != NULL && i < ROUNDS; i++) {
        memset(output, 0, bytes);
        if (plo_model_embed(caller->model, caller->input, caller->rows, output, NULL) != 0 ||
            memcmp(output, caller->wanted, bytes) != 0)
            atomic_fetch_add(caller->wrong, 1);
    }
    plo_free(output);
    return NULL;
}

static void many_callers_share_batches(void **state)
{
    (void)state;
    struct plo_model *single =
        open_model(folder, (struct plo_model_options){ .engine = "null", .streams = 1 });
    struct plo_model *model = open_model(
        folder, (struct plo_model_options){ .engine = "null", .streams = 2, .batch = 4 });
    _Atomic int wrong = 0;
    struct caller callers[CALLERS];
    pthread_t threads[CALLERS];
    size_t total = 0;
    for (unsigned i = 0; i < CALLERS; i++) {
        callers[i] = (struct caller){ .model = model, .rows = 1 + i % 6, .wrong = &wrong };
        callers[i].input = random_rows(model, callers[i].rows, i);
        callers[i].wanted = one_by_one(single, callers[i].input, callers[i].rows);
        total += callers[i].rows * ROUNDS;
    }
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, call, &callers[i]), 0);
    for (int i = 0; i < CALLERS; i++) {
        pthread_join(threads[i], NULL);
        plo_free(callers[i].input);
        plo_free(callers[i].wanted);
    }
    assert_int_equal(wrong, 0);
    print_message("%zu rows in %lld inferences of up to 4\n", total,
                  (long long)plo_model_inferences(model));
    assert_true(plo_model_inferences(model) >= (int64_t)total / 4);
    plo_model_unref(&model);
    plo_model_unref(&single);
}

static void *open_and_close(void *cookie)
{
    for (int i = 0; i < 50; i++) {
        struct plo_model *model = NULL;
        char spec[16];
        snprintf(spec, sizeof spec, "null:%d", 20 + i % 3);
        struct plo_model_options options = { .streams = 1 };
        if (plo_model_open(&model, spec, &options, NULL) < 0)
            return cookie;
        if (i % 7 == 0)
            plo_model_cache_drop();
        plo_model_unref(&model);
    }
    return NULL;
}

static void many_threads_open(void **state)
{
    (void)state;
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_and_close, threads), 0);
    for (int i = 0; i < CALLERS; i++) {
        void *result = NULL;
        pthread_join(threads[i], &result);
        assert_null(result);
    }
}

static struct plo_model *opened[CALLERS];

static void *open_one(void *cookie)
{
    struct plo_model_options options = { .streams = 1 };
    (void)plo_model_open(cookie, "null:99", &options, NULL);
    return NULL;
}

static void one_loads_the_others_wait(void **state)
{
    (void)state;
    int64_t loads = plo_model_loads();
    pthread_t threads[CALLERS];
    for (int i = 0; i < CALLERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, open_one, &opened[i]), 0);
    for (int i = 0; i < CALLERS; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < CALLERS; i++) {
        assert_non_null(opened[i]);
        assert_ptr_equal(opened[i], opened[0]);
    }
    assert_int_equal(plo_model_loads() - loads, 1);
    for (int i = 0; i < CALLERS; i++)
        plo_model_unref(&opened[i]);
}

static void a_child_opens_its_own(void **state)
{
    (void)state;
    struct plo_model *model = open_model("null:8", (struct plo_model_options){ .streams = 1 });
    float *input = random_rows(model, 1, 3), output[8];
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        struct pipilo_error err = { 0 };
        struct plo_model_options options = { .streams = 1 };
        struct plo_model *own = NULL;
        int bad = plo_model_embed(model, input, 1, output, &err) != PIPILO_EINVALID;
        plo_model_unref(&model);
        bad |= plo_live_count(PLO_LIVE_MODEL) != 0;
        bad |= plo_model_open(&own, "null:8", &options, &err) != 0;
        bad |= own == NULL || plo_model_embed(own, input, 1, output, &err) != 0;
        plo_model_unref(&own);
        bad |= plo_model_cache_drop() != 1;
        _exit(bad);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    plo_free(input);
    plo_model_unref(&model);
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    struct plo_model_options options = { .engine = "null", .streams = 2, .batch = 2 };
    plo_alloc_fail_nth(0);
    int64_t nth = 1;
    for (int code = PIPILO_ENOMEM; code != 0 && nth < 500; nth++) {
        struct plo_model *model = NULL;
        struct pipilo_error err = { 0 };
        plo_model_cache_drop();
        int64_t live = plo_alloc_live();
        plo_alloc_fail_nth(nth);
        code = plo_model_open(&model, folder, &options, &err);
        plo_alloc_fail_nth(0);
        if (code < 0) {
            assert_int_equal(code, PIPILO_ENOMEM);
            assert_int_equal(plo_alloc_live(), live);
        }
        plo_model_unref(&model);
    }
    // Fewer where the weights' digest is remembered: from two seconds after the file was written.
    assert_in_range(nth, 5, 499);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_teardown(name, nothing_left)
    const struct CMUnitTest tests[] = {
        TEST(ten_thousand_opens_load_once),
        TEST(different_options_are_different_models),
        TEST(a_changed_card_is_another_model),
        TEST(idle_models_go),
        TEST(says_what_is_wrong),
        TEST(described_models_do_not_run),
        TEST(vectors_do_not_know_their_neighbours),
        TEST(many_callers_share_batches),
        TEST(many_threads_open),
        TEST(one_loads_the_others_wait),
        TEST(a_child_opens_its_own),
        TEST(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
