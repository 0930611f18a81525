// models_quantize.c: `pipilo models quantize`: an int8 copy of a model. ONNX Runtime's quantizer is
// Python, so the copy is made by the Python package (pipilo.quantize); what it cost and gave is
// then measured here.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pipilo/pipilo.h>

#include "calibrate.h"
#include "commands.h"
#include "drive.h"
#include "memory.h"
#include "python.h"
#include "say.h"

struct quantize_options {
    const char *out;
    int64_t most, keep;
    bool reduce, force, json, quiet;
};

// Runs `python -P -m pipilo.quantize` with what was asked for; its exit status. The operands follow
// `--`, so that none is taken for an option.
static int run_python(const char *python, const struct quantize_options *options, char **operands,
                      int count)
{
    char most[24], keep[24];
    const char **words = must(calloc((size_t)count + 20, sizeof *words));
    int n = 0;
    snprintf(most, sizeof most, "%lld", (long long)options->most);
    snprintf(keep, sizeof keep, "%lld", (long long)options->keep);
    const char *const first[] = { python,       "-P",     "-m", "pipilo.quantize", "--out",
                                  options->out, "--most", most, "--keep",          keep };
    for (size_t i = 0; i < sizeof first / sizeof *first; i++)
        words[n++] = first[i];
    if (options->reduce)
        words[n++] = "--reduce-range";
    if (options->force)
        words[n++] = "--force";
    if (options->quiet)
        words[n++] = "--quiet";
    words[n++] = "--";
    for (int i = 0; i < count; i++)
        words[n++] = operands[i];
    int status = python_run(words);
    free(words);
    return status;
}

static int run_quantize(const void *stored, char **operands, int count)
{
    const struct quantize_options *options = stored;
    const char *python = python_name();
    struct calibrate_options how = {
        .precision = "f32", .reference = operands[0], .json = options->json, .quiet = options->quiet
    };
    if (options->out == NULL)
        return say_usage("models quantize", "no output is given: -o DIR, the new model's folder");
    int status = memory_from_environment("models quantize");
    if (status != 0)
        return status;
    signals_catch();
    status = python_check(python, "quantize");
    if (status == 0)
        status = run_python(python, options, operands, count);
    return status != 0 ? status : calibrate(options->out, operands + 1, count - 1, &how);
}

#define AT(member) offsetof(struct quantize_options, member)

static const struct option_row rows[] = {
    { 'o', "out", "DIR", OPTION_FILE, AT(out), .help = "the new model's folder (must be given)" },
    { 0, "most", "N", OPTION_INT, AT(most), .fallback = "300", .min = 1, .max = 1000000,
      .help = "pictures the ranges are taken from, evenly out of all" },
    { 0, "keep", "N", OPTION_INT, AT(keep), .fallback = "0", .min = 0, .max = 1000000,
      .help = "convolutions at the beginning that stay at f32: often the sensitive ones" },
    { 0, "reduce-range", NULL, OPTION_FLAG, AT(reduce),
      .help = "weights of 7 bits, for processors without VNNI, whose sums of 8 bits overflow" },
    { 0, "force", NULL, OPTION_FLAG, AT(force), .help = "replace a model that is there" },
    { 0, "json", NULL, OPTION_FLAG, AT(json), .help = "print JSON" },
    { 'q', "quiet", NULL, OPTION_FLAG, AT(quiet), .help = "say nothing while it works" },
    { 0 },
};

#undef AT

const struct command models_quantize_command = {
    .name = "models quantize",
    .operands = "MODEL PICTURE...",
    .summary = "make an int8 copy of a model, and measure it",
    .text = "Makes a copy of MODEL that computes with 8-bit numbers, and a card for it. The ranges "
            "of the numbers are measured over the pictures (files, folders, archives), which go "
            "into the model as `pipilo embed` puts them in. Then the copy is compared with MODEL "
            "over the same pictures, as `pipilo models calibrate` does. Its vectors are others "
            "than those of MODEL, with another fingerprint.\n\n"
            "The copy is made by ONNX Runtime's quantizer and the Python package, in "
            "$PIPILO_PYTHON or the python3 on PATH.",
    .examples = "  pipilo models quantize efficientnet-lite0 photos/ -o lite0-int8 --keep 6\n",
    .options = rows,
    .operand = OPERAND_MODEL,
    .least = 2,
    .most = -1,
    .size = sizeof(struct quantize_options),
    .run = run_quantize,
};
