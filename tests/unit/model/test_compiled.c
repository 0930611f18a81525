// test_compiled.c: what is kept of a compiled model, with an engine of this test's own whose blob
// is the text of what it was loaded with: one entry for each way to load, damage dropped, others'
// files left alone, writers racing, folders that cannot be written, a full disk.
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/fail.h"
#include "helper.h"
#include "model/compiled/compiled.h"
#include "model/compiled/compiled_cache.h"

enum { BLOB = 300000, OWN_PLACE = 1000 };

static char folder[256];
static int compiled, imported, exported;

// --- the engine ----------------------------------------------------------------------------------

static const char *version_text = "1";

static const char *version(void)
{
    return version_text;
}

static int load(void **model, const struct plo_engine_load *l, struct pipilo_error *err)
{
    (void)err;
    compiled++;
    *model = plo_format("%s %zu %d", l->sha256, l->batch, (int)l->precision);
    return *model != NULL ? 0 : PIPILO_ENOMEM;
}

static int export_blob(void *model, const char *path, struct pipilo_error *err)
{
    char *blob = plo_alloc0(1, BLOB);
    exported++;
    memcpy(blob + OWN_PLACE, model, strlen(model) + 1);
    int fd = open(path, O_WRONLY | O_TRUNC);
    int result = fd < 0 ? -errno : plo_file_write_all(fd, blob, BLOB);
    if (fd >= 0)
        close(fd);
    plo_free(blob);
    return result < 0 ? plo_fail(err, PIPILO_EENGINE, "no") : 0;
}

static int import_blob(void **model, const struct plo_engine_load *l, const void *blob, size_t size,
                       struct pipilo_error *err)
{
    char *wanted;
    assert_int_equal((uintptr_t)blob % 4096, 0);
    assert_int_equal(size, BLOB);
    compiled--;
    assert_int_equal(load((void **)&wanted, l, err), 0);
    // Whatever comes from the cache is what was compiled for just this.
    assert_string_equal((const char *)blob + OWN_PLACE, wanted);
    imported++;
    *model = wanted;
    return 0;
}

static const struct plo_engine engine = {
    .name = "test",
    .version = version,
    .load = load,
    .unload = plo_free,
    .export_blob = export_blob,
    .import_blob = import_blob,
};

static const struct plo_card card = {
    .name = "m",
    .input.name = "in",
    .output.name = "out",
};

static struct plo_engine_load usual(void)
{
    return (struct plo_engine_load){
        .sha256 = "aa",
        .card = &card,
        .batch = 1,
        .height = 8,
        .width = 8,
        .device = "CPU",
        .streams = 2,
        .threads = 2,
    };
}

// Opens and closes; gives whether it was compiled (1) or came from the cache (0).
static int open_once(struct plo_engine_load l)
{
    struct plo_compiled model;
    int before = compiled;
    assert_int_equal(plo_compiled_open(&model, &engine, &l, NULL), 0);
    assert_non_null(model.model);
    plo_compiled_close(&model);
    return compiled - before;
}

static size_t files(struct plo_compiled_entry **out)
{
    size_t count = 0;
    assert_int_equal(plo_compiled_cache_list(out, &count, NULL), 0);
    return count;
}

static size_t count_files(void)
{
    struct plo_compiled_entry *entries;
    size_t count = files(&entries);
    plo_compiled_cache_free(entries, count);
    return count;
}

static int clear(void **state)
{
    (void)state;
    size_t count;
    uint64_t bytes;
    version_text = "1";
    return plo_compiled_cache_clear(&count, &bytes, NULL);
}

// The path of the only file; static.
static const char *only_file(void)
{
    static char path[512];
    struct plo_compiled_entry *entries;
    size_t count = files(&entries);
    assert_int_equal(count, 1);
    snprintf(path, sizeof path, "%s", entries[0].path);
    plo_compiled_cache_free(entries, count);
    return path;
}

