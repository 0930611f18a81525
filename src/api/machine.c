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

// Those that tell their version by a function without arguments.
static const struct library {
    const char *name, *purpose, *package;
    const char *names[PLO_DYNLIB_NAMES];
    const char *symbol;
} libraries[] = {
    { "libvips", "TIFF, HEIC, AVIF, JPEG XL and JPEG 2000", "libvips42", PLO_LIBVIPS,
      "vips_version_string" },
    { "libarchive", "tar archives, and models in wheels", "libarchive13", PLO_LIBARCHIVE,
      "archive_version_string" },
    { "libcurl", "fetching models", "libcurl4", PLO_LIBCURL, "curl_version" },
};
enum { LIBRARIES = 1 + PLO_COUNT(libraries) };

struct found {
    struct pipilo_machine_library libraries[LIBRARIES];
    char why[LIBRARIES][256];
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
        return;
    }
    snprintf(found->why[0], sizeof found->why[0], "%.255s", err.message);
    found->libraries[0].why = found->why[0];
}

static void look_at(struct found *found, size_t index, const struct library *library)
{
    const char *(*version)(void) = NULL;
    const struct plo_dynlib_symbol symbol = { library->symbol, (void **)(void *)&version };
    char *why = found->why[index];
    int result = plo_dynlib_open(library->names, &symbol, 1, why, sizeof found->why[index]);
    found->libraries[index] = (struct pipilo_machine_library){
        .name = library->name,
        .purpose = library->purpose,
        .package = library->package,
        .version = result == 0 ? version() : NULL,
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
    PLO_TRY(plo_pack_begin(&pack, err));
    pack_machine(&pack, &machine, &found);
    *out = plo_pack_result(&pack);
    return 0;
}
