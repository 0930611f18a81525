// library.c: the process-wide side (the public side is <pipilo/library.h>).
#include <pipilo/library.h>

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/memory_use.h"
#include "base/str.h"
#include "core/budget.h"
#include "core/fail.h"
#include "core/governor.h"
#include "core/live.h"
#include "flow/pool.h"
#include "flow/registry.h"
#include "image/isolate/helper.h"
#include "model/engine.h"
#include "model/model.h"
#include "ops/process.h"
#include "ops/read_dir.h"

const char *pipilo_version(void)
{
    return PLO_VERSION_TEXT;
}

void pipilo_set_memory(uint64_t bytes)
{
    plo_governor_set_limit(bytes);
}

int pipilo_set_threads(unsigned threads, struct pipilo_error *err)
{
    plo_process_prepare();
    return plo_pool_set_size(threads, err);
}

int pipilo_set_engine_path(const char *folder, struct pipilo_error *err)
{
    return plo_engine_set_folder(folder, err);
}

void pipilo_stats(struct pipilo_stats *stats)
{
    struct plo_read_dir_skipped skipped;
    struct plo_governor_stats memory;
    plo_read_dir_skipped(&skipped);
    plo_governor_stats(&memory);
    struct pipilo_stats now = {
        .struct_size = stats->struct_size,
        .values = plo_live_count(PLO_LIVE_VALUE),
        .images = plo_live_count(PLO_LIVE_IMAGE),
        .pipelines = plo_live_count(PLO_LIVE_PIPELINE),
        .runs = plo_live_count(PLO_LIVE_RUN),
        .models = plo_live_count(PLO_LIVE_MODEL),
        .sources = plo_live_count(PLO_LIVE_SOURCE),
        .tables = plo_live_count(PLO_LIVE_TABLE),
        .allocations = plo_alloc_live(),
        .budget_limit = plo_budget_limit(),
        .budget_used = plo_budget_used(),
        .budget_peak = plo_budget_peak(),
        .model_loads = (uint64_t)plo_model_loads(),
        .memory_anonymous = plo_memory_anonymous(),
        .skipped_hidden = skipped.hidden,
        .skipped_other = skipped.other,
        .skipped_irregular = skipped.irregular,
        .skipped_unchanged = skipped.unchanged,
        .skipped_members = skipped.members,
        .memory_state = memory.state,
        .memory_used = memory.used,
        .memory_peak = memory.peak,
        .memory_total = memory.total,
        .memory_soft = memory.soft,
        .memory_hard = memory.hard,
        .memory_critical = memory.critical,
        .entered_ok = memory.entered[PIPILO_MEMORY_OK],
        .entered_soft = memory.entered[PIPILO_MEMORY_SOFT],
        .entered_hard = memory.entered[PIPILO_MEMORY_HARD],
        .entered_critical = memory.entered[PIPILO_MEMORY_CRITICAL],
        .rows_refused = memory.refused,
        .resumed = skipped.resumed,
        .resumed_errors = skipped.resumed_errors,
    };
    plo_helpers_count(&now.helpers_started, &now.helpers_lost);
    memcpy(stats, &now, stats->struct_size < sizeof now ? stats->struct_size : sizeof now);
}

size_t pipilo_trim(void)
{
    size_t dropped = plo_model_cache_drop();
    plo_helpers_drop();
    plo_alloc_trim();
    return dropped;
}

// "2 values, 1 runs"
static int fail_alive(struct pipilo_error *err)
{
    char left[256] = "";
    size_t length = 0;
    for (int kind = 0; kind < PLO_LIVE_KINDS; kind++) {
        int64_t count = plo_live_count(kind);
        if (count == 0 || length >= sizeof left)
            continue;
        int added = snprintf(left + length, sizeof left - length, "%s%" PRId64 " %s",
                             length > 0 ? ", " : "", count, plo_live_name(kind));
        length += added > 0 ? (size_t)added : 0;
    }
    if (length == 0)
        return 0;
    return plo_fail(err, PIPILO_EBUSY, "not given back yet: %s", left);
}

int pipilo_close(struct pipilo_error *err)
{
    plo_pool_stop();
    plo_helpers_stop();
    plo_model_cache_drop();
    PLO_TRY(fail_alive(err));
    plo_registry_reset();
    pipilo_trim();
    return 0;
}
