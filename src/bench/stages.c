// stages.c: the stages of a picture's way, called by timed threads (see stages.h).
#include "bench/stages.h"

#include <math.h>

#include "base/file.h"
#include "core/fail.h"

enum { WARM_UP = 2 }; // calls a thread before the clock starts

// One thread's.
struct place {
    struct plo_image_scratch *scratch;
    float *tensor;
    double resizing; // seconds of processor
};

struct stages {
    const struct plo_stage_set *set;
    enum plo_stage stage;
    struct place *places;
    bool *good; // NULL: a picture that cannot be read is a failure
};

static int read_file(const char *path, uint64_t ceiling, struct pipilo_error *err)
{
    struct plo_buf *bytes = NULL;
    int result = plo_file_read(path, ceiling, &bytes);
    plo_buf_unref(&bytes);
    return result < 0 ? plo_fail_errno(err, result, "%s", path) : 0;
}

static int to_tensor(const struct stages *stages, struct place *place, struct plo_image *image,
                     struct pipilo_error *err)
{
    return plo_image_tensor(image, &stages->set->target, &stages->set->decode, place->scratch,
                            place->tensor, err);
}

static int resize(const struct stages *stages, struct place *place, struct plo_image *image,
                  struct pipilo_error *err)
{
    struct plo_pixels pixels;
    struct plo_image *decoded = NULL;
    PLO_TRY(
        plo_image_pixels(image, PLO_COLOR_RGB, &stages->set->decode, place->scratch, &pixels, err));
    int result = plo_image_open_pixels(&decoded, &pixels, err);
    double before = plo_timed_thread_seconds();
    if (result == 0)
        result = to_tensor(stages, place, decoded, err);
    place->resizing += plo_timed_thread_seconds() - before;
    plo_image_unref(&decoded);
    plo_buf_unref(&pixels.owner);
    return result;
}

static int decode(const struct stages *stages, struct place *place, struct plo_image *image,
                  struct pipilo_error *err)
{
    struct plo_pixels pixels;
    PLO_TRY(
        plo_image_pixels(image, PLO_COLOR_RGB, &stages->set->decode, place->scratch, &pixels, err));
    plo_buf_unref(&pixels.owner);
    return 0;
}

static int one(const struct stages *stages, struct place *place, const char *path,
               struct pipilo_error *err)
{
    struct plo_image *image = NULL;
    if (stages->stage == PLO_STAGE_READ)
        return read_file(path, stages->set->decode.max_bytes, err);
    PLO_TRY(plo_image_open_file(&image, path, err));
    int result = stages->stage == PLO_STAGE_DECODE   ? decode(stages, place, image, err)
                 : stages->stage == PLO_STAGE_RESIZE ? resize(stages, place, image, err)
                                                     : to_tensor(stages, place, image, err);
    plo_image_unref(&image);
    return result;
}

static int call(void *cookie, int thread, int64_t i, struct pipilo_error *err)
{
    struct stages *stages = cookie;
    size_t which = (size_t)i % stages->set->count;
    int result = one(stages, &stages->places[thread], stages->set->paths[which], err);
    if (result < 0)
        plo_fail_where(err, stages->set->paths[which]);
    if (stages->good == NULL)
        return result;
    stages->good[which] = result == 0;
    return 0;
}

static void free_places(struct place *places, int threads)
{
    for (int i = 0; places != NULL && i < threads; i++) {
        plo_image_scratch_destroy(places[i].scratch);
        plo_free(places[i].tensor);
    }
    plo_free(places);
}

static struct place *make_places(const struct plo_stage_set *set, int threads)
{
    uint32_t width = 0, height = 0;
    plo_preprocess_size(&set->target, &width, &height);
    struct place *places = plo_alloc0((size_t)threads, sizeof *places);
    for (int i = 0; places != NULL && i < threads; i++) {
        places[i].scratch = plo_image_scratch_create();
        places[i].tensor = plo_alloc_aligned((size_t)width * height * 3 * sizeof(float));
        if (places[i].scratch == NULL || places[i].tensor == NULL) {
            free_places(places, threads);
            return NULL;
        }
    }
    return places;
}

// What the resizing alone took, out of calls that did more.
static void keep_resizing(struct plo_timed_taken *out, const struct place *places, int threads)
{
    double sum = 0;
    for (int i = 0; i < threads; i++)
        sum += places[i].resizing;
    out->processor = sum;
    out->seconds = sum / threads;
    out->rate = sum > 0 ? (double)out->calls * threads / sum : 0;
}

int plo_stages_run(struct plo_timed_taken *out, enum plo_stage stage,
                   const struct plo_stage_set *set, struct plo_timed_job job,
                   struct pipilo_error *err)
{
    struct stages stages = { .set = set, .stage = stage };
    stages.places = make_places(set, job.threads);
    if (stages.places == NULL)
        return plo_fail_nomem(err, 0);
    job.call = call;
    job.cookie = &stages;
    // Pictures differ: each counts as often as the others.
    job.pass = (int64_t)set->count;
    struct plo_timed_job warm_up = job;
    warm_up.calls = (int64_t)job.threads * WARM_UP;
    int result = plo_timed_run(out, &warm_up, err);
    for (int i = 0; i < job.threads; i++)
        stages.places[i].resizing = 0;
    if (result == 0)
        result = plo_timed_run(out, &job, err);
    if (result == 0 && stage == PLO_STAGE_RESIZE)
        keep_resizing(out, stages.places, job.threads);
    free_places(stages.places, job.threads);
    return result;
}

int plo_stages_check(bool *good, const struct plo_stage_set *set, struct plo_timed_job job,
                     struct pipilo_error *err)
{
    struct plo_timed_taken taken;
    struct stages stages = { .set = set, .stage = PLO_STAGE_TENSOR, .good = good };
    stages.places = make_places(set, job.threads);
    if (stages.places == NULL)
        return plo_fail_nomem(err, 0);
    job.call = call;
    job.cookie = &stages;
    job.calls = (int64_t)set->count;
    job.seconds = INFINITY;
    int result = plo_timed_run(&taken, &job, err);
    free_places(stages.places, job.threads);
    return result;
}
