// callable.c: an operator with its arguments (see callable.h).
#include "flow/callable.h"

#include "core/fail.h"
#include "core/fork.h"
#include "flow/args.h"
#include "flow/registry.h"

static int copy_arguments(pipilo_callable *callable, pipilo_value *const *positional,
                          size_t positional_count, const char *const *keywords,
                          pipilo_value *const *values, size_t keyword_count,
                          struct pipilo_error *err)
{
    callable->positional = plo_alloc0(positional_count, sizeof *callable->positional);
    callable->keywords = plo_alloc0(keyword_count, sizeof *callable->keywords);
    callable->values = plo_alloc0(keyword_count, sizeof *callable->values);
    if (callable->positional == NULL || callable->keywords == NULL || callable->values == NULL)
        return plo_fail_nomem(err, 0);
    for (size_t i = 0; i < positional_count; i++)
        callable->positional[callable->positional_count++] = pipilo_value_ref(positional[i]);
    for (size_t i = 0; i < keyword_count; i++) {
        callable->keywords[i] = plo_strdup(keywords[i]);
        if (callable->keywords[i] == NULL)
            return plo_fail_nomem(err, 0);
        callable->values[i] = pipilo_value_ref(values[i]);
        callable->keyword_count++;
    }
    return 0;
}

static pipilo_callable *create(const struct pipilo_operator *op)
{
    pipilo_callable *callable = plo_alloc0(1, sizeof *callable);
    if (callable != NULL) {
        callable->refs = 1;
        callable->op = op;
        callable->generation = plo_fork_generation();
        pthread_mutex_init(&callable->lock, NULL);
    }
    return callable;
}

int pipilo_callable_create(pipilo_callable **out, const char *name, pipilo_value *const *positional,
                           size_t positional_count, const char *const *keywords,
                           pipilo_value *const *values, size_t keyword_count,
                           struct pipilo_error *err)
{
    const struct pipilo_operator *op = NULL;
    PLO_TRY(plo_registry_find(name, &op, err));
    pipilo_callable *callable = create(op);
    if (callable == NULL)
        return plo_fail_nomem(err, sizeof *callable);
    int result = copy_arguments(callable, positional, positional_count, keywords, values,
                                keyword_count, err);
    if (result < 0)
        pipilo_callable_unref(&callable);
    *out = callable;
    return result;
}

int pipilo_callable_create_from(pipilo_callable **out, const struct pipilo_operator *op,
                                void *cookie, void (*release)(void *cookie),
                                struct pipilo_error *err)
{
    int result = plo_registry_check(op, err);
    pipilo_callable *callable = result == 0 ? create(op) : NULL;
    if (callable == NULL) {
        if (release != NULL)
            release(cookie);
        return result < 0 ? result : plo_fail_nomem(err, sizeof *callable);
    }
    callable->cookie = cookie;
    callable->release = release;
    *out = callable;
    return 0;
}

pipilo_callable *pipilo_callable_ref(pipilo_callable *callable)
{
    __atomic_add_fetch(&callable->refs, 1, __ATOMIC_RELAXED);
    return callable;
}

// What a child of fork() inherited is not closed: its engine's threads are not there.
static void close_state(pipilo_callable *callable)
{
    if (callable->generation != plo_fork_generation())
        return;
    if (callable->state != NULL && callable->op->close != NULL)
        callable->op->close(callable->state);
    plo_free(callable->state);
    callable->state = NULL;
    plo_args_destroy(callable->args);
    callable->args = NULL;
}

void pipilo_callable_unref(pipilo_callable **slot)
{
    pipilo_callable *callable = *slot;
    *slot = NULL;
    if (callable == NULL || __atomic_sub_fetch(&callable->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    close_state(callable);
    for (size_t i = 0; i < callable->positional_count; i++)
        pipilo_value_unref(&callable->positional[i]);
    for (size_t i = 0; i < callable->keyword_count; i++) {
        plo_free(callable->keywords[i]);
        pipilo_value_unref(&callable->values[i]);
    }
    plo_free(callable->positional);
    plo_free(callable->keywords);
    plo_free(callable->values);
    if (callable->release != NULL)
        callable->release(callable->cookie);
    pthread_mutex_destroy(&callable->lock);
    plo_free(callable);
}

static int open_locked(pipilo_callable *callable, struct pipilo_error *err)
{
    const struct pipilo_operator *op = callable->op;
    PLO_TRY(plo_args_bind(&callable->args, op, callable->positional, callable->positional_count,
                          callable->keywords, callable->values, callable->keyword_count,
                          callable->cookie, err));
    callable->state = plo_alloc0(1, op->state_size);
    int result = 0;
    if (callable->state == NULL)
        result = plo_fail_nomem(err, op->state_size);
    else if (op->open != NULL)
        result = op->open(callable->state, callable->args, err);
    if (result < 0)
        close_state(callable);
    return result;
}

static struct plo_lock fork_lock = PLO_LOCK_INIT(NULL); // guards being opened anew

// What was opened before the fork stays as it is, unused and not freed.
static void abandon(pipilo_callable *callable, unsigned generation)
{
    plo_lock_take(&fork_lock);
    if (callable->generation != generation) {
        pthread_mutex_init(&callable->lock, NULL);
        callable->ready = false;
        callable->args = NULL;
        callable->state = NULL;
        __atomic_store_n(&callable->generation, generation, __ATOMIC_RELEASE);
    }
    plo_lock_release(&fork_lock);
}

int plo_callable_open(pipilo_callable *callable, struct pipilo_error *err)
{
    unsigned generation = plo_fork_generation();
    if (__atomic_load_n(&callable->generation, __ATOMIC_ACQUIRE) != generation)
        abandon(callable, generation);
    else if (__atomic_load_n(&callable->ready, __ATOMIC_ACQUIRE))
        return 0;
    pthread_mutex_lock(&callable->lock);
    int result = callable->args != NULL ? 0 : open_locked(callable, err);
    if (result == 0)
        __atomic_store_n(&callable->ready, true, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&callable->lock);
    return result;
}

void plo_callable_add_text(const pipilo_callable *callable, struct plo_str *str)
{
    plo_str_addf(str, "ops.%s(", callable->op->name);
    const char *comma = "";
    for (size_t i = 0; i < callable->positional_count; i++, comma = ", ") {
        plo_str_add(str, comma);
        plo_value_add_literal(callable->positional[i], str);
    }
    for (size_t i = 0; i < callable->keyword_count; i++, comma = ", ") {
        plo_str_addf(str, "%s%s=", comma, callable->keywords[i]);
        plo_value_add_literal(callable->values[i], str);
    }
    plo_str_add(str, ")");
}
