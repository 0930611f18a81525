// model.c: models by their content, loaded once, counted, kept a while, dropped (see model.h).
//
// One lock guards the list and the counts; it is never held while a model is read, loaded or freed.
// Who finds a model that another thread is loading waits for it.
#include "model/model.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/cores.h"
#include "base/memory_use.h"
#include "core/budget.h"
#include "core/fail.h"
#include "core/fork.h"
#include "core/governor.h"
#include "core/live.h"
#include "model/digest.h"
#include "model/engine.h"
#include "model/external.h"
#include "model/layout.h"
#include "model/resolve.h"
#include "model/streams.h"
#include "model/watch.h"

enum state { UNLISTED, LOADING, READY, FAILED };

struct plo_model {
    // Fixed once the model is ready.
    struct plo_card card;
    char sha256[PLO_SHA256_HEX]; // of the weights, those beside the file included
    const struct plo_engine *engine;
    struct plo_engine_load load; // its pointers point into this struct
    char device[64];
    char *path;
    struct plo_watch watch; // the weights
    bool normalize;
    bool to_load;     // or to be described only
    uint64_t weights; // bytes of the file and those beside it
    char *key;        // everything that makes two models one
    struct plo_streams *streams;
    uint64_t bytes; // charged
    pid_t pid;      // a model does not survive fork()

    // Guarded by the cache's lock.
    int refs;
    enum state state;
    struct pipilo_error error; // of a failed load, for those who waited
    int64_t idle_since;
    struct plo_model *next;
};

// Guarded by the lock below.
static pthread_cond_t loaded = PTHREAD_COND_INITIALIZER;
static struct plo_model *models;
static int64_t idle_ns = 60LL * 1000000000;
static int64_t loads;

// A child of fork() forgets every model: to use or even to free one would wait for threads that are
// gone.
static void forget_all(void)
{
    for (struct plo_model *m = models; m != NULL; m = m->next)
        if (m->state == READY)
            plo_live_add(PLO_LIVE_MODEL, -1);
    models = NULL;
    loaded = (pthread_cond_t)PTHREAD_COND_INITIALIZER;
}

static struct plo_lock lock = PLO_LOCK_INIT(forget_all);

static pthread_once_t once = PTHREAD_ONCE_INIT;

// --- freeing -------------------------------------------------------------------------------------

static void destroy(struct plo_model *m)
{
    if (m == NULL)
        return;
    plo_streams_close(m->streams);
    if (m->streams != NULL)
        plo_live_add(PLO_LIVE_MODEL, -1);
    if (m->bytes > 0)
        plo_budget_adjust(-(int64_t)m->bytes);
    plo_watch_reset(&m->watch);
    plo_free(m->path);
    plo_free(m->key);
    plo_free(m);
}

// Takes every model out of the list that nobody holds and that has been idle since `before`; the
// caller frees them without the lock.
static struct plo_model *take_idle_locked(int64_t before)
{
    struct plo_model *taken = NULL;
    for (struct plo_model **at = &models; *at != NULL;) {
        struct plo_model *m = *at;
        if (m->refs == 0 && m->idle_since <= before) {
            *at = m->next;
            m->next = taken;
            taken = m;
        } else {
            at = &m->next;
        }
    }
    return taken;
}

static size_t destroy_all(struct plo_model *list)
{
    size_t count = 0;
    while (list != NULL) {
        struct plo_model *next = list->next;
        destroy(list);
        list = next;
        count++;
    }
    return count;
}

size_t plo_model_cache_drop(void)
{
    plo_lock_take(&lock);
    struct plo_model *taken = take_idle_locked(INT64_MAX);
    plo_lock_release(&lock);
    return destroy_all(taken);
}

static void give_back(void)
{
    plo_model_cache_drop();
}

static void prepare(void)
{
    plo_governor_add_relief(give_back);
}

void plo_model_cache_set_idle(int64_t ns)
{
    plo_lock_take(&lock);
    idle_ns = ns;
    plo_lock_release(&lock);
}

struct plo_model *plo_model_ref(struct plo_model *model)
{
    plo_lock_take(&lock);
    model->refs++;
    plo_lock_release(&lock);
    return model;
}

void plo_model_unref(struct plo_model **model)
{
    struct plo_model *m = *model;
    *model = NULL;
    if (m == NULL || m->pid != getpid())
        return;
    int64_t now = plo_clock_ns();
    plo_lock_take(&lock);
    if (--m->refs == 0)
        m->idle_since = now;
    bool unlisted = m->refs == 0 && m->state == UNLISTED;
    struct plo_model *taken = take_idle_locked(now - idle_ns);
    plo_lock_release(&lock);
    if (unlisted)
        destroy(m);
    destroy_all(taken);
}

