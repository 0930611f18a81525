// embed.c: `pipilo embed`: pictures to vectors in a file, with a progress bar and a summary.
#include "embed.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <pipilo/pipilo.h>

#include "commands.h"
#include "drive.h"
#include "embed_left.h"
#include "machine.h"
#include "progress.h"
#include "relay.h"
#include "say.h"

enum { CODES = 32, SHOWN_ERRORS = 5 };

// One `pipilo embed` under way.
struct job {
    const struct embed_options *options;
    struct left before; // the run
    const char *const *inputs;
    size_t count;
    FILE *words; // where the summary goes
    struct progress progress;
    int64_t rows;
    int64_t errors[CODES]; // by code
    double started;        // when the model was loaded and the run began

    // Counting the pictures goes on beside the run.
    pthread_t counter;
    bool counting;
    atomic_bool enough;    // the counter should end
    _Atomic int64_t total; // -1: not known
};

// --- how many there will be ----------------------------------------------------------------------

static bool go_on(void *cookie)
{
    struct job *job = cookie;
    return !atomic_load(&job->enough);
}

static void *count_pictures(void *cookie)
{
    struct job *job = cookie;
    int64_t total = -1;
    if (pipilo_inputs_count(&total, job->inputs, job->count, job->options->files_from, go_on, job,
                            NULL) == 0)
        atomic_store(&job->total, total);
    return NULL;
}

static void start_counter(struct job *job)
{
    sigset_t all, before;
    atomic_init(&job->enough, false);
    atomic_init(&job->total, -1);
    if (job->options->quiet)
        return;
    // Signals are the main thread's.
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    job->counting = pthread_create(&job->counter, NULL, count_pictures, job) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}

// How many of `total` inputs the shard "I/N" takes, one that is none having been refused.
static int64_t shard_of(const char *shard, int64_t total)
{
    long long part = 1, of = 1;
    if (shard == NULL || sscanf(shard, "%lld/%lld", &part, &of) != 2 || of < 1 || total < 0)
        return total;
    return (total - part + of) / of;
}

static void stop_counter(struct job *job)
{
    atomic_store(&job->enough, true);
    if (job->counting)
        pthread_join(job->counter, NULL);
    job->counting = false;
}

// --- rows ----------------------------------------------------------------------------------------

static int64_t error_count(const struct job *job)
{
    int64_t sum = 0;
    for (int i = 0; i < CODES; i++)
        sum += job->errors[i];
    return sum;
}

static void show_error(struct job *job, const char *source, const struct pipilo_error *error)
{
    int64_t count = error_count(job);
    if (job->options->quiet || count > SHOWN_ERRORS + 1)
        return;
    progress_clear(&job->progress);
    if (count > SHOWN_ERRORS)
        say("further errors are counted and not shown");
    else
        say("%s: %s: %s", source != NULL ? source : "an input", pipilo_error_name(error->code),
            error->message);
}

static int take_row(void *cookie, const pipilo_row *row)
{
    struct job *job = cookie;
    const struct pipilo_error *error = pipilo_row_error(row);
    job->rows++;
    job->progress.done++;
    if (error == NULL)
        return 0;
    job->progress.errors++;
    job->errors[error->code < 0 && error->code > -CODES ? -error->code : 0]++;
    show_error(job, pipilo_value_string(pipilo_row_value(row, 0)), error);
    return 0;
}

static void clear_progress(void *progress)
{
    progress_clear(progress);
}

// What the library says of memory, above the progress line.
static void say_memory(struct job *job)
{
    memory_say(clear_progress, &job->progress);
}

static void tick(void *cookie)
{
    struct job *job = cookie;
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    pipilo_stats(&stats);
    job->progress.done = job->rows + (int64_t)(stats.skipped_unchanged + stats.resumed);
    job->progress.total = shard_of(job->options->shard, atomic_load(&job->total));
    say_memory(job);
    progress_tick(&job->progress);
}

// --- the summary ---------------------------------------------------------------------------------

static void put_count(FILE *file, int64_t count, const char *noun)
{
    char *text = text_count(count, noun);
    fputs(text, file);
    free(text);
}

