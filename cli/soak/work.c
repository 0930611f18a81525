// work.c: pipelines made, run and dropped in many shapes, and models loaded and dropped (see
// work.h); pictures by the million are in stream.c.
#include "work.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pipilo/pipilo.h>

#include "../drive.h"
#include "../memory.h"
#include "../say.h"
#include "parts.h"
#include "pictures.h"

enum { FILES = 6 };

bool work_goes_on(struct work *work)
{
    return work->done < work->items && progress_clock() < work->until && !signals_caught();
}

static void clear(void *progress)
{
    progress_clear(progress);
}

void work_step(struct work *work)
{
    memory_say(clear, &work->progress);
    work->done++;
    work->progress.done = work->done;
    work->progress.errors = work->wrong;
    looks_step(&work->looks, work->done);
    progress_tick(&work->progress);
}

void work_wrong(struct work *work, const char *what, const struct pipilo_error *err)
{
    if (work->wrong++ == 0)
        snprintf(work->first_wrong, sizeof work->first_wrong, "%s number %lld: %s", what,
                 (long long)work->done, err != NULL ? err->message : "it is not as it was before");
}

// --- one life of a pipeline ----------------------------------------------------------------------

// What becomes of the rows.
struct life {
    bool take; // or leave them all
    bool fails;
    int64_t rows, errors;
    struct pipilo_error first;
};

static int count_row(void *cookie, const pipilo_row *row)
{
    struct life *life = cookie;
    const struct pipilo_error *error = pipilo_row_error(row);
    if (error != NULL && life->errors++ == 0)
        life->first = *error;
    life->rows++;
    return 0;
}

static int live(struct life *life, const char *text, pipilo_value *input, struct pipilo_error *err)
{
    const struct driver driver = { .row = count_row, .cookie = life };
    pipilo_pipeline *pipeline = NULL;
    pipilo_run *run = NULL;
    int result = pipilo_pipeline_parse(&pipeline, text, err);
    if (result == 0 && life->take)
        result = drive(pipeline, &input, 1, &driver, err);
    else if (result == 0)
        result = pipilo_pipeline_start(&run, pipeline, &input, 1, err);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&pipeline);
    return result;
}

static void look_at(struct work *work, const char *what, const struct life *life)
{
    work->errors += life->errors;
    if (life->take && (life->rows == 0 || (life->errors > 0) != life->fails))
        work_wrong(work, what, life->errors > 0 ? &life->first : NULL);
}

// --- pipelines -----------------------------------------------------------------------------------

// In turn; MODEL and FOLDER are replaced. Those that take `files` get the folder with the pictures,
// the others one of the pictures.
static const struct shape {
    const char *text;
    bool files, left, fails;
} shapes[] = {
    { "pipe.input('p').map('p', 'v', MODEL).output('v')", false, false, false },
    { "pipe.input('p').map('p', 'i', ops.image_decode()).map('i', 'v', MODEL)"
      ".map('v', 'n', ops.towhee.np_normalize()).output('p', 'n')",
      false, false, false },
    { "pipe.input('p').flat_map('p', ('s', 'i', 'x'), ops.read_dir()).map('i', 'v', MODEL)"
      ".window_all('v', 'all', ops.towhee.np_normalize()).output('s')",
      true, false, false },
    { "p = pipe.input('p')\n"
      "a = p.map('p', 'v', MODEL)\n"
      "b = p.map('p', 's', ops.image_resize(size=32, crop=32))\n"
      "a.concat(b).output('v', 's')",
      false, false, false },
    { "pipe.input('p').map('p', 'i', ops.image_decode()).flat_map('i', 'row', ops.image_crop())"
      ".output('row')",
      false, true, false },
    { "pipe.input('p').map('p', 'v', MODEL).map('v', 'w', ops.image_decode()).output('w')", false,
      false, true },
    { "pipe.input('p').flat_map('p', ('s', 'i', 'x'), ops.read_dir()).map('i', 'v', MODEL)"
      ".map(('x', 'i', 'v'), 'r', ops.write_npy('FOLDER/out.npy', NAME, force=True)).output('r')",
      true, false, false },
    { "pipe.input('p').flat_map('p', ('s', 'i', 'x'), ops.read_dir()).map('i', 'v', MODEL)"
      ".map(('x', 'i', 'v'), 'r', ops.write_sqlite('FOLDER/out.db', NAME, force=True)).output('r')",
      true, false, false },
    { "pipe.input('p').flat_map('p', ('s', 'i', 'x'), ops.read_dir()).map('i', 'v', MODEL)"
      ".map(('x', 'i', 'v'), 'r', ops.write_jsonl('FOLDER/lines.jsonl', NAME, force=True))"
      ".output('r')",
      true, false, false },
};
enum { SHAPES = sizeof shapes / sizeof shapes[0] };

// The shape with the words in capitals replaced; the caller frees it.
static char *spell(const char *shape, const struct work *work)
{
    char *text = NULL;
    size_t size;
    FILE *out = must(open_memstream(&text, &size));
    while (*shape != '\0') {
        if (strncmp(shape, "MODEL", 5) == 0) {
            fputs("ops.image_embedding.timm(", out);
            put_python(out, work->model);
            fputc(')', out);
            shape += 5;
        } else if (strncmp(shape, "NAME", 4) == 0) {
            put_python(out, work->model);
            shape += 4;
        } else if (strncmp(shape, "FOLDER", 6) == 0) {
            fputs(work->folder, out);
            shape += 6;
        } else {
            fputc(*shape++, out);
        }
    }
    fclose(out);
    return must(text);
}

