// test_str.c: the growing string, its JSON (as Python's json writes it) and the nearest name.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/str.h"

static void grows(void **state)
{
    (void)state;
    struct plo_str str = PLO_STR_INIT;
    for (int i = 0; i < 1000; i++)
        plo_str_addf(&str, "%d,", i);
    assert_int_equal(str.length, 3890);
    char *text = plo_str_take(&str);
    assert_int_equal(strlen(text), 3890);
    plo_free(text);
    text = plo_str_take(&str);
    assert_string_equal(text, "");
    plo_free(text);
}

static void has_a_ceiling(void **state)
{
    (void)state;
    struct plo_str str = { .ceiling = 4 };
    plo_str_add(&str, "1234");
    assert_false(str.failed);
    plo_str_add(&str, "5");
    assert_true(str.failed);
    assert_null(plo_str_take(&str));
}

static void remembers_a_failure(void **state)
{
    (void)state;
    struct plo_str str = PLO_STR_INIT;
    plo_alloc_fail_nth(1);
    plo_str_add(&str, "a");
    plo_alloc_fail_nth(0);
    plo_str_add(&str, "b");
    assert_null(plo_str_take(&str));
}

// The right-hand sides are json.dumps(text, ensure_ascii=False) of Python 3.11; bytes that are not
// UTF-8 are as json.dumps(os.fsdecode(text)) escapes them.
static void writes_json(void **state)
{
    (void)state;
    const char *pairs[][2] = {
        { "a\"b\\c", "\"a\\\"b\\\\c\"" },
        { "\n\x01", "\"\\n\\u0001\"" },
        { "\xc3\xa9\xf0\x9f\x90\xa6", "\"\xc3\xa9\xf0\x9f\x90\xa6\"" },
        { "x\xff\xc0\xaf", "\"x\\udcff\\udcc0\\udcaf\"" },
        { "\xed\xa0\x80", "\"\\udced\\udca0\\udc80\"" },
        { "", "\"\"" },
    };
    for (size_t i = 0; i < PLO_COUNT(pairs); i++) {
        struct plo_str str = PLO_STR_INIT;
        plo_str_add_json(&str, pairs[i][0]);
        char *text = plo_str_take(&str);
        assert_string_equal(text, pairs[i][1]);
        plo_free(text);
    }
}

// "a", "é" (2 bytes), "€" (3), a bird (4), and bytes that begin nothing.
static void cuts_between_characters(void **state)
{
    (void)state;
    const char *text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x90\xa6z\xff\x80";
    const size_t whole[] = { 0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 12, 13 };
    for (size_t i = 0; i < PLO_COUNT(whole); i++)
        assert_int_equal(plo_str_whole(text, i), whole[i]);
    assert_int_equal(plo_str_whole("\x80\x80\x80\x80", 4), 4);
}

static void finds_the_nearest(void **state)
{
    (void)state;
    const char *names[] = { "--force", "--fast", "--files-from", "--quiet", NULL };
    assert_string_equal(plo_str_nearest("--forse", names), "--force");
    assert_string_equal(plo_str_nearest("--qiuet", names), "--quiet");
    assert_string_equal(plo_str_nearest("--file-from", names), "--files-from");
    assert_null(plo_str_nearest("--banana", names));
    assert_null(plo_str_nearest("", names));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(grows),
        cmocka_unit_test(has_a_ceiling),
        cmocka_unit_test(remembers_a_failure),
        cmocka_unit_test(writes_json),
        cmocka_unit_test(cuts_between_characters),
        cmocka_unit_test(finds_the_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
