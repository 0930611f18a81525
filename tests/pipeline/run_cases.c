// run_cases.c: runs the cases of a *.test file. A case is pipeline text, then "<- " and a list with
// one value an input column, then one line "-> " a row with its output columns as JSON, or
// "!! " and a part of the error's message. "#" begins a comment. Prints what differs.
//
// With --torture STEP each case runs again and again while its 1st, 1+STEPth ... allocation fails,
// in longer and longer steps, until there are no more: what comes out says so or is as expected,
// and nothing stays allocated. With PIPILO_TORTURE=full it is each of the first 512, and steps of a
// 512th after them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pipilo/pipeline.h>

#include "base/str.h"
#include "core/live.h"
#include "core/value.h"
#include "flow/literal.h"
#include "flow/pool.h"
#include "flow/registry.h"
#include "test_operators.h"

enum { MOST_ROWS = 4096 };

static void row_text(const pipilo_row *row, size_t count, struct plo_str *str)
{
    plo_str_add(str, "-> [");
    for (size_t i = 0; i < count; i++) {
        const pipilo_value *value = pipilo_row_value(row, i);
        plo_str_add(str, i > 0 ? ", " : "");
        if (value->kind == PIPILO_EMPTY)
            plo_str_add(str, "Empty()");
        else if (value->kind == PIPILO_ERROR)
            plo_str_addf(str, "Error(%s)", value->as.error->message);
        else
            plo_value_add_json(value, str);
    }
    plo_str_add(str, "]\n");
}

struct outcome {
    char *text;        // the rows, or "!! message"
    bool short_of;     // the case or a row of it failed for lack of memory
    int64_t allocated; // blocks
};

static bool is_short(const struct pipilo_error *error)
{
    return error->code == PIPILO_ENOMEM && error->message[0] != '\0';
}

// Takes the rows and gives what they say.
static void tell(struct outcome *out, pipilo_row **rows, size_t count, size_t columns)
{
    struct plo_str str = PLO_STR_INIT;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < columns; k++) {
            const pipilo_value *value = pipilo_row_value(rows[i], k);
            if (value->kind == PIPILO_ERROR && is_short(value->as.error))
                out->short_of = true;
        }
        row_text(rows[i], columns, &str);
        pipilo_row_unref(&rows[i]);
    }
    out->text = plo_str_take(&str);
}

// Runs the case with its nth allocation failing (INT64_MAX: none).
static struct outcome run_case(const char *text, const char *inputs, int64_t nth)
{
    static pipilo_row *rows[MOST_ROWS];
    struct outcome out = { 0 };
    struct pipilo_error err = { 0 };
    pipilo_pipeline *pipeline = NULL;
    pipilo_run *run = NULL;
    pipilo_value *values = NULL;
    size_t count = 0;
    plo_alloc_fail_nth(nth);
    int result = plo_literal_parse(inputs, &values, &err);
    if (result == 0)
        result = pipilo_pipeline_parse(&pipeline, text, &err);
    if (result == 0)
        result = pipilo_pipeline_start(&run, pipeline, values->as.list.items, values->as.list.count,
                                       &err);
    while (result == 0 && count < MOST_ROWS &&
           (result = pipilo_run_next(run, &rows[count], &err)) == 0 && rows[count] != NULL)
        count++;
    out.allocated = plo_alloc_fail_nth(0);
    tell(&out, rows, count, pipeline != NULL ? pipilo_pipeline_output_count(pipeline) : 0);
    if (result < 0) {
        char *rest = plo_format("%s!! %s\n", out.text != NULL ? out.text : "", err.message);
        plo_free(out.text);
        out.text = rest;
        out.short_of = is_short(&err);
    }
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&pipeline);
    pipilo_value_unref(&values);
    return out;
}

static bool matches(const char *expected, const char *got)
{
    if (strncmp(expected, "!! ", 3) != 0)
        return strcmp(expected, got) == 0;
    size_t length = strcspn(expected + 3, "\n");
    char *part = plo_strndup(expected + 3, length);
    bool found = strncmp(got, "!! ", 3) == 0 && strstr(got, part) != NULL;
    plo_free(part);
    return found;
}

struct one_case {
    struct plo_str text, expected;
    char inputs[4096];
    int line;
    int64_t blocks; // alive before it
};

static int failed, passed;
static int64_t step; // of the allocations that fail; 0: none
static int64_t failures;