static char *file_of(const char *folder, int64_t number)
{
    return text_format("%s/pictures/%lld.jpg", folder, (long long)number);
}

static int one_pipeline(struct work *work, const struct shape *shape, const char *text,
                        struct pipilo_error *err)
{
    struct life life = { .take = !shape->left, .fails = shape->fails };
    pipilo_value *input = NULL;
    char *path = shape->files ? text_format("%s/pictures", work->folder)
                              : file_of(work->folder, work->done / SHAPES % FILES);
    int result = pipilo_value_create_string(&input, path, err);
    free(path);
    if (result == 0)
        result = live(&life, text, input, err);
    pipilo_value_unref(&input);
    if (result == 0)
        look_at(work, "pipeline", &life);
    return result;
}

static int run_pipelines(struct work *work, struct pipilo_error *err)
{
    char *texts[SHAPES];
    int result = 0;
    for (int i = 0; i < SHAPES; i++)
        texts[i] = spell(shapes[i].text, work);
    while (result == 0 && work_goes_on(work)) {
        int shape = (int)(work->done % SHAPES);
        result = one_pipeline(work, &shapes[shape], texts[shape], err);
        work_step(work);
    }
    for (int i = 0; i < SHAPES; i++)
        free(texts[i]);
    return result;
}

// --- models --------------------------------------------------------------------------------------

// A model is loaded, gives the vector of a picture, and is dropped.
static int run_models(struct work *work, struct pipilo_error *err)
{
    char *text = spell(shapes[0].text, work), *path = file_of(work->folder, 0);
    pipilo_value *input = NULL;
    int result = pipilo_value_create_string(&input, path, err);
    while (result == 0 && work_goes_on(work)) {
        struct life life = { .take = true };
        result = live(&life, text, input, err);
        if (result == 0 && pipilo_trim() != 1)
            work_wrong(work, "model", NULL);
        if (result == 0)
            look_at(work, "model", &life);
        work_step(work);
    }
    pipilo_value_unref(&input);
    free(path);
    free(text);
    return result;
}

// --- all of it -----------------------------------------------------------------------------------

const struct work_kind work_kinds[WORK_KINDS] = {
    { "pictures", "picture", 5, 1, work_stream },
    { "pipelines", "pipeline", 5, 10, run_pipelines },
    { "models", "model", 1000, 100, run_models },
};

static int write_file(const char *path, const void *bytes, size_t size, struct pipilo_error *err)
{
    FILE *file = fopen(path, "wbe");
    bool good = file != NULL && fwrite(bytes, 1, size, file) == size;
    if (file != NULL)
        good = fclose(file) == 0 && good;
    return good ? 0 : fail(err, PIPILO_EIO, "the pictures could not be written: is the disk full?");
}

static int fill_folder(const char *folder, struct pipilo_error *err)
{
    unsigned char *bytes = must(malloc(SOAK_PICTURE_BYTES));
    char *place = text_format("%s/pictures", folder);
    int result = mkdir(place, 0700) == 0 ? 0 : fail(err, PIPILO_EIO, strerror(errno));
    for (int64_t i = 0; i < FILES && result == 0; i++) {
        enum soak_picture_kind kind;
        char *path = file_of(folder, i);
        size_t size = soak_picture((uint64_t)i, bytes, &kind);
        result = write_file(path, bytes, size, err);
        free(path);
    }
    free(place);
    free(bytes);
    return result;
}

int work_begin(char **folder, struct pipilo_error *err)
{
    const char *where = getenv("TMPDIR");
    *folder =
        text_format("%s/pipilo-soak-XXXXXX", where != NULL && *where != '\0' ? where : "/tmp");
    if (mkdtemp(*folder) == NULL) {
        int code = fail(err, PIPILO_EIO, strerror(errno));
        free(*folder);
        *folder = NULL;
        return code;
    }
    int result = work_stream_begin(err);
    return result == 0 ? fill_folder(*folder, err) : result;
}

static void remove_names(const char *folder)
{
    DIR *dir = opendir(folder);
    for (struct dirent *entry; dir != NULL && (entry = readdir(dir)) != NULL;)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    rmdir(folder);
}

void work_end(char *folder)
{
    if (folder == NULL)
        return;
    char *pictures = text_format("%s/pictures", folder);
    remove_names(pictures);
    remove_names(folder);
    free(pictures);
    free(folder);
}

int work_run(struct work *work, const struct work_kind *kind, struct pipilo_error *err)
{
    double began = progress_clock();
    looks_begin(&work->looks);
    progress_note(&work->progress, kind->name);
    progress_go(&work->progress);
    work->progress.total = work->items < INT64_MAX ? work->items : -1;
    int result = kind->run(work, err);
    work->seconds = progress_clock() - began;
    progress_clear(&work->progress);
    return result == 0 && signals_caught() ? fail(err, PIPILO_ECANCELED, "stopped") : result;
}
