// test_source.c: files, folders, patterns and lists, and the items for what cannot be read.
#include "helper.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "core/budget.h"

static void make_tree(void)
{
    mkdir("t", 0777);
    mkdir("t/a", 0777);
    mkdir("t/a/b", 0777);
    mkdir("t/.hidden", 0777);
    put_text("t/a/x.JPG", "1");
    put_text("t/a.jpg", "22");
    put_text("t/a-b.png", "3");
    put_text("t/a/b/y.Jpeg", "4");
    put_text("t/notes.txt", "5");
    put_text("t/.dot.jpg", "6");
    put_text("t/.hidden/z.jpg", "7");
    put_text("t/\xff\xfe.webp", "8");
}

static void test_folder_is_in_byte_order_of_paths(void **state)
{
    (void)state;
    make_tree();
    struct plo_source_counts counts;
    const char *inputs[] = { "t" };
    struct plo_source_options options = { .inputs = inputs, .count = 1 };
    assert_string_equal(walk(&options, &counts),
                        "t/a-b.png t/a.jpg t/a/b/y.Jpeg t/a/x.JPG t/\xff\xfe.webp");
    assert_int_equal(counts.hidden, 2);
    assert_int_equal(counts.other, 1);
    assert_int_equal(counts.irregular, 0);
    assert_string_equal(WALK("t/a/", "./t/a/b"), "t/a/b/y.Jpeg t/a/x.JPG ./t/a/b/y.Jpeg");
}

static void test_all_suffixes(void **state)
{
    (void)state;
    static const char *const good[] = { "jpg",  "jpeg", "jpe", "jfif", "png",  "webp",
                                        "tif",  "tiff", "gif", "bmp",  "heic", "heif",
                                        "avif", "jxl",  "jp2", "j2k",  "jpx",  "HEIC" };
    for (size_t i = 0; i < PLO_COUNT(good); i++) {
        char name[32];
        snprintf(name, sizeof name, "dir.x/a.b.%s", good[i]);
        assert_true(plo_source_is_picture(name));
    }
    assert_false(plo_source_is_picture("jpg"));
    assert_false(plo_source_is_picture(".jpg"));
    assert_false(plo_source_is_picture("a.jpg/b"));
    assert_false(plo_source_is_picture("a.jpg2"));
    assert_false(plo_source_is_picture("a.svg"));
}

static void test_links(void **state)
{
    (void)state;
    make_tree();
    mkdir("far", 0777);
    put_text("far/q.gif", "1");
    assert_int_equal(symlink("../far", "t/linked"), 0);
    assert_int_equal(symlink("..", "t/a/up"), 0);
    assert_int_equal(symlink(".", "t/self"), 0);
    assert_int_equal(symlink("nowhere", "t/gone.jpg"), 0);
    assert_int_equal(symlink("round.jpg", "t/round.jpg"), 0);
    assert_int_equal(symlink("../far/q.gif", "t/other.gif"), 0);
    assert_int_equal(mkfifo("t/fifo.jpg", 0666), 0);
    struct plo_source_counts counts;
    const char *inputs[] = { "t" };
    struct plo_source_options options = { .inputs = inputs, .count = 1 };
    assert_string_equal(walk(&options, &counts),
                        "t/a-b.png t/a.jpg t/a/b/y.Jpeg t/a/x.JPG t/linked/q.gif t/other.gif "
                        "t/\xff\xfe.webp");
    assert_int_equal(counts.loops, 3);
    assert_int_equal(counts.irregular, 2);
}

static void test_named_files(void **state)
{
    (void)state;
    make_tree();
    mkfifo("fifo.jpg", 0666);
    assert_string_equal(WALK("t/notes.txt", "t/.dot.jpg", "t/a.jpg", "t/a.jpg"),
                        "t/notes.txt t/.dot.jpg t/a.jpg t/a.jpg");
    assert_string_equal(WALK("none.jpg", "fifo.jpg", "/dev/null", "", "t/a.jpg/x"),
                        "none.jpg!not_found fifo.jpg!invalid_argument "
                        "/dev/null!invalid_argument !not_found t/a.jpg/x!not_found");
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "socket.jpg" };
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    assert_string_equal(WALK("socket.jpg"), "socket.jpg!invalid_argument");
    close(fd);
}

static void test_item_of_a_file(void **state)
{
    (void)state;
    put_text("a.jpg", "12345");
    struct timespec times[2] = { { 100, 7 }, { 200, 9 } };
    assert_int_equal(utimensat(AT_FDCWD, "a.jpg", times, 0), 0);
    const char *inputs[] = { "a.jpg" };
    struct plo_source_options options = { .inputs = inputs, .count = 1 };
    struct plo_source *source = NULL;
    struct plo_item item;
    assert_int_equal(plo_source_open(&source, &options, NULL), 0);
    assert_int_equal(plo_source_total_hint(source), 1);
    assert_int_equal(plo_source_next(source, &item, NULL), 1);
    assert_string_equal(item.path, "a.jpg");
    assert_int_equal(item.size, 5);
    assert_int_equal(item.mtime_ns, 200000000009);
    assert_null(item.key);
    assert_null(item.members);
    plo_item_reset(&item);
    plo_source_close(source);
}

