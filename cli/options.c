// options.c: from the words typed to a command's own struct (see options.h).
#include "options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pipilo/memory.h>

#include "help.h"
#include "say.h"

const struct option_row help_option = {
    'h', "help", NULL, OPTION_FLAG, .help = "show this help",
};

// Whether `word` is one of the words in "a|b|c".
static bool in_choices(const char *choices, const char *word)
{
    size_t length = strlen(word);
    while (*choices != '\0') {
        size_t next = strcspn(choices, "|");
        if (next == length && strncmp(choices, word, length) == 0)
            return true;
        choices += next + (choices[next] == '|');
    }
    return false;
}

static int bad_choice(const struct command *command, const struct option_row *row, const char *text)
{
    char *choices = must(strdup(row->choices));
    const char *names[16] = { 0 };
    size_t count = 0;
    char *rest = choices;
    for (char *name; count < 15 && (name = strsep(&rest, "|")) != NULL;)
        names[count++] = name;
    const char *near = nearest_name(text, names);
    if (near != NULL)
        say_usage(command->name, "--%s takes %s, not '%s'; did you mean '%s'?", row->name,
                  row->choices, text, near);
    else
        say_usage(command->name, "--%s takes %s, not '%s'", row->name, row->choices, text);
    free(choices);
    return EXIT_USAGE;
}

static int store_int(const struct command *command, const struct option_row *row, const char *text,
                     int64_t *place)
{
    char *end;
    errno = 0;
    long long number = strtoll(text, &end, 10);
    if (end == text || *end != '\0' || errno != 0)
        return say_usage(command->name, "--%s takes a whole number, not '%s'", row->name, text);
    if (row->min < row->max && (number < row->min || number > row->max))
        return say_usage(command->name, "--%s takes %lld to %lld, not %s", row->name,
                         (long long)row->min, (long long)row->max, text);
    *place = number;
    return 0;
}

static int store_size(const struct command *command, const struct option_row *row, const char *text,
                      uint64_t *place)
{
    bool share = row->type == OPTION_MEMORY;
    if (pipilo_size_parse(place, text, NULL) == 0 && (share || *place < PIPILO_SHARE(0)))
        return 0;
    return say_usage(command->name, "--%s takes a size such as 512M or %s, not '%s'", row->name,
                     share ? "40%" : "2G", text);
}

static int store_seconds(const struct command *command, const struct option_row *row,
                         const char *text, double *place)
{
    // Digits and a point only: strtod would take "inf", "0x1p9" and a sign as well.
    size_t digits = strspn(text, "0123456789.");
    char *end = NULL;
    double seconds = digits > 0 ? strtod(text, &end) : 0;
    if (!(seconds > 0) || end != text + digits || *end != '\0')
        return say_usage(command->name, "--%s takes a number of seconds, not '%s'", row->name,
                         text);
    *place = seconds;
    return 0;
}

static int store_word(const struct command *command, const struct option_row *row, const char *text,
                      struct option_words *place)
{
    if (*text == '\0')
        return say_usage(command->name, "--%s got an empty %s", row->name, row->argument);
    if (place->count == OPTION_WORDS)
        return say_usage(command->name, "--%s is given more than %d times", row->name,
                         OPTION_WORDS);
    place->words[place->count++] = text;
    return 0;
}

// Stores one option's argument. 0, or EXIT_USAGE after the message.
static int store(const struct command *command, const struct option_row *row, const char *text,
                 void *options)
{
    void *place = (char *)options + row->offset;
    switch (row->type) {
    case OPTION_FLAG:
        *(bool *)place = true;
        return 0;
    case OPTION_UNFLAG:
        *(bool *)place = false;
        return 0;
    case OPTION_MODELS:
    case OPTION_TEXTS:
        return store_word(command, row, text, place);
    case OPTION_INT:
        return store_int(command, row, text, place);
    case OPTION_SIZE:
    case OPTION_MEMORY:
        return store_size(command, row, text, place);
    case OPTION_SECONDS:
        return store_seconds(command, row, text, place);
    case OPTION_CHOICE:
        if (!in_choices(row->choices, text))
            return bad_choice(command, row, text);
        break;
    default:
        if (*text == '\0')
            return say_usage(command->name, "--%s got an empty %s", row->name, row->argument);
    }
    *(const char **)place = text;
    return 0;
}

