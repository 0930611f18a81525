// test_file.c: whole files, digests (known answers from FIPS 180-4), paths.
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "base/sha256.h"

static char folder[] = "/tmp/pipilo-test-XXXXXX";

static int enter(void **state)
{
    (void)state;
    return mkdtemp(folder) != NULL && chdir(folder) == 0 ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    return chdir("/") == 0 && rmdir(folder) == 0 ? 0 : -1;
}

static void replaces(void **state)
{
    (void)state;
    struct plo_buf *buf = NULL;
    char *text = NULL;
    assert_int_equal(plo_file_replace("a", "old", 3), 0);
    assert_int_equal(plo_file_replace("a", "newer", 5), 0);
    assert_int_equal(plo_file_read("a", 5, &buf), 0);
    assert_int_equal(buf->size, 5);
    assert_memory_equal(buf->data, "newer", 5);
    plo_buf_unref(&buf);
    assert_int_equal(plo_file_read("a", 4, &buf), -EFBIG);
    assert_int_equal(plo_file_read_text("a", 100, &text), 0);
    assert_string_equal(text, "newer");
    plo_free(text);
    char hex[PLO_SHA256_HEX];
    assert_int_equal(plo_file_replace("a", "abc", 3), 0);
    assert_int_equal(plo_sha256_file("a", hex), 0);
    assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    plo_sha256_hex("", 0, hex);
    assert_string_equal(hex, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_int_equal(plo_file_replace("none/a", "x", 1), -ENOENT);
    struct stat status;
    mode_t mask = umask(027);
    assert_int_equal(plo_file_replace("a", "mine", 4), 0);
    assert_int_equal(umask(mask), 027);
    assert_int_equal(stat("a", &status), 0);
    assert_int_equal(status.st_mode & 0777, 0640);
    unlink("a"); // and nothing else is there, or the folder cannot be removed
    assert_int_equal(plo_sha256_file("a", hex), -ENOENT);
}

// A FIFO without writer must not hold the thread.
static void only_regular_files(void **state)
{
    (void)state;
    struct plo_buf *buf = NULL;
    assert_int_equal(mkfifo("fifo", 0600), 0);
    assert_int_equal(plo_file_read("fifo", 10, &buf), -EINVAL);
    assert_int_equal(plo_file_read(".", 10, &buf), -EISDIR);
    assert_int_equal(plo_file_read("none", 10, &buf), -ENOENT);
    assert_null(buf);
    unlink("fifo");
}

static void paths(void **state)
{
    (void)state;
    const char *joined[][3] = {
        { "a", "b", "a/b" }, { "a/", "b", "a/b" }, { "", "b", "b" }, { "a", "/b", "/b" }
    };
    for (size_t i = 0; i < PLO_COUNT(joined); i++) {
        char *path = plo_file_join(joined[i][0], joined[i][1]);
        assert_string_equal(path, joined[i][2]);
        plo_free(path);
    }
    assert_string_equal(plo_file_suffix("a.b/c.JPG"), "JPG");
    assert_string_equal(plo_file_suffix("a.b/c"), "");
    assert_string_equal(plo_file_suffix(".hidden"), "");
    assert_int_equal(plo_file_make_folders("x/y//z"), 0);
    assert_int_equal(plo_file_make_folders("x/y/z"), 0);
    assert_int_equal(rmdir("x/y/z") | rmdir("x/y") | rmdir("x"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(replaces),
        cmocka_unit_test(only_regular_files),
        cmocka_unit_test(paths),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
