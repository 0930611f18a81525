// options.h: what a command takes, as one table: parsing, --help, the manual page, the shell
// completion and "did you mean" are all made from it.
//
//     static const struct option_row rows[] = {
//         { 'k', "count", "N", OPTION_INT, offsetof(struct wanted, count), .fallback = "10",
//           .min = 1, .max = 1000, .help = "how many rows to show" },
//         { 0 },
//     };
//
// Threads: the main thread only.
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum option_type {
    OPTION_FLAG,    // bool, set
    OPTION_UNFLAG,  // bool, cleared: the opposite of another row
    OPTION_STRING,  // const char *
    OPTION_FILE,    // const char *, completed as a path
    OPTION_MODEL,   // const char *, completed as a model
    OPTION_MODELS,  // struct option_words, one more each time it is given; completed as a model
    OPTION_TEXTS,   // struct option_words too, of any texts
    OPTION_CHOICE,  // const char *, one of `choices`
    OPTION_INT,     // int64_t
    OPTION_SIZE,    // uint64_t bytes, written as 512M
    OPTION_SECONDS, // double above 0, written as 10 or 0.5
    OPTION_MEMORY,  // uint64_t, as pipilo_size_parse takes it: 512M, or a share as 40%
};

// What an option that may be given several times was given.
enum { OPTION_WORDS = 8 };
struct option_words {
    const char *words[OPTION_WORDS];
    int count;
};

// One option. A table ends with a row whose `name` is NULL.
struct option_row {
    char letter; // 0: none
    const char *name;
    const char *argument; // what --help calls it; NULL for flags
    enum option_type type;
    size_t offset;        // of its place in the command's own struct
    const char *choices;  // "a|b|c"
    const char *fallback; // the default as it would be typed, or NULL
    int64_t min, max;     // OPTION_INT, where min < max
    const char *help;
    bool hidden; // for other programs: not in --help
    bool silent; // its default says nothing to people
};

// What a command's arguments are, for completion.
enum operand { OPERAND_NONE, OPERAND_FILE, OPERAND_OPERATOR, OPERAND_MODEL, OPERAND_COMMAND };

struct command {
    const char *name;     // "embed", or "models pull"
    const char *operands; // as in the usage line: "INPUT... "
    const char *summary;  // one line
    const char *text;     // paragraphs for --help and the manual page, separated by empty lines
    const char *examples; // lines to type, each with a comment behind '#'; or NULL
    const struct option_row *options;
    enum operand operand;
    int least, most; // operands; most < 0: any number
    size_t size;     // of the struct the options are stored in
    int (*run)(const void *options, char **operands, int count); // gives the exit status
};

// All commands, in the order of `pipilo help`; ends with NULL.
extern const struct command *const commands[];

// Runs `command` over the words behind its name; `words` is changed. Gives the exit status.
int command_run(const struct command *command, char **words, int count);

// The option every command has besides its own.
extern const struct option_row help_option;

#endif
