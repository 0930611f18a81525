// Many pictures in one run, as `pipilo embed` runs them: read_dir, a model, a table. After the
// first tenth anonymous memory grows by less than 1 MB; threads and descriptors stay; at the end
// nothing is alive. 3,000 small pictures by the null engine; with PIPILO_SOAK=full 20,000 about
// 500x375 by the real one. PIPILO_SOAK_PICTURES may name a folder of JPEGs to link to instead of
// made ones.
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "probe.h"
#include "samples.h"

enum { SAMPLES = 48, MAX_PATH = 4096 };

static void path_in(char *path, const char *folder, const char *name)
{
    if (snprintf(path, MAX_PATH, "%s/%s", folder, name) >= MAX_PATH)
        give_up(folder, NULL);
}

// `count` links to the pictures in `from`, one after the other. A link that cannot be a hard one
// (another file system) is a symbolic one.
static void link_pictures(const char *links, const char *from, int64_t count)
{
    int64_t made = 0;
    while (made < count) {
        int64_t before = made;
        DIR *dir = opendir(from);
        for (struct dirent *entry; dir != NULL && made < count && (entry = readdir(dir)) != NULL;) {
            char target[MAX_PATH], name[32], path[MAX_PATH];
            if (strstr(entry->d_name, ".jpg") == NULL)
                continue;
            path_in(target, from, entry->d_name);
            snprintf(name, sizeof name, "%06lld.jpg", (long long)made++);
            path_in(path, links, name);
            if (link(target, path) != 0 && symlink(target, path) != 0)
                give_up(path, NULL);
        }
        if (dir != NULL)
            closedir(dir);
        if (made == before)
            give_up(from, NULL);
    }
}

static void start(pipilo_run **run, pipilo_pipeline **pipeline, const char *links, const char *out)
{
    struct pipilo_error err = { 0 };
    pipilo_value *input = NULL;
    char text[4 * MAX_PATH];
    snprintf(text, sizeof text,
             "pipe.input('inputs').flat_map('inputs', ('source', 'image', 'item'), ops.read_dir())"
             ".map('image', 'vec', ops.image_embedding.timm('%s'))"
             ".map(('item', 'image', 'vec'), 'row', ops.write_npy('%s', model='%s'))"
             ".output('row')",
             soak_model(), out, soak_model());
    if (pipilo_pipeline_parse(pipeline, text, &err) < 0 ||
        pipilo_value_create_string(&input, links, &err) < 0 ||
        pipilo_pipeline_start(run, *pipeline, &input, 1, &err) < 0)
        give_up(text, &err);
    pipilo_value_unref(&input);
}

// Takes all rows; gives how many were good.
static int64_t take_rows(pipilo_run *run, struct watch *watch)
{
    struct pipilo_error err = { 0 };
    pipilo_row *row = NULL;
    int64_t good = 0;
    for (int64_t i = 0;; i++) {
        if (pipilo_run_next(run, &row, &err) < 0)
            give_up("run", &err);
        if (row == NULL)
            return good;
        if (pipilo_row_error(row) != NULL)
            printf("row %lld: %s\n", (long long)i, pipilo_row_error(row)->message);
        else
            good++;
        pipilo_row_unref(&row);
        watch_step(watch, i);
    }
}

static void remove_all(const char *folder, const char *links)
{
    samples_remove(links);
    samples_remove(folder);
}

int main(void)
{
    bool full = soak_is_full();
    struct probe before = probe_take();
    const char *pictures = getenv("PIPILO_SOAK_PICTURES");
    char folder[MAX_PATH - 64], links[MAX_PATH], out[MAX_PATH];
    struct watch watch = { .steps = full ? 20000 : 3000 };
    pipilo_pipeline *pipeline = NULL;
    pipilo_run *run = NULL;

    samples_create(folder, sizeof folder, SAMPLES, full ? 500 : 60, full ? 375 : 45);
    path_in(links, folder, "links");
    path_in(out, folder, "out.npy");
    if (mkdir(links, 0777) != 0)
        give_up(links, NULL);
    link_pictures(links, pictures != NULL ? pictures : folder, watch.steps);

    start(&run, &pipeline, links, out);
    int64_t good = take_rows(run, &watch);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&pipeline);
    remove_all(folder, links);

    bool holds = watch_holds(&watch, "pictures");
    bool clean = closes_clean(&before);
    if (good != watch.steps)
        printf("%lld rows are good, not %lld\n", (long long)good, (long long)watch.steps);
    return holds && clean && good == watch.steps ? 0 : 1;
}
