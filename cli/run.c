// run.c: `pipilo run`: a pipeline's text over inputs, each row of output as a line of JSON.
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "decoding.h"
#include "drive.h"
#include "memory.h"
#include "say.h"

struct run_options {
    const char *file;
    bool numbers;
    struct memory_options memory;
    struct decoding_options decoding;
    int64_t threads;
};

// One `pipilo run` under way.
struct session {
    const struct run_options *options;
    pipilo_pipeline *pipeline;
    pipilo_value **inputs; // of the next run
    size_t wanted, given;
    int64_t failed; // rows
};

static int print_row(void *cookie, const pipilo_row *row)
{
    struct session *session = cookie;
    bool first = true;
    session->failed += pipilo_row_error(row) != NULL;
    putchar('{');
    for (size_t i = 0; i < pipilo_pipeline_output_count(session->pipeline); i++) {
        put_member(stdout, &first, pipilo_pipeline_output_name(session->pipeline, i));
        put_value(stdout, pipilo_row_value(row, i));
    }
    puts("}");
    return ferror(stdout);
}

static void say_memory(void *unused)
{
    (void)unused;
    memory_say(NULL, NULL);
}

// The input as a value: text, or with --numbers a number.
static int make_input(const struct session *session, const char *text, pipilo_value **out,
                      struct pipilo_error *err)
{
    if (!session->options->numbers)
        return pipilo_value_create_string(out, text, err);
    char *end;
    errno = 0;
    long long whole = strtoll(text, &end, 10);
    if (end != text && *end == '\0' && errno == 0)
        return pipilo_value_create_int(out, whole, err);
    double number = strtod(text, &end);
    if (end != text && *end == '\0')
        return pipilo_value_create_float(out, number, err);
    fail(err, PIPILO_EINVALID, "");
    snprintf(err->message, sizeof err->message, "'%s' is not a number", text);
    return err->code;
}

static void forget_inputs(struct session *session)
{
    for (size_t i = 0; i < session->given; i++)
        pipilo_value_unref(&session->inputs[i]);
    session->given = 0;
}

static int run_once(struct session *session, struct pipilo_error *err)
{
    struct driver driver = { .row = print_row, .tick = say_memory, .cookie = session };
    int result = drive(session->pipeline, session->inputs, session->given, &driver, err);
    forget_inputs(session);
    // Who reads along sees each run's rows when it is done.
    if (result == 0 && fflush(stdout) != 0)
        result = fail(err, PIPILO_EIO, "standard output could not be written");
    return result;
}

// Takes one input; when a run has all it wants, it goes.
static int take_input(struct session *session, const char *text, struct pipilo_error *err)
{
    int result = make_input(session, text, &session->inputs[session->given], err);
    if (result < 0)
        return result;
    session->given++;
    return session->given == session->wanted ? run_once(session, err) : 0;
}

static int take_lines(struct session *session, struct pipilo_error *err)
{
    char *line = NULL;
    size_t size = 0;
    int result = 0;
    while (result == 0 && !signals_caught() && getline(&line, &size, stdin) >= 0) {
        line[strcspn(line, "\n")] = '\0';
        if (*line != '\0')
            result = take_input(session, line, err);
    }
    free(line);
    return result == 0 && signals_caught() ? fail(err, PIPILO_ECANCELED, "stopped") : result;
}

static int take_inputs(struct session *session, char **inputs, int count, struct pipilo_error *err)
{
    int result = 0;
    // A pipeline without input runs once.
    if (session->wanted == 0 && count == 0)
        return run_once(session, err);
    for (int i = 0; i < count && result == 0; i++)
        result = strcmp(inputs[i], "-") == 0 ? take_lines(session, err)
                                             : take_input(session, inputs[i], err);
    return result;
}

