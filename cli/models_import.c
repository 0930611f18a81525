// models_import.c: `pipilo models import`: an ONNX file becomes a model with a card.
#include <stdlib.h>
#include <string.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "memory.h"
#include "say.h"

struct import_options {
    const char *name, *config, *license, *source, *input, *output, *pool;
    const char *resize, *size, *filter, *crop, *color, *scale, *mean, *std;
    bool normalize, force;
};

// "224" or "320x240" as width and height.
static bool parse_size(const char *text, uint32_t *width, uint32_t *height)
{
    char *end;
    long w = strtol(text, &end, 10);
    long h = w;
    if (*end == 'x')
        h = strtol(end + 1, &end, 10);
    if (*end != '\0' || w < 1 || h < 1 || w > 65535 || h > 65535)
        return false;
    *width = (uint32_t)w;
    *height = (uint32_t)h;
    return true;
}

// "a,b,c".
static bool parse_three(const char *text, double out[3])
{
    for (int i = 0; i < 3; i++) {
        char *end;
        out[i] = strtod(text, &end);
        if (end == text || *end != (i < 2 ? ',' : '\0'))
            return false;
        text = end + 1;
    }
    return true;
}

struct numbers {
    double mean[3], std[3];
};

// The texts that stand for numbers; 0, or the status after the message.
static int fill_numbers(struct pipilo_model_import_options *how, struct numbers *numbers,
                        const struct import_options *options)
{
    if (options->size != NULL &&
        !parse_size(options->size, &how->resize_width, &how->resize_height))
        return say_usage("models import", "--size takes 256 or 320x240, not '%s'", options->size);
    if (options->crop != NULL && !parse_size(options->crop, &how->crop_width, &how->crop_height))
        return say_usage("models import", "--crop takes 224 or 320x240, not '%s'", options->crop);
    if (options->scale != NULL) {
        char *end;
        how->scale = strtod(options->scale, &end);
        if (end == options->scale || *end != '\0')
            return say_usage("models import", "--scale takes a number, not '%s'", options->scale);
    }
    if (options->mean != NULL && !parse_three(options->mean, numbers->mean))
        return say_usage("models import",
                         "--mean takes three numbers such as 0.5,0.5,0.5, not '%s'", options->mean);
    if (options->std != NULL && !parse_three(options->std, numbers->std))
        return say_usage("models import", "--std takes three numbers such as 0.5,0.5,0.5, not '%s'",
                         options->std);
    how->mean = options->mean != NULL ? numbers->mean : NULL;
    how->std = options->std != NULL ? numbers->std : NULL;
    return 0;
}

static int run_import(const void *stored, char **operands, int count)
{
    (void)count;
    const struct import_options *options = stored;
    struct pipilo_model_import_options how = PIPILO_MODEL_IMPORT_OPTIONS_INIT;
    struct numbers numbers;
    struct pipilo_error err;
    char *folder = NULL;
    how.name = options->name;
    how.config = options->config;
    how.license = options->license;
    how.source = options->source;
    how.input = options->input;
    how.output = options->output;
    how.pool = options->pool;
    how.resize = options->resize;
    how.filter = options->filter;
    how.color = options->color;
    how.normalize = options->normalize;
    how.force = options->force;
    int status = memory_from_environment("models import");
    if (status == 0)
        status = fill_numbers(&how, &numbers, options);
    if (status != 0)
        return status;
    if (pipilo_model_import(&folder, operands[0], &how, &err) < 0)
        return say_error(&err);
    printf("the model is in %s\n", folder);
    printf("\nnext: pipilo models show %s\n",
           strrchr(folder, '/') != NULL ? strrchr(folder, '/') + 1 : folder);
    pipilo_free(folder);
    return 0;
}

#define AT(member) offsetof(struct import_options, member)

static const struct option_row rows[] = {
    { 0, "name", "NAME", OPTION_STRING, AT(name),
      .help = "what it will be called (without it: as the file or its folder)" },
    { 0, "config", "FILE", OPTION_FILE, AT(config),
      .help = "what is done to a picture first: preprocessor_config.json (Hugging Face), "
              "config.json (timm) or model.json" },
    { 0, "input", "NAME", OPTION_STRING, AT(input),
      .help = "the ONNX input that takes the picture" },
    { 0, "output", "NAME", OPTION_STRING, AT(output),
      .help = "the ONNX output that is the vector" },
    { 0, "pool", "HOW", OPTION_CHOICE, AT(pool), .choices = "none|avg|token0|mean_tokens",
      .help = "how an output of more than one vector becomes one" },
    { 0, "resize", "HOW", OPTION_CHOICE, AT(resize),
      .choices = "none|exact|shortest_edge|longest_edge", .help = "how a picture is resized" },
    { 0, "size", "N or WxH", OPTION_STRING, AT(size), .help = "to how many pixels" },
    { 0, "filter", "WHICH", OPTION_CHOICE, AT(filter), .choices = "bicubic|bilinear|lanczos",
      .help = "the resize filter" },
    { 0, "crop", "N or WxH", OPTION_STRING, AT(crop), .help = "pixels cut from the middle" },
    { 0, "color", "ORDER", OPTION_CHOICE, AT(color), .choices = "rgb|bgr",
      .help = "the order of the colours" },
    { 0, "scale", "X", OPTION_STRING, AT(scale),
      .help = "each value becomes (pixel x scale - mean) / std" },
    { 0, "mean", "R,G,B", OPTION_STRING, AT(mean), .help = "see --scale" },
    { 0, "std", "R,G,B", OPTION_STRING, AT(std), .help = "see --scale" },
    { 0, "normalize", NULL, OPTION_FLAG, AT(normalize), .help = "make every vector of length 1" },
    { 0, "license", "SPDX", OPTION_STRING, AT(license), .help = "its licence, such as Apache-2.0" },
    { 0, "source", "TEXT", OPTION_STRING, AT(source), .help = "where it comes from" },
    { 0, "force", NULL, OPTION_FLAG, AT(force), .help = "replace a model of that name" },
    { 0 },
};

const struct command models_import_command = {
    .name = "models import",
    .operands = "FILE.onnx",
    .summary = "make a model of an ONNX file",
    .text = "Copies an ONNX file (or a folder with one) into the model home and writes its card: "
            "what is done to a picture before the model sees it. The card is made of what the file "
            "declares, the configuration given or found beside it, and these options, later ones "
            "over earlier ones. What is still missing is an error that names it.",
    .examples =
        "  pipilo models import resnet50.onnx --config config.json\n"
        "  pipilo models import net.onnx --resize shortest_edge --size 256 --crop 224 \\\n"
        "      --scale 0.00392156862745098 --mean 0.485,0.456,0.406 --std 0.229,0.224,0.225\n",
    .options = rows,
    .operand = OPERAND_FILE,
    .least = 1,
    .most = 1,
    .size = sizeof(struct import_options),
    .run = run_import,
};
