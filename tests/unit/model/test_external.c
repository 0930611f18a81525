// test_external.c: the files an ONNX model names, found in a protobuf put together by hand.
#include <sys/stat.h>
#include <unistd.h>

#include "helper.h"
#include "model/card.h"
#include "model/digest.h"
#include "model/external.h"
#include "model/watch.h"

struct message {
    uint8_t data[4096];
    size_t size;
};

static void add_field(struct message *m, unsigned field, const void *data, size_t size)
{
    m->data[m->size++] = (uint8_t)(field << 3 | 2);
    assert_true(size < 16384);
    m->data[m->size++] = (uint8_t)(size & 0x7f) | 0x80;
    m->data[m->size++] = (uint8_t)(size >> 7);
    memcpy(m->data + m->size, data, size);
    m->size += size;
}

static void add_message(struct message *m, unsigned field, const struct message *inner)
{
    add_field(m, field, inner->data, inner->size);
}

// A tensor whose data lie in `location`.
static struct message tensor(const char *location)
{
    struct message entry = { .size = 0 }, m = { .size = 0 };
    add_field(&entry, 1, "location", 8);
    add_field(&entry, 2, location, strlen(location));
    add_message(&m, 13, &entry);
    return m;
}

// A model with that tensor as an initializer, or inside a node's attribute's graph.
static struct message model(const char *location, bool nested)
{
    struct message t = tensor(location), graph = { .size = 0 }, out = { .size = 0 };
    add_message(&graph, 5, &t);
    if (nested) {
        struct message attribute = { .size = 0 }, node = { .size = 0 }, outer = { .size = 0 };
        add_message(&attribute, 6, &graph);
        add_message(&node, 5, &attribute);
        add_message(&outer, 1, &node);
        graph = outer;
    }
    static const uint8_t version[] = { 1 << 3, 8 };
    memcpy(out.data, version, sizeof version);
    out.size = sizeof version;
    add_message(&out, 7, &graph);
    return out;
}

static int find(struct plo_external *out, const char *folder, const struct message *m,
                struct pipilo_error *err)
{
    char path[300];
    write_file(folder, "model.onnx", m->data, m->size);
    snprintf(path, sizeof path, "%s/model.onnx", folder);
    *err = (struct pipilo_error){ 0 };
    return plo_external_find(out, path, err);
}

static void finds_files(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder);
    write_text(folder, "model.onnx_data", "x");
    write_text(folder, "sub/w", "x");
    struct plo_external external;
    struct pipilo_error err;
    struct message m = model("model.onnx_data", false);
    assert_int_equal(find(&external, folder, &m, &err), 0);
    assert_int_equal(external.count, 1);
    assert_string_equal(external.names[0], "model.onnx_data");
    m = model("sub/w", true);
    assert_int_equal(find(&external, folder, &m, &err), 0);
    assert_string_equal(external.names[0], "sub/w");
    m = model("missing", false);
    assert_int_equal(find(&external, folder, &m, &err), PIPILO_ENOTFOUND);
    plo_install_remove(folder);
}

static void stays_in_the_folder(void **state)
{
    (void)state;
    static const char *const outside[] = { "/etc/passwd", "../x", "a/../../x", "..", "a/..", "" };
    char folder[256];
    make_folder(folder);
    for (size_t i = 0; i < PLO_COUNT(outside); i++) {
        struct plo_external external;
        struct pipilo_error err;
        struct message m = model(outside[i], i % 2 == 0);
        assert_int_equal(find(&external, folder, &m, &err), PIPILO_EMODEL);
        assert_message(err, PIPILO_EMODEL, "outside its own folder");
    }
    plo_install_remove(folder);
}

// All of these are what one of the model's own folder is, but for the links.
static void follows_links_inside(void **state)
{
    (void)state;
    char folder[256], path[300], other[300];
    struct plo_external external;
    struct pipilo_error err = { 0 };
    make_folder(folder);
    write_text(folder, "m/sub/real", "x");
    snprintf(path, sizeof path, "%s/m/w", folder);
    assert_int_equal(symlink("sub/real", path), 0);
    struct message m = model("w", false);
    write_file(folder, "blob", m.data, m.size);
    snprintf(path, sizeof path, "%s/m/model.onnx", folder);
    assert_int_equal(symlink("../blob", path), 0);
    assert_int_equal(plo_external_find(&external, path, &err), 0);
    snprintf(other, sizeof other, "%s/folder", folder);
    assert_int_equal(symlink("m", other), 0);
    snprintf(path, sizeof path, "%s/folder/model.onnx", folder);
    assert_int_equal(plo_external_find(&external, path, &err), 0);
    assert_int_equal(chdir(other), 0);
    assert_int_equal(plo_external_find(&external, "model.onnx", &err), 0);
    assert_int_equal(chdir("/"), 0);
    plo_install_remove(folder);
}