static void summary_rows(const struct job *job, const struct pipilo_stats *stats)
{
    int64_t errors = error_count(job);
    put_count(job->words, job->rows - errors, "picture");
    fputs(" embedded", job->words);
    if (stats->skipped_unchanged > 0)
        fprintf(job->words, ", %lld unchanged since last time",
                (long long)stats->skipped_unchanged);
    if (stats->resumed > 0) {
        fputs(", ", job->words);
        put_count(job->words, (int64_t)stats->resumed, "row");
        fprintf(job->words, " there already, %lld of them errors",
                (long long)stats->resumed_errors);
    }
    if (errors > 0) {
        const char *before = " (";
        fputs(", ", job->words);
        put_count(job->words, errors, "error");
        for (int i = 0; i < CODES; i++) {
            if (job->errors[i] == 0)
                continue;
            fprintf(job->words, "%s%s: %lld", before, pipilo_error_name(-i),
                    (long long)job->errors[i]);
            before = ", ";
        }
        fputc(')', job->words);
    }
    fputc('\n', job->words);
    uint64_t skipped = stats->skipped_hidden + stats->skipped_other + stats->skipped_irregular;
    if (skipped > 0) {
        fputs("passed over: ", job->words);
        put_count(job->words, (int64_t)skipped, "name");
        fprintf(job->words, " (%llu hidden, %llu no pictures by their suffix, %llu no files)\n",
                (unsigned long long)stats->skipped_hidden, (unsigned long long)stats->skipped_other,
                (unsigned long long)stats->skipped_irregular);
    }
    if (stats->skipped_members > 0) {
        fputs("dropped or cut: ", job->words);
        put_count(job->words, (int64_t)stats->skipped_members, "member");
        fputs(" of archives, too large or too many\n", job->words);
    }
}

// How the next command would be typed, where there is something to be found.
static void summary_next(const struct job *job, const struct pipilo_stats *stats)
{
    const char *out = job->options->out;
    size_t length = strlen(out);
    uint64_t good = (uint64_t)(job->rows - error_count(job)) + stats->skipped_unchanged +
                    stats->resumed - stats->resumed_errors;
    char *first = NULL;
    if (strcmp(out, "-") == 0)
        return;
    for (int i = 0; i < job->options->models.count; i++) {
        char *full = embed_out(job->options, i), *clean = text_clean(full);
        fprintf(job->words, "written to %s: %s\n", clean, embed_kind(out));
        free(full);
        if (i == 0)
            first = clean;
        else
            free(clean);
    }
    if (length > 6 && strcmp(out + length - 6, ".jsonl") == 0)
        fprintf(job->words, "\nnext: head -n 1 %s\n", first);
    else if (good > 0)
        fprintf(job->words, "\nnext: pipilo search %s PICTURE -k 10\n", first);
    free(first);
}

static double rate_of(const struct job *job, double now)
{
    double seconds = now - job->started;
    return seconds > 0 ? (double)job->rows / seconds : 0;
}

static void summary(const struct job *job)
{
    double now = progress_clock();
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    pipilo_stats(&stats);
    summary_rows(job, &stats);
    fprintf(job->words, "%s, of which %s to load the model",
            text_duration(now - job->progress.begun).text,
            text_duration(job->started - job->progress.begun).text);
    double rate = rate_of(job, now);
    fprintf(job->words, "; %.*f pictures a second", rate < 99.5 ? 1 : 0, rate);
    if (job->progress.peak > 0)
        fprintf(job->words, "; at most %s of memory", text_size(job->progress.peak).text);
    fputc('\n', job->words);
    summary_next(job, &stats);
}

static void json_counts(const struct job *job, const struct pipilo_stats *stats)
{
    bool first = true;
    fputc('{', job->words);
    for (int i = 0; i < CODES; i++) {
        if (job->errors[i] == 0)
            continue;
        put_member(job->words, &first, pipilo_error_name(-i));
        fprintf(job->words, "%lld", (long long)job->errors[i]);
    }
    fprintf(job->words,
            "}, \"skipped\": {\"hidden\": %llu, \"other\": %llu, \"irregular\": %llu, "
            "\"unchanged\": %llu, \"members\": %llu}",
            (unsigned long long)stats->skipped_hidden, (unsigned long long)stats->skipped_other,
            (unsigned long long)stats->skipped_irregular,
            (unsigned long long)stats->skipped_unchanged,
            (unsigned long long)stats->skipped_members);
}

