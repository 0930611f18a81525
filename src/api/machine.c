// machine.c: what there is here (the public side is <pipilo/machine.h>).
#include <pipilo/machine.h>

#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "api/pack.h"
#include "base/alloc.h"
#include "base/cores.h"
#include "base/cpu_id.h"
#include "base/dynlib.h"
#include "base/memory_use.h"
#include "bench/peak.h"
#include "core/fail.h"
#include "image/kernels.h"
#include "model/engine.h"
#include "ops/process.h"

// How a library says its version.
enum says { TEXT, PACKED, NOTHING };

static const struct library {
    const char *name, *purpose, *package;
    const char *names[PLO_DYNLIB_NAMES]; // to open it by; none: pipilo is linked with it
    const char *file;                    // how its file's name begins, of one it is linked with
    const char *symbol;
    enum says says;
} libraries[] = {
    { "libvips", "TIFF, HEIC, AVIF, JPEG XL and JPEG 2000", "libvips42", PLO_LIBVIPS, NULL,
      "vips_version_string", TEXT },
    { "libarchive", "tar archives, and models in wheels", "libarchive13", PLO_LIBARCHIVE, NULL,
      "archive_version_string", TEXT },
    { "libcurl", "fetching models", "libcurl4", PLO_LIBCURL, NULL, "curl_version", TEXT },
    // It has no function for its version; the file's name has a number.
    { "libjpeg-turbo",
      "JPEG",
      "libjpeg62-turbo",
      { NULL },
      "libjpeg.so",
      "jpeg_std_error",
      NOTHING },
    { "libspng", "PNG", "libspng0", { NULL }, "libspng.so", "spng_version_string", TEXT },
    { "libwebp", "WebP", "libwebp7", { NULL }, "libwebp.so", "WebPGetDecoderVersion", PACKED },
    { "SQLite",
      ".db and .sqlite",
      "libsqlite3-0",
      { NULL },
      "libsqlite3.so",
      "sqlite3_libversion",
      TEXT },
    { "Jansson", "JSON", "libjansson4", { NULL }, "libjansson.so", "jansson_version_str", TEXT },
    { "nettle",
      "digests of models",
      "libnettle8",
      { NULL },
      "libnettle.so",
      "nettle_sha256_init",
      NOTHING },
};
enum { LIBRARIES = 1 + PLO_COUNT(libraries) };

struct found {
    struct pipilo_machine_library libraries[LIBRARIES];
    char why[LIBRARIES][256];
    char version[LIBRARIES][32];
    char *paths[LIBRARIES];
};

static void look_at_engine(struct found *found)
{
    const struct plo_engine *engine = NULL;
    struct pipilo_error err = { 0 };
    char devices[256];
    found->libraries[0] = (struct pipilo_machine_library){ .name = "OpenVINO",
                                                           .purpose = "every model but null",
                                                           .package = "" };
    int result = plo_engine_find(&engine, "openvino", &err);
    if (result == 0)
        result = engine->devices(devices, sizeof devices, &err);
    if (result == 0) {
        found->libraries[0].version = engine->version();
        found->paths[0] =
            plo_dynlib_file(plo_dynlib_find("libopenvino_c.so", "ov_get_openvino_version"));
        return;
    }
    snprintf(found->why[0], sizeof found->why[0], "%.255s", err.message);
    found->libraries[0].why = found->why[0];
}

// What a function of the library says; "" for nothing.
static const char *version_of(enum says says, void *function, char *room, size_t size)
{
    const char *(*text)(void) = NULL;
    int (*number)(void) = NULL;
    if (function == NULL || says == NOTHING)
        return "";
    if (says == TEXT) {
        memcpy(&text, &function, sizeof text);
        return text();
    }
    memcpy(&number, &function, sizeof number);
    int packed = number();
    snprintf(room, size, "%d.%d.%d", packed >> 16, packed >> 8 & 255, packed & 255);
    return room;
}

static void look_at(struct found *found, size_t index, const struct library *library)
{
    void *function = NULL;
    const struct plo_dynlib_symbol symbol = { library->symbol, &function };
    char *why = found->why[index];
    int result = 0;
    if (library->file == NULL)
        result = plo_dynlib_open(library->names, &symbol, 1, why, sizeof found->why[index]);
    else
        function = plo_dynlib_find(library->file, library->symbol);
    if (function != NULL)
        found->paths[index] = plo_dynlib_file(function);
    found->libraries[index] = (struct pipilo_machine_library){
        .name = library->name,
        .purpose = library->purpose,
        .package = library->package,
        .version = result < 0 ? NULL
                              : version_of(library->says, function, found->version[index],
                                           sizeof found->version[index]),
        .why = result == 0 ? NULL : why,
    };
}

// Lays out the answer; run twice (see pack.h).
static void pack_machine(struct plo_pack *pack, const struct pipilo_machine *machine,
                         const struct found *found)
{
    struct pipilo_machine *out = plo_pack_room(pack, sizeof *out);
    struct pipilo_machine_library *list = plo_pack_room(pack, LIBRARIES * sizeof *list);
    const char *cpu = plo_pack_text(pack, machine->cpu);
    for (size_t i = 0; i < LIBRARIES; i++) {
        struct pipilo_machine_library full = found->libraries[i];
        full.version = plo_pack_text(pack, full.version);
        full.why = plo_pack_text(pack, full.why);
        full.path = plo_pack_text(pack, found->paths[i]);
        if (list != NULL)
            list[i] = full;
    }
    if (out == NULL)
        return;
    *out = *machine;
    out->cpu = cpu;
    out->library_count = LIBRARIES;
    out->libraries = list;
}

int pipilo_machine_show(struct pipilo_machine **out, struct pipilo_error *err)
{
    struct found found = { 0 };
    struct plo_memory_use use;
    struct plo_pack pack = { 0 };
    *out = NULL;
    plo_process_prepare();
    look_at_engine(&found);
    for (size_t i = 0; i < PLO_COUNT(libraries); i++)
        look_at(&found, 1 + i, &libraries[i]);
    plo_memory_use_read(&use);
    int quota = plo_cores_quota("/proc/self/cgroup", "/sys/fs/cgroup");
    const struct pipilo_machine machine = {
        .cpu = plo_cpu_name(),
        .vectors = plo_peak_at(0)->name,
        .kernels = plo_kernels()->name,
        .cores = plo_cores(),
        .quota = quota < INT_MAX ? quota : 0,
        .memory_total = use.machine_total,
        .memory_left = use.machine_left,
        .group_limit = use.group_limit,
        .group_left = use.group_left,
        .stalled = use.stalled,
    };
    pack_machine(&pack, &machine, &found);
    int result = plo_pack_begin(&pack, err);
    if (result == 0) {
        pack_machine(&pack, &machine, &found);
        *out = plo_pack_result(&pack);
    }
    for (size_t i = 0; i < LIBRARIES; i++)
        plo_free(found.paths[i]);
    return result;
}
