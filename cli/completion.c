// completion.c: completion scripts for bash, zsh and fish, from the commands' tables (see help.h).
//
// Names that only the program knows (models, operators) are asked for when they are wanted, by
// `pipilo help --names`.
#include <string.h>

#include "help.h"
#include "say.h"

// The words behind "models", or the commands themselves where `group` is NULL; each name once.
static void put_names(FILE *file, const char *group)
{
    const char *before = "";
    size_t length = group != NULL ? strlen(group) : 0;
    bool seen_group = false;
    for (size_t i = 0; commands[i] != NULL; i++) {
        const char *name = commands[i]->name;
        const char *leaf = command_leaf(commands[i]);
        if (group != NULL) {
            if (leaf == NULL || strncmp(name, group, length) != 0)
                continue;
            name = leaf;
        } else if (leaf != NULL) {
            if (seen_group)
                continue;
            seen_group = true;
            name = "models";
        }
        fprintf(file, "%s%s", before, name);
        before = " ";
    }
}

static void put_choices(FILE *file, const char *choices)
{
    for (; *choices != '\0'; choices++)
        fputc(*choices == '|' ? ' ' : *choices, file);
}

// --- bash ----------------------------------------------------------------------------------------

static void bash_option(FILE *file, const struct command *command, const struct option_row *row)
{
    if (row->type != OPTION_CHOICE && row->type != OPTION_MODEL && row->type != OPTION_MODELS)
        return;
    fprintf(file, "    \"%s --%s\"", command->name, row->name);
    if (row->letter != 0)
        fprintf(file, " | \"%s -%c\"", command->name, row->letter);
    fputs(")\n        words=\"", file);
    if (row->type == OPTION_CHOICE)
        put_choices(file, row->choices);
    else
        fputs("$(pipilo help --names models 2> /dev/null)", file);
    fputs("\" ;;\n", file);
}

static void bash_command(FILE *file, const struct command *command)
{
    fprintf(file, "    \"%s \"*)\n        options=\"", command->name);
    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++)
        if (!row->hidden)
            fprintf(file, "--%s ", row->name);
    fputs("--help\"\n", file);
    if (command->operand == OPERAND_OPERATOR)
        fputs("        operands=\"$(pipilo help --names ops 2> /dev/null)\"\n", file);
    if (command->operand == OPERAND_MODEL)
        fputs("        operands=\"$(pipilo help --names models 2> /dev/null)\"\n", file);
    if (command->operand == OPERAND_COMMAND) {
        fputs("        operands=\"", file);
        put_names(file, NULL);
        fputs("\"\n", file);
    }
    fputs("        ;;\n", file);
}

static void bash(FILE *file)
{
    fputs("# bash completion for pipilo, made by `pipilo help --completion bash`.\n"
          "_pipilo()\n{\n"
          "    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command=${COMP_WORDS[1]} at=1 words= options= operands=\n"
          "    COMPREPLY=()\n"
          "    [[ $prev == = ]] && prev=${COMP_WORDS[COMP_CWORD-2]}\n"
          "    [[ $cur == = ]] && cur=\n"
          "    if [[ $command == models ]] && ((COMP_CWORD > 1)); then\n"
          "        at=2\n"
          "        command=\"models ${COMP_WORDS[2]}\"\n"
          "    fi\n"
          "    if ((COMP_CWORD == at)); then\n"
          "        words=\"",
          file);
    put_names(file, NULL);
    fputs("\"\n        ((at == 2)) && words=\"", file);
    put_names(file, "models");
    fputs("\"\n"
          "        COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
          "        return\n"
          "    fi\n"
          "    case \"$command $prev\" in\n",
          file);
    for (size_t i = 0; commands[i] != NULL; i++)
        for (const struct option_row *row = commands[i]->options; row != NULL && row->name != NULL;
             row++)
            bash_option(file, commands[i], row);
    fputs("    esac\n"
          "    case \"$command \" in\n",
          file);
    for (size_t i = 0; commands[i] != NULL; i++)
        bash_command(file, commands[i]);
    fputs("    esac\n"
          "    if [[ $cur == -* && -z $words ]]; then\n"
          "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
          "    elif [[ -n $words$operands ]]; then\n"
          "        COMPREPLY=($(compgen -W \"${words:-$operands}\" -- \"$cur\"))\n"
          "    fi\n"
          "}\n"
          "complete -o bashdefault -o default -F _pipilo pipilo\n",
          file);
}

// --- zsh -----------------------------------------------------------------------------------------

// Text inside '...[text]...': quotes, brackets and colons would end it.
static void zsh_text(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'')
            fputs("'\\''", file);
        else if (strchr("[]:\\", *text) != NULL)
            fprintf(file, "\\%c", *text);
        else
            fputc(*text, file);
    }
}

static void zsh_option(FILE *file, const struct option_row *row)
{
    if (row->hidden)
        return;
    fputs(" \\\n            ", file);
    if (row->letter != 0)
        fprintf(file, "'(-%c --%s)'{-%c,--%s}", row->letter, row->name, row->letter, row->name);
    else
        fprintf(file, "--%s", row->name);
    fputs("'[", file);
    zsh_text(file, row->help);
    fputc(']', file);
    if (row->argument != NULL) {
        fprintf(file, ":%s:", row->argument);
        if (row->type == OPTION_CHOICE) {
            fputc('(', file);
            put_choices(file, row->choices);
            fputc(')', file);
        } else if (row->type == OPTION_FILE) {
            fputs("_files", file);
        } else if (row->type == OPTION_MODEL || row->type == OPTION_MODELS) {
            fputs("_pipilo_models", file);
        }
    }
    fputc('\'', file);
}

