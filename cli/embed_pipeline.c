// embed_pipeline.c: `embed` is nothing but a pipeline; here its options become the text of one.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <pipilo/pipilo.h>

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

// True for the names that any model's folder or file may have.
static bool says_nothing(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || strcmp(name, "model") == 0;
}

// The name on the model's card, which the caller frees; NULL where there is none that a file's name
// can hold.
static char *card_name(const char *model)
{
    struct pipilo_model_info *info = NULL;
    if (pipilo_model_show(&info, model, NULL, NULL) < 0)
        return NULL;
    bool good = info->name[0] != '\0' && strchr(info->name, '/') == NULL;
    char *name = good ? must(strdup(info->name)) : NULL;
    pipilo_free(info);
    return name;
}

// What a model is called in the name of its OUT: the last part of its path, without ".onnx"; where
// that is every model's, the name on its card. The caller frees it.
static char *short_name(const char *model)
{
    size_t length = strlen(model);
    while (length > 1 && model[length - 1] == '/')
        length--;
    size_t start = length;
    while (start > 0 && model[start - 1] != '/')
        start--;
    if (length - start > 5 && strncmp(model + length - 5, ".onnx", 5) == 0)
        length -= 5;
    char *last = must(strndup(model + start, length - start));
    char *name = says_nothing(last) ? card_name(model) : NULL;
    if (name == NULL)
        return last;
    free(last);
    return name;
}

char *embed_out(const struct embed_options *options, int which)
{
    const char *out = options->out, *dot = strrchr(out, '.');
    if (options->models.count == 1 || dot == NULL)
        return must(strdup(out));
    char *name = short_name(options->models.words[which]);
    char *full = text_format("%.*s.%s%s", (int)(dot - out), out, name, dot);
    free(name);
    return full;
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

// The tables that are asked what they have: a name, or a list of names.
static void add_tables(struct call *call, const struct embed_options *options)
{
    bool several = options->models.count > 1;
    add_name(call, "tables");
    fputs(several ? "[" : "", call->text);
    for (int i = 0; i < options->models.count; i++) {
        char *out = embed_out(options, i);
        fputs(i > 0 ? ", " : "", call->text);
        put_python(call->text, out);
        free(out);
    }
    fputs(several ? "]" : "", call->text);
}

static void put_read(FILE *text, const struct embed_options *options)
{
    struct call call = { .text = text };
    fputs("ops.read_dir(", text);
    add_text(&call, "files_from", options->files_from, NULL);
    if (options->update)
        add_text(&call, "update", options->out, NULL);
    if (options->resume || options->shard != NULL)
        add_tables(&call, options);
    add_text(&call, "shard", options->shard, NULL);
    fputc(')', text);
}

static void put_decode(FILE *text, const struct embed_options *options)
{
    struct call call = { .text = text };
    fputs("ops.image_decode(", text);
    add_text(&call, "exif", options->exif, "apply");
    add_flag(&call, "keep", true);
    fputc(')', text);
}

static void put_embed(FILE *text, const struct embed_options *options, int which)
{
    struct call call = { .text = text };
    fputs("ops.image_embedding.timm(", text);
    add_text(&call, NULL, options->models.words[which], NULL);
    add_settings(&call, options);
    fputc(')', text);
}

static void put_write(FILE *text, const struct embed_options *options, const char *op, int which)
{
    struct call call = { .text = text };
    char *out = embed_out(options, which);
    fprintf(text, "ops.%s(", op);
    add_text(&call, NULL, out, NULL);
    free(out);
    add_text(&call, "model", options->models.words[which], NULL);
    add_settings(&call, options);
    add_flag(&call, "force", options->force);
    add_flag(&call, "update", options->update);
    add_flag(&call, "resume", options->resume);
    add_text(&call, "shard", options->shard, NULL);
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
    if (to_stdout && options->resume)
        return "--resume needs an OUT that is a file: what went to standard output is gone";
    if (to_stdout && options->shard != NULL)
        return "--shard needs an OUT that is a file";
    if (options->update && options->resume)
        return "an update needs no --resume: done again, it does what is left to do";
    if (options->update && options->shard != NULL)
        return "a shard is not updated: merge the shards first";
    if (strcmp(options->dtype, "f32") != 0 &&
        (to_stdout || strcmp(kinds[kind].op, "write_jsonl") == 0))
        return "--dtype is for a .db or .npy; lines of JSON have the shortest decimals";
    if (options->thumbnails && (to_stdout || strcmp(kinds[kind].op, "write_sqlite") != 0))
        return "--thumbnails are kept in a .db only";
    return NULL;
}

static bool two_are_one(const struct embed_options *options)
{
    bool same = false;
    for (int i = 0; i < options->models.count; i++) {
        for (int k = 0; k < i; k++) {
            char *a = embed_out(options, i), *b = embed_out(options, k);
            same = same || strcmp(a, b) == 0;
            free(a);
            free(b);
        }
    }
    return same;
}

static const char *conflict_of_several(const struct embed_options *options)
{
    if (strcmp(options->out, "-") == 0)
        return "several models need an OUT that is a file: each gets one of its own";
    if (options->update)
        return "--update takes one model at a time: what one store has the other may lack";
    if (two_are_one(options))
        return "two models have one name, and so would their files";
    return NULL;
}

// One model on every picture, as it is read: what it needs is decoded within its own step.
static void put_one(FILE *text, const struct embed_options *options, const char *write)
{
    fputs(") \\\n    .map('image', 'vec', ", text);
    put_embed(text, options, 0);
    fputs(") \\\n    .map(('item', 'image', 'vec'), 'row', ", text);
    put_write(text, options, write, 0);
    fputs(") \\\n    .output('source', 'row')\n", text);
}

// Several models on pixels that are decoded once. At a reduced scale (--fast) each decodes for
// itself: how far the scale may go depends on what it needs.
static void put_several(FILE *text, const struct embed_options *options, const char *write)
{
    const char *picture = options->fast ? "image" : "pixels";
    if (!options->fast) {
        fputs(") \\\n    .map('image', 'pixels', ", text);
        put_decode(text, options);
    }
    for (int i = 0; i < options->models.count; i++) {
        fprintf(text, ") \\\n    .map('%s', 'vec%d', ", picture, i + 1);
        put_embed(text, options, i);
        fprintf(text, ") \\\n    .map(('item', 'image', 'vec%d'), 'row%d', ", i + 1, i + 1);
        put_write(text, options, write, i);
    }
    fputs(") \\\n    .output('source'", text);
    for (int i = 0; i < options->models.count; i++)
        fprintf(text, ", 'row%d'", i + 1);
    fputs(")\n", text);
}

char *embed_pipeline(const struct embed_options *options)
{
    int kind = kind_of(options->out);
    const char *wrong = conflict(options, kind);
    if (wrong == NULL && options->models.count > 1)
        wrong = conflict_of_several(options);
    if (wrong != NULL) {
        say_usage("embed", "%s", wrong);
        return NULL;
    }
    char *made = NULL;
    size_t size;
    FILE *text = must(open_memstream(&made, &size));
    const char *write = kind < 0 ? "write_jsonl" : kinds[kind].op;
    fputs("pipe.input('inputs') \\\n    .flat_map('inputs', ('source', 'image', 'item'), ", text);
    put_read(text, options);
    if (options->models.count > 1)
        put_several(text, options, write);
    else
        put_one(text, options, write);
    fclose(text);
    return must(made);
}
