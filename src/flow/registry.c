// registry.c: the table of operators, kept sorted by name (see registry.h).
#include "flow/registry.h"

#include <ctype.h>
#include <string.h>

#include <pipilo/pipeline.h>

#include "base/str.h"
#include "core/fail.h"
#include "core/fork.h"

static struct plo_lock lock = PLO_LOCK_INIT(NULL); // guards what follows
static const struct pipilo_operator **table;
static size_t count;
static bool filled;

// What a failure left registered is forgotten, so that the next use begins anew.
static int fill_once(struct pipilo_error *err)
{
    int result = filled ? 0 : plo_operators_fill(err);
    if (result < 0)
        count = 0;
    else
        filled = true;
    return result;
}

static bool valid_word(const char *from, const char *to)
{
    if (from == to || isdigit((unsigned char)*from))
        return false;
    for (; from < to; from++)
        if (!isalnum((unsigned char)*from) && *from != '_')
            return false;
    return true;
}

static bool valid_name(const char *name)
{
    const char *end = name + strlen(name);
    const char *dot = strchr(name, '.');
    return dot == NULL ? valid_word(name, end) : valid_word(name, dot) && valid_word(dot + 1, end);
}

// Where `name` stands or would stand.
static size_t position(const char *name, bool *found)
{
    size_t low = 0, high = count;
    *found = false;
    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(table[middle]->name, name);
        if (order == 0) {
            *found = true;
            return middle;
        }
        if (order < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int insert(const struct pipilo_operator *op, struct pipilo_error *err)
{
    bool found;
    size_t at = position(op->name, &found);
    if (found)
        return plo_fail(err, PIPILO_EEXISTS, "an operator '%s' is registered already", op->name);
    const struct pipilo_operator **grown = plo_realloc(table, count + 1, sizeof *table);
    if (grown == NULL)
        return plo_fail_nomem(err, (count + 1) * sizeof *table);
    table = grown;
    memmove(&table[at + 1], &table[at], (count - at) * sizeof *table);
    table[at] = op;
    count++;
    return 0;
}

int plo_registry_check(const struct pipilo_operator *op, struct pipilo_error *err)
{
    if (op->struct_size < sizeof *op || op->call == NULL || op->name == NULL)
        return plo_fail(err, PIPILO_EINVALID,
                        "an operator's table needs its size, a name and a call");
    return 0;
}

int plo_registry_add(const struct pipilo_operator *op, struct pipilo_error *err)
{
    PLO_TRY(plo_registry_check(op, err));
    if (!valid_name(op->name))
        return plo_fail(err, PIPILO_EINVALID,
                        "'%s' is not an operator's name: 'name' or 'category.name'", op->name);
    return insert(op, err);
}

int pipilo_operator_register(const struct pipilo_operator *op, struct pipilo_error *err)
{
    plo_lock_take(&lock);
    int result = fill_once(err);
    if (result == 0)
        result = plo_registry_add(op, err);
    plo_lock_release(&lock);
    return result;
}

const struct pipilo_operator *pipilo_operator_at(size_t index)
{
    plo_lock_take(&lock);
    fill_once(NULL);
    const struct pipilo_operator *op = index < count ? table[index] : NULL;
    plo_lock_release(&lock);
    return op;
}

const struct pipilo_operator *pipilo_operator_find(const char *name)
{
    bool found;
    plo_lock_take(&lock);
    fill_once(NULL);
    size_t at = position(name, &found);
    const struct pipilo_operator *op = found ? table[at] : NULL;
    plo_lock_release(&lock);
    return op;
}

// Also finds the operator whose part behind the dot was given alone.
const char *pipilo_operator_nearest(const char *name)
{
    const char *nearest = NULL;
    plo_lock_take(&lock);
    fill_once(NULL);
    const char **names = plo_alloc0(count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++) {
        const char *dot = strchr(table[i]->name, '.');
        names[i] = table[i]->name;
        if (dot != NULL && strcmp(dot + 1, name) == 0)
            nearest = table[i]->name;
    }
    if (names != NULL && nearest == NULL)
        nearest = plo_str_nearest(name, names);
    plo_free(names);
    plo_lock_release(&lock);
    return nearest;
}

int plo_registry_find(const char *name, const struct pipilo_operator **out,
                      struct pipilo_error *err)
{
    plo_lock_take(&lock);
    int result = fill_once(err);
    plo_lock_release(&lock);
    PLO_TRY(result);
    *out = pipilo_operator_find(name);
    if (*out != NULL)
        return 0;
    const char *nearest = pipilo_operator_nearest(name);
    if (nearest != NULL)
        return plo_fail(err, PIPILO_ENOTFOUND, "there is no operator '%s'; did you mean '%s'?",
                        name, nearest);
    return plo_fail(err, PIPILO_ENOTFOUND, "there is no operator '%s'; `pipilo ops` lists them",
                    name);
}

void plo_registry_reset(void)
{
    plo_lock_take(&lock);
    plo_free(table);
    table = NULL;
    count = 0;
    filled = false;
    plo_lock_release(&lock);
}
