// store_map.c: a store's rows, or a sample of them, as places on a plane (see search/plane.h).
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "api/pack.h"
#include "api/store_parts.h"
#include "core/budget.h"
#include "core/fail.h"
#include "search/plane.h"

// A sample is taken in stretches: a read for each row would take longer than all else.
enum { LIMIT = 3000, STRETCHES = 60 };

struct map {
    pipilo_store *store;
    size_t limit, dim;
    float *vectors; // limit x dim; those that are used come first
    uint8_t *valid; // of the stretch that is read
    int64_t *rows;
    float *places;
    size_t count;
};

// Scales to length 1; false where that cannot be.
static bool make_unit(float *vector, size_t dim)
{
    double sum = 0;
    for (size_t i = 0; i < dim; i++)
        sum += (double)vector[i] * vector[i];
    if (!(sum > 0) || !isfinite(sum))
        return false;
    for (size_t i = 0; i < dim; i++)
        vector[i] = (float)(vector[i] / sqrt(sum));
    return true;
}

static int read_stretch(struct map *map, int64_t first, size_t count, struct pipilo_error *err)
{
    float *read = map->vectors + map->count * map->dim;
    PLO_TRY(plo_table_vectors(map->store->table, first, count, read, map->valid, err));
    for (size_t i = 0; i < count; i++) {
        float *vector = read + i * map->dim, *place = map->vectors + map->count * map->dim;
        if (!map->valid[i] || !make_unit(vector, map->dim))
            continue;
        if (place != vector)
            memcpy(place, vector, map->dim * sizeof *place);
        map->rows[map->count++] = first + (int64_t)i;
    }
    return 0;
}

static int read_sample(struct map *map, int (*stop)(void *), void *cookie, struct pipilo_error *err)
{
    int64_t rows = map->store->info.rows;
    bool all = (uint64_t)rows <= map->limit;
    size_t stretches = all ? 1 : map->limit < STRETCHES ? map->limit : STRETCHES;
    int64_t length = all ? rows : (int64_t)(map->limit / stretches);
    for (size_t i = 0; rows > 0 && i < stretches; i++) {
        // The first begins at row 0, the last ends at the last row.
        double share = stretches > 1 ? (double)i / (double)(stretches - 1) : 0;
        if (stop != NULL && stop(cookie) != 0)
            return plo_fail(err, PIPILO_ECANCELED, "the map was stopped");
        PLO_TRY(read_stretch(map, (int64_t)(share * (double)(rows - length)), (size_t)length, err));
    }
    return 0;
}

// Lays out the places; run twice (see pack.h).
static struct pipilo_map *pack_map(struct plo_pack *pack, const struct map *map)
{
    struct pipilo_map *out = plo_pack_room(pack, sizeof *out);
    struct pipilo_place *list = plo_pack_room(pack, map->count * sizeof *list);
    if (out == NULL)
        return NULL;
    for (size_t i = 0; i < map->count; i++)
        list[i] = (struct pipilo_place){ map->rows[i], map->places[2 * i], map->places[2 * i + 1] };
    *out = (struct pipilo_map){ map->store->info.rows, map->count, list };
    return out;
}

static int make_map(struct pipilo_map **out, struct map *map,
                    const struct pipilo_map_options *options, struct pipilo_error *err)
{
    struct plo_pack pack = { 0 };
    PLO_TRY(read_sample(map, options->stop, options->cookie, err));
    if (map->count > 0)
        PLO_TRY(plo_plane_project(map->places, map->vectors, map->count, map->dim, options->stop,
                                  options->cookie, err));
    (void)pack_map(&pack, map);
    PLO_TRY(plo_pack_begin(&pack, err));
    *out = pack_map(&pack, map);
    return 0;
}

int pipilo_store_map(struct pipilo_map **out, pipilo_store *store,
                     const struct pipilo_map_options *options, struct pipilo_error *err)
{
    struct pipilo_map_options given = PIPILO_MAP_OPTIONS_INIT;
    if (options != NULL)
        memcpy(&given, options,
               options->struct_size < sizeof given ? options->struct_size : sizeof given);
    struct map map = { .store = store, .dim = store->info.dim };
    uint64_t rows = store->info.rows > 0 ? (uint64_t)store->info.rows : 1;
    map.limit = given.limit > 0 ? given.limit : LIMIT;
    map.limit = map.limit < rows ? map.limit : (size_t)rows;
    *out = NULL;
    uint64_t need = map.limit * (map.dim * sizeof(float) + sizeof(struct pipilo_place) +
                                 2 * sizeof(float) + sizeof(int64_t) + sizeof(uint8_t));
    if (!plo_budget_charge(need))
        return plo_fail(err, PIPILO_EBUDGET,
                        "a map of %zu rows takes %" PRIu64
                        " bytes, and the memory budget has less left",
                        map.limit, need);
    map.vectors = plo_alloc_aligned(map.limit * map.dim * sizeof *map.vectors);
    map.valid = plo_alloc0(map.limit, sizeof *map.valid);
    map.rows = plo_alloc0(map.limit, sizeof *map.rows);
    map.places = plo_alloc0(map.limit, 2 * sizeof *map.places);
    bool good = map.vectors != NULL && map.valid != NULL && map.rows != NULL && map.places != NULL;
    int result = good ? make_map(out, &map, &given, err) : plo_fail_nomem(err, need);
    plo_free(map.vectors);
    plo_free(map.valid);
    plo_free(map.rows);
    plo_free(map.places);
    plo_budget_adjust(-(int64_t)need);
    return result;
}
