// bench.c: what can be measured (the public side is <pipilo/bench.h>).
#include <pipilo/bench.h>

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/bench_pictures.h"
#include "base/cores.h"
#include "base/cpu_id.h"
#include "base/file.h"
#include "bench/inference.h"
#include "bench/peak.h"
#include "bench/rows.h"
#include "bench/stages.h"
#include "core/fail.h"
#include "ops/process.h"

enum { PICTURES = 200 };        // where the caller does not say how many
enum { PEAK_ROUNDS = 1 << 16 }; // of one call: some tenths of a millisecond

struct pipilo_bench {
    struct pipilo_bench_info info;
    char *model, *device, *name, *folder; // device: NULL for the engine's default
    char **paths;
    struct plo_preprocess target;
    struct plo_decode_options decode;
};

// --- opening -------------------------------------------------------------------------------------

static int copy_text(char **out, const char *text, struct pipilo_error *err)
{
    *out = text != NULL ? plo_strdup(text) : NULL;
    return text != NULL && *out == NULL ? plo_fail_nomem(err, strlen(text) + 1) : 0;
}

static int make_folder(struct pipilo_bench *bench, const char *where, struct pipilo_error *err)
{
    const char *usual = getenv("TMPDIR");
    if (where == NULL)
        where = usual != NULL && *usual != '\0' ? usual : "/tmp";
    char *folder = plo_format("%s/pipilo-bench-XXXXXX", where);
    if (folder == NULL)
        return plo_fail_nomem(err, 0);
    if (mkdtemp(folder) == NULL) {
        int result = plo_fail_errno(err, -errno, "cannot make a folder in %s", where);
        plo_free(folder);
        return result;
    }
    bench->folder = folder;
    return 0;
}

// What is known of the model without loading it.
static int look_at_model(struct pipilo_bench *bench, struct pipilo_error *err)
{
    struct plo_model_options options = PLO_MODEL_OPTIONS_INIT;
    struct plo_model *model = NULL, *fast = NULL;
    options.device = bench->device;
    PLO_TRY(plo_model_describe(&model, bench->model, &options, err));
    bench->target = plo_model_card(model)->preprocess;
    bench->info.dim = plo_model_dim(model);
    plo_model_input_size(model, &bench->info.width, &bench->info.height);
    int result = copy_text(&bench->name, plo_model_name(model), err);
    plo_model_unref(&model);
    options.precision = PLO_PRECISION_BF16;
    bench->info.bf16 = plo_model_describe(&fast, bench->model, &options, NULL) == 0;
    plo_model_unref(&fast);
    return result;
}

static struct plo_stage_set set_of(const struct pipilo_bench *bench)
{
    return (struct plo_stage_set){ .paths = (const char *const *)bench->paths,
                                   .count = bench->info.picture_count,
                                   .target = bench->target,
                                   .decode = bench->decode };
}

// Leaves out what cannot be read.
static int keep_good(struct pipilo_bench *bench, struct pipilo_error *err)
{
    struct plo_stage_set set = set_of(bench);
    bool *good = plo_alloc0(set.count, sizeof *good);
    if (good == NULL)
        return plo_fail_nomem(err, set.count);
    int result =
        plo_stages_check(good, &set, (struct plo_timed_job){ .threads = plo_cores() }, err);
    size_t kept = 0;
    for (size_t i = 0; i < set.count && result == 0; i++) {
        char *path = bench->paths[i];
        bench->paths[i] = NULL;
        if (good[i])
            bench->paths[kept++] = path;
        else
            plo_free(path);
    }
    plo_free(good);
    if (result < 0)
        return result;
    bench->info.unreadable = set.count - kept;
    bench->info.picture_count = kept;
    return kept > 0 ? 0
                    : plo_fail(err, PIPILO_ENOTFOUND, "none of %zu pictures can be read",
                               bench->info.unreadable);
}

static int count_bytes(struct pipilo_bench *bench, struct pipilo_error *err)
{
    for (size_t i = 0; i < bench->info.picture_count; i++) {
        struct plo_image *image = NULL;
        struct plo_image_info info;
        PLO_TRY(plo_image_open_file(&image, bench->paths[i], err));
        int result = plo_image_probe(image, &info, err);
        plo_image_unref(&image);
        if (result < 0)
            return result;
        bench->info.bytes += info.bytes;
        bench->info.pixels += (uint64_t)info.width * info.height;
    }
    return 0;
}