static void json_out(const struct job *job, int which)
{
    char *out = embed_out(job->options, which);
    put_json(job->words, out);
    free(out);
}

static void json_model(const struct job *job, int which)
{
    put_json(job->words, job->options->models.words[which]);
}

// A string for one model, a list of them for several.
static void json_each(const struct job *job, void (*put)(const struct job *job, int which))
{
    int count = job->options->models.count;
    for (int i = 0; i < count; i++) {
        fputs(i > 0 ? ", " : count > 1 ? "[" : "", job->words);
        put(job, i);
    }
    fputs(count > 1 ? "]" : "", job->words);
}

static void json_summary(const struct job *job)
{
    bool first = true;
    double now = progress_clock();
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    pipilo_stats(&stats);
    fputc('{', job->words);
    put_member(job->words, &first, "out");
    json_each(job, json_out);
    put_member(job->words, &first, "model");
    json_each(job, json_model);
    fprintf(job->words, ", \"rows\": %lld, \"ok\": %lld, \"errors\": ", (long long)job->rows,
            (long long)(job->rows - error_count(job)));
    json_counts(job, &stats);
    fprintf(job->words, ", \"resumed\": %llu, \"resumed_errors\": %llu",
            (unsigned long long)stats.resumed, (unsigned long long)stats.resumed_errors);
    fprintf(job->words,
            ", \"seconds\": %.3f, \"load_seconds\": %.3f, \"pictures_per_second\": %.2f, "
            "\"peak_memory\": %llu, \"memory_budget\": %llu}\n",
            now - job->progress.begun, job->started - job->progress.begun, rate_of(job, now),
            (unsigned long long)job->progress.peak, (unsigned long long)stats.budget_limit);
}

// --- the command ---------------------------------------------------------------------------------

static int make_inputs(const struct job *job, pipilo_value **out, struct pipilo_error *err)
{
    pipilo_value **items = must(calloc(job->count + 1, sizeof *items));
    int result = 0;
    for (size_t i = 0; i < job->count && result == 0; i++)
        result = pipilo_value_create_string(&items[i], job->inputs[i], err);
    if (result == 0)
        result = pipilo_value_create_list(out, items, job->count, err);
    for (size_t i = 0; i < job->count; i++)
        pipilo_value_unref(&items[i]);
    free(items);
    return result;
}

static int embed(struct job *job, const char *text, struct pipilo_error *err)
{
    pipilo_pipeline *pipeline = NULL;
    pipilo_value *inputs = NULL;
    struct driver driver = {
        .row = take_row, .tick = tick, .cookie = job, .drains = job->options->resume
    };
    int result = pipilo_set_threads((unsigned)job->options->threads, err);
    if (result == 0)
        result = make_inputs(job, &inputs, err);
    if (result == 0)
        result = pipilo_pipeline_parse(&pipeline, text, err);
    job->started = progress_clock();
    progress_go(&job->progress);
    if (result == 0)
        result = drive(pipeline, &inputs, 1, &driver, err);
    pipilo_value_unref(&inputs);
    pipilo_pipeline_unref(&pipeline);
    return result;
}

static int report_stopped(const struct job *job, int result, const struct pipilo_error *err)
{
    bool canceled = result == PIPILO_ECANCELED && signals_caught();
    bool first = strcmp(job->options->on_error, "stop") == 0;
    bool resumable = job->options->resume && job->rows > 0;
    bool several = job->options->models.count > 1;
    int status = canceled ? pipilo_error_exit_status(PIPILO_ECANCELED) : say_error(err);
    if (!canceled && !first && !resumable && !several)
        return status;
    char *left = left_text(&job->before, job->options);
    if (!canceled && first)
        say("stopped at the first error; %s", left);
    else
        say("stopped after %lld rows; %s", (long long)job->rows, left);
    free(left);
    return status;
}

static int report(struct job *job, int result, const struct pipilo_error *err)
{
    if (result < 0)
        return report_stopped(job, result, err);
    if (job->options->json)
        json_summary(job);
    else if (!job->options->quiet)
        summary(job);
    struct pipilo_stats stats = { .struct_size = sizeof stats };
    pipilo_stats(&stats);
    return error_count(job) > 0 || stats.resumed_errors > 0 ? EXIT_ROWS : 0;
}

