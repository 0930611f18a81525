// test_tar.c: archives as inputs: samples, limits, compression, and damage of every kind.
#include "helper.h"

#include <archive.h>
#include <archive_entry.h>

#include "core/budget.h"
#include "source/parts.h"

struct file {
    const char *name;
    const char *text;
};

static struct archive *start_archive(const char *path, int filter)
{
    struct archive *archive = archive_write_new();
    assert_non_null(archive);
    archive_write_set_format_pax_restricted(archive);
    assert_int_equal(archive_write_add_filter(archive, filter), ARCHIVE_OK);
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    return archive;
}

static void add(struct archive *archive, const char *name, const void *data, size_t size)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, name);
    archive_entry_set_filetype(entry, AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)size);
    archive_entry_set_mtime(entry, 1000, 0);
    assert_true(archive_write_header(archive, entry) >= ARCHIVE_WARN);
    assert_int_equal(archive_write_data(archive, data, size), size);
    archive_entry_free(entry);
}

static void make_archive(const char *path, int filter, const struct file *files, size_t count)
{
    struct archive *archive = start_archive(path, filter);
    for (size_t i = 0; i < count; i++)
        add(archive, files[i].name, files[i].text, strlen(files[i].text));
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
}

static const struct file shard[] = {
    { "one.cls", "1" },          { "one.jpg", "first" },     { "one.json", "{}" },
    { "dir/two.png", "second" }, { "dir/two.seg.txt", "s" }, { "notes", "none" },
    { "three.txt", "t" },        { "._hid.jpg", "h" },       { "four.left.jpg", "l" },
    { "four.right.jpg", "r" },   { "four.cls", "4" },
};

static void test_samples(void **state)
{
    (void)state;
    make_archive("s.tar", ARCHIVE_FILTER_NONE, shard, PLO_COUNT(shard));
    struct plo_source_counts counts;
    const char *inputs[] = { "s.tar" };
    struct plo_source_options options = { .inputs = inputs, .count = 1 };
    assert_string_equal(walk(&options, &counts),
                        "s.tar/one.jpg s.tar/dir/two.png s.tar/four.left.jpg "
                        "s.tar/four.right.jpg");
    assert_int_equal(counts.hidden, 1);
    assert_int_equal(counts.other, 2); // notes, and three.txt without a picture
}

static void test_item_of_a_member(void **state)
{
    (void)state;
    make_archive("s.tar", ARCHIVE_FILTER_NONE, shard, PLO_COUNT(shard));
    const char *inputs[] = { "s.tar" };
    struct plo_source_options options = { .inputs = inputs, .count = 1 };
    struct plo_source *source = NULL;
    struct plo_item one, two, left, right;
    assert_int_equal(plo_source_open(&source, &options, NULL), 0);
    assert_int_equal(plo_source_next(source, &one, NULL), 1);
    assert_int_equal(plo_source_next(source, &two, NULL), 1);
    assert_int_equal(plo_source_next(source, &left, NULL), 1);
    assert_int_equal(plo_source_next(source, &right, NULL), 1);
    plo_source_close(source);

    assert_null(one.path);
    assert_string_equal(one.key, "one");
    assert_int_equal(one.size, 5);
    assert_int_equal(one.mtime_ns, 1000000000000);
    assert_int_equal(one.bytes->size, 5);
    assert_memory_equal(one.bytes->data, "first", 5);
    assert_int_equal(one.members->count, 2);
    assert_string_equal(one.members->list[0].name, "cls");
    assert_string_equal(one.members->list[1].name, "json");
    assert_memory_equal(one.members->list[1].bytes->data, "{}", 2);
    assert_string_equal(two.key, "dir/two");
    assert_string_equal(two.members->list[0].name, "seg.txt");
    // Both pictures of a sample have its members.
    assert_ptr_equal(left.members, right.members);
    assert_string_equal(right.members->list[0].name, "cls");
    plo_item_reset(&one);
    plo_item_reset(&two);
    plo_item_reset(&left);
    plo_item_reset(&right);
}