// What the case leaves for the next one, a run that a thread still has, is let go first.
static void expect_nothing_alive(const struct one_case *one, const char *file, int64_t nth)
{
    plo_pool_stop();
    plo_registry_reset();
    if (plo_alloc_live() != one->blocks) {
        failed++;
        printf("%s:%d: allocation %lld: %lld blocks left\n", file, one->line, (long long)nth,
               (long long)(plo_alloc_live() - one->blocks));
    }
}

// A step that takes many rows leaves out one that failed, for whatever reason; and a message may
// come without the name it would have proposed.
static bool may_differ(const char *text, const char *got)
{
    return strstr(text, ".window") != NULL || strstr(text, ".reduce") != NULL ||
           strstr(text, ".time_window") != NULL || (got != NULL && strncmp(got, "!! ", 3) == 0);
}

static void torture(struct one_case *one, const char *file, const char *expected)
{
    plo_pool_stop();
    plo_registry_reset();
    one->blocks = plo_alloc_live();
    bool more = true;
    for (int64_t nth = 1; more; nth += step + nth / (step == 1 ? 512 : 8)) {
        alarm(240);
        struct outcome out = run_case(one->text.data, one->inputs, nth);
        more = out.allocated >= nth;
        failures += more;
        if (!out.short_of && !may_differ(one->text.data, out.text) &&
            (out.text == NULL || !matches(expected, out.text))) {
            failed++;
            printf("%s:%d: allocation %lld\n%s<- %s\nexpected:\n%sgot:\n%s\n", file, one->line,
                   (long long)nth, one->text.data, one->inputs, expected, out.text);
        }
        plo_free(out.text);
        expect_nothing_alive(one, file, nth);
    }
    alarm(0);
}

static void finish(struct one_case *one, const char *file)
{
    if (one->text.length == 0)
        return;
    const char *expected = one->expected.data != NULL ? one->expected.data : "";
    char *got = run_case(one->text.data, one->inputs, INT64_MAX).text;
    if (matches(expected, got)) {
        passed++;
    } else {
        failed++;
        printf("%s:%d\n%s<- %s\nexpected:\n%sgot:\n%s\n", file, one->line, one->text.data,
               one->inputs, expected, got);
    }
    plo_free(got);
    if (step > 0)
        torture(one, file, expected);
    plo_str_reset(&one->text);
    plo_str_reset(&one->expected);
}

static void run_file(const char *path)
{
    char line[8192];
    struct one_case one = { 0 };
    int number = 0;
    FILE *file = fopen(path, "r");
    if (file == NULL) {
        perror(path);
        exit(1);
    }
    while (fgets(line, sizeof line, file) != NULL) {
        number++;
        if (line[0] == '#')
            continue;
        if (strncmp(line, "<- ", 3) == 0) {
            snprintf(one.inputs, sizeof one.inputs, "%.*s", (int)strcspn(line + 3, "\n"), line + 3);
        } else if (strncmp(line, "-> ", 3) == 0 || strncmp(line, "!! ", 3) == 0) {
            plo_str_add(&one.expected, line);
        } else if (line[0] == '\n') {
            finish(&one, path);
            one.inputs[0] = '\0';
        } else {
            if (one.text.length == 0)
                one.line = number;
            plo_str_add(&one.text, line);
        }
    }
    finish(&one, path);
    fclose(file);
}

int main(int count, char **arguments)
{
    int first = 1;
    if (count > 2 && strcmp(arguments[1], "--torture") == 0) {
        const char *all = getenv("PIPILO_TORTURE");
        step = all != NULL && strcmp(all, "full") == 0 ? 1 : strtoll(arguments[2], NULL, 10);
        first = 3;
    }
    for (int i = first; i < count; i++)
        run_file(arguments[i]);
    plo_pool_stop();
    plo_registry_reset();
    for (int kind = 0; kind < PLO_LIVE_KINDS; kind++) {
        if (plo_live_count(kind) != 0) {
            printf("%lld %s are still alive\n", (long long)plo_live_count(kind),
                   plo_live_name(kind));
            failed++;
        }
    }
    if (plo_alloc_live() != 0) {
        printf("%lld blocks are still allocated\n", (long long)plo_alloc_live());
        failed++;
    }
    printf("%d passed, %d failed; %lld allocations failed\n", passed, failed, (long long)failures);
    return failed > 0 || passed == 0;
}
