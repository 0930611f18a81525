// metrics.c: counters and histograms (see metrics.h).
#include "metrics.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>

#include <pipilo/pipilo.h>

enum { BUCKETS = 13, BATCH_BUCKETS = 8, STATUSES = 18, CODES = 32 };

static const double seconds[BUCKETS] = { .001, .0025, .005, .01, .025, .05, .1,
                                         .25,  .5,    1,    2.5, 5,    10 };
static const char *const stage_names[STAGES] = { "receive", "queue", "embed", "store", "total" };
// The last stands for all others.
static const int statuses[STATUSES] = { 200, 204, 400, 401, 403, 404, 405, 408, 409,
                                        413, 415, 422, 429, 499, 500, 503, 504, 0 };

struct histogram {
    _Atomic uint64_t in[BUCKETS + 1], nanoseconds;
};

static struct histogram stages[STAGES], routes[METRIC_ROUTES];
static _Atomic uint64_t batches[BATCH_BUCKETS + 1], batch_pictures;
static _Atomic uint64_t requests[METRIC_ROUTES][STATUSES];
static _Atomic uint64_t item_errors[CODES];
static _Atomic uint64_t cut_off;

static void add(_Atomic uint64_t *counter, uint64_t more)
{
    atomic_fetch_add_explicit(counter, more, memory_order_relaxed);
}

static unsigned long long get(_Atomic uint64_t *counter)
{
    return atomic_load_explicit(counter, memory_order_relaxed);
}

static void add_time(struct histogram *histogram, int64_t nanoseconds)
{
    int bucket = 0;
    if (nanoseconds < 0)
        nanoseconds = 0;
    while (bucket < BUCKETS && (double)nanoseconds > seconds[bucket] * 1e9)
        bucket++;
    add(&histogram->in[bucket], 1);
    add(&histogram->nanoseconds, (uint64_t)nanoseconds);
}

void metrics_stage(enum metric_stage stage, int64_t nanoseconds)
{
    add_time(&stages[stage], nanoseconds);
}

void metrics_answered(size_t route, int64_t nanoseconds)
{
    add_time(&stages[STAGE_TOTAL], nanoseconds);
    if (route < METRIC_ROUTES)
        add_time(&routes[route], nanoseconds);
}

void metrics_batch(size_t pictures)
{
    int bucket = 0;
    while (bucket < BATCH_BUCKETS && pictures > (size_t)1 << bucket)
        bucket++;
    add(&batches[bucket], 1);
    add(&batch_pictures, pictures);
}

void metrics_request(size_t route, int status)
{
    int at = 0;
    while (at < STATUSES - 1 && statuses[at] != status)
        at++;
    if (route < METRIC_ROUTES)
        add(&requests[route][at], 1);
}

void metrics_item_error(int code)
{
    add(&item_errors[code < 0 && code > -CODES ? -code : 0], 1);
}

void metrics_cut_off(void)
{
    add(&cut_off, 1);
}

// --- as text -------------------------------------------------------------------------------------

static void head(struct text *text, const char *name, const char *kind, const char *help)
{
    text_addf(text, "# HELP pipilo_%s %s\n# TYPE pipilo_%s %s\n", name, help, name, kind);
}

static void one(struct text *text, const char *name, const char *kind, const char *help,
                uint64_t value)
{
    head(text, name, kind, help);
    text_addf(text, "pipilo_%s %llu\n", name, (unsigned long long)value);
}

static void write_histogram(struct text *text, struct histogram *histogram, const char *name,
                            const char *label, const char *value)
{
    unsigned long long sum = 0;
    for (int b = 0; b <= BUCKETS; b++) {
        char most[16] = "+Inf";
        sum += get(&histogram->in[b]);
        if (b < BUCKETS)
            snprintf(most, sizeof most, "%g", seconds[b]);
        text_addf(text, "pipilo_%s_bucket{%s=\"%s\",le=\"%s\"} %llu\n", name, label, value, most,
                  sum);
    }
    text_addf(text, "pipilo_%s_sum{%s=\"%s\"} %.9f\n", name, label, value,
              (double)get(&histogram->nanoseconds) / 1e9);
    text_addf(text, "pipilo_%s_count{%s=\"%s\"} %llu\n", name, label, value, sum);
}

