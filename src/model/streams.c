// streams.c: the queue of streams.h. There are no threads here: a caller whose rows wait runs a
// free stream, for its own rows and for others that wait, and sleeps while none is free.
#include "model/streams.h"

#include <pthread.h>
#include <string.h>

#include "base/alloc.h"
#include "core/fail.h"
#include "model/compiled/compiled.h"
#include "model/pooling.h"

enum { ALIGNMENT = 64 };

// The rows of one caller, on its stack while it waits.
struct job {
    float *input;
    float *output;
    size_t rows;
    size_t taken; // rows a stream has taken
    size_t left;  // rows not yet done
    struct pipilo_error error;
    struct job *next; // in the queue of those with rows not taken
};

struct stream {
    void *request;
    float *gathered; // `batch` rows, for those that do not lie together
    bool busy;       // guarded by the lock; the rest is its user's
};

// Part of a batch: `rows` rows of `job` from `from` on.
struct part {
    struct job *job;
    size_t from, rows;
};

struct plo_streams {
    const struct plo_engine *engine;
    struct plo_compiled compiled;
    struct plo_card card;
    bool normalize;
    size_t batch;
    size_t row; // floats of one input row
    int count;
    struct stream *streams;
    struct part *parts; // `batch` for each stream

    pthread_mutex_t lock; // guards what follows, the streams' `busy` and all jobs
    pthread_cond_t changed;
    struct job *head, **tail;
    int64_t inferences;
};

void plo_streams_close(struct plo_streams *s)
{
    if (s == NULL)
        return;
    for (int i = 0; s->streams != NULL && i < s->count; i++) {
        if (s->streams[i].request != NULL)
            s->engine->request_destroy(s->streams[i].request);
        plo_free(s->streams[i].gathered);
    }
    plo_compiled_close(&s->compiled);
    pthread_cond_destroy(&s->changed);
    pthread_mutex_destroy(&s->lock);
    plo_free(s->streams);
    plo_free(s->parts);
    plo_free(s);
}

static int open_streams(struct plo_streams *s, const struct plo_engine_load *load,
                        struct pipilo_error *err)
{
    s->streams = plo_alloc0((size_t)s->count, sizeof *s->streams);
    s->parts = plo_alloc0((size_t)s->count * s->batch, sizeof *s->parts);
    if (s->streams == NULL || s->parts == NULL)
        return plo_fail_nomem(err, 0);
    PLO_TRY(plo_compiled_open(&s->compiled, s->engine, load, err));
    bool gathers = s->batch > 1 || s->row * sizeof(float) % ALIGNMENT != 0;
    for (int i = 0; i < s->count; i++) {
        PLO_TRY(s->engine->request_create(&s->streams[i].request, s->compiled.model, err));
        if (!gathers)
            continue;
        s->streams[i].gathered = plo_alloc_aligned(s->batch * s->row * sizeof(float));
        if (s->streams[i].gathered == NULL)
            return plo_fail_nomem(err, s->batch * s->row * sizeof(float));
    }
    return 0;
}

int plo_streams_open(struct plo_streams **out, const struct plo_engine *engine,
                     const struct plo_engine_load *load, bool normalize, struct pipilo_error *err)
{
    struct plo_streams *s = plo_alloc0(1, sizeof *s);
    if (s == NULL)
        return plo_fail_nomem(err, sizeof *s);
    s->engine = engine;
    s->card = *load->card;
    s->normalize = normalize;
    s->batch = load->batch;
    s->row = 3 * load->height * load->width;
    s->count = load->streams;
    s->tail = &s->head;
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    int code = open_streams(s, load, err);
    if (code < 0) {
        plo_streams_close(s);
        return code;
    }
    *out = s;
    return 0;
}

static struct stream *free_stream(struct plo_streams *s)
{
    for (int i = 0; i < s->count; i++)
        if (!s->streams[i].busy)
            return &s->streams[i];
    return NULL;
}

// Takes rows from the front of the queue, up to a batch. Returns the number of parts.
static size_t take(struct plo_streams *s, struct part *parts)
{
    size_t count = 0, room = s->batch;
    while (room > 0 && s->head != NULL) {
        struct job *job = s->head;
        size_t rows = job->rows - job->taken < room ? job->rows - job->taken : room;
        parts[count++] = (struct part){ job, job->taken, rows };
        job->taken += rows;
        room -= rows;
        if (job->taken < job->rows)
            break;
        s->head = job->next;
        if (s->head == NULL)
            s->tail = &s->head;
    }
    return count;
}

// The batch's rows one after the other: in the caller's own memory where they lie there so.
static float *gather(const struct plo_streams *s, const struct stream *stream,
                     const struct part *parts, size_t count)
{
    float *input = parts[0].job->input + parts[0].from * s->row;
    if (parts[0].rows == s->batch && (uintptr_t)input % ALIGNMENT == 0)
        return input;
    size_t rows = 0;
    for (size_t i = 0; i < count; i++) {
        memcpy(stream->gathered + rows * s->row, parts[i].job->input + parts[i].from * s->row,
               parts[i].rows * s->row * sizeof(float));
        rows += parts[i].rows;
    }
    memset(stream->gathered + rows * s->row, 0, (s->batch - rows) * s->row * sizeof(float));
    return stream->gathered;
}

static int infer(struct plo_streams *s, struct stream *stream, const struct part *parts,
                 size_t count, struct pipilo_error *err)
{
    struct plo_engine_output output = { 0 };
    float *input = gather(s, stream, parts, count);
    PLO_TRY(s->engine->infer(stream->request, input, &output, err));
    PLO_TRY(plo_pooling_check(&s->card, output.shape, output.count, err));
    size_t dim = s->card.output.dim, row = 0;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < parts[i].rows; k++) {
            float *vector = parts[i].job->output + (parts[i].from + k) * dim;
            plo_pooling_row(&s->card, &output, row++, vector);
            if (s->normalize)
                plo_pooling_normalize(vector, dim);
        }
    }
    return 0;
}

// Called and left with the lock held; lets it go for the inference.
static void run_batch(struct plo_streams *s, struct stream *stream)
{
    struct part *parts = &s->parts[(size_t)(stream - s->streams) * s->batch];
    size_t count = take(s, parts);
    stream->busy = true;
    s->inferences++;
    pthread_mutex_unlock(&s->lock);
    struct pipilo_error error = { 0 };
    int code = infer(s, stream, parts, count, &error);
    pthread_mutex_lock(&s->lock);
    stream->busy = false;
    for (size_t i = 0; i < count; i++) {
        parts[i].job->left -= parts[i].rows;
        if (code < 0)
            parts[i].job->error = error;
    }
    pthread_cond_broadcast(&s->changed);
}

int plo_streams_run(struct plo_streams *s, float *input, size_t rows, float *output,
                    struct pipilo_error *err)
{
    if (rows == 0)
        return 0;
    struct job job = { .input = input, .output = output, .rows = rows, .left = rows };
    pthread_mutex_lock(&s->lock);
    *s->tail = &job;
    s->tail = &job.next;
    while (job.left > 0) {
        struct stream *stream = s->head != NULL ? free_stream(s) : NULL;
        if (stream != NULL)
            run_batch(s, stream);
        else
            pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    if (job.error.code != 0 && err != NULL)
        *err = job.error;
    return job.error.code;
}

int64_t plo_streams_inferences(struct plo_streams *s)
{
    pthread_mutex_lock(&s->lock);
    int64_t count = s->inferences;
    pthread_mutex_unlock(&s->lock);
    return count;
}
