// manual.c: manual pages as man(7) roff, from the commands' tables (see help.h).
#include <string.h>

#include <pipilo/pipilo.h>

#include "help.h"
#include "say.h"

// Writes `length` bytes of text so that roff shows them as they are; `words` in backticks are bold.
static void put_roff_bytes(FILE *file, const char *text, size_t length)
{
    bool bold = false;
    for (size_t i = 0; i < length; i++) {
        bool begins = i == 0 || text[i - 1] == '\n';
        switch (text[i]) {
        case '\\':
            fputs("\\e", file);
            break;
        case '-':
            fputs("\\-", file);
            break;
        case '`':
            bold = !bold;
            fputs(bold ? "\\fB" : "\\fR", file);
            break;
        case '"':
            fputs("\\(dq", file);
            break;
        case '^':
            fputs("\\(ha", file);
            break;
        case '~':
            fputs("\\(ti", file);
            break;
        case '\'':
            fputs("\\(aq", file);
            break;
        case '.':
            fputs(begins ? "\\&." : ".", file);
            break;
        default:
            fputc(text[i], file);
        }
    }
}

static void put_roff(FILE *file, const char *text)
{
    put_roff_bytes(file, text, strlen(text));
}

// Paragraphs, separated by empty lines, behind a heading.
static void put_paragraphs(FILE *file, const char *text)
{
    for (bool first = true; *text != '\0'; first = false) {
        const char *end = strstr(text, "\n\n");
        size_t length = end != NULL ? (size_t)(end - text) : strlen(text);
        fputs(first ? "" : ".PP\n", file);
        put_roff_bytes(file, text, length);
        fputc('\n', file);
        text += length + strspn(text + length, "\n");
    }
}

static void put_option(FILE *file, const struct option_row *row)
{
    if (row->hidden)
        return;
    fputs(".TP\n", file);
    if (row->letter != 0)
        fprintf(file, "\\fB\\-%c\\fR, ", row->letter);
    fputs("\\fB\\-\\-", file);
    put_roff(file, row->name);
    fputs("\\fR", file);
    if (row->argument != NULL) {
        fputs(" \\fI", file);
        put_roff(file, row->argument);
        fputs("\\fR", file);
    }
    fputc('\n', file);
    put_roff(file, row->help);
    if (row->fallback != NULL && !row->silent) {
        fputs(" (default: ", file);
        put_roff(file, row->fallback);
        fputc(')', file);
    }
    fputc('\n', file);
}

static void put_synopsis(FILE *file, const struct command *command)
{
    fputs("\\fBpipilo ", file);
    put_roff(file, command->name);
    fputs(*command->operands != '\0' ? "\\fR " : "\\fR", file);
    put_roff(file, command->operands);
    fputs(command->options != NULL ? " [options]\n" : "\n", file);
}

static void put_head(FILE *file, const char *page, const char *summary)
{
    fputs(".\\\" Made by `pipilo help --man`.\n.TH ", file);
    for (const char *c = page; *c != '\0'; c++)
        fputc(*c >= 'a' && *c <= 'z' ? *c - 'a' + 'A' : *c, file);
    fprintf(file, " 1 \"\" \"pipilo %s\" \"pipilo manual\"\n.SH NAME\n", pipilo_version());
    put_roff(file, page);
    fputs(" \\- ", file);
    put_roff(file, summary);
    fputc('\n', file);
}

static void put_examples(FILE *file, const char *examples)
{
    fputs(".SH EXAMPLES\n.nf\n", file);
    put_roff(file, examples);
    fputs(".fi\n", file);
}

static void put_statuses(FILE *file)
{
    struct status_line line;
    fputs(".SH EXIT STATUS\n", file);
    for (size_t i = 0; status_line_at(i, &line); i++) {
        fprintf(file, ".TP\n%d\n", line.status);
        put_roff(file, line.meaning);
        if (line.names[0] != '\0') {
            fputs(" (", file);
            put_roff(file, line.names);
            fputc(')', file);
        }
        fputc('\n', file);
    }
}

