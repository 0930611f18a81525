// args.c: binding arguments to a parameter table (see args.h).
#include "flow/args.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/fail.h"
#include "flow/literal.h"

struct pipilo_args {
    const struct pipilo_operator *op;
    void *cookie;
    size_t count;
    pipilo_value *values[]; // one a parameter, never NULL once bound
};

static size_t param_count(const struct pipilo_operator *op)
{
    size_t count = 0;
    while (op->params != NULL && op->params[count].name != NULL)
        count++;
    return count;
}

static int unknown_keyword(const struct pipilo_operator *op, size_t count, const char *keyword,
                           struct pipilo_error *err)
{
    const char *nearest = NULL;
    const char **names = plo_alloc0(count + 1, sizeof *names);
    for (size_t i = 0; names != NULL && i < count; i++)
        names[i] = op->params[i].name;
    if (names != NULL)
        nearest = plo_str_nearest(keyword, names);
    plo_free(names);
    if (nearest != NULL)
        return plo_fail(err, PIPILO_EPIPELINE, "%s has no parameter '%s'; did you mean '%s'?",
                        op->name, keyword, nearest);
    return plo_fail(err, PIPILO_EPIPELINE, "%s has no parameter '%s'", op->name, keyword);
}

// Whether `word` is one of the words in "a|b|c".
static bool in_choices(const char *choices, const char *word)
{
    size_t length = strlen(word);
    while (*choices != '\0') {
        size_t next = strcspn(choices, "|");
        if (next == length && strncmp(choices, word, length) == 0)
            return true;
        choices += next + (choices[next] == '|');
    }
    return false;
}

// "2G", "512 MiB", "1000": powers of 1024. Negative where it is none.
static double size_of_text(const char *text)
{
    static const char units[] = "KMGTP";
    char *end;
    double number = strtod(text, &end);
    if (end == text || !isfinite(number))
        return -1;
    while (*end == ' ')
        end++;
    const char *unit = *end != '\0' ? strchr(units, toupper((unsigned char)*end)) : NULL;
    if (unit != NULL) {
        number = ldexp(number, 10 * (int)(unit - units + 1));
        end++;
        if (*end == 'i')
            end++;
    }
    if (*end == 'B' || *end == 'b')
        end++;
    return *end == '\0' ? number : -1;
}

static bool right_kind(const struct pipilo_param *param, const pipilo_value *value)
{
    switch (param->type) {
    case PIPILO_PARAM_BOOL:
        return value->kind == PIPILO_BOOL;
    case PIPILO_PARAM_INT:
        return value->kind == PIPILO_INT;
    case PIPILO_PARAM_FLOAT:
        return value->kind == PIPILO_INT || value->kind == PIPILO_FLOAT;
    case PIPILO_PARAM_STRING:
        return value->kind == PIPILO_STRING;
    case PIPILO_PARAM_SIZE:
        return (value->kind == PIPILO_INT && value->as.i >= 0) ||
               (value->kind == PIPILO_STRING && size_of_text(value->as.string.text) >= 0);
    case PIPILO_PARAM_VALUE:
        return true;
    }
    return false;
}

static int wrong(const struct pipilo_operator *op, const struct pipilo_param *param,
                 const pipilo_value *value, const char *wanted, struct pipilo_error *err)
{
    struct plo_str str = PLO_STR_INIT;
    plo_value_add_literal(value, &str);
    char *text = plo_str_take(&str);
    int result = plo_fail(err, PIPILO_EPIPELINE, "%s: %s=%s is not %s", op->name, param->name,
                          text != NULL ? text : "?", wanted);
    plo_free(text);
    return result;
}

static int check(const struct pipilo_operator *op, const struct pipilo_param *param,
                 const pipilo_value *value, struct pipilo_error *err)
{
    static const char *const wanted[] = {
        "True or False", "a whole number", "a number", "a string", "a size (such as 512M or 2G)",
        "a value"
    };
    // None is right where it is the default.
    if (value->kind == PIPILO_NONE && param->fallback != NULL &&
        strcmp(param->fallback, "None") == 0)
        return 0;
    if (!right_kind(param, value))
        return wrong(op, param, value, wanted[param->type], err);
    bool number = param->type == PIPILO_PARAM_INT || param->type == PIPILO_PARAM_FLOAT;
    double d = pipilo_value_float(value);
    if (number && param->min < param->max && !(d >= param->min && d <= param->max)) {
        char range[80];
        snprintf(range, sizeof range, "between %.10g and %.10g", param->min, param->max);
        return wrong(op, param, value, range, err);
    }
    if (param->choices != NULL && value->kind == PIPILO_STRING &&
        !in_choices(param->choices, value->as.string.text)) {
        char choices[160];
        snprintf(choices, sizeof choices, "one of %s", param->choices);
        return wrong(op, param, value, choices, err);
    }
    return 0;
}