static void test_patterns(void **state)
{
    (void)state;
    make_tree();
    put_text("t/[x].jpg", "1");
    assert_string_equal(WALK("t/a*"), "t/a/b/y.Jpeg t/a/x.JPG t/a-b.png t/a.jpg");
    assert_string_equal(WALK("t/?.jpg"), "t/a.jpg");
    assert_string_equal(WALK("*/none*", "t/a.jpg"), "*/none*!not_found t/a.jpg");
    // A file's own name comes before its reading as a pattern.
    assert_string_equal(WALK("t/[x].jpg"), "t/[x].jpg");
    assert_string_equal(WALK("t/[abx].jpg"), "t/a.jpg");
}

static void test_lists(void **state)
{
    (void)state;
    make_tree();
    struct plo_source_options options = { .files_from = "list" };
    put_text("list", "t/a.jpg\n\nt/a\nnone\nt/a.jpg");
    assert_string_equal(walk(&options, NULL),
                        "t/a.jpg t/a/b/y.Jpeg t/a/x.JPG none!not_found t/a.jpg");
    put("list", "t/a.jpg\0t/\xff\xfe.webp\0with\nline\0", 27);
    assert_string_equal(walk(&options, NULL), "t/a.jpg t/\xff\xfe.webp with\nline!not_found");
    // Of CR LF the CR goes too, but for a name that has it.
    put_text("t/cr.jpg\r", "1");
    put_text("list", "t/a.jpg\r\n\r\nt/cr.jpg\r\nt/a-*\r\nnone\r");
    assert_string_equal(walk(&options, NULL), "t/a.jpg t/cr.jpg\r t/a-b.png none!not_found");
    put("list", "t/a.jpg\r\0t/a.jpg\0", 17);
    assert_string_equal(walk(&options, NULL), "t/a.jpg\r!not_found t/a.jpg");
    put_text("list", "");
    assert_string_equal(walk(&options, NULL), "");
    const char *inputs[] = { "t/a.jpg" };
    put_text("list", "none\n");
    options.inputs = inputs;
    options.count = 1;
    assert_string_equal(walk(&options, NULL), "t/a.jpg none!not_found");
}

static void test_long_lists(void **state)
{
    (void)state;
    FILE *file = fopen("list", "w");
    for (int i = 0; i < 9000; i++)
        fprintf(file, "some/folder/that/is/not/there/%d.jpg\n", i);
    for (int i = 0; i < 100000; i++)
        fputc('x', file);
    fputs("\nlast", file);
    fclose(file);
    struct plo_source_options options = { .files_from = "list" };
    struct plo_source *source = NULL;
    struct plo_item item;
    int count = 0;
    assert_int_equal(plo_source_open(&source, &options, NULL), 0);
    assert_int_equal(plo_source_total_hint(source), -1);
    for (; plo_source_next(source, &item, NULL) > 0; count++) {
        char name[64];
        snprintf(name, sizeof name, "some/folder/that/is/not/there/%d.jpg", count);
        if (count < 9000)
            assert_string_equal(item.source, name);
        if (count == 9000) {
            assert_int_equal(item.error.code, PIPILO_ELIMIT);
            assert_int_equal(strlen(item.source), PLO_SOURCE_NAME_LIMIT);
        }
        if (count == 9001)
            assert_string_equal(item.source, "last");
        plo_item_reset(&item);
    }
    assert_int_equal(count, 9002);
    plo_source_close(source);
}

// A million folders without a picture do not keep who asks until the last of them.
static void test_pauses_without_an_item(void **state)
{
    (void)state;
    const char *inputs[] = { "deep" };
    struct plo_source_options options = { .inputs = inputs, .count = 1, .pauses = true };
    struct plo_source *source = NULL;
    struct plo_item item;
    assert_int_equal(mkdir("deep", 0777), 0);
    for (int i = 0; i < 1000; i++) {
        char name[32];
        snprintf(name, sizeof name, "deep/%04d", i);
        assert_int_equal(mkdir(name, 0777), 0);
    }
    put_text("deep/x.jpg", "1");
    assert_int_equal(plo_source_open(&source, &options, NULL), 0);
    int pauses = 0, result = 0;
    while ((result = plo_source_next(source, &item, NULL)) == PLO_SOURCE_LATER)
        pauses++;
    assert_int_equal(result, 1);
    assert_string_equal(item.source, "deep/x.jpg");
    plo_item_reset(&item);
    assert_int_equal(plo_source_next(source, &item, NULL), 0);
    plo_source_close(source);
    assert_in_range(pauses, 8, 100);
    assert_string_equal(WALK("deep"), "deep/x.jpg");
}