static int take_pictures(struct pipilo_bench *bench, const struct pipilo_bench_options *options,
                         struct pipilo_error *err)
{
    size_t most = options->pictures > 0 ? options->pictures : PICTURES;
    bench->info.made_up = options->input_count == 0;
    if (bench->info.made_up)
        PLO_TRY(
            plo_bench_pictures_make(&bench->paths, &bench->info.picture_count, bench->folder, err));
    else
        PLO_TRY(plo_bench_pictures_find(&bench->paths, &bench->info.picture_count, options->inputs,
                                        options->input_count, most, err));
    PLO_TRY(keep_good(bench, err));
    return count_bytes(bench, err);
}

static int fill(struct pipilo_bench *bench, const struct pipilo_bench_options *options,
                struct pipilo_error *err)
{
    bench->decode = PLO_DECODE_OPTIONS_INIT;
    bench->decode.fast = options->fast;
    PLO_TRY(copy_text(&bench->model, options->model, err));
    PLO_TRY(copy_text(&bench->device, options->device, err));
    PLO_TRY(look_at_model(bench, err));
    PLO_TRY(make_folder(bench, options->folder, err));
    PLO_TRY(take_pictures(bench, options, err));
    bench->info.cpu = plo_cpu_name();
    bench->info.vectors = plo_peak_at(0)->name;
    bench->info.cores = plo_cores();
    bench->info.model = bench->name;
    bench->info.pictures = (const char *const *)bench->paths;
    bench->info.folder = bench->folder;
    return 0;
}

int pipilo_bench_open(pipilo_bench **out, const struct pipilo_bench_options *options,
                      struct pipilo_error *err)
{
    *out = NULL;
    plo_process_prepare();
    if (options->model == NULL)
        return plo_fail(err, PIPILO_EINVALID, "no model is given to measure");
    struct pipilo_bench *bench = plo_alloc0(1, sizeof *bench);
    if (bench == NULL)
        return plo_fail_nomem(err, sizeof *bench);
    int result = fill(bench, options, err);
    if (result < 0) {
        pipilo_bench_close(&bench);
        return result;
    }
    *out = bench;
    return 0;
}

static void remove_folder(const char *folder)
{
    DIR *dir = opendir(folder);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(dirfd(dir), entry->d_name, 0);
    if (dir != NULL)
        closedir(dir);
    rmdir(folder);
}

void pipilo_bench_close(pipilo_bench **slot)
{
    struct pipilo_bench *bench = *slot;
    *slot = NULL;
    if (bench == NULL)
        return;
    if (bench->folder != NULL)
        remove_folder(bench->folder);
    plo_bench_pictures_free(bench->paths, bench->info.picture_count);
    plo_free(bench->model);
    plo_free(bench->device);
    plo_free(bench->name);
    plo_free(bench->folder);
    plo_free(bench);
}

const struct pipilo_bench_info *pipilo_bench_info(const pipilo_bench *bench)
{
    return &bench->info;
}

// --- measuring -----------------------------------------------------------------------------------

// Where each thread leaves its sums, so that they are made.
struct peak {
    const struct plo_peak *unit;
    volatile float sums[PLO_TIMED_THREADS_MAX];
};

static int run_peak(void *cookie, int thread, int64_t i, struct pipilo_error *err)
{
    struct peak *peak = cookie;
    (void)i;
    (void)err;
    peak->sums[thread] = peak->unit->run(PEAK_ROUNDS);
    return 0;
}

static int measure_peak(struct plo_timed_taken *out, struct plo_timed_job job,
                        struct pipilo_error *err)
{
    struct peak peak = { .unit = plo_peak_at(0) };
    const double operations = plo_peak_operations(peak.unit, PEAK_ROUNDS);
    job.call = run_peak;
    job.cookie = &peak;
    if (job.calls > 0)
        job.calls = (int64_t)((double)job.calls / operations) + 1;
    PLO_TRY(plo_timed_run(out, &job, err));
    out->calls = (int64_t)((double)out->calls * operations);
    out->rate *= operations;
    return 0;
}