static void put_options(FILE *file, const struct command *command)
{
    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++)
        put_option(file, row);
    put_option(file, &help_option);
}

// The commands of a group stand on one page.
static void group_page(FILE *file, const char *group)
{
    size_t length = strlen(group);
    char page[64];
    snprintf(page, sizeof page, "pipilo-%s", group);
    put_head(file, page, "list, show, import and fetch models");
    fputs(".SH SYNOPSIS\n", file);
    for (size_t i = 0, n = 0; commands[i] != NULL; i++) {
        if (strncmp(commands[i]->name, group, length) == 0 && commands[i]->name[length] == ' ') {
            fputs(n++ > 0 ? ".br\n" : "", file);
            put_synopsis(file, commands[i]);
        }
    }
    fputs(".SH COMMANDS\n", file);
    for (size_t i = 0; commands[i] != NULL; i++) {
        if (strncmp(commands[i]->name, group, length) != 0 || commands[i]->name[length] != ' ')
            continue;
        fputs(".SS pipilo ", file);
        put_roff(file, commands[i]->name);
        fputc('\n', file);
        put_paragraphs(file, commands[i]->text);
        put_options(file, commands[i]);
    }
    fputs(".SH SEE ALSO\n.BR pipilo (1)\n", file);
}

static void main_page(FILE *file)
{
    put_head(file, "pipilo", "turn pictures into vectors, keep them, and find the nearest");
    fputs(".SH SYNOPSIS\n\\fBpipilo\\fR \\fICOMMAND\\fR ...\n.SH COMMANDS\n", file);
    for (size_t i = 0; commands[i] != NULL; i++) {
        fputs(".TP\n\\fB", file);
        put_roff(file, commands[i]->name);
        fputs("\\fR\n", file);
        put_roff(file, commands[i]->summary);
        fputc('\n', file);
    }
    put_statuses(file);
    fputs(".SH ENVIRONMENT\n", file);
    static const char *const variables[][2] = {
        { "PIPILO_HOME", "its folder models is the model home, where models are looked up by name "
                         "(default: pipilo in $XDG_DATA_HOME or in ~/.local/share)" },
        { "HF_ENDPOINT", "the server of hf: models (default: https://huggingface.co)" },
        { "HF_TOKEN", "sent to that server, for models that want it" },
        { "COLUMNS", "the width of texts" },
    };
    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        fprintf(file, ".TP\n\\fB%s\\fR\n", variables[i][0]);
        put_roff(file, variables[i][1]);
        fputc('\n', file);
    }
    fputs(".SH SEE ALSO\n", file);
    for (size_t i = 0, n = 0; commands[i] != NULL; i++)
        if (command_leaf(commands[i]) == NULL && command_page(commands[i]) != NULL)
            fprintf(file, "%s.BR pipilo\\-%s (1)", n++ > 0 ? " ,\n" : "", commands[i]->name);
    fputs(" ,\n.BR pipilo\\-models (1)\n", file);
}

void manual_page(FILE *file, const struct command *command)
{
    if (command == NULL) {
        main_page(file);
        return;
    }
    if (command_leaf(command) != NULL) {
        group_page(file, "models");
        return;
    }
    char page[64];
    snprintf(page, sizeof page, "pipilo-%s", command->name);
    put_head(file, page, command->summary);
    fputs(".SH SYNOPSIS\n", file);
    put_synopsis(file, command);
    fputs(".SH DESCRIPTION\n", file);
    put_paragraphs(file, command->text);
    fputs(".SH OPTIONS\n", file);
    put_options(file, command);
    if (command->examples != NULL)
        put_examples(file, command->examples);
    put_statuses(file);
    fputs(".SH SEE ALSO\n.BR pipilo (1)\n", file);
}
