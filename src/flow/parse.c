// parse.c: pipeline text to a pipeline: pipe.input(..).map(..)...output(..), read as Python writes
// it and never evaluated.
//
//     text       = { name "=" expression end } expression
//     expression = ( "pipe" | name | "(" expression ")" ) { "." method "(" arguments ")" }
//     argument of a step's function = "ops" { "." name } "(" literals ")" | expression
#include <string.h>

#include "core/fail.h"
#include "flow/literal.h"
#include "flow/pipe.h"

enum { MAX_VARIABLES = 64, MAX_NAMES = 256, MAX_ARGUMENTS = 64 };

// What an expression is: a pipe still open, or a closed pipeline.
struct term {
    pipilo_pipe *pipe;
    pipilo_pipeline *pipeline;
};

struct variable {
    char name[64];
    struct term term;
};

struct parser {
    struct plo_reader reader;
    struct variable variables[MAX_VARIABLES];
    size_t variable_count;
    struct pipilo_parse_options options;
};

static int parse_expression(struct parser *parser, struct term *out, struct pipilo_error *err);

static void term_reset(struct term *term)
{
    pipilo_pipe_unref(&term->pipe);
    pipilo_pipeline_unref(&term->pipeline);
}

static int expect(struct parser *parser, const char *text, struct pipilo_error *err)
{
    if (plo_reader_take(&parser->reader, text))
        return 0;
    return plo_reader_fail(&parser->reader, err, "'%s' was expected here", text);
}

static int read_word(struct parser *parser, char *word, size_t size, struct pipilo_error *err)
{
    size_t length = plo_reader_word(&parser->reader);
    if (length == 0 || length >= size)
        return plo_reader_fail(&parser->reader, err, "a name was expected here");
    memcpy(word, parser->reader.at, length);
    word[length] = '\0';
    parser->reader.at += length;
    return 0;
}

// --- column names ---------------------------------------------------------------------------

struct columns {
    const char *names[MAX_NAMES];
    size_t count;
    pipilo_value *values[MAX_NAMES]; // whose texts the names are
    size_t value_count;
};

static void columns_reset(struct columns *columns)
{
    while (columns->value_count > 0)
        pipilo_value_unref(&columns->values[--columns->value_count]);
}

// Adds what one literal names: a string, or a tuple or list of strings.
static int columns_add(struct parser *parser, struct columns *columns, struct pipilo_error *err)
{
    struct plo_reader start = parser->reader;
    pipilo_value *value = NULL;
    if (columns->value_count == MAX_NAMES)
        return plo_reader_fail(&start, err, "more than %d columns", MAX_NAMES);
    PLO_TRY(plo_reader_literal(&parser->reader, &value, err));
    columns->values[columns->value_count++] = value;
    size_t count = value->kind == PIPILO_LIST ? pipilo_value_list_count(value) : 1;
    for (size_t i = 0; i < count; i++) {
        const pipilo_value *item =
            value->kind == PIPILO_LIST ? pipilo_value_list_item(value, i) : value;
        if (item->kind != PIPILO_STRING)
            return plo_reader_fail(&start, err, "a column's name is a string");
        if (columns->count == MAX_NAMES)
            return plo_reader_fail(&start, err, "more than %d columns", MAX_NAMES);
        columns->names[columns->count++] = pipilo_value_string(item);
    }
    return 0;
}

// The names in "(...)" of input and output, up to and with the closing bracket.
static int columns_of_call(struct parser *parser, struct columns *columns, struct pipilo_error *err)
{
    while (!plo_reader_take(&parser->reader, ")")) {
        PLO_TRY(columns_add(parser, columns, err));
        if (!plo_reader_take(&parser->reader, ",")) {
            PLO_TRY(expect(parser, ")", err));
            break;
        }
    }
    return 0;
}

// --- operators ------------------------------------------------------------------------------

struct arguments {
    pipilo_value *positional[MAX_ARGUMENTS];
    size_t positional_count;
    char keywords[MAX_ARGUMENTS][64];
    const char *keyword_pointers[MAX_ARGUMENTS];
    pipilo_value *values[MAX_ARGUMENTS];
    size_t keyword_count;
};

static void arguments_reset(struct arguments *arguments)
{
    while (arguments->positional_count > 0)
        pipilo_value_unref(&arguments->positional[--arguments->positional_count]);
    while (arguments->keyword_count > 0)
        pipilo_value_unref(&arguments->values[--arguments->keyword_count]);
}

