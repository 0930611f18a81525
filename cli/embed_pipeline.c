// embed_pipeline.c: `embed` is nothing but a pipeline; here its options become the text of one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "embed.h"
#include "say.h"

static const struct {
    const char *suffix, *op, *kind;
} kinds[] = {
    { ".db", "write_sqlite", "an SQLite database" },
    { ".sqlite", "write_sqlite", "an SQLite database" },
    { ".npy", "write_npy", "a NumPy array, its rows in the .jsonl beside it" },
    { ".jsonl", "write_jsonl", "a line of JSON a row" },
};

// The index of OUT's kind; negative for a name that says none.
static int kind_of(const char *out)
{
    size_t length = strlen(out);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        size_t suffix = strlen(kinds[i].suffix);
        if (length > suffix && strcasecmp(out + length - suffix, kinds[i].suffix) == 0)
            return (int)i;
    }
    return -1;
}

const char *embed_kind(const char *out)
{
    int kind = kind_of(out);
    return kind < 0 ? "lines of JSON" : kinds[kind].kind;
}

bool embed_keeps(const char *out)
{
    int kind = kind_of(out);
    return kind >= 0 && strcmp(kinds[kind].op, "write_sqlite") == 0;
}

// Arguments of one call, written one after the other; those at their default are left out.
struct call {
    FILE *text;
    bool more; // there is one before
};

static void add_name(struct call *call, const char *name)
{
    fputs(call->more ? ", " : "", call->text);
    if (name != NULL)
        fprintf(call->text, "%s=", name);
    call->more = true;
}

static void add_text(struct call *call, const char *name, const char *value, const char *usual)
{
    if (value == NULL || (usual != NULL && strcmp(value, usual) == 0))
        return;
    add_name(call, name);
    put_python(call->text, value);
}

static void add_flag(struct call *call, const char *name, bool value)
{
    if (!value)
        return;
    add_name(call, name);
    fputs("True", call->text);
}

static void add_number(struct call *call, const char *name, int64_t value)
{
    if (value == 0)
        return;
    add_name(call, name);
    fprintf(call->text, "%lld", (long long)value);
}

// The vectors are made with these, and OUT remembers them.
static void add_settings(struct call *call, const struct embed_options *options)
{
    add_text(call, "precision", options->precision, "f32");
    add_text(call, "exif", options->exif, "apply");
    add_flag(call, "fast", options->fast);
    add_flag(call, "normalize", options->normalize);
    add_text(call, "device", options->device, NULL);
    add_number(call, "batch", options->batch);
    add_number(call, "threads", options->threads);
}

static void put_read(FILE *text, const struct embed_options *options)
{
    struct call call = { .text = text };
    fputs("ops.read_dir(", text);
    add_text(&call, "files_from", options->files_from, NULL);
    if (options->update)
        add_text(&call, "update", options->out, NULL);
    fputc(')', text);
}

static void put_embed(FILE *text, const struct embed_options *options)
{
    struct call call = { .text = text };
    fputs("ops.image_embedding.timm(", text);
    add_text(&call, NULL, options->model, NULL);
    add_settings(&call, options);
    fputc(')', text);
}

static void put_write(FILE *text, const struct embed_options *options, const char *op)
{
    struct call call = { .text = text };
    fprintf(text, "ops.%s(", op);
    add_text(&call, NULL, options->out, NULL);
    add_text(&call, "model", options->model, NULL);
    add_settings(&call, options);
    add_flag(&call, "force", options->force);
    add_flag(&call, "update", options->update);
    add_text(&call, "on_error", options->on_error, "row");
    add_text(&call, "dtype", options->dtype, "f32");
    add_flag(&call, "thumbnails", options->thumbnails);
    fputc(')', text);
}

static const char *conflict(const struct embed_options *options, int kind)
{
    bool to_stdout = strcmp(options->out, "-") == 0;
    if (kind < 0 && !to_stdout)
        return "the name of OUT must end in .db, .sqlite, .npy or .jsonl, or be -";
    if (options->force && options->update)
        return "--force and --update exclude each other";
    if (to_stdout && options->update)
        return "--update needs an OUT that is a file";
    if (strcmp(options->dtype, "f32") != 0 &&
        (to_stdout || strcmp(kinds[kind].op, "write_jsonl") == 0))
        return "--dtype is for a .db or .npy; lines of JSON have the shortest decimals";
    if (options->thumbnails && (to_stdout || strcmp(kinds[kind].op, "write_sqlite") != 0))
        return "--thumbnails are kept in a .db only";
    return NULL;
}

char *embed_pipeline(const struct embed_options *options)
{
    int kind = kind_of(options->out);
    const char *wrong = conflict(options, kind);
    if (wrong != NULL) {
        say_usage("embed", "%s", wrong);
        return NULL;
    }
    char *made = NULL;
    size_t size;
    FILE *text = must(open_memstream(&made, &size));
    fputs("pipe.input('inputs') \\\n    .flat_map('inputs', ('source', 'image', 'item'), ", text);
    put_read(text, options);
    fputs(") \\\n    .map('image', 'vec', ", text);
    put_embed(text, options);
    fputs(") \\\n    .map(('item', 'image', 'vec'), 'row', ", text);
    put_write(text, options, kind < 0 ? "write_jsonl" : kinds[kind].op);
    fputs(") \\\n    .output('source', 'row')\n", text);
    fclose(text);
    return must(made);
}