// --- what is asked for ---------------------------------------------------------------------------

static int check_range(const char *what, long long value, long long max, struct pipilo_error *err)
{
    if (value < 0 || value > max)
        return plo_fail(err, PIPILO_EINVALID, "%s is %lld, which is not between 0 and %lld", what,
                        value, max);
    return 0;
}

static int set_options(struct plo_model *m, const struct plo_model_options *o,
                       struct pipilo_error *err)
{
    PLO_TRY(check_range("streams", o->streams, PLO_MODEL_MAX_STREAMS, err));
    PLO_TRY(check_range("threads", o->threads, PLO_MODEL_MAX_STREAMS, err));
    PLO_TRY(check_range("batch", (long long)o->batch, PLO_MODEL_MAX_BATCH, err));
    const char *device = o->device != NULL && *o->device != '\0' ? o->device : "CPU";
    if (strlen(device) >= sizeof m->device)
        return plo_fail(err, PIPILO_EINVALID, "a device's name has at most %zu bytes",
                        sizeof m->device - 1);
    memcpy(m->device, device, strlen(device) + 1);
    m->normalize = o->normalize;
    m->load.precision = o->precision;
    m->load.fresh = o->fresh;
    return 0;
}

// What was asked for, else what was measured here, else what is usual.
static int set_layout(struct plo_model *m, const struct plo_model_options *o,
                      struct pipilo_error *err)
{
    int cores = plo_cores();
    struct plo_model_layout layout = plo_layout_usual(m->load.precision, cores);
    if (o->threads == 0 && o->streams == 0 && o->batch == 0 && m->path != NULL) {
        char *key = plo_layout_key(m->engine, &m->load, cores);
        if (key == NULL)
            return plo_fail_nomem(err, 0);
        plo_layout_find(key, &layout);
        plo_free(key);
    }
    m->load.threads = o->threads > 0 ? o->threads : layout.threads;
    m->load.streams = o->streams > 0 ? o->streams : o->threads > 0 ? o->threads : layout.streams;
    m->load.batch = o->batch > 0 ? o->batch : layout.batch;
    return 0;
}

static int set_null(struct plo_model *m, const char *spec, const struct plo_model_options *o,
                    struct pipilo_error *err)
{
    char *end = NULL;
    long dim = spec[4] == ':' ? strtol(spec + 5, &end, 10) : 64;
    if (dim < 1 || dim > 65536 || (end != NULL && (*end != '\0' || end == spec + 5)))
        return plo_fail(err, PIPILO_EINVALID,
                        "'%s' is no null model; it is null or null:DIM, DIM from 1 to 65536", spec);
    if (o->engine != NULL && strcmp(o->engine, "null") != 0)
        return plo_fail(err, PIPILO_EINVALID, "the null model runs on the null engine, not on %s",
                        o->engine);
    m->card = (struct plo_card){
        .name = "null",
        .task = "image_embedding",
        .file = "none",
        .license = "Apache-2.0",
        .input.name = "input",
        .preprocess = PLO_PREPROCESS_INIT,
        .output = { .name = "embedding", .dim = (size_t)dim },
    };
    plo_sha256_hex("null", 4, m->sha256);
    return plo_engine_find(&m->engine, "null", err);
}

static uint64_t file_size(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? (uint64_t)status.st_size : 0;
}

// Weights in several files get one digest over all of theirs.
static int digest_all(struct plo_model *m, const struct plo_external *external,
                      struct pipilo_error *err)
{
    const char *slash = strrchr(m->path, '/');
    int folder = slash != NULL ? (int)(slash - m->path) + 1 : 0;
    struct plo_str all = PLO_STR_INIT;
    int code = 0;
    plo_str_add(&all, m->sha256);
    m->weights = file_size(m->path);
    for (size_t i = 0; code == 0 && i < external->count; i++) {
        char hex[PLO_SHA256_HEX];
        char *path = plo_format("%.*s%s", folder, m->path, external->names[i]);
        code = path != NULL ? plo_watch_add(&m->watch, path, err) : plo_fail_nomem(err, 0);
        if (code == 0)
            code = plo_digest_file(path, hex, err);
        if (code == 0) {
            m->weights += file_size(path);
            plo_str_addf(&all, " %s", hex);
        }
        plo_free(path);
    }
    if (code == 0 && all.failed)
        code = plo_fail_nomem(err, 0);
    if (code == 0 && external->count > 0)
        plo_sha256_hex(all.data, all.length, m->sha256);
    plo_str_reset(&all);
    return code;
}