// True where "name =" stands here (and not "==").
static bool at_keyword(const struct parser *parser)
{
    struct plo_reader ahead = parser->reader;
    size_t length = plo_reader_word(&ahead);
    ahead.at += length;
    return length > 0 && plo_reader_take(&ahead, "=");
}

static int read_argument(struct parser *parser, struct arguments *arguments,
                         struct pipilo_error *err)
{
    if (arguments->positional_count == MAX_ARGUMENTS || arguments->keyword_count == MAX_ARGUMENTS)
        return plo_reader_fail(&parser->reader, err, "more than %d arguments", MAX_ARGUMENTS);
    pipilo_value *value = NULL;
    if (!at_keyword(parser)) {
        if (arguments->keyword_count > 0)
            return plo_reader_fail(&parser->reader, err,
                                   "a positional argument follows a keyword argument");
        PLO_TRY(plo_reader_literal(&parser->reader, &value, err));
        arguments->positional[arguments->positional_count++] = value;
        return 0;
    }
    size_t at = arguments->keyword_count;
    PLO_TRY(read_word(parser, arguments->keywords[at], sizeof arguments->keywords[at], err));
    PLO_TRY(expect(parser, "=", err));
    PLO_TRY(plo_reader_literal(&parser->reader, &value, err));
    arguments->keyword_pointers[at] = arguments->keywords[at];
    arguments->values[at] = value;
    arguments->keyword_count++;
    return 0;
}

// Reads "(a, b, name=c)".
static int read_arguments(struct parser *parser, struct arguments *arguments,
                          struct pipilo_error *err)
{
    PLO_TRY(expect(parser, "(", err));
    parser->reader.depth++;
    int result = 0;
    while (result == 0 && !plo_reader_take(&parser->reader, ")")) {
        result = read_argument(parser, arguments, err);
        if (result == 0 && !plo_reader_take(&parser->reader, ",")) {
            result = expect(parser, ")", err);
            break;
        }
    }
    parser->reader.depth--;
    return result;
}

// Reads ".revision('main')" and ".latest()", which choose among a hub's versions in Towhee: there
// is one version of each operator here, so they are taken and change nothing.
static int skip_version(struct parser *parser, struct pipilo_error *err)
{
    while (plo_reader_take(&parser->reader, ".")) {
        struct plo_reader start = parser->reader;
        char word[16];
        struct arguments arguments = { 0 };
        PLO_TRY(read_word(parser, word, sizeof word, err));
        if (strcmp(word, "revision") != 0 && strcmp(word, "latest") != 0)
            return plo_reader_fail(&start, err, "an operator has no '%s'", word);
        int result = read_arguments(parser, &arguments, err);
        arguments_reset(&arguments);
        PLO_TRY(result);
    }
    return 0;
}

static int create_callable(const struct parser *parser, pipilo_callable **out, const char *name,
                           const struct arguments *arguments, struct pipilo_error *err)
{
    const struct pipilo_parse_options *options = &parser->options;
    if (options->callable != NULL)
        return options->callable(options->cookie, out, name, arguments->positional,
                                 arguments->positional_count, arguments->keyword_pointers,
                                 arguments->values, arguments->keyword_count, err);
    return pipilo_callable_create(out, name, arguments->positional, arguments->positional_count,
                                  arguments->keyword_pointers, arguments->values,
                                  arguments->keyword_count, err);
}

// Reads what follows "ops".
static int parse_operator(struct parser *parser, pipilo_callable **out, struct pipilo_error *err)
{
    char name[160] = "", word[64];
    struct plo_reader start = parser->reader;
    while (plo_reader_take(&parser->reader, ".")) {
        PLO_TRY(read_word(parser, word, sizeof word, err));
        if (strlen(name) + strlen(word) + 2 > sizeof name)
            return plo_reader_fail(&start, err, "the operator's name is too long");
        if (name[0] != '\0')
            strncat(name, ".", sizeof name - strlen(name) - 1);
        strncat(name, word, sizeof name - strlen(name) - 1);
    }
    struct arguments arguments = { 0 };
    int result = read_arguments(parser, &arguments, err);
    if (result == 0)
        result = create_callable(parser, out, name, &arguments, err);
    arguments_reset(&arguments);
    if (result == 0)
        result = skip_version(parser, err);
    if (result < 0)
        pipilo_callable_unref(out);
    return result;
}