static void test_compression(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        int filter;
    } kinds[] = { { "a.tar.gz", ARCHIVE_FILTER_GZIP },
                  { "a.TGZ", ARCHIVE_FILTER_GZIP },
                  { "a.tar.bz2", ARCHIVE_FILTER_BZIP2 },
                  { "a.tar.xz", ARCHIVE_FILTER_XZ },
                  { "a.tar.zst", ARCHIVE_FILTER_ZSTD } };
    for (size_t i = 0; i < PLO_COUNT(kinds); i++) {
        make_archive(kinds[i].name, kinds[i].filter, shard, 4);
        char expected[128];
        snprintf(expected, sizeof expected, "%s/one.jpg %s/dir/two.png", kinds[i].name,
                 kinds[i].name);
        assert_string_equal(WALK(kinds[i].name), expected);
    }
}

static void test_names(void **state)
{
    (void)state;
    static const struct file files[] = { { "./a.jpg", "1" }, { "\xc3\xa9/\xe2\x82\xac.jpg", "2" } };
    make_archive("n.tar", ARCHIVE_FILTER_NONE, files, PLO_COUNT(files));
    assert_string_equal(WALK("n.tar"), "n.tar/a.jpg n.tar/\xc3\xa9/\xe2\x82\xac.jpg");
}

// Names that lead out of an archive lead nowhere: they are the names of rows, and have bytes.
static void test_names_that_lead_out(void **state)
{
    (void)state;
    static const struct file files[] = { { "../../up.jpg", "1" }, { "/etc/root.jpg", "2" } };
    make_archive("n.tar", ARCHIVE_FILTER_NONE, files, PLO_COUNT(files));
    assert_string_equal(WALK("n.tar"), "n.tar/../../up.jpg n.tar//etc/root.jpg");
    assert_int_equal(access("../../up.jpg", F_OK), -1);
    assert_int_equal(access("/etc/root.jpg", F_OK), -1);
}

static void test_links_inside(void **state)
{
    (void)state;
    struct archive *archive = start_archive("l.tar", ARCHIVE_FILTER_NONE);
    add(archive, "a.jpg", "1", 1);
    for (int i = 0; i < 3; i++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, i == 2 ? "folder.jpg" : "link.jpg");
        archive_entry_set_filetype(entry, i == 0 ? AE_IFLNK : i == 1 ? AE_IFREG : AE_IFDIR);
        if (i == 0)
            archive_entry_set_symlink(entry, "a.jpg");
        if (i == 1)
            archive_entry_set_hardlink(entry, "a.jpg");
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        archive_entry_free(entry);
    }
    archive_write_close(archive);
    archive_write_free(archive);
    struct plo_source_counts counts;
    const char *inputs[] = { "l.tar" };
    struct plo_source_options options = { .inputs = inputs, .count = 1 };
    assert_string_equal(walk(&options, &counts), "l.tar/a.jpg");
    assert_int_equal(counts.irregular, 2);
}

static void test_limits(void **state)
{
    (void)state;
    static char big[PLO_SOURCE_MEMBER_LIMIT + 1];
    struct archive *archive = start_archive("big.tar", ARCHIVE_FILTER_NONE);
    add(archive, "a.jpg", "1", 1);
    add(archive, "a.large", big, sizeof big);
    for (int i = 0; i < 20; i++)
        add(archive, "a.much", big, sizeof big - 1);
    for (int i = 0; i < 300; i++)
        add(archive, "a.many", "x", 1);
    add(archive, "b.jpg", big, 4000);
    add(archive, "b.2.jpg", big, 2000);
    add(archive, "c.jpg", big, 10);
    archive_write_close(archive);
    archive_write_free(archive);
    const char *inputs[] = { "big.tar" };
    struct plo_source_options options = { .inputs = inputs, .count = 1, .picture_limit = 3000 };
    struct plo_source_counts counts;
    assert_string_equal(walk(&options, &counts),
                        "big.tar/a.jpg big.tar/b.jpg!limit_exceeded big.tar/b.2.jpg big.tar/c.jpg");
    // The large one, 4 over the sample's 16 MiB, and all beyond 256 members.
    assert_int_equal(counts.members, 1 + 4 + (1 + 20 + 300 - PLO_SOURCE_SAMPLE_MEMBERS) + 235);

    struct plo_source *source = NULL;
    struct plo_item item;
    assert_int_equal(plo_source_open(&source, &options, NULL), 0);
    assert_int_equal(plo_source_next(source, &item, NULL), 1);
    assert_int_equal(item.members->count, PLO_SOURCE_SAMPLE_MEMBERS);
    assert_null(item.members->list[0].bytes);
    assert_int_equal(item.members->list[0].size, sizeof big);
    assert_non_null(item.members->list[16].bytes);
    assert_null(item.members->list[17].bytes);
    plo_item_reset(&item);
    plo_source_close(source);
}