// --- the tests -----------------------------------------------------------------------------------

static void what_is_loaded_differently_is_another_entry(void **state)
{
    (void)state;
    struct plo_engine_load ways[7], laid_out;
    for (size_t i = 0; i < PLO_COUNT(ways); i++)
        ways[i] = usual();
    ways[1].batch = 4;
    ways[2].precision = PLO_PRECISION_BF16;
    ways[3].sha256 = "ab";
    ways[4].height = 16;
    ways[5].width = 16;
    ways[6].device = "GPU";
    for (size_t i = 0; i < PLO_COUNT(ways); i++)
        assert_int_equal(open_once(ways[i]), 1);
    for (size_t i = 0; i < PLO_COUNT(ways); i++)
        assert_int_equal(open_once(ways[i]), 0);
    // One file serves every number of streams and threads.
    laid_out = usual();
    laid_out.streams = laid_out.threads = 1;
    assert_int_equal(open_once(laid_out), 0);
    assert_int_equal(count_files(), PLO_COUNT(ways));
    // Another version of the engine.
    version_text = "2";
    assert_int_equal(open_once(ways[0]), 1);
    // Weights that are not known by their digest are not kept.
    ways[0].sha256 = NULL;
    assert_int_equal(open_once(ways[0]), 1);
    assert_int_equal(open_once(ways[0]), 1);
    assert_int_equal(count_files(), PLO_COUNT(ways) + 1);
}

static void damage_is_found_and_mended(void **state)
{
    (void)state;
    assert_int_equal(open_once(usual()), 1);
    const char *path = only_file();
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    // A flipped bit anywhere: in the blob, the identity, each field of the footer.
    off_t places[] = { 0, 1, OWN_PLACE, BLOB - 1, BLOB, BLOB + 10, 0, 0, 0, 0, 0, 0, 0 };
    for (size_t i = 0; i < 7; i++)
        places[PLO_COUNT(places) - 1 - i] = status.st_size - 1 - (off_t)(8 * (i % 6));
    for (size_t i = 0; i < PLO_COUNT(places); i++) {
        unsigned char byte;
        int fd = open(path, O_RDWR);
        assert_int_equal(pread(fd, &byte, 1, places[i]), 1);
        byte ^= 0x10;
        assert_int_equal(pwrite(fd, &byte, 1, places[i]), 1);
        close(fd);
        assert_int_equal(open_once(usual()), 1);
        assert_int_equal(open_once(usual()), 0);
    }
    // Cut off, and nothing at all.
    const off_t lengths[] = { status.st_size - 1, BLOB, 4096, 10, 0 };
    for (size_t i = 0; i < PLO_COUNT(lengths); i++) {
        assert_int_equal(truncate(path, lengths[i]), 0);
        assert_int_equal(open_once(usual()), 1);
        assert_int_equal(open_once(usual()), 0);
    }
    assert_int_equal(count_files(), 1);
}

static void a_foreign_entry_is_not_taken(void **state)
{
    (void)state;
    struct plo_engine_load other = usual();
    other.sha256 = "cc";
    assert_int_equal(open_once(other), 1);
    char foreign[512];
    snprintf(foreign, sizeof foreign, "%s", only_file());
    assert_int_equal(clear(NULL), 0);
    assert_int_equal(open_once(usual()), 1);
    char path[512];
    snprintf(path, sizeof path, "%s", only_file());
    // Another model's entry under this one's name.
    assert_int_equal(open_once(other), 1);
    assert_int_equal(rename(foreign, path), 0);
    assert_int_equal(open_once(usual()), 1);
    assert_int_equal(open_once(usual()), 0);
    // One that others may write, and a link to one.
    assert_int_equal(chmod(path, 0666), 0);
    assert_int_equal(open_once(usual()), 1);
    assert_int_equal(open_once(usual()), 0);
    assert_int_equal(rename(path, foreign), 0);
    assert_int_equal(symlink(foreign, path), 0);
    assert_int_equal(open_once(usual()), 1);
    assert_int_equal(open_once(usual()), 0);
}