// A step's function: an operator, or a pipeline in brackets or by name.
static int parse_function(struct parser *parser, struct pipilo_step *step, struct pipilo_error *err)
{
    struct plo_reader start = parser->reader;
    size_t length = plo_reader_word(&parser->reader);
    if (length == 3 && strncmp(parser->reader.at, "ops", 3) == 0) {
        parser->reader.at += 3;
        return parse_operator(parser, &step->callable, err);
    }
    if (length == 6 && strncmp(parser->reader.at, "lambda", 6) == 0)
        return plo_reader_fail(&start, err,
                               "a lambda is Python: here only operators can be called");
    struct term term = { 0 };
    PLO_TRY(parse_expression(parser, &term, err));
    if (term.pipeline == NULL) {
        term_reset(&term);
        return plo_reader_fail(&start, err, "a nested pipeline ends with .output(...)");
    }
    step->pipeline = term.pipeline;
    return 0;
}

// --- steps ----------------------------------------------------------------------------------

static const struct {
    const char *name;
    enum pipilo_iteration iteration;
} methods[] = {
    { "map", PIPILO_MAP },
    { "flat_map", PIPILO_FLAT_MAP },
    { "filter", PIPILO_FILTER },
    { "window", PIPILO_WINDOW },
    { "time_window", PIPILO_TIME_WINDOW },
    { "window_all", PIPILO_WINDOW_ALL },
    { "reduce", PIPILO_REDUCE },
};

static int read_count(struct parser *parser, int64_t *out, struct pipilo_error *err)
{
    struct plo_reader start = parser->reader;
    pipilo_value *value = NULL;
    PLO_TRY(plo_reader_literal(&parser->reader, &value, err));
    bool whole = value->kind == PIPILO_INT;
    *out = pipilo_value_int(value);
    pipilo_value_unref(&value);
    if (!whole)
        return plo_reader_fail(&start, err, "a whole number was expected here");
    return expect(parser, ",", err);
}

struct step_columns {
    struct columns inputs, outputs, by;
};

// Reads a step's arguments behind "(": input, output, what the iteration needs more, the function.
static int read_step(struct parser *parser, struct pipilo_step *step, struct step_columns *columns,
                     struct pipilo_error *err)
{
    bool by = step->iteration == PIPILO_FILTER || step->iteration == PIPILO_TIME_WINDOW;
    bool window = step->iteration == PIPILO_WINDOW || step->iteration == PIPILO_TIME_WINDOW;
    PLO_TRY(columns_add(parser, &columns->inputs, err));
    PLO_TRY(expect(parser, ",", err));
    PLO_TRY(columns_add(parser, &columns->outputs, err));
    PLO_TRY(expect(parser, ",", err));
    if (by) {
        PLO_TRY(columns_add(parser, &columns->by, err));
        PLO_TRY(expect(parser, ",", err));
    }
    if (window) {
        PLO_TRY(read_count(parser, &step->size, err));
        PLO_TRY(read_count(parser, &step->step, err));
    }
    PLO_TRY(parse_function(parser, step, err));
    plo_reader_take(&parser->reader, ",");
    PLO_TRY(expect(parser, ")", err));
    step->inputs = columns->inputs.names;
    step->input_count = columns->inputs.count;
    step->outputs = columns->outputs.names;
    step->output_count = columns->outputs.count;
    step->by = columns->by.names;
    step->by_count = columns->by.count;
    return 0;
}

static int parse_step(struct parser *parser, struct term *term, enum pipilo_iteration iteration,
                      struct pipilo_error *err)
{
    struct pipilo_step step = PIPILO_STEP_INIT;
    pipilo_pipe *next = NULL;
    step.iteration = iteration;
    struct step_columns *columns = plo_alloc0(1, sizeof *columns);
    if (columns == NULL)
        return plo_fail_nomem(err, sizeof *columns);
    int result = read_step(parser, &step, columns, err);
    if (result == 0)
        result = pipilo_pipe_step(&next, term->pipe, &step, err);
    pipilo_callable_unref(&step.callable);
    pipilo_pipeline_unref(&step.pipeline);
    columns_reset(&columns->inputs);
    columns_reset(&columns->outputs);
    columns_reset(&columns->by);
    plo_free(columns);
    PLO_TRY(result);
    pipilo_pipe_unref(&term->pipe);
    term->pipe = next;
    return 0;
}

