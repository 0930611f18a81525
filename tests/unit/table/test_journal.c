// test_journal.c: a journal says what was written to it, and nothing more where it was torn.
#include "helper.h"

#include "base/buf.h"
#include "base/checksum.h"
#include "table/journal.h"

static const char path[] = "out.npy.partial.resume";
static struct pipilo_error err;

enum { RECORDS = 4 };

// A journal of some records; `ends` gets the file's size after the head and after each.
static struct plo_buf *write_journal(size_t ends[RECORDS + 1])
{
    struct plo_journal journal = PLO_JOURNAL_INIT;
    struct plo_journal_head head = {
        .meta = meta, .thumbnails = true, .max_pixels = 9000, .marks_at = 77
    };
    struct plo_buf *whole = NULL;
    struct stat status;
    head.shard = (struct plo_shard){ .part = 2, .of = 3 };
    assert_int_equal(plo_journal_create(&journal, path, &head, &err), 0);
    for (int i = 0; i <= RECORDS; i++) {
        if (i > 0)
            assert_int_equal(plo_journal_add(&journal, 10 * i, 100u * i, i == RECORDS, &err), 0);
        assert_int_equal(stat(path, &status), 0);
        ends[i] = (size_t)status.st_size;
    }
    plo_journal_close(&journal, true);
    assert_int_equal(plo_file_read(path, 1 << 20, &whole), 0);
    return whole;
}

static void put(const uint8_t *data, size_t size)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fwrite(data, 1, size, file), size);
    assert_int_equal(fclose(file), 0);
}

// What a journal of these bytes tells: the number of records, or -1 for no journal.
static int told(const uint8_t *data, size_t size, uint64_t *end)
{
    struct plo_journal_state state;
    put(data, size);
    int result = plo_journal_read(&state, path, &err);
    assert_true(result >= 0 || result == PIPILO_EFORMAT);
    int records = result > 0 ? (int)(state.rows / 10) : -1;
    if (result > 0) {
        assert_true(state.rows == 10 * records && state.lines == 100u * (unsigned)records);
        assert_true(state.complete == (records == RECORDS));
        assert_true(state.head.shard.part == 2 && state.head.shard.of == 3);
        assert_true(state.head.thumbnails && state.head.marks_at == 77);
        assert_int_equal(state.head.max_pixels, 9000);
        assert_string_equal(state.head.meta.fingerprint, meta.fingerprint);
        assert_int_equal(state.head.meta.dim, DIM);
        *end = state.end;
        plo_journal_state_reset(&state);
    }
    return records;
}

static void test_cut_at_every_byte(void **state)
{
    (void)state;
    size_t ends[RECORDS + 1];
    struct plo_buf *whole = write_journal(ends);
    for (size_t size = 0; size <= whole->size; size++) {
        int expected = -1;
        uint64_t end = 0;
        while (expected < RECORDS && ends[expected + 1] <= size)
            expected++;
        assert_int_equal(told(whole->data, size, &end), expected);
        assert_int_equal(end, expected < 0 ? 0 : ends[expected]);
    }
    plo_buf_unref(&whole);
}

static void test_every_byte_flipped(void **state)
{
    (void)state;
    size_t ends[RECORDS + 1];
    struct plo_buf *whole = write_journal(ends);
    for (size_t at = 0; at < whole->size; at++) {
        int expected = -1;
        uint64_t end = 0;
        while (expected < RECORDS && ends[expected + 1] <= at)
            expected++;
        whole->data[at] ^= 0x11;
        assert_int_equal(told(whole->data, whole->size, &end), expected);
        whole->data[at] ^= 0x11;
    }
    plo_buf_unref(&whole);
}

// A torn end is overwritten, and what comes is read behind what is whole.
static void test_goes_on_behind_what_is_whole(void **state)
{
    (void)state;
    size_t ends[RECORDS + 1];
    struct plo_buf *whole = write_journal(ends);
    struct plo_journal journal = PLO_JOURNAL_INIT;
    struct plo_journal_state read;
    put(whole->data, ends[2] + 5);
    assert_int_equal(plo_journal_read(&read, path, &err), 1);
    assert_int_equal(plo_journal_open(&journal, path, &read, &err), 0);
    assert_int_equal(plo_journal_add(&journal, 30, 300, false, &err), 0);
    plo_journal_state_reset(&read);
    plo_journal_close(&journal, true);
    struct plo_buf *now = NULL;
    assert_int_equal(plo_file_read(path, 1 << 20, &now), 0);
    assert_int_equal(now->size, ends[3]);
    assert_memory_equal(now->data, whole->data, ends[3]);
    plo_buf_unref(&now);
    plo_buf_unref(&whole);
    plo_journal_close(&journal, false);
    unlink(path);
    assert_int_equal(plo_journal_read(&read, path, &err), 0);
}

// A journal of before pictures had a limit in it is left to the pipilo that began it.
static void test_an_older_format(void **state)
{
    (void)state;
    size_t ends[RECORDS + 1];
    struct plo_buf *whole = write_journal(ends);
    struct plo_journal_state read;
    static const char format[] = "pipilo-resume-2";
    char *text = (char *)whole->data, sum[17];
    char *digit = memmem(text, whole->size, format, strlen(format));
    assert_non_null(digit);
    digit[strlen(format) - 1] = '1';
    size_t length = ends[0] - strlen(", 'sum': '0123456789abcdef'}\n");
    snprintf(sum, sizeof sum, "%016llx", (unsigned long long)plo_checksum(text, length));
    memcpy(text + length + strlen(", 'sum': '"), sum, 16);
    put(whole->data, whole->size);
    assert_int_equal(plo_journal_read(&read, path, &err), PIPILO_EFORMAT);
    assert_non_null(strstr(err.message, "pipilo-resume-2"));
    plo_buf_unref(&whole);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_at_every_byte),
        cmocka_unit_test(test_every_byte_flipped),
        cmocka_unit_test(test_goes_on_behind_what_is_whole),
        cmocka_unit_test(test_an_older_format),
    };
    return cmocka_run_group_tests(tests, enter_scratch, leave_scratch);
}
