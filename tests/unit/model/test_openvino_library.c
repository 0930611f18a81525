// test_openvino_library.c: where OpenVINO is looked for, and what is said where it is not found or
// cannot be looked for.
#include "model/engines/openvino_library.h"

#include <sys/resource.h>
#include <unistd.h>

#include "helper.h"

static const char *(*info)(int status);
static const struct plo_dynlib_symbol symbols[] = {
    { "ov_get_error_info", (void **)(void *)&info },
};
static char folder[256];

static int look(struct pipilo_error *err)
{
    return plo_openvino_open(symbols, 1, err);
}

static int make(void **state)
{
    (void)state;
    make_folder(folder);
    return setenv("PIPILO_OPENVINO", folder, 1);
}

static int drop(void **state)
{
    (void)state;
    plo_install_remove(folder);
    return unsetenv("PIPILO_OPENVINO");
}

static void a_folder_without_it(void **state)
{
    struct pipilo_error err = { 0 };
    (void)state;
    assert_int_equal(look(&err), PIPILO_ENOTFOUND);
    assert_message(err, PIPILO_ENOTFOUND, "which holds no libopenvino_c.so");
    setenv("PIPILO_OPENVINO", "/nowhere/at/all", 1);
    assert_int_equal(look(&err), PIPILO_ENOTFOUND);
    assert_message(err, PIPILO_ENOTFOUND, "names /nowhere/at/all, which holds no");
}

static void a_file_that_is_no_library(void **state)
{
    struct pipilo_error err = { 0 };
    (void)state;
    write_text(folder, "libopenvino_c.so.2099", "not an ELF file at all, but long enough for one");
    assert_int_equal(look(&err), PIPILO_ENOTFOUND);
    assert_message(err, PIPILO_ENOTFOUND, "libopenvino_c.so.2099: ");
}

// It is not said to be missing where it could not be looked for.
static void no_descriptor_is_left(void **state)
{
    struct pipilo_error err = { 0 };
    struct rlimit usual, none;
    (void)state;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &usual), 0);
    none = (struct rlimit){ .rlim_cur = 3, .rlim_max = usual.rlim_max };
    for (int named = 1; named >= 0; named--) {
        if (!named)
            unsetenv("PIPILO_OPENVINO");
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
        int result = look(&err);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &usual), 0);
        assert_int_equal(result, PIPILO_EIO);
        assert_message(err, PIPILO_EIO, "Too many open files");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_folder_without_it, make, drop),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_library, make, drop),
        cmocka_unit_test_setup_teardown(no_descriptor_is_left, make, drop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