static int run_session(struct session *session, char **inputs, int count)
{
    struct pipilo_error err;
    session->wanted = pipilo_pipeline_input_count(session->pipeline);
    if (session->wanted == 0 && count > 0)
        return say_usage("run", "the pipeline takes no input, so '%s' is one too many", inputs[0]);
    if (session->wanted > 0 && count == 0)
        return say_usage("run", "the pipeline takes an input: give it behind the pipeline");
    session->inputs = must(calloc(session->wanted + 1, sizeof(pipilo_value *)));
    int result = take_inputs(session, inputs, count, &err);
    size_t left = session->given;
    forget_inputs(session);
    free(session->inputs);
    if (result < 0)
        return say_error(&err);
    if (left > 0)
        return say_usage("run",
                         "the pipeline takes %zu inputs at a time; the last time there were "
                         "%zu",
                         session->wanted, left);
    return session->failed > 0 ? EXIT_ROWS : 0;
}

// All of a file, or of standard input ("-"); the caller frees it. NULL after the message.
static char *read_text(const char *path)
{
    FILE *file = strcmp(path, "-") == 0 ? stdin : fopen(path, "r");
    if (file == NULL) {
        say("%s: %s", path, strerror(errno));
        return NULL;
    }
    char *text = NULL;
    size_t size = 0;
    ssize_t length = getdelim(&text, &size, '\0', file);
    bool bad = ferror(file) != 0;
    if (file != stdin)
        fclose(file);
    if (bad || length < 0) {
        say("%s: %s", path, bad ? "reading failed" : "the file is empty");
        free(text);
        return NULL;
    }
    return text;
}

static int run_run(const void *stored, char **operands, int count)
{
    struct session session = { .options = stored };
    struct pipilo_error err;
    const char *file = session.options->file;
    char *text = NULL;
    if (file == NULL && count == 0)
        return say_usage("run", "there is no pipeline: pipilo run 'PIPELINE' INPUT...");
    if (file != NULL && (text = read_text(file)) == NULL)
        return EXIT_NOT_FOUND;
    int status = memory_begin("run", &session.options->memory, false);
    if (status == 0)
        status = decoding_begin("run", &session.options->decoding);
    if (status != 0) {
        free(text);
        return status;
    }
    signals_catch();
    int result = pipilo_set_threads((unsigned)session.options->threads, &err);
    if (result == 0)
        result = pipilo_pipeline_parse(&session.pipeline, file != NULL ? text : operands[0], &err);
    free(text);
    status = result < 0 ? say_error(&err)
                        : run_session(&session, operands + (file == NULL), count - (file == NULL));
    memory_say(NULL, NULL);
    pipilo_pipeline_unref(&session.pipeline);
    return status;
}

static const struct option_row rows[] = {
    { 0, "file", "FILE", OPTION_FILE, offsetof(struct run_options, file),
      .help = "read the pipeline from FILE; all arguments are then inputs" },
    { 0, "numbers", NULL, OPTION_FLAG, offsetof(struct run_options, numbers),
      .help = "the inputs are numbers, not text" },
    { 0, "threads", "N", OPTION_INT, offsetof(struct run_options, threads), .fallback = "0",
      .max = 1024, .help = "threads to work with; 0: one for each processor core" },
    MEMORY_ROWS(struct run_options),
    DECODING_ROWS(struct run_options),
    { 0 },
};

const struct command run_command = {
    .name = "run",
    .operands = "'PIPELINE' INPUT...",
    .summary = "run a pipeline over inputs and print its rows as JSON",
    .text = "Runs the pipeline once for each INPUT and prints each row of its output as one line "
            "of JSON: the output columns by name. A pipeline that takes several inputs gets as "
            "many at a time. An INPUT of `-` stands for the lines of standard input.\n\n"
            "PIPELINE is what one would write in Python, as text; `pipilo ops` lists what can be "
            "called. `pipilo embed --explain` prints a pipeline to begin with.\n\n"
            "A value that could not be made is shown as {\"error\": {\"code\", \"where\", "
            "\"message\"}}; the exit status is then 1.",
    .examples =
        "  pipilo run \"pipe.input('x').map('x', 'y', ops.image_decode()).output('y')\" a.jpg\n"
        "  pipilo run --file pipeline.txt photos/*.jpg\n"
        "  ls *.jpg | pipilo run --file pipeline.txt -\n",
    .options = rows,
    .operand = OPERAND_FILE,
    .most = -1,
    .size = sizeof(struct run_options),
    .run = run_run,
};
