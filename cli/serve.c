// serve.c: `pipilo serve`: embedding and searching over HTTP. What serves is a library of its own,
// opened here: to load what speaks HTTP takes as long as to load all the rest.
#include <dlfcn.h>
#include <string.h>

#include <pipilo/pipilo.h>

#include "../server/server.h"
#include "commands.h"
#include "decoding.h"
#include "memory.h"
#include "say.h"

struct serve_options {
    struct option_words models, pipelines, origins, hosts;
    const char *store, *listen, *access_log, *keys, *tls_certificate, *tls_key;
    const char *precision, *exif, *device;
    bool fast, normalize;
    int64_t threads, batch, batch_wait, timeout, connections, waiting;
    uint64_t body, queue;
    struct memory_options memory;
    struct decoding_options decoding;
};

static void say_line(const char *line)
{
    say("%s", line);
}

static struct server_options wanted(const struct serve_options *options)
{
    struct server_options out = {
        .model_count = (size_t)options->models.count,
        .store = options->store,
        .listen = options->listen,
        .access_log = options->access_log,
        .keys = options->keys,
        .origin_count = (size_t)options->origins.count,
        .tls_certificate = options->tls_certificate,
        .tls_key = options->tls_key,
        .precision = options->precision,
        .exif = options->exif,
        .device = options->device,
        .fast = options->fast,
        .normalize = options->normalize,
        .threads = options->threads,
        .batch = options->batch,
        .batch_wait_ms = options->batch_wait,
        .timeout_s = options->timeout,
        .connections = options->connections,
        .waiting = options->waiting,
        .body_bytes = options->body,
        .queue_bytes = options->queue,
        .say = say_line,
    };
    out.pipeline_count = (size_t)options->pipelines.count;
    for (int i = 0; i < options->pipelines.count; i++)
        out.pipelines[i] = options->pipelines.words[i];
    out.fetch_host_count = (size_t)options->hosts.count;
    for (int i = 0; i < options->hosts.count; i++)
        out.fetch_hosts[i] = options->hosts.words[i];
    for (int i = 0; i < options->origins.count; i++)
        out.origins[i] = options->origins.words[i];
    for (int i = 0; i < options->models.count; i++)
        out.models[i] = options->models.words[i];
    return out;
}

static void say_log(void *cookie, const char *line)
{
    (void)cookie;
    say("%s", line);
}

static int run_serve(const void *stored, char **operands, int count)
{
    static const struct pipilo_log log = { say_log, NULL };
    const struct serve_options *options = stored;
    struct pipilo_error err;
    (void)operands, (void)count;
    if (options->models.count == 0)
        return say_usage("serve", "there is no model: give -m MODEL");
    int status = memory_begin("serve", &options->memory, true);
    if (status == 0)
        status = decoding_begin("serve", &options->decoding);
    if (status != 0)
        return status;
    if (pipilo_set_threads((unsigned)options->threads, &err) < 0)
        return say_error(&err);
    pipilo_set_log(&log);
    void *library = dlopen("libpipilo-serve.so", RTLD_NOW | RTLD_LOCAL);
    int (*run)(const struct server_options *);
    if (library != NULL)
        *(void **)&run = dlsym(library, "server_run");
    if (library == NULL || run == NULL) {
        say("what serves cannot be opened: %s", dlerror());
        return EXIT_NOT_FOUND;
    }
    struct server_options server = wanted(options);
    return run(&server);
}

#define AT(member) offsetof(struct serve_options, member)