static int fail_budget(const struct plo_model *m, uint64_t need, struct pipilo_error *err)
{
    return plo_fail(err, PIPILO_EBUDGET,
                    "loading %s takes about %" PRIu64 " MB; of the budget of %" PRIu64
                    " MB %" PRIu64 " MB are in use",
                    m->card.name, need / 1000000, plo_budget_limit() / 1000000,
                    plo_budget_used() / 1000000);
}

// What could never be loaded is refused before its gigabytes are read for their digest. One that is
// there already fitted once.
static int refuse_large(const struct plo_model *m, struct pipilo_error *err)
{
    uint64_t need = m->engine->need(file_size(m->path));
    bool there = false;
    if (need <= plo_budget_limit())
        return 0;
    plo_lock_take(&lock);
    for (const struct plo_model *other = models; other != NULL && !there; other = other->next)
        there = other->path != NULL && strcmp(other->path, m->path) == 0;
    plo_lock_release(&lock);
    return there ? 0 : fail_budget(m, need, err);
}

static int set_files(struct plo_model *m, const char *spec, const struct plo_model_options *o,
                     struct pipilo_error *err)
{
    struct plo_model_files files;
    PLO_TRY(plo_engine_find(&m->engine, o->engine, err));
    PLO_TRY(plo_model_resolve(&files, spec, err));
    m->card = files.card;
    m->path = files.onnx_path;
    files.onnx_path = NULL;
    plo_model_files_reset(&files);
    if (m->to_load)
        PLO_TRY(refuse_large(m, err));
    PLO_TRY(plo_watch_add(&m->watch, m->path, err));
    PLO_TRY(plo_digest_file(m->path, m->sha256, err));
    if (m->card.sha256[0] != '\0' && strcmp(m->card.sha256, m->sha256) != 0)
        return plo_fail(err, PIPILO_EMODEL,
                        "%.140s is damaged or was replaced: its sha256 is %s, the card says %s",
                        m->path, m->sha256, m->card.sha256);
    struct plo_external *external = plo_alloc(sizeof *external);
    if (external == NULL)
        return plo_fail_nomem(err, sizeof *external);
    int code = plo_external_find(external, m->path, err);
    if (code == 0)
        code = digest_all(m, external, err);
    plo_free(external);
    return code;
}

// The fastest precision that is known to be as good as f32 (design: worst cosine 0.999).
static int set_precision(struct plo_model *m, struct pipilo_error *err)
{
    bool good = plo_card_precision_good(&m->card.bf16);
    enum plo_precision asked = m->load.precision;
    m->load.precision = PLO_PRECISION_F32;
    if (asked == PLO_PRECISION_F32 || (asked == PLO_PRECISION_AUTO && !good))
        return 0;
    if (m->engine->has_bf16(m->device))
        m->load.precision = PLO_PRECISION_BF16;
    else if (asked == PLO_PRECISION_BF16)
        return plo_fail(err, PIPILO_EINVALID, "%s has no bf16 here; f32 is there", m->device);
    return 0;
}

int plo_model_fingerprint(const struct plo_model *model, struct plo_decode_policy decode,
                          struct plo_fingerprint *out, struct pipilo_error *err)
{
    const struct plo_card *card = &model->card;
    struct plo_fingerprint_parts parts = {
        .model_sha256 = model->sha256,
        .engine = model->engine->name,
        .precision = plo_precision_names[model->load.precision],
        .input = card->input.name,
        .output = card->output.name,
        .pool = plo_pool_names[card->output.pool],
        .dim = card->output.dim,
        .normalize = model->normalize,
        .preprocess = card->preprocess,
        .decode = decode,
        .engine_version = model->engine->version(),
        .model_name = card->name,
    };
    return plo_fingerprint_create(out, &parts, err);
}

// Two models are one where their vectors are and where they run the same way.
static int set_key(struct plo_model *m, struct pipilo_error *err)
{
    struct plo_fingerprint print;
    PLO_TRY(plo_model_fingerprint(m, (struct plo_decode_policy){ 0 }, &print, err));
    m->key = plo_format("%s %s %s %d %d %zu", print.json, m->card.name, m->device, m->load.streams,
                        m->load.threads, m->load.batch);
    plo_fingerprint_reset(&print);
    return m->key != NULL ? 0 : plo_fail_nomem(err, 0);
}