static const struct option_row *find_long(const struct command *command, const char *name,
                                          size_t length)
{
    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++)
        if (strncmp(row->name, name, length) == 0 && row->name[length] == '\0')
            return row;
    return length == 4 && strncmp(name, "help", 4) == 0 ? &help_option : NULL;
}

static const struct option_row *find_short(const struct command *command, char letter)
{
    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++)
        if (row->letter != 0 && row->letter == letter)
            return row;
    return letter == 'h' ? &help_option : NULL;
}

static int unknown_long(const struct command *command, const char *word, size_t length)
{
    const char *names[64] = { help_option.name };
    size_t count = 1;
    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++)
        if (count < 63)
            names[count++] = row->name;
    char *name = must(strndup(word, length));
    const char *near = nearest_name(name, names);
    if (near != NULL)
        say_usage(command->name, "unknown option --%s; did you mean --%s?", name, near);
    else
        say_usage(command->name, "unknown option --%s", name);
    free(name);
    return EXIT_USAGE;
}

// The walk over the words of one command line.
struct walk {
    const struct command *command;
    char **words;
    int count, at;
    void *options;
    bool help;
};

static bool takes_argument(const struct option_row *row)
{
    return row->type != OPTION_FLAG && row->type != OPTION_UNFLAG;
}

// Stores `row` with `inside` (what was written together with it) or the next word.
static int take(struct walk *walk, const struct option_row *row, const char *inside)
{
    if (row == &help_option) {
        walk->help = true;
        return 0;
    }
    if (!takes_argument(row)) {
        if (inside != NULL)
            return say_usage(walk->command->name, "--%s takes no value", row->name);
        return store(walk->command, row, NULL, walk->options);
    }
    if (inside == NULL && walk->at < walk->count)
        inside = walk->words[walk->at++];
    if (inside == NULL)
        return say_usage(walk->command->name, "--%s needs a %s", row->name, row->argument);
    return store(walk->command, row, inside, walk->options);
}

static int take_long(struct walk *walk, const char *word)
{
    size_t length = strcspn(word, "=");
    const struct option_row *row = find_long(walk->command, word, length);
    if (row == NULL)
        return unknown_long(walk->command, word, length);
    return take(walk, row, word[length] == '=' ? word + length + 1 : NULL);
}

// "-k10", "-k 10", and flags written together.
static int take_short(struct walk *walk, const char *word)
{
    for (; *word != '\0'; word++) {
        const struct option_row *row = find_short(walk->command, *word);
        if (row == NULL)
            return say_usage(walk->command->name, "unknown option -%c", *word);
        if (takes_argument(row))
            return take(walk, row, word[1] != '\0' ? word + 1 : NULL);
        int status = take(walk, row, NULL);
        if (status != 0)
            return status;
    }
    return 0;
}

static int set_defaults(const struct command *command, void *options)
{
    for (const struct option_row *row = command->options; row != NULL && row->name != NULL; row++) {
        int status = row->fallback != NULL ? store(command, row, row->fallback, options) : 0;
        if (status != 0)
            return status;
    }
    return 0;
}

static int check_operands(const struct command *command, char **operands, int count)
{
    if (count < command->least)
        return say_usage(command->name, "%s is missing: pipilo %s %s",
                         count == 0 ? "what to work on" : "something", command->name,
                         command->operands);
    if (command->most >= 0 && count > command->most)
        return say_usage(command->name, "'%s' is one too many", operands[command->most]);
    return 0;
}

int command_run(const struct command *command, char **words, int count)
{
    struct walk walk = { .command = command, .words = words, .count = count };
    walk.options = must(calloc(1, command->size > 0 ? command->size : 1));
    int operands = 0;
    bool only_operands = false;
    int status = set_defaults(command, walk.options);
    while (status == 0 && walk.at < count) {
        char *word = words[walk.at++];
        if (only_operands || word[0] != '-' || word[1] == '\0')
            words[operands++] = word;
        else if (strcmp(word, "--") == 0)
            only_operands = true;
        else if (word[1] == '-')
            status = take_long(&walk, word + 2);
        else
            status = take_short(&walk, word + 1);
    }
    if (status == 0 && walk.help)
        help_command(command);
    else if (status == 0)
        status = check_operands(command, words, operands);
    if (status == 0 && !walk.help)
        status = command->run(walk.options, words, operands);
    free(walk.options);
    return status;
}