static void test_many_pictures_of_a_key(void **state)
{
    (void)state;
    struct archive *archive = start_archive("k.tar", ARCHIVE_FILTER_NONE);
    for (int i = 0; i < 200; i++) {
        char name[32];
        snprintf(name, sizeof name, "key.%d.jpg", i);
        add(archive, name, "x", 1);
    }
    archive_write_close(archive);
    archive_write_free(archive);
    const char *found = WALK("k.tar");
    int count = 1;
    for (const char *c = found; *c != '\0'; c++)
        count += *c == ' ';
    assert_int_equal(count, 200);
}

static void test_damage(void **state)
{
    (void)state;
    static const struct file files[] = { { "a.jpg", "1" }, { "b.jpg", "2" }, { "c.jpg", "3" } };
    static unsigned char data[65536];
    make_archive("x.tar", ARCHIVE_FILTER_NONE, files, PLO_COUNT(files));
    FILE *file = fopen("x.tar", "rb");
    size_t size = fread(data, 1, sizeof data, file);
    fclose(file);
    put_text("empty.tar", "");
    put_text("text.tar", "this is no archive at all");
    put("zero.tar", data + size - 1024, 1024); // nothing but the end mark
    assert_string_equal(WALK("empty.tar"), "empty.tar!unsupported_format");
    assert_string_equal(WALK("text.tar"), "text.tar!unsupported_format");
    assert_string_equal(WALK("zero.tar"), "");
    assert_string_equal(WALK("none.tar"), "none.tar!not_found");
    // Cut and flipped anywhere, every item before the damage is whole and there is one error at
    // most.
    for (size_t cut = 1; cut < size; cut += 97) {
        put("cut.tar", data, cut);
        const char *found = WALK("cut.tar");
        const char *first = strchr(found, '!');
        assert_true(first == NULL || strchr(first + 1, '!') == NULL);
        assert_true(first == NULL || strchr(first, ' ') == NULL);
    }
    for (size_t at = 0; at < size; at += 13) {
        data[at] ^= 0x41;
        put("flip.tar", data, size);
        const char *first = strchr(WALK("flip.tar"), '!');
        assert_true(first == NULL || strchr(first + 1, '!') == NULL);
        data[at] ^= 0x41;
    }
}

static void test_cut_inside_a_picture(void **state)
{
    (void)state;
    static char data[100000];
    struct archive *archive = start_archive("p.tar", ARCHIVE_FILTER_NONE);
    add(archive, "a.jpg", "1", 1);
    add(archive, "b.jpg", data, sizeof data);
    add(archive, "c.jpg", "1", 1);
    archive_write_close(archive);
    archive_write_free(archive);
    assert_int_equal(truncate("p.tar", 60000), 0);
    assert_string_equal(WALK("p.tar"), "p.tar/a.jpg p.tar/b.jpg!truncated");
}

static void test_no_memory(void **state)
{
    (void)state;
    make_archive("s.tar", ARCHIVE_FILTER_NONE, shard, PLO_COUNT(shard));
    const char *inputs[] = { "s.tar", "none.tar" };
    struct plo_source_options options = { .inputs = inputs, .count = 2 };
    fail_each_allocation(&options);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, enter_scratch, leave_scratch)