static int describe(struct plo_model *m, const char *spec, const struct plo_model_options *o,
                    struct pipilo_error *err)
{
    PLO_TRY(set_options(m, o, err));
    if (strcmp(spec, "null") == 0 || strncmp(spec, "null:", 5) == 0)
        PLO_TRY(set_null(m, spec, o, err));
    else
        PLO_TRY(set_files(m, spec, o, err));
    uint32_t width, height;
    plo_preprocess_size(&m->card.preprocess, &width, &height);
    m->load.width = width;
    m->load.height = height;
    m->normalize = m->normalize || m->card.output.normalize;
    m->load.path = m->path;
    m->load.sha256 = m->sha256;
    m->load.watch = &m->watch;
    m->load.card = &m->card;
    m->load.device = m->device;
    PLO_TRY(set_precision(m, err));
    PLO_TRY(set_layout(m, o, err));
    return set_key(m, err);
}

// --- loading -------------------------------------------------------------------------------------

// The budget may have room where the machine has none.
static int check_room(const struct plo_model *m, uint64_t need, struct pipilo_error *err)
{
    if (need <= plo_governor_room())
        return 0;
    plo_model_cache_drop();
    plo_alloc_trim();
    uint64_t room = plo_governor_room();
    if (need <= room)
        return 0;
    return plo_fail(err, PIPILO_EBUDGET,
                    "loading %s takes about %" PRIu64 " MB; this process has %" PRIu64 " MB left",
                    m->card.name, need / 1000000, room / 1000000);
}

static int charge(const struct plo_model *m, uint64_t need, struct pipilo_error *err)
{
    if (need == 0 || plo_budget_charge(need))
        return 0;
    if (plo_model_cache_drop() > 0 && plo_budget_charge(need))
        return 0;
    return fail_budget(m, need, err);
}

// The estimate is charged before, and replaced by what the process grew by, never by more than it.
static int load(struct plo_model *m, struct pipilo_error *err)
{
    uint64_t need = m->engine->need(m->weights);
    PLO_TRY(check_room(m, need, err));
    PLO_TRY(charge(m, need, err));
    int64_t before = (int64_t)plo_memory_anonymous();
    int code = plo_streams_open(&m->streams, m->engine, &m->load, m->normalize, err);
    int64_t grown = (int64_t)plo_memory_anonymous() - before;
    if (code < 0 || grown < 0)
        grown = 0;
    m->bytes = (uint64_t)grown < need ? (uint64_t)grown : need;
    plo_budget_adjust((int64_t)m->bytes - (int64_t)need);
    if (code == 0)
        plo_live_add(PLO_LIVE_MODEL, 1);
    return code;
}

static struct plo_model *find_locked(const char *key)
{
    for (struct plo_model *m = models; m != NULL; m = m->next)
        if (m->state != FAILED && strcmp(m->key, key) == 0)
            return m;
    return NULL;
}

// Waits until another thread's load is done; drops the reference where it failed.
static int wait_locked(struct plo_model *m, struct plo_model **garbage, struct pipilo_error *err)
{
    while (m->state == LOADING)
        pthread_cond_wait(&loaded, &lock.mutex);
    if (m->state == READY)
        return 0;
    int code = m->error.code;
    if (err != NULL)
        *err = m->error;
    if (--m->refs == 0)
        *garbage = m;
    return code;
}

static void remove_locked(struct plo_model *m)
{
    for (struct plo_model **at = &models; *at != NULL; at = &(*at)->next) {
        if (*at == m) {
            *at = m->next;
            break;
        }
    }
}

// Loads a model that stands in the list, and tells those who wait.
static int load_listed(struct plo_model *m, struct pipilo_error *err)
{
    struct pipilo_error error = { 0 };
    int code = load(m, &error);
    bool garbage = false;
    plo_lock_take(&lock);
    m->state = code == 0 ? READY : FAILED;
    if (code == 0) {
        loads++;
    } else {
        m->error = error;
        remove_locked(m);
        garbage = --m->refs == 0;
    }
    pthread_cond_broadcast(&loaded);
    plo_lock_release(&lock);
    if (code < 0 && err != NULL)
        *err = error;
    if (garbage)
        destroy(m);
    return code;
}

