// help_topic.c: `pipilo help [COMMAND]` and `pipilo version`, and what the build asks the program
// for: manual pages, completion scripts, names.
#include <stdio.h>
#include <string.h>

#include <pipilo/pipilo.h>
#include <pipilo/sys/op.h>

#include "commands.h"
#include "help.h"
#include "say.h"

static int print_manual(const char *name)
{
    const struct command *command = NULL;
    if (name != NULL && strcmp(name, "models") == 0)
        command = command_find("models list");
    else if (name != NULL)
        command = command_find(name);
    if (name != NULL && command == NULL)
        return say_usage("help", "there is no command '%s'", name);
    manual_page(stdout, command);
    return 0;
}

static int print_names(const char *kind)
{
    if (strcmp(kind, "ops") == 0) {
        const struct pipilo_operator *op;
        for (size_t i = 0; (op = pipilo_operator_at(i)) != NULL; i++)
            puts(op->name);
        return 0;
    }
    if (strcmp(kind, "models") == 0) {
        struct pipilo_model_list *list = NULL;
        struct pipilo_error err;
        if (pipilo_models_list(&list, NULL, &err) < 0)
            return say_error(&err);
        for (size_t i = 0; i < list->count; i++)
            puts(list->entries[i].name);
        pipilo_free(list);
        return 0;
    }
    return say_usage("help", "--names takes ops or models");
}

struct help_options {
    const char *man, *completion, *names;
};

static int help_models(void)
{
    for (size_t i = 0, n = 0; commands[i] != NULL; i++) {
        if (command_leaf(commands[i]) == NULL)
            continue;
        if (n++ > 0)
            puts("\n");
        help_command(commands[i]);
    }
    return 0;
}

static int run_help(const void *stored, char **operands, int count)
{
    const struct help_options *options = stored;
    if (options->man != NULL)
        return print_manual(strcmp(options->man, "pipilo") == 0 ? NULL : options->man);
    if (options->completion != NULL)
        return completion_script(stdout, options->completion)
                   ? 0
                   : say_usage("help", "--completion takes bash, zsh or fish, not '%s'",
                               options->completion);
    if (options->names != NULL)
        return print_names(options->names);
    if (count == 0) {
        help_all();
        return 0;
    }
    if (count == 1 && strcmp(operands[0], "models") == 0)
        return help_models();
    char name[64];
    snprintf(name, sizeof name, "%s%s%s", operands[0], count > 1 ? " " : "",
             count > 1 ? operands[1] : "");
    const struct command *command = command_find(name);
    if (command == NULL) {
        const char *names[32] = { "models" };
        for (size_t i = 0, n = 1; commands[i] != NULL && n < 31; i++)
            names[n++] = commands[i]->name;
        const char *near = nearest_name(name, names);
        return near != NULL
                   ? say_usage(NULL, "unknown command '%s'; did you mean '%s'?", name, near)
                   : say_usage(NULL, "unknown command '%s'", name);
    }
    help_command(command);
    return 0;
}

static const struct option_row help_rows[] = {
    { 0, "man", "COMMAND", OPTION_STRING, offsetof(struct help_options, man),
      .help = "print the manual page of COMMAND (pipilo: of all) as roff", .hidden = true },
    { 0, "completion", "SHELL", OPTION_STRING, offsetof(struct help_options, completion),
      .help = "print the completion script for bash, zsh or fish", .hidden = true },
    { 0, "names", "KIND", OPTION_STRING, offsetof(struct help_options, names),
      .help = "print the names of all ops or models", .hidden = true },
    { 0 },
};

const struct command help_topic_command = {
    .name = "help",
    .operands = "[COMMAND]",
    .summary = "explain a command",
    .text = "Shows what COMMAND does and which options it takes; without COMMAND, which commands "
            "there are.",
    .options = help_rows,
    .operand = OPERAND_COMMAND,
    .most = 2,
    .size = sizeof(struct help_options),
    .run = run_help,
};

static int run_version(const void *options, char **operands, int count)
{
    (void)options;
    (void)operands;
    (void)count;
    printf("pipilo %s\n", pipilo_version());
    return 0;
}

const struct command version_command = {
    .name = "version",
    .operands = "",
    .summary = "print the version",
    .text = "Prints the version of pipilo.",
    .most = 0,
    .run = run_version,
};