static int measure_inference(struct pipilo_bench_result *out, struct plo_timed_taken *taken,
                             const struct pipilo_bench *bench, const struct pipilo_bench_task *task,
                             struct plo_timed_job job, struct pipilo_error *err)
{
    struct plo_model_options options = PLO_MODEL_OPTIONS_INIT;
    struct plo_model *model = NULL;
    const char *precision = task->precision != NULL ? task->precision : "f32";
    int found = plo_preprocess_find(plo_precision_names, precision);
    if (found < 0)
        return plo_fail(err, PIPILO_EINVALID, "there is no precision '%s': f32, bf16 or auto",
                        precision);
    options.precision = (enum plo_precision)found;
    options.device = bench->device;
    options.threads = (int)task->threads;
    options.streams = (int)task->streams;
    options.batch = task->batch;
    PLO_TRY(plo_model_open(&model, bench->model, &options, err));
    int result = plo_inference_run(taken, model, job, err);
    out->streams = (unsigned)plo_model_streams(model);
    out->batch = (unsigned)plo_model_rows(model);
    out->precision = plo_precision_names[plo_model_precision(model)];
    plo_model_unref(&model);
    return result;
}

static int measure_rows(struct plo_timed_taken *out, const struct pipilo_bench *bench,
                        struct plo_timed_job job, struct pipilo_error *err)
{
    char *path = plo_file_join(bench->folder, "measured.npy");
    if (path == NULL)
        return plo_fail_nomem(err, 0);
    int result = plo_rows_run(out, path, bench->info.dim, job, err);
    plo_free(path);
    return result;
}

static int measure(struct pipilo_bench_result *out, struct plo_timed_taken *taken,
                   const struct pipilo_bench *bench, const struct pipilo_bench_task *task,
                   struct plo_timed_job job, struct pipilo_error *err)
{
    const struct plo_stage_set set = set_of(bench);
    switch (task->what) {
    case PIPILO_BENCH_PEAK:
        return measure_peak(taken, job, err);
    case PIPILO_BENCH_READ:
        return plo_stages_run(taken, PLO_STAGE_READ, &set, job, err);
    case PIPILO_BENCH_DECODE:
        return plo_stages_run(taken, PLO_STAGE_DECODE, &set, job, err);
    case PIPILO_BENCH_RESIZE:
        return plo_stages_run(taken, PLO_STAGE_RESIZE, &set, job, err);
    case PIPILO_BENCH_TENSOR:
        return plo_stages_run(taken, PLO_STAGE_TENSOR, &set, job, err);
    case PIPILO_BENCH_INFERENCE:
        return measure_inference(out, taken, bench, task, job, err);
    case PIPILO_BENCH_ROWS:
        return measure_rows(taken, bench, job, err);
    }
    return plo_fail(err, PIPILO_EINVALID, "there is nothing numbered %d to measure", task->what);
}

int pipilo_bench_measure(struct pipilo_bench_result *out, pipilo_bench *bench,
                         const struct pipilo_bench_task *task, struct pipilo_error *err)
{
    struct plo_timed_taken taken = { 0 };
    struct plo_timed_job job = { .threads = task->threads > 0 ? (int)task->threads : plo_cores(),
                                 .seconds = task->seconds,
                                 .calls = task->count,
                                 .go_on = task->go_on,
                                 .go_on_cookie = task->cookie };
    if (task->threads > PLO_TIMED_THREADS_MAX)
        return plo_fail(err, PIPILO_EINVALID, "%u threads are more than %d", task->threads,
                        PLO_TIMED_THREADS_MAX);
    if (!(task->seconds > 0) || task->count < 0)
        return plo_fail(err, PIPILO_EINVALID, "a measurement takes some seconds or calls");
    PLO_TRY(measure(out, &taken, bench, task, job, err));
    out->count = taken.calls;
    out->rate = taken.rate;
    out->seconds = taken.seconds;
    out->processor_seconds = taken.processor;
    out->threads = task->what == PIPILO_BENCH_ROWS ? 1 : (unsigned)job.threads;
    return 0;
}
