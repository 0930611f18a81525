// models.c: models by name (the public side is <pipilo/models.h>).
#include <pipilo/models.h>

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "api/pack.h"
#include "core/fail.h"
#include "model/pull/catalogue.h"
#include "model/resolve.h"
#include "ops/embedding.h"
#include "ops/process.h"

int pipilo_models_home(char **out, struct pipilo_error *err)
{
    return plo_model_home(out, err);
}

// --- the list --------------------------------------------------------------------------------

// What is known of one model before it is packed.
struct entry {
    char *name, *path; // no path: it is not installed
    struct plo_card card;
    struct pipilo_error error;               // code 0: the card is good
    const struct plo_catalogue_entry *known; // NULL: the catalogue does not have it
};

struct entries {
    struct entry *list;
    size_t count, capacity;
};

static struct entry *entries_add(struct entries *entries)
{
    if (entries->count == entries->capacity) {
        size_t more = entries->capacity * 2 + 16;
        struct entry *list = plo_realloc(entries->list, more, sizeof *list);
        if (list == NULL)
            return NULL;
        entries->list = list;
        entries->capacity = more;
    }
    struct entry *entry = &entries->list[entries->count++];
    *entry = (struct entry){ 0 };
    return entry;
}

static void entries_reset(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++) {
        plo_free(entries->list[i].name);
        plo_free(entries->list[i].path);
    }
    plo_free(entries->list);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct entry *)a)->name, ((const struct entry *)b)->name);
}

// Adds the model in home/name where there is one.
static int read_entry(struct entries *entries, const char *home, const char *name,
                      struct pipilo_error *err)
{
    char *card = plo_format("%s/%s/model.json", home, name);
    if (card == NULL)
        return plo_fail_nomem(err, 0);
    int result = 0;
    if (access(card, F_OK) == 0) {
        struct entry *entry = entries_add(entries);
        if (entry != NULL) {
            entry->name = plo_strdup(name);
            entry->path = plo_format("%s/%s", home, name);
            plo_card_read(&entry->card, card, &entry->error);
        }
        if (entry == NULL || entry->name == NULL || entry->path == NULL)
            result = plo_fail_nomem(err, 0);
    }
    plo_free(card);
    return result;
}

static int read_home(struct entries *entries, const char *home, struct pipilo_error *err)
{
    DIR *dir = opendir(home);
    int result = 0;
    struct dirent *found;
    while (dir != NULL && result == 0 && (found = readdir(dir)) != NULL)
        if (plo_card_name_ok(found->d_name))
            result = read_entry(entries, home, found->d_name, err);
    if (dir != NULL)
        closedir(dir);
    return result;
}

// Adds what the catalogue knows: to the model of that name, or as one that is not installed.
static int read_catalogue(struct entries *entries, struct pipilo_error *err)
{
    size_t count, installed = entries->count;
    const struct plo_catalogue_entry *known = plo_catalogue(&count);
    for (size_t i = 0; i < count; i++) {
        size_t at = 0;
        while (at < installed && strcmp(entries->list[at].name, known[i].name) != 0)
            at++;
        struct entry *entry = at < installed ? &entries->list[at] : entries_add(entries);
        if (entry == NULL)
            return plo_fail_nomem(err, 0);
        entry->known = &known[i];
        if (at == installed)
            entry->name = plo_strdup(known[i].name);
        if (entry->name == NULL)
            return plo_fail_nomem(err, 0);
    }
    return 0;
}

static void pack_entry(struct plo_pack *pack, const struct entry *entry,
                       struct pipilo_model_entry *out)
{
    static const struct plo_catalogue_entry nothing = { .license = "", .summary = "" };
    const struct plo_catalogue_entry *known = entry->known != NULL ? entry->known : &nothing;
    bool installed = entry->path != NULL, bad = entry->error.code < 0;
    struct pipilo_model_entry full = {
        .name = plo_pack_text(pack, entry->name),
        .path = plo_pack_text(pack, entry->path),
        .reference = plo_pack_text(pack, known->reference),
        .license = plo_pack_text(pack, installed && !bad ? entry->card.license : known->license),
        .error = plo_pack_text(pack, bad ? entry->error.message : NULL),
        .dim = installed && !bad ? entry->card.output.dim : known->dim,
        .summary = plo_pack_text(pack, known->summary),
        .evidence = plo_pack_text(pack, known->evidence != NULL ? known->evidence : ""),
        .download = (uint64_t)known->megabytes * 1000000,
    };
    if (out != NULL)
        *out = full;
}

