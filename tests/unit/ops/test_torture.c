// Every allocation of a run fails once: an error comes out, or a row with one, and nothing is lost.
#include "helper.h"

#include "base/alloc.h"

static const char *const texts[] = {
    "pipe.input('i').flat_map('i', ('s', 'p', 'm'), ops.read_dir())"
    ".map('p', 'v', ops.image_embedding.timm('null:8', batch=2))"
    ".map(('m', 'p', 'v'), 'r', ops.write_sqlite('o.db', 'null:8', force=True,"
    " thumbnails=True)).output('s', 'r')",
    "pipe.input('i').flat_map('i', ('s', 'p', 'm'), ops.read_dir())"
    ".map('p', 'd', ops.image_decode.cv2()).map('d', 'r', ops.image_resize(size=8))"
    ".map('d', 'v', ops.image_embedding.timm('null:8'))"
    ".map('v', 'v', ops.towhee.np_normalize())"
    ".map(('s', 'v'), 'n', ops.write_npy('o.npy', 'null:8', force=True)).output('r', 'n')",
    // Each run goes on with what the one before has left.
    "pipe.input('i').flat_map('i', ('s', 'p', 'm'),"
    " ops.read_dir(tables=['q.npy', 'r.jsonl', 's.db'], shard='1/1'))"
    ".map('p', 'v', ops.image_embedding.timm('null:8'))"
    ".map(('m', 'p', 'v'), 'q',"
    " ops.write_npy('q.npy', 'null:8', force=True, resume=True, shard='1/1'))"
    ".map(('m', 'p', 'v'), 'r',"
    " ops.write_jsonl('r.jsonl', 'null:8', force=True, resume=True, shard='1/1'))"
    ".map(('m', 'p', 'v'), 's',"
    " ops.write_sqlite('s.db', 'null:8', force=True, resume=True, shard='1/1'))"
    ".output('q', 'r', 's')",
    // And with what is finished.
    "pipe.input('i').flat_map('i', ('s', 'p', 'm'),"
    " ops.read_dir(tables=['q.npy', 'r.jsonl', 's.db'], shard='1/1'))"
    ".map('p', 'v', ops.image_embedding.timm('null:8'))"
    ".map(('m', 'p', 'v'), 'q', ops.write_npy('q.npy', 'null:8', resume=True, shard='1/1'))"
    ".map(('m', 'p', 'v'), 'r', ops.write_jsonl('r.jsonl', 'null:8', resume=True, shard='1/1'))"
    ".map(('m', 'p', 'v'), 's', ops.write_sqlite('s.db', 'null:8', resume=True, shard='1/1'))"
    ".output('q', 'r', 's')",
};

// One run in which the nth allocation fails (INT64_MAX: none); how many there were.
static int64_t run_failing(const char *text, int64_t nth)
{
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    pipilo_value *value = NULL;
    assert_int_equal(pipilo_value_create_string(&value, "in", &err), 0);
    plo_alloc_fail_nth(nth);
    int result = run_values(text, &value, 1);
    int64_t count = plo_alloc_fail_nth(0);
    if (nth == INT64_MAX)
        assert_int_equal(result, 0);
    drop_rows();
    if (pipilo_close(&err) < 0)
        fail_msg("allocation %lld: %s", (long long)nth, err.message);
    pipilo_stats(&stats);
    if (stats.allocations != 0)
        fail_msg("allocation %lld: %lld blocks left", (long long)nth, (long long)stats.allocations);
    return count;
}

static void torture(const char *text)
{
    int64_t count = run_failing(text, INT64_MAX);
    assert_true(count > 100);
    for (int64_t nth = 1; nth <= count; nth++)
        run_failing(text, nth);
    // What the last one left is no hindrance.
    run_failing(text, INT64_MAX);
}

static void each_allocation_may_fail(void **state)
{
    (void)state;
    assert_int_equal(mkdir("in", 0777), 0);
    put_bmp("in/a.bmp", 20, 20, 1);
    put_bmp("in/b.bmp", 30, 20, 2);
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        torture(texts[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = { OPS_TEST(each_allocation_may_fail) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