// Consumes `m`, which becomes the model or gives way to one that is there already.
static int open_listed(struct plo_model **out, struct plo_model *m, struct pipilo_error *err)
{
    int code = 0;
    int64_t now = plo_clock_ns();
    struct plo_model *garbage = NULL;
    plo_lock_take(&lock);
    struct plo_model *found = find_locked(m->key);
    if (found != NULL) {
        found->refs++;
        code = wait_locked(found, &garbage, err);
    } else {
        m->state = LOADING;
        m->next = models;
        models = m;
    }
    struct plo_model *taken = take_idle_locked(now - idle_ns);
    plo_lock_release(&lock);
    destroy_all(taken);
    destroy(garbage);
    if (found == NULL) {
        code = load_listed(m, err);
        found = m;
    } else {
        destroy(m);
    }
    *out = code == 0 ? found : NULL;
    return code;
}

static int create(struct plo_model **out, const char *spec, const struct plo_model_options *options,
                  bool to_load, struct pipilo_error *err)
{
    static const struct plo_model_options defaults = { .precision = PLO_PRECISION_F32 };
    *out = NULL;
    pthread_once(&once, prepare);
    struct plo_model *m = plo_alloc0(1, sizeof *m);
    if (m == NULL)
        return plo_fail_nomem(err, sizeof *m);
    m->pid = getpid();
    m->refs = 1;
    m->to_load = to_load;
    int code = describe(m, spec, options != NULL ? options : &defaults, err);
    if (code < 0) {
        destroy(m);
        return code;
    }
    *out = m;
    return 0;
}

int plo_model_describe(struct plo_model **out, const char *spec,
                       const struct plo_model_options *options, struct pipilo_error *err)
{
    return create(out, spec, options, false, err);
}

int plo_model_open(struct plo_model **out, const char *spec,
                   const struct plo_model_options *options, struct pipilo_error *err)
{
    struct plo_model *m;
    *out = NULL;
    PLO_TRY(create(&m, spec, options, true, err));
    return open_listed(out, m, err);
}

// --- using ---------------------------------------------------------------------------------------

int plo_model_embed(struct plo_model *model, float *input, size_t rows, float *output,
                    struct pipilo_error *err)
{
    if (model->pid != getpid())
        return plo_fail(err, PIPILO_EINVALID,
                        "the model was opened before fork(); a child opens its own");
    if (model->streams == NULL)
        return plo_fail(err, PIPILO_EINVALID, "the model was described, not opened");
    return plo_streams_run(model->streams, input, rows, output, err);
}

const struct plo_card *plo_model_card(const struct plo_model *model)
{
    return &model->card;
}

const char *plo_model_name(const struct plo_model *model)
{
    return model->card.name;
}

const char *plo_model_path(const struct plo_model *model)
{
    return model->path != NULL ? model->path : "";
}

const char *plo_model_engine(const struct plo_model *model)
{
    return model->engine->name;
}

size_t plo_model_dim(const struct plo_model *model)
{
    return model->card.output.dim;
}

size_t plo_model_input_floats(const struct plo_model *model)
{
    return 3 * model->load.height * model->load.width;
}

void plo_model_input_size(const struct plo_model *model, uint32_t *width, uint32_t *height)
{
    *width = (uint32_t)model->load.width;
    *height = (uint32_t)model->load.height;
}

size_t plo_model_rows(const struct plo_model *model)
{
    return model->load.batch;
}

int plo_model_streams(const struct plo_model *model)
{
    return model->load.streams;
}

enum plo_precision plo_model_precision(const struct plo_model *model)
{
    return model->load.precision;
}

bool plo_model_normalized(const struct plo_model *model)
{
    return model->normalize;
}

uint64_t plo_model_bytes(const struct plo_model *model)
{
    return model->streams != NULL ? model->bytes : model->engine->need(model->weights);
}

int64_t plo_model_inferences(const struct plo_model *model)
{
    return model->streams != NULL ? plo_streams_inferences(model->streams) : 0;
}

char *plo_model_layout_key(const struct plo_model *model)
{
    return plo_layout_key(model->engine, &model->load, plo_cores());
}

int64_t plo_model_loads(void)
{
    plo_lock_take(&lock);
    int64_t count = loads;
    plo_lock_release(&lock);
    return count;
}

int plo_model_devices(const char *engine, char *out, size_t out_size, struct pipilo_error *err)
{
    const struct plo_engine *e;
    PLO_TRY(plo_engine_find(&e, engine, err));
    return e->devices(out, out_size, err);
}