// Lays out the list; run twice (see pack.h).
static void pack_list(struct plo_pack *pack, const struct entries *entries)
{
    struct pipilo_model_list *list = plo_pack_room(pack, sizeof *list);
    struct pipilo_model_entry *out = plo_pack_room(pack, entries->count * sizeof *out);
    for (size_t i = 0; i < entries->count; i++)
        pack_entry(pack, &entries->list[i], out != NULL ? &out[i] : NULL);
    if (list != NULL)
        *list = (struct pipilo_model_list){ entries->count, out };
}

int pipilo_models_list(struct pipilo_model_list **out, const char *home, struct pipilo_error *err)
{
    struct entries entries = { 0 };
    struct plo_pack pack = { 0 };
    char *own = NULL;
    int result = 0;
    if (home == NULL && plo_model_home(&own, err) == 0)
        home = own;
    if (home != NULL)
        result = read_home(&entries, home, err);
    if (result == 0)
        result = read_catalogue(&entries, err);
    if (result == 0 && entries.count > 0)
        qsort(entries.list, entries.count, sizeof *entries.list, by_name);
    pack_list(&pack, &entries);
    if (result == 0)
        result = plo_pack_begin(&pack, err);
    if (result == 0) {
        pack_list(&pack, &entries);
        *out = plo_pack_result(&pack);
    }
    entries_reset(&entries);
    plo_free(own);
    return result;
}

// --- one model -------------------------------------------------------------------------------

// Lays out what is told of a model; run twice (see pack.h).
static void pack_info(struct plo_pack *pack, const struct plo_model *model, const char *card,
                      const struct plo_fingerprint *print)
{
    struct pipilo_model_info *info = plo_pack_room(pack, sizeof *info);
    struct pipilo_model_info full = {
        .name = plo_pack_text(pack, plo_model_name(model)),
        .weights = plo_pack_text(pack, plo_model_path(model)),
        .card = plo_pack_text(pack, card),
        .engine = plo_pack_text(pack, plo_model_engine(model)),
        .precision = plo_pack_text(pack, plo_precision_names[plo_model_precision(model)]),
        .fingerprint = plo_pack_text(pack, print->id),
        .fingerprint_json = plo_pack_text(pack, print->json),
        .noted_json = plo_pack_text(pack, print->noted),
        .dim = plo_model_dim(model),
        .memory = plo_model_bytes(model),
        .batch = plo_model_rows(model),
    };
    if (info != NULL)
        *info = full;
}

static int describe(struct pipilo_model_info **out, const struct plo_model *model,
                    const struct plo_embedding *embedding, struct pipilo_error *err)
{
    struct plo_fingerprint print;
    struct plo_pack pack = { 0 };
    struct plo_str card = PLO_STR_INIT;
    PLO_TRY(plo_embedding_fingerprint(embedding, model, &print, err));
    plo_card_format(plo_model_card(model), &card);
    char *text = plo_str_take(&card);
    int result = text != NULL ? 0 : plo_fail_nomem(err, 0);
    if (result == 0) {
        pack_info(&pack, model, text, &print);
        result = plo_pack_begin(&pack, err);
    }
    if (result == 0) {
        pack_info(&pack, model, text, &print);
        *out = plo_pack_result(&pack);
    }
    plo_free(text);
    plo_fingerprint_reset(&print);
    return result;
}

int pipilo_model_show(struct pipilo_model_info **out, const char *spec,
                      const struct pipilo_model_settings *settings, struct pipilo_error *err)
{
    struct plo_embedding embedding;
    struct plo_model *model = NULL;
    plo_process_prepare();
    PLO_TRY(plo_embedding_of_settings(&embedding, settings, err));
    PLO_TRY(plo_model_describe(&model, spec, &embedding.model, err));
    int result = describe(out, model, &embedding, err);
    plo_model_unref(&model);
    return result;
}
