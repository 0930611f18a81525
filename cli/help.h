// help.h: everything that is told about the commands, made from their tables.
// Threads: the main thread only.
#ifndef CLI_HELP_H
#define CLI_HELP_H

#include <stdio.h>

#include "options.h"

// `pipilo COMMAND --help` on stdout.
void help_command(const struct command *command);

// `pipilo help` on stdout.
void help_all(void);

// The manual page of a command, or of pipilo itself where `command` is NULL, as man(7) roff.
void manual_page(FILE *file, const struct command *command);

// The completion script for "bash", "zsh" or "fish"; false for another shell.
bool completion_script(FILE *file, const char *shell);

// What an exit status means, for the statuses from 0 on; NULL at the end. `names` gets the names of
// the errors that give it, separated by ", ".
struct status_line {
    int status;
    const char *meaning;
    char names[160];
};
bool status_line_at(size_t index, struct status_line *line);

// The command of this name ("embed", "models pull"), or NULL.
const struct command *command_find(const char *name);

// The word behind the group's name: "pull" of "models pull"; NULL for a command that is in none.
const char *command_leaf(const struct command *command);

// The name of its manual page, valid until the next call; NULL where it has none.
const char *command_page(const struct command *command);

#endif