// A list in a pipe takes the place of standard input: a signal can end that (see relay.h).
static int list_to_stdin(struct embed_options *options)
{
    struct stat status;
    const char *list = options->files_from;
    if (list == NULL || strcmp(list, "-") == 0 || stat(list, &status) < 0 ||
        !S_ISFIFO(status.st_mode))
        return 0;
    int fd = open(list, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || dup2(fd, STDIN_FILENO) < 0) {
        say("cannot open the list %s: %s", list, strerror(errno));
        return -1;
    }
    close(fd);
    options->files_from = "-";
    return 0;
}

static bool look_no_further(void *cookie)
{
    (void)cookie;
    return false;
}

// One picture gives one thread work, and a stream of the model that is not needed costs its start:
// 0.03 s of 0.14 with two cores.
static bool one_picture(const struct embed_options *options, char **operands, int count)
{
    int64_t pictures = -1;
    struct stat status;
    return count == 1 && options->files_from == NULL && options->threads == 0 &&
           stat(operands[0], &status) == 0 && S_ISREG(status.st_mode) &&
           pipilo_inputs_count(&pictures, (const char *const *)operands, 1, NULL, look_no_further,
                               NULL, NULL) == 0 &&
           pictures == 1;
}

static int run_embed(const void *stored, char **operands, int count)
{
    struct embed_options own = *(const struct embed_options *)stored;
    const struct embed_options *options = &own;
    if (count == 0 && options->files_from == NULL)
        return say_usage("embed", "there is nothing to embed: name pictures, folders or archives");
    if (options->models.count == 0)
        return say_usage("embed", "no model is given: -m MODEL (`pipilo models` lists them)");
    if (options->out == NULL)
        return say_usage("embed", "no output is given: -o OUT, such as -o pictures.db");
    int status = memory_begin("embed", &options->memory, options->quiet);
    if (status == 0)
        status = decoding_begin("embed", &options->decoding);
    if (status != 0)
        return status;
    signals_catch();
    if (!options->explain && list_to_stdin(&own) < 0)
        return signals_caught() ? pipilo_error_exit_status(PIPILO_ECANCELED) : EXIT_NOT_FOUND;
    if (one_picture(options, operands, count))
        own.threads = 1;
    char *text = embed_pipeline(options);
    if (text == NULL)
        return EXIT_USAGE;
    if (options->explain) {
        fputs(text, stdout);
        free(text);
        return 0;
    }
    if (options->nice && !machine_give_way())
        say("cannot give way to other programs: %s", strerror(errno));
    struct job job = { .options = options,
                       .inputs = (const char *const *)operands,
                       .count = (size_t)count };
    struct pipilo_error err;
    job.words = strcmp(options->out, "-") == 0 ? stderr : stdout;
    // Nobody listening is no reason to lose an OUT.
    if (job.words == stdout)
        signal(SIGPIPE, SIG_IGN);
    if (options->files_from != NULL && strcmp(options->files_from, "-") == 0)
        relay_start();
    progress_begin(&job.progress, options->quiet);
    progress_note(&job.progress, "loading the model");
    left_begin(&job.before, options);
    start_counter(&job);
    int result = embed(&job, text, &err);
    stop_counter(&job);
    progress_clear(&job.progress);
    say_memory(&job);
    free(text);
    const char *trouble = pipilo_model_cache_trouble();
    if (trouble != NULL && !options->quiet)
        say("%s; every start compiles it anew (`pipilo models cache --help`)", trouble);
    return report(&job, result, &err);
}

#define AT(member) offsetof(struct embed_options, member)