static void follows_no_links_out(void **state)
{
    (void)state;
    static const char *const links[][2] = { { "link", "../out" }, // the file itself
                                            { "d", ".." },        // a folder on the way to it
                                            { "near", "../mm/out" } };
    static const char *const names[] = { "link", "d/out", "near" };
    char folder[256], inner[270], path[300];
    make_folder(folder);
    snprintf(inner, sizeof inner, "%s/m", folder);
    write_text(folder, "out", "x");
    write_text(folder, "mm/out", "x"); // a name that only begins like the folder's
    assert_int_equal(plo_file_make_folders(inner), 0);
    for (size_t i = 0; i < PLO_COUNT(names); i++) {
        struct plo_external external;
        struct pipilo_error err;
        struct message m = model(names[i], false);
        snprintf(path, sizeof path, "%s/%s", inner, links[i][0]);
        assert_int_equal(symlink(links[i][1], path), 0);
        assert_int_equal(find(&external, inner, &m, &err), PIPILO_EMODEL);
        assert_message(err, PIPILO_EMODEL, "outside its own folder");
        assert_message(err, PIPILO_EMODEL, names[i]);
        assert_message(err, PIPILO_EMODEL, "/m/model.onnx");
    }
    plo_install_remove(folder);
}

static void takes_regular_files_alone(void **state)
{
    (void)state;
    static const char *const names[] = { "fifo", "zero", "folder", "." };
    char folder[256], path[300], hex[PLO_SHA256_HEX];
    struct plo_watch watch = { 0 };
    struct pipilo_error err;
    make_folder(folder);
    snprintf(path, sizeof path, "%s/fifo", folder);
    assert_int_equal(mkfifo(path, 0600), 0);
    snprintf(path, sizeof path, "%s/zero", folder);
    assert_int_equal(symlink("/dev/zero", path), 0);
    snprintf(path, sizeof path, "%s/folder", folder);
    assert_int_equal(plo_file_make_folders(path), 0);
    for (size_t i = 0; i < PLO_COUNT(names); i++) {
        struct plo_external external;
        struct plo_card card;
        struct message m = model(names[i], false);
        assert_int_equal(find(&external, folder, &m, &err), PIPILO_EMODEL);
        assert_message(err, PIPILO_EMODEL, "which is no regular file");
        assert_message(err, PIPILO_EMODEL, names[i]);
        // As the model itself and as its card: each by every way that would open it.
        snprintf(path, sizeof path, "%s/%s", folder, names[i]);
        assert_int_equal(plo_external_find(&external, path, &err), PIPILO_EMODEL);
        assert_int_equal(plo_watch_add(&watch, path, &err), PIPILO_EMODEL);
        assert_message(err, PIPILO_EMODEL, "no regular file");
        assert_int_equal(plo_digest_file(path, hex, &err), PIPILO_EIO);
        assert_int_equal(plo_card_read(&card, path, &err), PIPILO_EMODEL);
        assert_message(err, PIPILO_EMODEL, "no regular file");
    }
    plo_watch_reset(&watch);
    plo_install_remove(folder);
}

// What other readers of the format take for something else than a file of the folder.
static void refuses_what_others_read_otherwise(void **state)
{
    (void)state;
    char folder[256];
    struct plo_external external;
    struct pipilo_error err;
    make_folder(folder);
    write_text(folder, "*/_ORT_MEM_ADDR_/*", "x");
    struct message m = model("*/_ORT_MEM_ADDR_/*", false);
    assert_int_equal(find(&external, folder, &m, &err), PIPILO_EMODEL);
    assert_message(err, PIPILO_EMODEL, "memory and no file");
    // Field 7, the graph, by a tag of 33 bits, of which some readers keep 32.
    static const uint8_t wide[] = { 1 << 3, 8, 0xba, 0x80, 0x80, 0x80, 0x10, 0, 7 << 3 | 2, 0 };
    m.size = sizeof wide;
    memcpy(m.data, wide, sizeof wide);
    assert_int_equal(find(&external, folder, &m, &err), PIPILO_EMODEL);
    plo_install_remove(folder);
}

static void refuses_what_is_no_model(void **state)
{
    (void)state;
    char folder[256];
    make_folder(folder);
    struct plo_external external;
    struct pipilo_error err;
    struct message m = model("w", true);
    for (size_t cut = 3; cut < m.size; cut += 5) { // inside the graph
        struct message part = m;
        part.size = cut;
        assert_int_equal(find(&external, folder, &part, &err), PIPILO_EMODEL);
    }
    struct message empty = { .size = 0 }, text = { .size = 20 };
    memset(text.data, 'h', 20);
    assert_int_equal(find(&external, folder, &empty, &err), PIPILO_EMODEL);
    assert_int_equal(find(&external, folder, &text, &err), PIPILO_EMODEL);
    plo_install_remove(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_files),
        cmocka_unit_test(stays_in_the_folder),
        cmocka_unit_test(follows_links_inside),
        cmocka_unit_test(follows_no_links_out),
        cmocka_unit_test(takes_regular_files_alone),
        cmocka_unit_test(refuses_what_others_read_otherwise),
        cmocka_unit_test(refuses_what_is_no_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