static void wait_for(pid_t child)
{
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        print_message("not tried: this machine does not allow it\n");
        return;
    }
    assert_int_equal(status, 0);
}

// What is good for its owner stays: another user's file, and one that cannot be opened just
// now.
static void what_may_be_good_for_others_stays(void **state)
{
    struct stat before, after;
    struct rlimit limit, none;
    (void)state;
    assert_int_equal(open_once(usual()), 1);
    const char *path = only_file();
    assert_int_equal(stat(path, &before), 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
    none = (struct rlimit){ .rlim_cur = 0, .rlim_max = limit.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    int made = open_once(usual());
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(made, 1);
    assert_int_equal(open_once(usual()), 0);
    if (geteuid() == 0) {
        assert_int_equal(chown(path, 65534, 65534), 0);
        assert_int_equal(open_once(usual()), 1);
        assert_int_equal(open_once(usual()), 1);
    }
    assert_int_equal(stat(path, &after), 0);
    assert_int_equal(after.st_ino, before.st_ino);
}

static void the_bound_is_a_size(void **state)
{
    (void)state;
    setenv("PIPILO_CACHE_MAX", "512M", 1);
    assert_int_equal(plo_compiled_cache_max(), 512 << 20);
    setenv("PIPILO_CACHE_MAX", "7", 1);
    assert_int_equal(plo_compiled_cache_max(), 7);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        static const char *const none[] = { "abc", "-1", "10%", " 5" };
        bool good = true;
        for (size_t i = 0; i < PLO_COUNT(none); i++) {
            setenv("PIPILO_CACHE_MAX", none[i], 1);
            good = good && plo_compiled_cache_max() == (uint64_t)2 << 30;
        }
        const char *trouble = plo_compiled_cache_trouble();
        _exit(good && trouble != NULL && strstr(trouble, "'abc'") != NULL ? 0 : 1);
    }
    wait_for(child);
    unsetenv("PIPILO_CACHE_MAX");
}

static void processes_race(void **state)
{
    (void)state;
    enum { PROCESSES = 8, TURNS = 30 };
    pid_t children[PROCESSES];
    fflush(NULL);
    for (int i = 0; i < PROCESSES; i++) {
        children[i] = fork();
        if (children[i] != 0)
            continue;
        compiled = 0;
        for (int k = 0; k < TURNS; k++) {
            struct plo_engine_load l = usual();
            l.batch = (size_t)(k % 3) + 1;
            open_once(l);
            if (k % 7 == i % 7)
                clear(NULL);
        }
        _exit(compiled > 0 && compiled <= TURNS ? 0 : 1);
    }
    for (int i = 0; i < PROCESSES; i++) {
        int status = -1;
        assert_int_equal(waitpid(children[i], &status, 0), children[i]);
        assert_int_equal(status, 0);
    }
    struct plo_compiled_entry *entries;
    size_t count = files(&entries);
    assert_true(count <= 3);
    for (size_t i = 0; i < count; i++)
        assert_non_null(entries[i].identity);
    plo_compiled_cache_free(entries, count);
}

static void the_folder_stays_small(void **state)
{
    (void)state;
    char most[32];
    struct plo_engine_load l = usual();
    snprintf(most, sizeof most, "%d", BLOB * 3 + 50000);
    setenv("PIPILO_CACHE_MAX", most, 1);
    for (size_t i = 1; i <= 5; i++) {
        l.batch = i;
        assert_int_equal(open_once(l), 1);
        struct timespec tick = { 0, 20000000 };
        nanosleep(&tick, NULL);
        assert_true(count_files() <= 3);
    }
    assert_int_equal(count_files(), 3);
    assert_int_equal(open_once(l), 0);
    // Nothing fits; nothing is kept.
    setenv("PIPILO_CACHE_MAX", "1000", 1);
    l.batch = 9;
    assert_int_equal(open_once(l), 1);
    assert_int_equal(open_once(l), 1);
    setenv("PIPILO_CACHE_MAX", "0", 1);
    assert_int_equal(open_once(l), 1);
    unsetenv("PIPILO_CACHE_MAX");
    setenv("PIPILO_CACHE", "0", 1);
    assert_int_equal(open_once(l), 1);
    assert_int_equal(open_once(l), 1);
    assert_int_equal(count_files(), 0);
    setenv("PIPILO_CACHE", folder, 1);
    assert_int_equal(count_files(), 3);
}

// Runs in a child: the trouble is told once a process. Gives its exit status.
static int without_a_place(const char *place, const char *reason)
{
    setenv("PIPILO_CACHE", place, 1);
    bool ok = open_once(usual()) == 1 && open_once(usual()) == 1;
    const char *trouble = plo_compiled_cache_trouble();
    if (trouble == NULL || strstr(trouble, reason) == NULL) {
        fprintf(stderr, "trouble: %s\n", trouble != NULL ? trouble : "none");
        return 1;
    }
    return ok && plo_compiled_cache_trouble() == NULL ? 0 : 2;
}

static void a_folder_that_cannot_be_written(void **state)
{
    (void)state;
    // A file in the place of the folder: not even root can write there.
    char place[300];
    write_text(folder, "file", "x");
    snprintf(place, sizeof place, "%s/file/cache", folder);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        exported = 0;
        int why = without_a_place(place, "cannot be kept in");
        // It is known before the engine is asked.
        _exit(exported == 0 ? why : 3);
    }
    wait_for(child);
}

