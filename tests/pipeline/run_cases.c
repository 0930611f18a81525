// run_cases.c: runs the cases of a *.test file. A case is pipeline text, then "<- " and a list with
// one value an input column, then one line "-> " a row with its output columns as JSON, or
// "!! " and a part of the error's message. "#" begins a comment. Prints what differs.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pipilo/pipeline.h>

#include "base/str.h"
#include "core/live.h"
#include "core/value.h"
#include "flow/literal.h"
#include "flow/pool.h"
#include "flow/registry.h"
#include "test_operators.h"

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

// What running the case prints: its rows, or "!! message".
static char *run_case(const char *text, const char *inputs)
{
    struct plo_str str = PLO_STR_INIT;
    struct pipilo_error err = { 0 };
    pipilo_pipeline *pipeline = NULL;
    pipilo_run *run = NULL;
    pipilo_row *row = NULL;
    pipilo_value *values = NULL;
    int result = plo_literal_parse(inputs, &values, &err);
    if (result == 0)
        result = pipilo_pipeline_parse(&pipeline, text, &err);
    if (result == 0)
        result = pipilo_pipeline_start(&run, pipeline, values->as.list.items, values->as.list.count,
                                       &err);
    while (result == 0 && (result = pipilo_run_next(run, &row, &err)) == 0 && row != NULL) {
        row_text(row, pipilo_pipeline_output_count(pipeline), &str);
        pipilo_row_unref(&row);
    }
    if (result < 0)
        plo_str_addf(&str, "!! %s\n", err.message);
    pipilo_run_unref(&run);
    pipilo_pipeline_unref(&pipeline);
    pipilo_value_unref(&values);
    return plo_str_take(&str);
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
};

static int failed, passed;

static void finish(struct one_case *one, const char *file)
{
    if (one->text.length == 0)
        return;
    const char *expected = one->expected.data != NULL ? one->expected.data : "";
    char *got = run_case(one->text.data, one->inputs);
    if (matches(expected, got)) {
        passed++;
    } else {
        failed++;
        printf("%s:%d\n%s<- %s\nexpected:\n%sgot:\n%s\n", file, one->line, one->text.data,
               one->inputs, expected, got);
    }
    plo_free(got);
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
    for (int i = 1; i < count; i++)
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
    printf("%d passed, %d failed\n", passed, failed);
    return failed > 0 || passed == 0;
}
