// export.c: `pipilo export`: timm's models become models of pipilo. timm is Python, so the work is
// the Python package's (pipilo.export); this finds a Python that has it and becomes that program.
#include <string.h>

#include "commands.h"
#include "python.h"
#include "say.h"

struct export_options {
    const char *checkpoint, *out;
    bool random, force, quiet;
};

static int run_export(const void *stored, char **operands, int count)
{
    (void)count;
    const struct export_options *options = stored;
    const char *python = python_name();
    if (options->random && options->checkpoint != NULL)
        return say_usage("export", "--checkpoint and --random exclude each other");
    if (strncmp(operands[0], "timm:", 5) != 0 || operands[0][5] == '\0')
        return say_usage("export", "'%s' is no timm:NAME, such as timm:resnet50", operands[0]);
    int status = python_check(python, "timm");
    if (status != 0)
        return status;
    const char *words[16] = { python, "-P", "-m", "pipilo.export", operands[0] };
    int n = 5;
    if (options->checkpoint != NULL) {
        words[n++] = "--checkpoint";
        words[n++] = options->checkpoint;
    }
    if (options->out != NULL) {
        words[n++] = "--out";
        words[n++] = options->out;
    }
    if (options->random)
        words[n++] = "--random";
    if (options->force)
        words[n++] = "--force";
    if (options->quiet)
        words[n++] = "--quiet";
    return python_become(words);
}

#define AT(member) offsetof(struct export_options, member)

static const struct option_row rows[] = {
    { 'o', "out", "DIR", OPTION_FILE, AT(out),
      .help = "the model's folder (without it: NAME in the model home)" },
    { 0, "checkpoint", "FILE", OPTION_FILE, AT(checkpoint),
      .help = "weights that torch saved (a state_dict, .pth or .safetensors) instead of timm's" },
    { 0, "random", NULL, OPTION_FLAG, AT(random),
      .help = "weights that mean nothing, always the same: for tests" },
    { 0, "force", NULL, OPTION_FLAG, AT(force), .help = "replace a model that is there" },
    { 'q', "quiet", NULL, OPTION_FLAG, AT(quiet), .help = "say nothing but what is fatal" },
    { 0 },
};

const struct command export_command = {
    .name = "export",
    .operands = "timm:NAME",
    .summary = "make a model of one that timm has",
    .text = "Writes the timm model NAME as an ONNX file and a card that says what timm does to a "
            "picture first. Its vector is that of Towhee's image_embedding.timm: what the model's "
            "forward_features gives, averaged over the picture, or of a transformer the first "
            "token. timm fetches its weights from the hub unless --checkpoint or --random says "
            "where they come from.\n\n"
            "The work is done by the Python package, in $PIPILO_PYTHON or the python3 on PATH.",
    .examples = "  pipilo export timm:lambda_resnet50ts\n"
                "  pipilo export timm:resnet50 --checkpoint resnet50.pth -o resnet50\n",
    .options = rows,
    .least = 1,
    .most = 1,
    .size = sizeof(struct export_options),
    .run = run_export,
};
