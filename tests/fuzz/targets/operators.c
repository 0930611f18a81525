// operators.c: every operator by its name, with arguments made from its own description, on values
// of every kind. The text is written as a user would write it and goes through the parser.
#include <pipilo/pipilo.h>
#include <pipilo/sys/op.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "fuzz.h"

enum { MOST_ROWS = 32, COLUMNS = 3 };

// Texts that mean something somewhere; files are in the scratch folder only.
static const char *const words[] = {
    "null:4",  "null",    "picture", ".",    "out.npy", "out.db", "out.jsonl", "out.png",  "",
    "nowhere", "bicubic", "RGB",     "bf16", "CPU",     "*.npy",  "list",      "\xff\xfe", "null:0",
};

// --- arguments -----------------------------------------------------------------------------------

static void add_string(struct plo_str *text, const char *from, size_t length)
{
    plo_str_add(text, "'");
    for (size_t i = 0; i < length; i++)
        plo_str_addf(text, "\\x%02x", (unsigned)(uint8_t)from[i]);
    plo_str_add(text, "'");
}

// One of "a|b|c".
static void add_choice(struct plo_str *text, const char *choices, uint32_t which)
{
    while (which > 0 && strchr(choices, '|') != NULL) {
        choices = strchr(choices, '|') + 1;
        which--;
    }
    add_string(text, choices, strcspn(choices, "|"));
}

// An argument of the parameter's type, within its bounds or just beyond, or of no type that fits.
static void add_argument(struct plo_str *text, const struct pipilo_param *param,
                         struct fuzz_bytes *bytes)
{
    static const char *const others[] = {
        "None", "[]",   "(1, 'x')",       "-1",  "1e400",
        "True", "'9K'", "[[0, 0, 5, 5]]", "nan", "9223372036854775807"
    };
    uint32_t which = fuzz_take(bytes, 1);
    double low = param->min < param->max ? param->min : -4, high = param->max;
    high = param->min < param->max ? high : 4;
    if (which >= 240)
        plo_str_add(text, others[which % PLO_COUNT(others)]);
    else if (param->type == PIPILO_PARAM_BOOL)
        plo_str_add(text, which % 2 != 0 ? "True" : "False");
    else if (param->type == PIPILO_PARAM_STRING && param->choices != NULL && which < 200)
        add_choice(text, param->choices, which % 4);
    else if (param->type == PIPILO_PARAM_STRING)
        add_string(text, words[which % PLO_COUNT(words)], strlen(words[which % PLO_COUNT(words)]));
    else if (param->type == PIPILO_PARAM_FLOAT)
        plo_str_addf(text, "%.9g", low + (high - low) * (which - 10) / 220);
    else if (which < 200)
        plo_str_addf(text, "%.0f", low + fuzz_take(bytes, 1) % 80);
    else
        plo_str_addf(text, "%.0f", which < 220 ? high - (which - 210) : low - (which - 230));
}

static void add_arguments(struct plo_str *text, const struct pipilo_operator *op,
                          struct fuzz_bytes *bytes)
{
    const char *comma = "";
    for (const struct pipilo_param *p = op->params; p != NULL && p->name != NULL; p++) {
        // What must be there mostly is, what need not be mostly is not.
        uint32_t given = fuzz_take(bytes, 1);
        if (p->fallback == NULL ? given >= 250 : given < 180)
            continue;
        plo_str_addf(text, "%s%s=", comma, p->name);
        if (given % 2 == 0 && strncmp(p->name, "model", 5) == 0)
            plo_str_add(text, "'null:4'");
        else
            add_argument(text, p, bytes);
        comma = ", ";
    }
}

static char *make_text(struct fuzz_bytes *bytes, size_t *columns)
{
    static const char *const steps[] = { "map", "flat_map", "window_all", "reduce" };
    static const char *const inputs[] = { "'a'", "('a', 'b')", "('a', 'b', 'c')" };
    struct plo_str text = PLO_STR_INIT;
    size_t count = 0;
    while (pipilo_operator_at(count) != NULL)
        count++;
    const struct pipilo_operator *op = pipilo_operator_at(fuzz_below(bytes, (uint32_t)count));
    *columns = 1 + fuzz_below(bytes, COLUMNS);
    plo_str_addf(&text, "pipe.input(%s).%s(%s, 'y', ops.%s(", inputs[*columns - 1],
                 steps[fuzz_below(bytes, 8) % PLO_COUNT(steps)], inputs[*columns - 1], op->name);
    add_arguments(&text, op, bytes);
    plo_str_add(&text, ")).output('y')");
    return plo_str_take(&text);
}

// --- values --------------------------------------------------------------------------------------

// 2 x 2 pixels of BMP: what reads a picture has one.
static const uint8_t picture[] = {
    'B', 'M', 70, 0, 0,  0, 0, 0, 0, 0, 54, 0, 0, 0, 40, 0, 0, 0, 2, 0, 0, 0, 2, 0,
    0,   0,   1,  0, 24, 0, 0, 0, 0, 0, 16, 0, 0, 0, 0,  0, 0, 0, 0, 0, 0, 0, 0, 0,
    0,   0,   0,  0, 0,  0, 9, 8, 7, 6, 5,  4, 0, 0, 3,  2, 1, 0, 9, 8, 0, 0,
};