static int bind_keyword(pipilo_args *args, const char *keyword, pipilo_value *value,
                        struct pipilo_error *err)
{
    for (size_t i = 0; i < args->count; i++) {
        if (strcmp(args->op->params[i].name, keyword) != 0)
            continue;
        if (args->values[i] != NULL)
            return plo_fail(err, PIPILO_EPIPELINE, "%s got the parameter '%s' twice",
                            args->op->name, keyword);
        args->values[i] = pipilo_value_ref(value);
        return 0;
    }
    return unknown_keyword(args->op, args->count, keyword, err);
}

static int fill_in(pipilo_args *args, struct pipilo_error *err)
{
    for (size_t i = 0; i < args->count; i++) {
        const struct pipilo_param *param = &args->op->params[i];
        if (args->values[i] == NULL && param->fallback == NULL)
            return plo_fail(err, PIPILO_EPIPELINE, "%s needs the parameter '%s': %s",
                            args->op->name, param->name, param->help);
        if (args->values[i] == NULL)
            PLO_TRY(plo_literal_parse(param->fallback, &args->values[i], err));
        PLO_TRY(check(args->op, param, args->values[i], err));
    }
    return 0;
}

int plo_args_bind(pipilo_args **out, const struct pipilo_operator *op,
                  pipilo_value *const *positional, size_t positional_count, char *const *keywords,
                  pipilo_value *const *values, size_t keyword_count, void *cookie,
                  struct pipilo_error *err)
{
    size_t count = param_count(op);
    if (positional_count > count)
        return plo_fail(err, PIPILO_EPIPELINE, "%s takes at most %zu arguments, not %zu", op->name,
                        count, positional_count);
    pipilo_args *args = plo_alloc0(1, sizeof *args + count * sizeof(pipilo_value *));
    if (args == NULL)
        return plo_fail_nomem(err, sizeof *args);
    args->op = op;
    args->cookie = cookie;
    args->count = count;
    int result = 0;
    for (size_t i = 0; i < positional_count; i++)
        args->values[i] = pipilo_value_ref(positional[i]);
    for (size_t i = 0; result == 0 && i < keyword_count; i++)
        result = bind_keyword(args, keywords[i], values[i], err);
    if (result == 0)
        result = fill_in(args, err);
    if (result < 0) {
        plo_args_destroy(args);
        return result;
    }
    *out = args;
    return 0;
}

void plo_args_destroy(pipilo_args *args)
{
    if (args == NULL)
        return;
    for (size_t i = 0; i < args->count; i++)
        pipilo_value_unref(&args->values[i]);
    plo_free(args);
}

pipilo_value *pipilo_args_value(const pipilo_args *args, const char *name)
{
    for (size_t i = 0; i < args->count; i++)
        if (strcmp(args->op->params[i].name, name) == 0)
            return args->values[i];
    assert(!"an operator asked for a parameter that its table lacks");
    return pipilo_value_none();
}

bool pipilo_args_bool(const pipilo_args *args, const char *name)
{
    return pipilo_value_bool(pipilo_args_value(args, name));
}

int64_t pipilo_args_int(const pipilo_args *args, const char *name)
{
    const pipilo_value *value = pipilo_args_value(args, name);
    if (value->kind == PIPILO_STRING)
        return (int64_t)size_of_text(value->as.string.text);
    return pipilo_value_int(value);
}

double pipilo_args_float(const pipilo_args *args, const char *name)
{
    return pipilo_value_float(pipilo_args_value(args, name));
}

const char *pipilo_args_string(const pipilo_args *args, const char *name)
{
    return pipilo_value_string(pipilo_args_value(args, name));
}

void *pipilo_args_cookie(const pipilo_args *args)
{
    return args->cookie;
}
