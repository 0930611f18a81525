// pipeline.c: a pipeline's text, read, closed and run. What reads or writes files by name is left
// to operators.c, which names its own files.
#include <pipilo/pipilo.h>
#include <string.h>

#include "base/alloc.h"
#include "fuzz.h"

enum { MOST_ROWS = 64, MOST_INPUTS = 8 };

static pipilo_value *make_input(size_t index)
{
    struct pipilo_error err = { 0 };
    pipilo_value *value = NULL, *items[2] = { NULL };
    static const float numbers[4] = { 3.0f, 4.0f, 0.0f, -1.0f };
    struct pipilo_tensor tensor = { .dtype = PIPILO_F32, .count = 1, .shape = { 4 } };
    tensor.data = numbers;
    int result = 0;
    if (index % 4 == 0)
        result = pipilo_value_create_int(&value, (int64_t)index - 3, &err);
    else if (index % 4 == 1)
        result = pipilo_value_create_string(&value, "text", &err);
    else if (index % 4 == 2)
        result = pipilo_value_create_tensor(&value, &tensor, &err);
    fuzz_require(result == 0, "a value can be made");
    if (index % 4 < 3)
        return value;
    items[0] = make_input(0);
    items[1] = make_input(2);
    fuzz_require(pipilo_value_create_list(&value, items, 2, &err) == 0, "a list can be made");
    pipilo_value_unref(&items[0]);
    pipilo_value_unref(&items[1]);
    return value;
}

static void run(pipilo_pipeline *pipeline, size_t inputs)
{
    struct pipilo_error err = { 0 };
    pipilo_value *values[MOST_INPUTS] = { NULL };
    pipilo_run *run = NULL;
    for (size_t i = 0; i < inputs; i++)
        values[i] = make_input(i);
    int result = pipilo_pipeline_start(&run, pipeline, values, inputs, &err);
    fuzz_result(result, &err);
    for (int rows = 0; result == 0 && rows < MOST_ROWS; rows++) {
        pipilo_row *row = NULL;
        result = fuzz_result(pipilo_run_next(run, &row, &err), &err);
        if (row == NULL)
            break;
        for (size_t i = 0; i < pipilo_pipeline_output_count(pipeline); i++)
            fuzz_require(pipilo_row_value(row, i) != NULL, "every column has a value");
        const struct pipilo_error *bad = pipilo_row_error(row);
        if (bad != NULL)
            fuzz_result(bad->code, bad);
        pipilo_row_unref(&row);
    }
    pipilo_run_unref(&run);
    for (size_t i = 0; i < inputs; i++)
        pipilo_value_unref(&values[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pipilo_error err = { 0 };
    pipilo_pipeline *pipeline = NULL;
    fuzz_enter();
    char *text = plo_strndup((const char *)data, size);
    fuzz_require(text != NULL, "there is memory");
    int result = fuzz_result(pipilo_pipeline_parse(&pipeline, text, &err), &err);
    size_t inputs = result == 0 ? pipilo_pipeline_input_count(pipeline) : 0;
    bool files = strstr(text, "read_dir") != NULL || strstr(text, "write_") != NULL;
    if (result == 0 && inputs <= MOST_INPUTS && !files)
        run(pipeline, inputs);
    pipilo_pipeline_unref(&pipeline);
    plo_free(text);
    return 0;
}