static int make_tensor(pipilo_value **out, struct fuzz_bytes *bytes, struct pipilo_error *err)
{
    static const double zeros[512] = { 0 };
    static uint8_t data[sizeof zeros];
    struct pipilo_tensor tensor = { .data = data };
    tensor.dtype = (enum pipilo_dtype)(fuzz_below(bytes, 12));
    tensor.count = fuzz_below(bytes, 5);
    size_t elements = 1;
    for (size_t i = 0; i < tensor.count; i++) {
        tensor.shape[i] = fuzz_below(bytes, 8);
        elements *= tensor.shape[i];
    }
    if (elements > PLO_COUNT(zeros))
        tensor.count = 0;
    memset(data, 0, sizeof data);
    for (size_t i = 0; i < sizeof data && bytes->at < bytes->end && i < 4 * elements; i++)
        data[i] = (uint8_t)fuzz_take(bytes, 1);
    return pipilo_value_create_tensor(out, &tensor, err);
}

static pipilo_value *make_value(struct fuzz_bytes *bytes, int depth);

static int make_list(pipilo_value **out, struct fuzz_bytes *bytes, int depth,
                     struct pipilo_error *err)
{
    pipilo_value *items[4] = { NULL };
    size_t count = depth > 2 ? 0 : fuzz_below(bytes, 5);
    for (size_t i = 0; i < count; i++)
        items[i] = make_value(bytes, depth + 1);
    int result = pipilo_value_create_list(out, items, count, err);
    for (size_t i = 0; i < count; i++)
        pipilo_value_unref(&items[i]);
    return result;
}

// A value of any kind; None where it cannot be made.
static pipilo_value *make_value(struct fuzz_bytes *bytes, int depth)
{
    struct pipilo_error err = { 0 };
    pipilo_value *value = NULL;
    switch (fuzz_below(bytes, 12)) {
    case 0:
        pipilo_value_create_int(&value, (int32_t)fuzz_take(bytes, 4), &err);
        break;
    case 1:
        pipilo_value_create_string(&value, words[fuzz_below(bytes, PLO_COUNT(words))], &err);
        break;
    case 2:
        pipilo_value_create_bytes(&value, picture, sizeof picture - fuzz_below(bytes, 8), &err);
        break;
    case 3:
        pipilo_value_create_image(&value, picture, sizeof picture - fuzz_below(bytes, 8), &err);
        break;
    case 4:
        pipilo_value_create_image_file(&value, words[fuzz_below(bytes, PLO_COUNT(words))], &err);
        break;
    case 5:
        pipilo_value_create_float(&value, fuzz_take(bytes, 2) / 100.0 - 300.0, &err);
        break;
    case 6:
        err.code = -(int)(1 + fuzz_below(bytes, 19));
        memcpy(err.message, "made", 5);
        pipilo_value_create_error(&value, &err, &err);
        break;
    case 7:
    case 8:
        make_list(&value, bytes, depth, &err);
        break;
    case 9:
    case 10:
        make_tensor(&value, bytes, &err);
        break;
    default:
        break;
    }
    return value != NULL ? value : pipilo_value_none();
}

// --- a run ---------------------------------------------------------------------------------------

static void look(const pipilo_row *row)
{
    pipilo_value *value = pipilo_row_value(row, 0);
    const struct pipilo_error *bad = pipilo_value_error(value);
    char *json = NULL;
    struct pipilo_error err = { 0 };
    if (bad != NULL)
        fuzz_result(bad->code, bad);
    fuzz_require(pipilo_value_to_json(value, &json, &err) == 0, "a value can be written");
    pipilo_free(json);
    pipilo_value *pixels = NULL;
    if (pipilo_value_kind(value) == PIPILO_IMAGE)
        (void)fuzz_result(pipilo_value_image_pixels(&pixels, value, NULL, &err), &err);
    pipilo_value_unref(&pixels);
}

static void run(pipilo_pipeline *pipeline, struct fuzz_bytes *bytes, size_t columns)
{
    struct pipilo_error err = { 0 };
    pipilo_value *values[COLUMNS] = { NULL };
    pipilo_run *run = NULL;
    pipilo_row *row = NULL;
    for (size_t i = 0; i < columns; i++)
        values[i] = make_value(bytes, 0);
    int result = fuzz_result(pipilo_pipeline_start(&run, pipeline, values, columns, &err), &err);
    for (int rows = 0; result == 0 && rows < MOST_ROWS; rows++) {
        result = fuzz_result(pipilo_run_next(run, &row, &err), &err);
        if (row == NULL)
            break;
        look(row);
        pipilo_row_unref(&row);
    }
    pipilo_run_unref(&run);
    for (size_t i = 0; i < columns; i++)
        pipilo_value_unref(&values[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pipilo_error err = { 0 };
    pipilo_pipeline *pipeline = NULL;
    struct fuzz_bytes bytes = { data, data + size };
    size_t columns = 0;
    fuzz_enter();
    fuzz_clear();
    fuzz_put("picture", picture, sizeof picture);
    fuzz_put("list", "picture\n", 8);
    char *text = make_text(&bytes, &columns);
    fuzz_require(text != NULL, "there is memory");
    if (fuzz_result(pipilo_pipeline_parse(&pipeline, text, &err), &err) == 0)
        run(pipeline, &bytes, columns);
    pipilo_pipeline_unref(&pipeline);
    plo_free(text);
    return 0;
}