// Files of any name in the cache.
static size_t leftovers(void)
{
    char path[300];
    size_t count = 0;
    snprintf(path, sizeof path, "%s/compiled", getenv("PIPILO_CACHE"));
    DIR *dir = opendir(path);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        count += entry->d_name[0] != '.';
    if (dir != NULL)
        closedir(dir);
    return count;
}

static void mounted(const char *place, unsigned long flags, const char *options)
{
    if (unshare(CLONE_NEWNS) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("tmpfs", place, "tmpfs", flags, options) < 0)
        _exit(77);
}

static void a_read_only_disk_and_a_full_one(void **state)
{
    (void)state;
    char place[300];
    snprintf(place, sizeof place, "%s/disk", folder);
    assert_int_equal(mkdir(place, 0755), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        mounted(place, MS_RDONLY, NULL);
        _exit(without_a_place(place, "Read-only file system"));
    }
    wait_for(child);
    child = fork();
    if (child == 0) {
        mounted(place, 0, "size=128k");
        int status = without_a_place(place, "No space left on device");
        // What could not be written whole is not left half-written.
        _exit(status != 0 ? status : leftovers() != 0);
    }
    wait_for(child);
}

int main(void)
{
    make_folder(folder);
    setenv("PIPILO_CACHE", folder, 1);
    unsetenv("PIPILO_CACHE_MAX");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_loaded_differently_is_another_entry, clear),
        cmocka_unit_test_setup(damage_is_found_and_mended, clear),
        cmocka_unit_test_setup(a_foreign_entry_is_not_taken, clear),
        cmocka_unit_test_setup(the_bound_is_a_size, clear),
        cmocka_unit_test_setup(processes_race, clear),
        cmocka_unit_test_setup(a_folder_that_cannot_be_written, clear),
        cmocka_unit_test_setup(a_read_only_disk_and_a_full_one, clear),
        cmocka_unit_test_setup(the_folder_stays_small, clear),
        // The last: it leaves a trouble, of which a process has one.
        cmocka_unit_test_setup(what_may_be_good_for_others_stays, clear),
    };
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    plo_install_remove(folder);
    return failed;
}
