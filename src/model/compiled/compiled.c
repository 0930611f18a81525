// compiled.c: the way from weights to a loaded model, around or through the compiler (compiled.h).
#include "model/compiled/compiled.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/cpu_id.h"
#include "base/str.h"
#include "core/fail.h"
#include "model/compiled/compiled_cache.h"
#include "model/watch.h"

enum { FORMAT = 2 };

static _Atomic int64_t hits;

int64_t plo_compiled_hits(void)
{
    return atomic_load(&hits);
}

// All that a compiled model depends on, as one line of JSON; NULL where it is not to be kept.
// Streams and threads are not among it: the engine lays them out when it imports.
static char *identity_of(const struct plo_engine *engine, const struct plo_engine_load *load)
{
    char features[80];
    if (load->fresh || load->sha256 == NULL || engine->import_blob == NULL)
        return NULL;
    struct plo_str text = PLO_STR_INIT;
    plo_cpu_features(features, sizeof features);
    plo_str_addf(&text, "{\"format\":%d,\"model\":", FORMAT);
    plo_str_add_json(&text, load->card->name);
    plo_str_addf(&text, ",\"sha256\":\"%s\",\"engine\":\"%s\",\"version\":", load->sha256,
                 engine->name);
    plo_str_add_json(&text, engine->version());
    plo_str_add(&text, ",\"cpu\":");
    plo_str_add_json(&text, plo_cpu_name());
    plo_str_addf(&text, ",\"features\":\"%s\",\"input\":", features);
    plo_str_add_json(&text, load->card->input.name);
    plo_str_addf(&text, ",\"layout\":\"%s\",\"height\":%zu,\"width\":%zu,\"output\":",
                 plo_layout_names[load->card->preprocess.layout], load->height, load->width);
    plo_str_add_json(&text, load->card->output.name);
    plo_str_addf(&text, ",\"precision\":\"%s\",\"batch\":%zu,\"device\":",
                 plo_precision_names[load->precision], load->batch);
    plo_str_add_json(&text, load->device);
    plo_str_add(&text, "}");
    return plo_str_take(&text);
}

// True where the model came from the file. A file that is known to be no good is removed; one that
// cannot be read now, or is another user's, may be good for others.
// *may_keep tells whether a new one may take its place.
static bool from_file(struct plo_compiled *c, const struct plo_engine_load *load, const char *path,
                      const char *identity, bool *may_keep)
{
    int result = plo_compiled_file_open(&c->file, path, identity);
    if (result == 0 &&
        c->engine->import_blob(&c->model, load, c->file.blob, c->file.blob_size, NULL) == 0) {
        atomic_fetch_add(&hits, 1);
        return true;
    }
    c->model = NULL;
    plo_compiled_file_close(&c->file);
    if (result == 0 || result == -EBADMSG || result == -ESTALE)
        unlink(path);
    // -EPERM: this user's name for something that others may write; it is replaced.
    *may_keep = result == 0 || result == -ENOENT || result == -ENOTDIR || result == -EPERM ||
                result == -EBADMSG || result == -ESTALE;
    if (!*may_keep)
        plo_compiled_cache_complain("the compiled model %.300s is passed over: %s", path,
                                    strerror(-result));
    return false;
}

// The engine writes to a name and does not say when that went wrong half-way: it writes into
// memory, where nothing is ever full without a word, and what comes out goes to the file.
static void keep(const struct plo_compiled *c, const char *path, const char *identity)
{
    char name[64];
    struct stat status;
    struct rlimit limit;
    struct pipilo_error error = { 0 };
    // A write past such a limit ends the process.
    if (getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY) {
        plo_compiled_cache_complain("the compiled model is not kept: the size of files is limited "
                                    "here (ulimit -f)");
        return;
    }
    // Before the export, which costs as much memory as the model.
    if (!plo_compiled_cache_ready(path))
        return;
    int fd = memfd_create("pipilo-compiled", MFD_CLOEXEC);
    if (fd < 0)
        return;
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
    if (c->engine->export_blob(c->model, name, &error) < 0) {
        plo_compiled_cache_complain("the compiled model cannot be kept: %s", error.message);
    } else if (fstat(fd, &status) == 0 && status.st_size > 0) {
        size_t size = (size_t)status.st_size;
        void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
        if (map != MAP_FAILED) {
            plo_compiled_cache_store(path, map, size, identity);
            munmap(map, size);
        }
    }
    close(fd);
}

// Loads what `sha256` says, or nothing: what the engine has read may have come to be meanwhile.
static int load_watched(struct plo_compiled *out, const struct plo_engine_load *load,
                        struct pipilo_error *err)
{
    PLO_TRY(out->engine->load(&out->model, load, err));
    int code = plo_watch_check(load->watch, err);
    if (code < 0)
        out->engine->unload(out->model);
    return code;
}

int plo_compiled_open(struct plo_compiled *out, const struct plo_engine *engine,
                      const struct plo_engine_load *load, struct pipilo_error *err)
{
    *out = (struct plo_compiled){ .engine = engine };
    char *identity = identity_of(engine, load);
    char *path = identity != NULL ? plo_compiled_cache_path(identity) : NULL;
    bool may_keep = false;
    int code = 0;
    if (path == NULL || !from_file(out, load, path, identity, &may_keep)) {
        code = load_watched(out, load, err);
        if (code == 0 && may_keep)
            keep(out, path, identity);
    }
    if (code < 0)
        *out = (struct plo_compiled){ 0 };
    plo_free(path);
    plo_free(identity);
    return code;
}

void plo_compiled_close(struct plo_compiled *compiled)
{
    if (compiled->model != NULL)
        compiled->engine->unload(compiled->model);
    plo_compiled_file_close(&compiled->file);
    *compiled = (struct plo_compiled){ 0 };
}