static void zsh_command(FILE *file, const struct command *command, const char *name)
{
    static const char *const actions[] = { "", "_files", "_pipilo_operators", "_pipilo_models",
                                           "" };
    fprintf(file, "    %s)\n        _arguments -s", name);
    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++)
        zsh_option(file, row);
    zsh_option(file, &help_option);
    if (command->operand == OPERAND_COMMAND) {
        fputs(" \\\n            '*:command:(", file);
        put_names(file, NULL);
        fputs(")'", file);
    } else if (command->operand != OPERAND_NONE) {
        fprintf(file, " \\\n            '*: :%s'", actions[command->operand]);
    }
    fputs(" ;;\n", file);
}

static void zsh(FILE *file)
{
    fputs("#compdef pipilo\n"
          "# zsh completion for pipilo, made by `pipilo help --completion zsh`.\n"
          "_pipilo_models() {\n"
          "    compadd -- $(pipilo help --names models 2> /dev/null)\n    _files\n}\n"
          "_pipilo_operators() {\n"
          "    compadd -- $(pipilo help --names ops 2> /dev/null)\n}\n"
          "_pipilo_models_command() {\n"
          "    local -a line\n"
          "    _arguments -C '1:command:(",
          file);
    put_names(file, "models");
    fputs(")' '*::argument:->rest'\n    case $line[1] in\n", file);
    for (size_t i = 0; commands[i] != NULL; i++)
        if (command_leaf(commands[i]) != NULL)
            zsh_command(file, commands[i], command_leaf(commands[i]));
    fputs("    esac\n}\n"
          "_pipilo() {\n"
          "    local -a line\n"
          "    _arguments -C '1:command:(",
          file);
    put_names(file, NULL);
    fputs(")' '*::argument:->rest'\n    case $line[1] in\n", file);
    for (size_t i = 0; commands[i] != NULL; i++)
        if (command_leaf(commands[i]) == NULL)
            zsh_command(file, commands[i], commands[i]->name);
    fputs("    models)\n        _pipilo_models_command ;;\n"
          "    esac\n}\n"
          "_pipilo \"$@\"\n",
          file);
}

// --- fish ----------------------------------------------------------------------------------------

static void fish_text(FILE *file, const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text == '\'' || *text == '\\')
            fputc('\\', file);
        fputc(*text, file);
    }
}

static void fish_option(FILE *file, const char *condition, const struct option_row *row)
{
    if (row->hidden)
        return;
    fprintf(file, "complete -c pipilo -n '%s' -l %s", condition, row->name);
    if (row->letter != 0)
        fprintf(file, " -s %c", row->letter);
    if (row->type == OPTION_CHOICE) {
        fputs(" -x -a '", file);
        put_choices(file, row->choices);
        fputc('\'', file);
    } else if (row->type == OPTION_MODEL || row->type == OPTION_MODELS) {
        fputs(" -r -a '(pipilo help --names models 2> /dev/null)'", file);
    } else if (row->argument != NULL) {
        fputs(row->type == OPTION_FILE ? " -r -F" : " -x", file);
    }
    fputs(" -d '", file);
    fish_text(file, row->help);
    fputs("'\n", file);
}

static void fish_command(FILE *file, const struct command *command)
{
    char condition[160];
    const char *leaf = command_leaf(command);
    if (leaf == NULL) {
        fprintf(file, "complete -c pipilo -f -n __fish_use_subcommand -a %s -d '", command->name);
        snprintf(condition, sizeof condition, "__fish_seen_subcommand_from %s", command->name);
    } else {
        fprintf(file,
                "complete -c pipilo -f -n '__fish_seen_subcommand_from models; "
                "and test (count (commandline -opc)) -eq 2' -a %s -d '",
                leaf);
        snprintf(condition, sizeof condition,
                 "__fish_seen_subcommand_from models; and __fish_seen_subcommand_from %s", leaf);
    }
    fish_text(file, command->summary);
    fputs("'\n", file);
    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++)
        fish_option(file, condition, row);
    fish_option(file, condition, &help_option);
    if (command->operand == OPERAND_OPERATOR || command->operand == OPERAND_MODEL)
        fprintf(file, "complete -c pipilo -n '%s' -a '(pipilo help --names %s 2> /dev/null)'\n",
                condition, command->operand == OPERAND_MODEL ? "models" : "ops");
}

static void fish(FILE *file)
{
    fputs("# fish completion for pipilo, made by `pipilo help --completion fish`.\n"
          "complete -c pipilo -f -n __fish_use_subcommand -a models -d 'models by name'\n",
          file);
    for (size_t i = 0; commands[i] != NULL; i++)
        fish_command(file, commands[i]);
}

bool completion_script(FILE *file, const char *shell)
{
    bool known = true;
    if (strcmp(shell, "bash") == 0)
        bash(file);
    else if (strcmp(shell, "zsh") == 0)
        zsh(file);
    else if (strcmp(shell, "fish") == 0)
        fish(file);
    else
        known = false;
    return known;
}
