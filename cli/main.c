// main.c: the program `pipilo`: finds the command and hands it the rest of the line.
//
// One file a command; each brings a table (options.h) from which everything about it is made.
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "decoding.h"
#include "help.h"
#include "say.h"

const struct command *const commands[] = {
    &embed_command,
    &search_command,
    &index_command,
    &merge_command,
    &info_command,
    &serve_command,
    &run_command,
    &ops_command,
    &bench_command,
    &soak_command,
    &doctor_command,
    &models_list_command,
    &models_show_command,
    &models_import_command,
    &models_pull_command,
    &models_cache_command,
    &models_calibrate_command,
    &models_quantize_command,
    &models_tune_command,
    &export_command,
    &version_command,
    &help_topic_command,
    NULL,
};

static int unknown_command(const char *group, const char *word)
{
    const char *names[sizeof commands / sizeof commands[0] + 1] = { 0 };
    size_t count = 0;
    for (size_t i = 0; commands[i] != NULL; i++) {
        const char *leaf = command_leaf(commands[i]);
        if (group != NULL && leaf != NULL)
            names[count++] = leaf;
        else if (group == NULL && leaf == NULL)
            names[count++] = commands[i]->name;
    }
    if (group == NULL)
        names[count++] = "models";
    const char *near = nearest_name(word, names);
    if (near != NULL)
        return say_usage(NULL, "unknown command '%s%s%s'; did you mean '%s%s%s'?",
                         group != NULL ? group : "", group != NULL ? " " : "", word,
                         group != NULL ? group : "", group != NULL ? " " : "", near);
    return say_usage(NULL, "unknown command '%s%s%s'", group != NULL ? group : "",
                     group != NULL ? " " : "", word);
}

// `pipilo models` alone lists them; with --help it shows what there is.
static int run_models(char **words, int count)
{
    if (count > 0 && (strcmp(words[0], "--help") == 0 || strcmp(words[0], "-h") == 0)) {
        char name[] = "models", *topic[] = { name };
        return command_run(&help_topic_command, topic, 1);
    }
    if (count == 0 || words[0][0] == '-')
        return command_run(&models_list_command, words, count);
    char *name = text_format("models %s", words[0]);
    const struct command *command = command_find(name);
    free(name);
    if (command == NULL)
        return unknown_command("models", words[0]);
    return command_run(command, words + 1, count - 1);
}

static int run_words(char **words, int count)
{
    const char *first = words[0];
    if (strcmp(first, "--help") == 0 || strcmp(first, "-h") == 0)
        return command_run(&help_topic_command, words, 0);
    if (strcmp(first, "--version") == 0 || strcmp(first, "-V") == 0)
        return command_run(&version_command, words, 0);
    if (strcmp(first, "models") == 0)
        return run_models(words + 1, count - 1);
    if (first[0] == '-')
        return say_usage(NULL, "unknown option %s: the command comes first", first);
    const struct command *command = strchr(first, ' ') == NULL ? command_find(first) : NULL;
    return command != NULL ? command_run(command, words + 1, count - 1)
                           : unknown_command(NULL, first);
}

// Whether nothing of the library is in use: every pipeline has ended and what it wrote is closed.
static bool all_given_back(void)
{
    struct pipilo_stats now = { .struct_size = sizeof now };
    pipilo_stats(&now);
    return now.values == 0 && now.images == 0 && now.pipelines == 0 && now.runs == 0 &&
           now.sources == 0 && now.tables == 0;
}

int main(int argc, char **argv)
{
    // Widths of characters are wanted, nothing else of a locale.
    setlocale(LC_CTYPE, "C.UTF-8");
    int status =
        argc < 2 ? command_run(&help_topic_command, NULL, 0) : run_words(argv + 1, argc - 1);
    // What is left are threads that wait and a model nobody uses. To take the engine apart piece
    // by piece takes a tenth of the time that a picture takes; the kernel takes back all at once.
    if (all_given_back()) {
        decoding_end();
        status = finish_output(status);
        fflush(stderr);
        _exit(status);
    }
    struct pipilo_error err;
    if (pipilo_close(&err) < 0 && status == 0)
        status = say_error(&err);
    return finish_output(status);
}
