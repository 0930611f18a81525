// help.c: --help and `pipilo help` (see help.h).
#include "help.h"

#include <stdlib.h>
#include <string.h>

#include <pipilo/pipilo.h>

#include "say.h"

const struct command *command_find(const char *name)
{
    for (size_t i = 0; commands[i] != NULL; i++)
        if (strcmp(commands[i]->name, name) == 0)
            return commands[i];
    return NULL;
}

const char *command_leaf(const struct command *command)
{
    const char *blank = strchr(command->name, ' ');
    return blank != NULL ? blank + 1 : NULL;
}

const char *command_page(const struct command *command)
{
    static char page[64];
    if (command->operand == OPERAND_COMMAND || command->options == NULL)
        return NULL;
    snprintf(page, sizeof page, "pipilo-%.*s", (int)strcspn(command->name, " "), command->name);
    return page;
}

bool status_line_at(size_t index, struct status_line *line)
{
    static const struct {
        int status;
        const char *meaning;
    } known[] = {
        { 0, "all is well" },
        { EXIT_ROWS, "finished, but some rows are errors, or something was found (soak, doctor)" },
        { EXIT_USAGE, "the command or the pipeline was not understood" },
        { EXIT_NOT_FOUND, "a file, model or row is not there" },
        { 4, "it is there already, or was made in another way" },
        { 5, "reading or writing failed" },
        { 6, "a picture or file cannot be used" },
        { 7, "the model cannot be used" },
        { 8, "an operator failed" },
        { EXIT_NO_MEMORY, "there is not enough memory" },
        { 10, "a transfer failed, or something took too long" },
        { 11, "something else uses it" },
        { 70, "a defect in pipilo" },
        { 130, "stopped by a signal" },
    };
    if (index >= sizeof known / sizeof known[0])
        return false;
    line->status = known[index].status;
    line->meaning = known[index].meaning;
    line->names[0] = '\0';
    size_t at = 0;
    for (int code = PIPILO_EINTERNAL; code < 0; code++) {
        if (pipilo_error_exit_status(code) == line->status && at < sizeof line->names)
            at += (size_t)snprintf(line->names + at, sizeof line->names - at, "%s%s",
                                   at > 0 ? ", " : "", pipilo_error_name(code));
    }
    return true;
}

// "  -k, --count N" in `out`.
static void option_head(const struct option_row *row, char *out, size_t size)
{
    char letter[8] = "    ";
    if (row->letter != 0)
        snprintf(letter, sizeof letter, "-%c, ", row->letter);
    snprintf(out, size, "  %s--%s%s%s", letter, row->name, row->argument != NULL ? " " : "",
             row->argument != NULL ? row->argument : "");
}

static void print_option(const struct option_row *row, int indent, int width)
{
    if (row->hidden)
        return;
    char head[80];
    option_head(row, head, sizeof head);
    bool beside = (int)strlen(head) + 2 <= indent;
    if (beside)
        printf("%-*s", indent, head);
    else
        printf("%s\n%*s", head, indent, "");
    char *text = row->fallback != NULL && !row->silent
                     ? text_format("%s (default: %s)", row->help, row->fallback)
                     : text_format("%s", row->help);
    text_wrap(stdout, text, indent, indent, width);
    free(text);
}

void help_command(const struct command *command)
{
    int width = text_width(stdout);
    printf("usage: pipilo %s%s%s%s\n\n", command->name, *command->operands != '\0' ? " " : "",
           command->operands, command->options != NULL ? " [options]" : "");
    text_wrap(stdout, command->text, 0, 0, width);
    fputs("\noptions:\n", stdout);
    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++)
        print_option(row, 26, width);
    print_option(&help_option, 26, width);
    if (command->examples != NULL)
        printf("\nexamples:\n%s", command->examples);
    if (command_page(command) != NULL)
        printf("\n`man %s` tells the same; `man pipilo` lists the exit statuses.\n",
               command_page(command));
}

void help_all(void)
{
    int width = text_width(stdout);
    fputs("usage: pipilo COMMAND ...\n\n"
          "Turn pictures into vectors, keep them, and find the nearest.\n\n"
          "commands:\n",
          stdout);
    for (size_t i = 0; commands[i] != NULL; i++) {
        printf("  %-15s ", commands[i]->name);
        text_wrap(stdout, commands[i]->summary, 18, 18, width);
    }
    fputs("\nto begin:\n"
          "  pipilo models list                                 # which models there are\n"
          "  pipilo embed photos/ -m MODEL -o photos.db         # pictures to vectors\n"
          "  pipilo search photos.db photos/beach.jpg           # what looks like it\n"
          "\n`pipilo help COMMAND` tells more about a command.\n",
          stdout);
}