static void write_times(struct text *text, const char *(*route_name)(size_t route))
{
    head(text, "stage_seconds", "histogram", "Time of a request or picture by stage.");
    for (int s = 0; s < STAGES; s++)
        write_histogram(text, &stages[s], "stage_seconds", "stage", stage_names[s]);
    head(text, "request_seconds", "histogram",
         "Time of a request by route, from its first line to the last byte of its answer.");
    for (size_t r = 0; r < METRIC_ROUTES; r++) {
        bool asked = false;
        for (int b = 0; b <= BUCKETS; b++)
            asked = asked || get(&routes[r].in[b]) > 0;
        if (asked)
            write_histogram(text, &routes[r], "request_seconds", "route", route_name(r));
    }
}

static void write_batches(struct text *text)
{
    unsigned long long sum = 0;
    head(text, "batch_pictures", "histogram", "Pictures that were embedded together.");
    for (int b = 0; b <= BATCH_BUCKETS; b++) {
        sum += get(&batches[b]);
        if (b < BATCH_BUCKETS)
            text_addf(text, "pipilo_batch_pictures_bucket{le=\"%d\"} %llu\n", 1 << b, sum);
        else
            text_addf(text, "pipilo_batch_pictures_bucket{le=\"+Inf\"} %llu\n", sum);
    }
    text_addf(text, "pipilo_batch_pictures_sum %llu\npipilo_batch_pictures_count %llu\n",
              get(&batch_pictures), sum);
}

static void write_requests(struct text *text, const char *(*route_name)(size_t route))
{
    head(text, "requests_total", "counter", "Requests answered, by route and status.");
    for (size_t r = 0; r < METRIC_ROUTES; r++)
        for (int s = 0; s < STATUSES; s++) {
            unsigned long long count = get(&requests[r][s]);
            if (count > 0)
                text_addf(text, "pipilo_requests_total{route=\"%s\",status=\"%d\"} %llu\n",
                          route_name(r), statuses[s], count);
        }
    head(text, "picture_errors_total", "counter", "Pictures that gave no vector, by error.");
    for (int code = 1; code < CODES; code++) {
        unsigned long long count = get(&item_errors[code]);
        if (count > 0)
            text_addf(text, "pipilo_picture_errors_total{code=\"%s\"} %llu\n",
                      pipilo_error_name(-code), count);
    }
}

static void write_library(struct text *text)
{
    struct pipilo_stats now = { .struct_size = sizeof now };
    pipilo_stats(&now);
    one(text, "memory_budget_bytes", "gauge", "The memory budget.", now.budget_limit);
    one(text, "memory_budget_used_bytes", "gauge", "Charged and reserved of it.", now.budget_used);
    one(text, "memory_anonymous_bytes", "gauge", "Anonymous memory of the process.",
        now.memory_anonymous);
    one(text, "memory_used_bytes", "gauge", "Memory as the governor counts it.", now.memory_used);
    one(text, "memory_total_bytes", "gauge", "All there is of it.", now.memory_total);
    one(text, "memory_soft_bytes", "gauge", "Where less is begun at once.", now.memory_soft);
    one(text, "memory_hard_bytes", "gauge", "Where one picture at a time is begun.",
        now.memory_hard);
    one(text, "memory_critical_bytes", "gauge", "Where new pictures are refused.",
        now.memory_critical);
    one(text, "memory_state", "gauge", "The governor: 0 ok, 1 soft, 2 hard, 3 critical.",
        now.memory_state);
    one(text, "rows_refused_total", "counter", "Pictures refused for want of memory.",
        now.rows_refused);
    one(text, "models_loaded", "gauge", "Models in memory.", (uint64_t)now.models);
    one(text, "runs", "gauge", "Runs under way.", (uint64_t)now.runs);
    one(text, "values", "gauge", "Values alive.", (uint64_t)now.values);
}

void metrics_write(struct text *text, const char *(*route_name)(size_t route))
{
    write_requests(text, route_name);
    write_times(text, route_name);
    write_batches(text);
    one(text, "cut_off_total", "counter", "Connections cut for being too slow.", get(&cut_off));
    write_library(text);
}
