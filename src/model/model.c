// model.c: models by their content, loaded once, counted, kept a while, dropped (see model.h).
//
// One lock guards the list and the counts; it is never held while a model is read, loaded or freed.
// Who finds a model that another thread is loading waits for it.
#include "model/model.h"

#include <inttypes.h>
#include <pthread.h>
#include <string.h>
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
#include "model/layout.h"
#include "model/model_parts.h"

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
        if (m->state == PLO_MODEL_READY)
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
    bool unlisted = m->refs == 0 && m->state == PLO_MODEL_UNLISTED;
    struct plo_model *taken = take_idle_locked(now - idle_ns);
    plo_lock_release(&lock);
    if (unlisted)
        destroy(m);
    destroy_all(taken);
}

// --- loading -------------------------------------------------------------------------------------

static int fail_budget(const struct plo_model *m, uint64_t need, struct pipilo_error *err)
{
    return plo_fail(err, PIPILO_EBUDGET,
                    "loading %s takes about %" PRIu64 " MB; of the budget of %" PRIu64
                    " MB %" PRIu64 " MB are in use",
                    m->card.name, need / 1000000, plo_budget_limit() / 1000000,
                    plo_budget_used() / 1000000);
}

int plo_model_refuse_large(const struct plo_model *m, uint64_t file_size, struct pipilo_error *err)
{
    uint64_t need = m->engine->need(file_size);
    bool there = false;
    if (need <= plo_budget_limit())
        return 0;
    plo_lock_take(&lock);
    for (const struct plo_model *other = models; other != NULL && !there; other = other->next)
        there = other->path != NULL && strcmp(other->path, m->path) == 0;
    plo_lock_release(&lock);
    return there ? 0 : fail_budget(m, need, err);
}

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
        if (m->state != PLO_MODEL_FAILED && strcmp(m->key, key) == 0)
            return m;
    return NULL;
}

// Waits until another thread's load is done; drops the reference where it failed.
static int wait_locked(struct plo_model *m, struct plo_model **garbage, struct pipilo_error *err)
{
    while (m->state == PLO_MODEL_LOADING)
        pthread_cond_wait(&loaded, &lock.mutex);
    if (m->state == PLO_MODEL_READY)
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
    m->state = code == 0 ? PLO_MODEL_READY : PLO_MODEL_FAILED;
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
        m->state = PLO_MODEL_LOADING;
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
    int code = plo_model_describe_into(m, spec, options != NULL ? options : &defaults, err);
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