// What libarchive holds is charged while the archive is open.
static void test_unpacking_is_charged(void **state)
{
    (void)state;
    static const struct {
        int filter;
        const char *name, *level;
        uint64_t least;
    } kinds[] = {
        { ARCHIVE_FILTER_NONE, NULL, NULL, 0 },
        { ARCHIVE_FILTER_GZIP, "gzip", "9", 0 },
        { ARCHIVE_FILTER_BZIP2, "bzip2", "9", 3600000 },
        { ARCHIVE_FILTER_XZ, "xz", "0", 256 << 10 },
        { ARCHIVE_FILTER_XZ, "xz", "6", 8 << 20 },
        { ARCHIVE_FILTER_XZ, "xz", "9", 64 << 20 },
    };
    for (size_t i = 0; i < PLO_COUNT(kinds); i++) {
        struct archive *archive = archive_write_new();
        archive_write_set_format_pax_restricted(archive);
        archive_write_add_filter(archive, kinds[i].filter);
        if (kinds[i].name != NULL)
            assert_int_equal(archive_write_set_filter_option(archive, kinds[i].name,
                                                             "compression-level", kinds[i].level),
                             ARCHIVE_OK);
        assert_int_equal(archive_write_open_filename(archive, "c.tar"), ARCHIVE_OK);
        add(archive, "a.jpg", "1", 1);
        archive_write_close(archive);
        archive_write_free(archive);

        const char *inputs[] = { "c.tar" };
        struct plo_source_options options = { .inputs = inputs, .count = 1 };
        struct plo_source *source = NULL;
        struct plo_item item;
        assert_int_equal(plo_source_open(&source, &options, NULL), 0);
        assert_int_equal(plo_source_next(source, &item, NULL), 1);
        assert_int_equal(item.error.code, 0);
        assert_in_range(plo_budget_used(), kinds[i].least, kinds[i].least + (3 << 20));
        plo_item_reset(&item);
        plo_source_close(source);
        assert_int_equal(plo_budget_used(), 0);

        plo_budget_set(kinds[i].least + 1);
        assert_string_equal(walk(&options, NULL), "c.tar!out_of_memory_budget");
        plo_budget_set(0);
    }
}

static void test_memory_by_the_first_bytes(void **state)
{
    (void)state;
    const uint64_t base = plo_tar_memory((const uint8_t *)"", 0);
    // zstd: a window of 128 MiB and an eighth of it, and a single segment of 0x12345678 bytes.
    const uint8_t window[18] = { 0x28, 0xb5, 0x2f, 0xfd, 0x00, 17 << 3 | 1 };
    const uint8_t single[18] = { 0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0x78, 0x56, 0x34, 0x12 };
    assert_int_equal(plo_tar_memory(window, sizeof window) - base, (128 << 20) + (16 << 20));
    assert_int_equal(plo_tar_memory(single, sizeof single) - base, 0x12345678);
    // xz: the x86 filter (4, no properties) before LZMA2 with the largest dictionary; cut anywhere.
    uint8_t xz[PLO_TAR_HEAD] = { 0xfd, '7', 'z',  'X',  'Z',  0,    0, 1, 0,    0, 0,
                                 0,    3,   0xc1, 0x80, 0x01, 0x05, 4, 0, 0x21, 1, 40 };
    assert_int_equal(plo_tar_memory(xz, sizeof xz) - base, UINT64_C(1) << 32);
    for (size_t size = 0; size < 22; size++)
        assert_int_equal(plo_tar_memory(xz, size), base);
    put("huge.tar.xz", xz, sizeof xz);
    const char *inputs[] = { "huge.tar.xz" };
    struct plo_source_options options = { .inputs = inputs, .count = 1 };
    assert_string_equal(walk(&options, NULL), "huge.tar.xz!limit_exceeded");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_samples),
        TEST(test_item_of_a_member),
        TEST(test_compression),
        TEST(test_unpacking_is_charged),
        TEST(test_memory_by_the_first_bytes),
        TEST(test_names),
        TEST(test_names_that_lead_out),
        TEST(test_links_inside),
        TEST(test_limits),
        TEST(test_many_pictures_of_a_key),
        TEST(test_damage),
        TEST(test_cut_inside_a_picture),
        TEST(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