static const struct option_row rows[] = {
    { 'm', "model", "MODEL", OPTION_MODELS, AT(models),
      .help = "the model that makes the vectors; given again, a further one" },
    { 's', "store", "STORE", OPTION_FILE, AT(store),
      .help = "a .db to search and to add to, or a .npy to search; a .db that is not there yet is "
              "made with the first picture" },
    { 0, "pipeline", "NAME=TEXT", OPTION_TEXTS, AT(pipelines),
      .help = "a pipeline that is served at /NAME and /NAME/batch; given again, a further one" },
    { 'l', "listen", "HOST:PORT", OPTION_STRING, AT(listen), .fallback = "127.0.0.1:8080",
      .help = "where to listen; port 0 takes one that is free" },
    { 0, "keys", "FILE", OPTION_FILE, AT(keys),
      .help = "answer only who sends a key of FILE, which has one a line" },
    { 0, "cors", "ORIGIN", OPTION_TEXTS, AT(origins),
      .help = "let pages of this site ask, such as https://example.org, or * for all; given again, "
              "a further one" },
    { 0, "allow-host", "HOST", OPTION_TEXTS, AT(hosts),
      .help = "fetch pictures whose URL is of HOST, HOST:PORT or *.DOMAIN; given again, a further "
              "one. Without it nothing is fetched" },
    { 0, "tls-cert", "FILE", OPTION_FILE, AT(tls_certificate),
      .help = "serve HTTPS with this certificate, and those that lead to it, as PEM" },
    { 0, "tls-key", "FILE", OPTION_FILE, AT(tls_key), .help = "the certificate's key, as PEM" },
    { 0, "timeout", "SECONDS", OPTION_INT, AT(timeout), .fallback = "30", .min = 1, .max = 3600,
      .help = "how long a request may take once all of it is here" },
    { 0, "max-body", "SIZE", OPTION_SIZE, AT(body), .fallback = "32M",
      .help = "the largest body of a request" },
    { 0, "max-queue", "SIZE", OPTION_SIZE, AT(queue), .fallback = "256M",
      .help = "what the bodies of all requests, and large answers that wait to be read, may hold "
              "together; beyond it requests get 429" },
    { 0, "max-waiting", "N", OPTION_INT, AT(waiting), .fallback = "4096", .min = 1, .max = 1000000,
      .help = "how many pictures may wait for a model; beyond it likewise" },
    { 0, "max-connections", "N", OPTION_INT, AT(connections), .fallback = "1024", .min = 4,
      .max = 100000, .help = "how many connections may be open" },
    { 0, "batch-wait", "MS", OPTION_INT, AT(batch_wait), .fallback = "0", .min = 0, .max = 1000,
      .help = "how long a picture may wait for others to be embedded together with it" },
    { 0, "access-log", "FILE", OPTION_FILE, AT(access_log), .fallback = "-",
      .help = "a line of JSON a request; - is standard output, off is none" },
#include "vector_rows.def"
    { 0, "device", "DEVICE", OPTION_STRING, AT(device),
      .help = "what the engine works on, such as CPU or GPU" },
    { 0, "threads", "N", OPTION_INT, AT(threads), .fallback = "0", .max = 1024,
      .help = "threads to work with; 0: one for each processor core" },
    { 0, "batch", "N", OPTION_INT, AT(batch), .fallback = "0", .max = 1024,
      .help = "pictures the engine takes at once; 0: what is fastest for it. Another number may "
              "change the last bits of a vector" },
    MEMORY_ROWS(struct serve_options),
    DECODING_ROWS(struct serve_options),
    { 0 },
};

const struct command serve_command = {
    .name = "serve",
    .operands = "",
    .summary = "embed pictures over HTTP",
    .text = "Loads each MODEL once and answers requests with vectors until it is stopped: "
            "POST /v1/embeddings as OpenAI's clients speak it, POST /embed for bare pictures, "
            "GET /v1/models, /v1/operators, /health/live, /health/ready and /metrics. "
            "Requests share the cores, the model and the memory budget; what does not fit waits, "
            "and what may not wait is told so (429).\n\n"
            "It listens on this machine alone unless --listen says otherwise. On SIGTERM it "
            "answers what it has accepted and ends.",
    .examples = "  pipilo serve -m efficientnet-lite0\n"
                "  pipilo serve -m MODEL --listen 0.0.0.0:8080 --timeout 10\n"
                "  curl --data-binary @beach.jpg http://127.0.0.1:8080/embed\n",
    .options = rows,
    .operand = OPERAND_NONE,
    .most = 0,
    .size = sizeof(struct serve_options),
    .run = run_serve,
};
