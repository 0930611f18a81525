// test_digest.c: a file is read once, for all processes, until it changes.
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "helper.h"
#include "model/digest.h"

static const char abc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static char folder[256], path[300];

static void fresh_files_are_read_again(void **state)
{
    (void)state;
    char hex[PLO_SHA256_HEX];
    int64_t reads = plo_digest_reads();
    write_text(folder, "fresh", "abc");
    char fresh[300];
    snprintf(fresh, sizeof fresh, "%s/fresh", folder);
    assert_int_equal(plo_digest_file(fresh, hex, NULL), 0);
    assert_string_equal(hex, abc);
    write_text(folder, "fresh", "abd"); // the same size, in the same tick
    assert_int_equal(plo_digest_file(fresh, hex, NULL), 0);
    assert_string_not_equal(hex, abc);
    assert_int_equal(plo_digest_reads() - reads, 2);
    struct pipilo_error err = { 0 };
    assert_int_equal(plo_digest_file("/nowhere/at/all", hex, &err), PIPILO_ENOTFOUND);
}

static void another_process_knows_it(void **state)
{
    (void)state;
    char hex[PLO_SHA256_HEX];
    struct timespec settled = { 3, 0 };
    nanosleep(&settled, NULL);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0)
        _exit(plo_digest_file(path, hex, NULL) != 0 || strcmp(hex, abc) != 0 ||
              plo_digest_reads() != 1);
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    // This process has not looked at the cache yet.
    assert_int_equal(plo_digest_file(path, hex, NULL), 0);
    assert_string_equal(hex, abc);
    assert_int_equal(plo_digest_reads(), 0);
    // A cache that holds nonsense is passed over.
    write_text(folder, "pipilo/digests", "\n\nx y\n1:2:3 zz\n");
    assert_int_equal(plo_digest_file(path, hex, NULL), 0);
    write_text(folder, "file", "abcd");
    assert_int_equal(plo_digest_file(path, hex, NULL), 0);
    assert_string_not_equal(hex, abc);
    assert_int_equal(plo_alloc_live(), 0);
}

int main(void)
{
    make_folder(folder);
    setenv("XDG_CACHE_HOME", folder, 1);
    unsetenv("PIPILO_CACHE");
    snprintf(path, sizeof path, "%s/file", folder);
    write_text(folder, "file", "abc");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(another_process_knows_it),
        cmocka_unit_test(fresh_files_are_read_again),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    plo_install_remove(folder);
    return failed;
}