// input(...) and output(...).
static int parse_ends(struct parser *parser, struct term *term, bool output,
                      struct pipilo_error *err)
{
    struct columns *columns = plo_alloc0(1, sizeof *columns);
    if (columns == NULL)
        return plo_fail_nomem(err, sizeof *columns);
    int result = columns_of_call(parser, columns, err);
    if (result == 0 && output)
        result =
            pipilo_pipe_output(&term->pipeline, term->pipe, columns->names, columns->count, err);
    else if (result == 0)
        result = pipilo_pipe_input(&term->pipe, columns->names, columns->count, err);
    if (result == 0 && output)
        pipilo_pipe_unref(&term->pipe);
    columns_reset(columns);
    plo_free(columns);
    return result;
}

static int parse_concat(struct parser *parser, struct term *term, struct pipilo_error *err)
{
    pipilo_pipe *pipes[MAX_VARIABLES] = { term->pipe };
    size_t count = 1;
    int result = 0;
    while (result == 0 && !plo_reader_take(&parser->reader, ")")) {
        struct plo_reader start = parser->reader;
        struct term other = { 0 };
        result = parse_expression(parser, &other, err);
        if (result == 0 && (other.pipe == NULL || count == PLO_COUNT(pipes))) {
            result = plo_reader_fail(&start, err, "the parameter of concat must be Pipeline.");
            term_reset(&other);
        }
        if (result == 0)
            pipes[count++] = other.pipe;
        if (result == 0 && !plo_reader_take(&parser->reader, ",")) {
            result = expect(parser, ")", err);
            break;
        }
    }
    pipilo_pipe *joined = NULL;
    if (result == 0)
        result = pipilo_pipe_concat(&joined, pipes, count, err);
    while (count > 1)
        pipilo_pipe_unref(&pipes[--count]);
    PLO_TRY(result);
    pipilo_pipe_unref(&term->pipe);
    term->pipe = joined;
    return 0;
}

static int unknown_method(const struct plo_reader *start, const char *word,
                          struct pipilo_error *err)
{
    const char *names[PLO_COUNT(methods) + 4];
    size_t count = 0;
    for (; count < PLO_COUNT(methods); count++)
        names[count] = methods[count].name;
    names[count++] = "input";
    names[count++] = "output";
    names[count++] = "concat";
    names[count] = NULL;
    const char *nearest = plo_str_nearest(word, names);
    if (nearest != NULL)
        return plo_reader_fail(start, err, "a pipe has no '%s'; did you mean '%s'?", word, nearest);
    return plo_reader_fail(start, err, "a pipe has no '%s'", word);
}

// Reads "method(...)" behind the dot.
static int parse_method(struct parser *parser, struct term *term, struct pipilo_error *err)
{
    char word[64];
    struct plo_reader start = parser->reader;
    PLO_TRY(read_word(parser, word, sizeof word, err));
    bool input = strcmp(word, "input") == 0;
    if (term->pipeline != NULL)
        return plo_reader_fail(&start, err, "nothing can follow .output(...)");
    if (term->pipe == NULL && !input)
        return plo_reader_fail(&start, err, "a pipe begins with pipe.input(...)");
    if (term->pipe != NULL && input)
        return plo_reader_fail(&start, err, "a pipe has one input");
    PLO_TRY(expect(parser, "(", err));
    int result = 1;
    if (++parser->reader.depth > PLO_READER_DEPTH)
        result = plo_reader_fail(&start, err, "pipelines are nested too deep");
    else if (input || strcmp(word, "output") == 0)
        result = parse_ends(parser, term, !input, err);
    else if (strcmp(word, "concat") == 0)
        result = parse_concat(parser, term, err);
    for (size_t i = 0; result == 1 && i < PLO_COUNT(methods); i++)
        if (strcmp(word, methods[i].name) == 0)
            result = parse_step(parser, term, methods[i].iteration, err);
    parser->reader.depth--;
    return result == 1 ? unknown_method(&start, word, err) : result;
}

