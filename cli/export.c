// export.c: `pipilo export`: timm's models become models of pipilo. timm is Python, so the work is
// the Python package's (pipilo.export); this finds a Python that has it and becomes that program.
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "commands.h"
#include "say.h"

extern char **environ;

struct export_options {
    const char *checkpoint, *out;
    bool random, force, quiet;
};

// -P: a folder `pipilo` where the command is typed is not the package.
static char probe[] = "import importlib.util as u, sys; "
                      "sys.exit(sys.version_info < (3, 11) or u.find_spec('pipilo') is None)";

static const char *python_name(void)
{
    const char *own = getenv("PIPILO_PYTHON");
    return own != NULL && *own != '\0' ? own : "python3";
}

// Runs the probe; its exit status, or a negative errno where there is no such program.
static int run_probe(const char *python)
{
    char dash_p[] = "-P", dash_c[] = "-c";
    char *name = must(strdup(python));
    char *words[] = { name, dash_p, dash_c, probe, NULL };
    posix_spawn_file_actions_t actions;
    pid_t child;
    int status = 0;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    int result = posix_spawnp(&child, python, &actions, NULL, words, environ);
    posix_spawn_file_actions_destroy(&actions);
    free(name);
    if (result != 0)
        return -result;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR)
        ;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

// 0, or the exit status after the message.
static int check_python(const char *python)
{
    int result = run_probe(python);
    if (result == 0)
        return 0;
    if (result < 0 && getenv("PIPILO_PYTHON") != NULL)
        say("PIPILO_PYTHON is %s, which cannot be run: %s", python, strerror(-result));
    else if (result < 0)
        say("there is no %s on PATH: timm needs Python 3.11 or newer; PIPILO_PYTHON names another",
            python);
    else
        say("%s has no package pipilo (or is older than 3.11): in pipilo's source folder run "
            "%s -m pip install '.[timm]'; PIPILO_PYTHON names another Python",
            python, python);
    return EXIT_NOT_FOUND;
}

static int run_export(const void *stored, char **operands, int count)
{
    (void)count;
    const struct export_options *options = stored;
    const char *python = python_name();
    if (options->random && options->checkpoint != NULL)
        return say_usage("export", "--checkpoint and --random exclude each other");
    if (strncmp(operands[0], "timm:", 5) != 0 || operands[0][5] == '\0')
        return say_usage("export", "'%s' is no timm:NAME, such as timm:resnet50", operands[0]);
    int status = check_python(python);
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
    fflush(stdout);
    execvp(python, (char *const *)(void *)words);
    say("%s: %s", python, strerror(errno));
    return EXIT_NOT_FOUND;
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