static void test_bad_lists(void **state)
{
    (void)state;
    struct plo_source *source = NULL;
    struct pipilo_error err = { 0 };
    struct plo_item item;
    struct plo_source_options options = { .files_from = "none" };
    assert_int_equal(plo_source_open(&source, &options, &err), PIPILO_ENOTFOUND);
    assert_null(source);
    options.files_from = ".";
    assert_int_equal(plo_source_open(&source, &options, &err), 0);
    assert_int_equal(plo_source_next(source, &item, &err), PIPILO_EIO);
    plo_source_close(source);
}

static void test_unreadable_folder(void **state)
{
    (void)state;
    make_tree();
    chmod("t/a", 0);
    if (access("t/a", R_OK) == 0)
        skip(); // root reads everything
    assert_string_equal(WALK("t"), "t/a-b.png t/a.jpg t/a!io_error t/\xff\xfe.webp");
}

static void test_deep_folders(void **state)
{
    (void)state;
    char name[16];
    int depth = 0;
    char here[4096];
    assert_non_null(getcwd(here, sizeof here));
    for (; depth < 300; depth++) {
        snprintf(name, sizeof name, "d%d", depth);
        assert_int_equal(mkdir(name, 0777), 0);
        assert_int_equal(chdir(name), 0);
    }
    put_text("end.png", "1");
    assert_int_equal(chdir(here), 0);
    const char *found = WALK("d0");
    assert_non_null(strstr(found, "/d299/end.png"));
    assert_null(strchr(found, ' '));
}

// A path that is longer than the system takes is a row that says so.
static void test_too_deep_folders(void **state)
{
    (void)state;
    char name[201], here[4096];
    memset(name, 'd', 200);
    name[200] = '\0';
    assert_non_null(getcwd(here, sizeof here));
    for (int depth = 0; depth < 30; depth++) {
        assert_int_equal(mkdir(name, 0777), 0);
        assert_int_equal(chdir(name), 0);
        if (depth == 3)
            put_text("near.png", "1");
    }
    assert_int_equal(chdir(here), 0);
    const char *found = WALK(name);
    const char *near = strstr(found, "/near.png");
    assert_non_null(near);
    assert_non_null(strstr(found, "!io_error"));
    // Two rows, one space between them.
    assert_non_null(strchr(found, ' '));
    assert_ptr_equal(strchr(found, ' '), strrchr(found, ' '));
}

// The names of a folder that is being read are charged, and bounded by the budget.
static void test_names_are_charged(void **state)
{
    (void)state;
    const char *inputs[] = { "many" };
    struct plo_source_options options = { .inputs = inputs, .count = 1 };
    struct plo_source *source = NULL;
    struct plo_item item;
    assert_int_equal(mkdir("many", 0777), 0);
    for (int i = 0; i < 2000; i++) {
        char name[32];
        snprintf(name, sizeof name, "many/%08d.jpg", i);
        put_text(name, "1");
    }
    assert_int_equal(plo_source_open(&source, &options, NULL), 0);
    assert_int_equal(plo_source_next(source, &item, NULL), 1);
    plo_item_reset(&item);
    assert_in_range(plo_budget_used(), 2000 * (13 + sizeof(char *)), 2000 * 64);
    plo_source_close(source);
    assert_int_equal(plo_budget_used(), 0);
    plo_budget_set(20000);
    assert_string_equal(WALK("many"), "many!out_of_memory_budget");
    plo_budget_set(0);
    assert_int_equal(plo_budget_used(), 0);
}

static void test_no_memory(void **state)
{
    (void)state;
    make_tree();
    put_text("list", "t/a.jpg\nnone\nt\n");
    const char *inputs[] = { "t", "t/*.jpg", "none", "/dev/null" };
    struct plo_source_options options = { .inputs = inputs, .count = 4, .files_from = "list" };
    fail_each_allocation(&options);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_scratch, leave_scratch)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_folder_is_in_byte_order_of_paths),
        TEST(test_all_suffixes),
        TEST(test_links),
        TEST(test_named_files),
        TEST(test_item_of_a_file),
        TEST(test_patterns),
        TEST(test_lists),
        TEST(test_long_lists),
        TEST(test_pauses_without_an_item),
        TEST(test_bad_lists),
        TEST(test_unreadable_folder),
        TEST(test_deep_folders),
        TEST(test_too_deep_folders),
        TEST(test_names_are_charged),
        TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