static int parse_primary(struct parser *parser, struct term *out, struct pipilo_error *err)
{
    if (plo_reader_take(&parser->reader, "(")) {
        int result = 0;
        if (++parser->reader.depth > PLO_READER_DEPTH)
            result = plo_reader_fail(&parser->reader, err, "brackets are nested too deep");
        if (result == 0)
            result = parse_expression(parser, out, err);
        if (result == 0)
            result = expect(parser, ")", err);
        parser->reader.depth--;
        return result;
    }
    struct plo_reader start = parser->reader;
    char word[64];
    PLO_TRY(read_word(parser, word, sizeof word, err));
    if (strcmp(word, "pipe") == 0)
        return 0;
    for (size_t i = parser->variable_count; i > 0; i--) {
        const struct variable *variable = &parser->variables[i - 1];
        if (strcmp(variable->name, word) != 0)
            continue;
        if (variable->term.pipe != NULL)
            out->pipe = pipilo_pipe_ref(variable->term.pipe);
        if (variable->term.pipeline != NULL)
            out->pipeline = pipilo_pipeline_ref(variable->term.pipeline);
        return 0;
    }
    return plo_reader_fail(&start, err, "'%s' is not known: a pipeline begins with pipe.input(...)",
                           word);
}

// A dot, also at the beginning of the next line, where it can mean nothing else.
static bool take_dot(struct parser *parser)
{
    struct plo_reader ahead = parser->reader;
    plo_reader_skip(&ahead, true);
    if (!plo_reader_take(&ahead, "."))
        return false;
    parser->reader = ahead;
    return true;
}

static int parse_expression(struct parser *parser, struct term *out, struct pipilo_error *err)
{
    int result = parse_primary(parser, out, err);
    while (result == 0 && take_dot(parser))
        result = parse_method(parser, out, err);
    if (result == 0 && out->pipe == NULL && out->pipeline == NULL)
        result = plo_reader_fail(&parser->reader, err, "a pipe begins with pipe.input(...)");
    if (result < 0)
        term_reset(out);
    return result;
}

// "name = expression" and the end of its line.
static int parse_assignment(struct parser *parser, struct pipilo_error *err)
{
    if (parser->variable_count == MAX_VARIABLES)
        return plo_reader_fail(&parser->reader, err, "more than %d names", MAX_VARIABLES);
    struct variable variable = { 0 };
    PLO_TRY(read_word(parser, variable.name, sizeof variable.name, err));
    PLO_TRY(expect(parser, "=", err));
    PLO_TRY(parse_expression(parser, &variable.term, err));
    parser->variables[parser->variable_count++] = variable;
    if (!plo_reader_take(&parser->reader, ";") && !plo_reader_take(&parser->reader, "\n"))
        return plo_reader_fail(&parser->reader, err, "the line's end was expected here");
    return 0;
}

static int parse_text(struct parser *parser, pipilo_pipeline **out, struct pipilo_error *err)
{
    struct term term = { 0 };
    for (;;) {
        plo_reader_skip(&parser->reader, true);
        if (!at_keyword(parser))
            break;
        PLO_TRY(parse_assignment(parser, err));
    }
    struct plo_reader start = parser->reader;
    PLO_TRY(parse_expression(parser, &term, err));
    plo_reader_skip(&parser->reader, true);
    int result = 0;
    if (*parser->reader.at != '\0')
        result = plo_reader_fail(&parser->reader, err, "nothing was expected behind the pipeline");
    else if (term.pipeline == NULL)
        result = plo_reader_fail(&start, err, "a pipeline ends with .output(...)");
    if (result == 0)
        *out = pipilo_pipeline_ref(term.pipeline);
    term_reset(&term);
    return result;
}

int pipilo_pipeline_parse(pipilo_pipeline **out, const char *text, struct pipilo_error *err)
{
    return pipilo_pipeline_parse_with(out, text, NULL, err);
}

int pipilo_pipeline_parse_with(pipilo_pipeline **out, const char *text,
                               const struct pipilo_parse_options *options, struct pipilo_error *err)
{
    struct parser *parser = plo_alloc0(1, sizeof *parser);
    if (parser == NULL)
        return plo_fail_nomem(err, sizeof *parser);
    parser->reader = (struct plo_reader){ .text = text, .at = text };
    if (options != NULL)
        parser->options = *options;
    *out = NULL;
    int result = parse_text(parser, out, err);
    for (size_t i = 0; i < parser->variable_count; i++)
        term_reset(&parser->variables[i].term);
    plo_free(parser);
    return result;
}
