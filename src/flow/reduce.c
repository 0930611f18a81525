// reduce.c: the iterators that a reduce callable reads its columns through. They read the node's
// rows while the call is under way: where none is there, the calling thread works on the run in the
// meantime. That is why a reduce node runs only on the calling thread, and one at a time.
#include "core/fail.h"
#include "flow/run.h"

// Cells read for one column while another was asked for.
struct cache {
    pipilo_value **items;
    size_t first, count, capacity;
};

struct plo_reduce {
    int refs; // the node's and each iterator's; changed with the run's lock held or after its end
    struct plo_node *node; // NULL after the call
    size_t columns;
    size_t bytes; // in the caches
    struct cache caches[];
};

struct iterator {
    struct plo_reduce *reduce;
    size_t column;
};

static int cache_put(struct plo_reduce *reduce, size_t column, pipilo_value *value,
                     struct pipilo_error *err)
{
    struct cache *cache = &reduce->caches[column];
    if (cache->first > 0 && cache->first == cache->count)
        cache->first = cache->count = 0;
    if (cache->count == cache->capacity) {
        size_t capacity = cache->capacity > 0 ? 2 * cache->capacity : 8;
        pipilo_value **items = plo_realloc(cache->items, capacity, sizeof *items);
        if (items == NULL) {
            pipilo_value_unref(&value);
            return plo_fail_nomem(err, capacity * sizeof *items);
        }
        cache->items = items;
        cache->capacity = capacity;
    }
    cache->items[cache->count++] = value;
    reduce->bytes += pipilo_value_size(value);
    uint64_t most = reduce->node->run->most_bytes;
    if (reduce->bytes <= most)
        return 0;
    return plo_fail(err, PIPILO_EBUDGET,
                    "a reduce reads its columns unevenly: what waits of the others needs more than "
                    "the memory budget of %llu bytes",
                    (unsigned long long)most);
}

static pipilo_value *cache_take(struct plo_reduce *reduce, size_t column)
{
    struct cache *cache = &reduce->caches[column];
    if (cache->first == cache->count)
        return NULL;
    pipilo_value *value = cache->items[cache->first++];
    reduce->bytes -= pipilo_value_size(value);
    return value;
}

static void release(struct plo_reduce *reduce)
{
    if (__atomic_sub_fetch(&reduce->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    for (size_t i = 0; i < reduce->columns; i++) {
        pipilo_value *value;
        while ((value = cache_take(reduce, i)) != NULL)
            pipilo_value_unref(&value);
        plo_free(reduce->caches[i].items);
    }
    plo_free(reduce);
}

// Reads one row into the caches; false at the end. Errors are left out.
static int read_row(struct plo_reduce *reduce, bool *end, bool *error_seen,
                    struct pipilo_error *err)
{
    struct plo_node *node = reduce->node;
    enum plo_rows rows = plo_node_row(node, true);
    *end = rows == PLO_ROW_END || node->run->stopping;
    if (rows == PLO_ROW_WAIT && !*end) {
        node->run->busy--;
        plo_run_help(node->run, INT64_MAX);
        node->run->busy++;
    }
    int result = 0;
    for (size_t i = 0; rows == PLO_ROW && i < reduce->columns; i++) {
        pipilo_value *cell = node->row[i];
        node->row[i] = NULL;
        *error_seen = *error_seen || cell->kind == PIPILO_ERROR;
        if (cell->kind == PIPILO_EMPTY || cell->kind == PIPILO_ERROR || result < 0)
            pipilo_value_unref(&cell);
        else
            result = cache_put(reduce, i, cell, err);
    }
    return result < 0 ? result : rows == PLO_ROW;
}

static int next(void *object, pipilo_value **out, struct pipilo_error *err)
{
    struct iterator *iterator = object;
    struct plo_reduce *reduce = iterator->reduce;
    struct cache *cache = &reduce->caches[iterator->column];
    *out = NULL;
    if (reduce->node == NULL)
        return 0;
    pipilo_run *run = reduce->node->run;
    int result = 0;
    bool end = false;
    plo_run_lock(run);
    while (result >= 0 && !end && (*out = cache_take(reduce, iterator->column)) == NULL) {
        bool error_seen = false;
        result = read_row(reduce, &end, &error_seen, err);
        // A row without a cell for this column: the column has ended before the others.
        if (result == 1 && !error_seen && cache->first == cache->count)
            end = true;
    }
    plo_run_unlock(run);
    return result < 0 ? result : 0;
}

static void iterator_free(void *object)
{
    struct iterator *iterator = object;
    release(iterator->reduce);
    plo_free(iterator);
}

static const struct plo_class reduce_class = {
    .kind = PIPILO_ITERATOR, .name = "column", .free = iterator_free, .next = next
};

int plo_reduce_begin(struct plo_node *node, pipilo_value **iterators, struct pipilo_error *err)
{
    size_t columns = node->plan->input_count;
    struct plo_reduce *reduce = plo_alloc0(1, sizeof *reduce + columns * sizeof reduce->caches[0]);
    if (reduce == NULL)
        return plo_fail_nomem(err, sizeof *reduce);
    reduce->refs = 1;
    reduce->node = node;
    reduce->columns = columns;
    node->reduce = reduce;
    for (size_t i = 0; i < columns; i++) {
        struct iterator *iterator = plo_alloc0(1, sizeof *iterator);
        if (iterator == NULL)
            return plo_fail_nomem(err, sizeof *iterator);
        __atomic_add_fetch(&reduce->refs, 1, __ATOMIC_RELAXED);
        iterator->reduce = reduce;
        iterator->column = i;
        PLO_TRY(plo_value_wrap_object(&iterators[i], &reduce_class, iterator, err));
    }
    return 0;
}

size_t plo_reduce_bytes(const struct plo_reduce *reduce)
{
    return reduce != NULL ? reduce->bytes : 0;
}

void plo_reduce_end(struct plo_node *node)
{
    if (node->reduce == NULL)
        return;
    node->reduce->node = NULL;
    release(node->reduce);
    node->reduce = NULL;
}