static const struct option_row rows[] = {
    { 'm', "model", "MODEL", OPTION_MODELS, AT(models),
      .help = "the model: a folder, an ONNX file with its card beside it, or a name that `pipilo "
              "models` lists. Given several times each has an OUT of its own, OUT.NAME.suffix, and "
              "a picture is decoded once for all" },
    { 'o', "out", "OUT", OPTION_FILE, AT(out),
      .help = "where the vectors go; the suffix says how: .db or .sqlite, .npy, .jsonl, or - for "
              "lines of JSON on standard output" },
    { 0, "files-from", "FILE", OPTION_FILE, AT(files_from),
      .help = "read more inputs from FILE (-: standard input), one a line or separated by NUL" },
    { 0, "update", NULL, OPTION_FLAG, AT(update),
      .help = "add to OUT what is new or changed, and try again what failed" },
    { 0, "force", NULL, OPTION_FLAG, AT(force), .help = "replace an OUT that is there" },
    { 0, "resume", NULL, OPTION_FLAG, AT(resume),
      .help = "keep what is written whatever ends the run, and go on where one that was ended "
              "left off: the same command again, until it is done" },
    { 0, "shard", "I/N", OPTION_STRING, AT(shard),
      .help = "take only every Nth input, from the Ith on; `pipilo merge` makes one OUT of all N "
              "shards" },
    { 0, "on-error", "WHAT", OPTION_CHOICE, AT(on_error), .choices = "row|stop", .fallback = "row",
      .help = "row: a bad picture is a row that says so, and the run goes on; stop: it ends the "
              "run" },
    { 0, "exact", NULL, OPTION_UNFLAG, AT(fast),
      .help = "the same pixels as Pillow, hence the same vectors as Python's tools; so it is "
              "unless --fast is given" },
#include "vector_rows.def"
    { 0, "dtype", "WHICH", OPTION_CHOICE, AT(dtype), .choices = "f32|f16", .fallback = "f32",
      .help = "how a .db or .npy keeps the vectors; f16 takes half the room, and each number is "
              "rounded to 11 bits" },
    { 0, "thumbnails", NULL, OPTION_FLAG, AT(thumbnails),
      .help = "keep a JPEG of at most 160 x 160 pixels of every picture in a .db" },
    { 0, "device", "DEVICE", OPTION_STRING, AT(device),
      .help = "what the engine works on, such as CPU or GPU" },
    { 0, "threads", "N", OPTION_INT, AT(threads), .fallback = "0", .max = 1024,
      .help =
          "threads to work with; 0: one for each processor core, and one for a single picture" },
    { 0, "batch", "N", OPTION_INT, AT(batch), .fallback = "0", .max = 1024,
      .help = "pictures the engine takes at once; 0: what is fastest for it. Another number may "
              "change the last bits of a vector" },
    MEMORY_ROWS(struct embed_options),
    DECODING_ROWS(struct embed_options),
    { 0, "nice", NULL, OPTION_FLAG, AT(nice),
      .help = "let other programs go first, at the processor and at disks; as fast as without it "
              "where there are none" },
    { 'q', "quiet", NULL, OPTION_FLAG, AT(quiet), .help = "say nothing but what is fatal" },
    { 0, "json", NULL, OPTION_FLAG, AT(json), .help = "print the summary as one JSON object" },
    { 0, "explain", NULL, OPTION_FLAG, AT(explain),
      .help = "print the pipeline this stands for, which `pipilo run` takes, and do nothing" },
    { 0 },
};

const struct command embed_command = {
    .name = "embed",
    .operands = "INPUT... -m MODEL -o OUT",
    .summary = "turn pictures into vectors and keep them in a file",
    .text =
        "Turns every picture into a vector and writes one row for each to OUT, in the order of "
        "the inputs.\n\n"
        "An INPUT is a picture, a folder (all pictures in it and below, by their suffix), a "
        "pattern such as 'photos/*.jpg', or a tar archive.\n\n"
        "A picture that cannot be read is a row that says why; the run goes on, and the exit "
        "status is 1. Memory stays the same however many pictures there are.\n\n"
        "Ctrl-C ends the run and leaves nothing behind; an OUT in .db that is being updated keeps "
        "the rows it has got. With --resume all is kept, and the same command goes on.",
    .examples =
        "  pipilo embed photos/ -m efficientnet-lite0 -o photos.db\n"
        "  pipilo embed photos/ -m efficientnet-lite0 -o photos.db --update   # what is new\n"
        "  pipilo embed photos/ -m efficientnet-lite0 -o photos.npy --resume  # again, if it ends\n"
        "  find / -name '*.jpg' | pipilo embed --files-from - -m MODEL -o all.npy\n"
        "  pipilo embed photos/ -m resnet50 -m clip-vit-b32 -o photos.db       # two at once\n"
        "  pipilo embed cat.jpg -m MODEL -o - | jq .vector                     # one picture\n",
    .options = rows,
    .operand = OPERAND_FILE,
    .most = -1,
    .size = sizeof(struct embed_options),
    .run = run_embed,
};
