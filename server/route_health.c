// route_health.c: GET /health/live: the process answers; GET /health/ready: a picture sent through
// every model lately came back as a vector, so requests are welcome; GET /metrics.
#include "clock.h"
#include "metrics.h"
#include "routes.h"
#include "serve.h"

#define LONGEST_SILENCE (8 * SECOND)

static void live(struct exchange *exchange)
{
    text_add(&exchange->answer, "{\"status\": \"live\"}\n");
    answer_json(exchange, 200);
}

static void ready(struct exchange *exchange)
{
    const struct server *server = exchange->server;
    const char *stuck = NULL;
    int64_t silent = clock_now() - runner_last_seen(server->runner);
    if (atomic_load(&server->draining))
        answer_error(exchange, 503, "busy", NULL, "the server is shutting down");
    else if (silent > LONGEST_SILENCE)
        answer_error(exchange, 503, "timeout", NULL, "requests are not passed on");
    else if (!embedder_healthy(server->embedder, LONGEST_SILENCE, &stuck))
        answer_error(exchange, 503, "timeout", NULL, "the model %s gives no vectors", stuck);
    if (exchange->status != 0)
        return;
    text_add(&exchange->answer, "{\"status\": \"ready\"}\n");
    answer_json(exchange, 200);
}

static void gauge(struct text *text, const char *name, const char *help, long long value)
{
    text_addf(text, "# HELP pipilo_%s %s\n# TYPE pipilo_%s gauge\npipilo_%s %lld\n", name, help,
              name, name, value);
}

static void metrics(struct exchange *exchange)
{
    struct server *server = exchange->server;
    struct text *text = &exchange->answer;
    metrics_write(text, route_name);
    text_addf(text,
              "# HELP process_start_time_seconds When the server began, since 1970.\n"
              "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds %.3f\n",
              server->began);
    gauge(text, "connections", "Connections open.", atomic_load(&server->connections));
    gauge(text, "requests_under_way", "Requests begun and not answered, but for these of its own.",
          atomic_load(&server->asked));
    gauge(text, "queue_bytes", "Bodies and answers held in memory.",
          atomic_load(&server->held.bytes));
    gauge(text, "queue_limit_bytes", "The most they may hold.", (long long)server->held.most);
    text_add(text, "# HELP pipilo_waiting_pictures Pictures that wait for a model.\n"
                   "# TYPE pipilo_waiting_pictures gauge\n");
    const struct room *room;
    for (size_t i = 0; (room = embedder_room(server->embedder, i)) != NULL; i++) {
        text_add(text, "pipilo_waiting_pictures{model=");
        text_add_label(text, room_info(room)->name);
        text_addf(text, ",place=\"%zu\"} %lld\n", i, (long long)room_waiting(room));
    }
    exchange->status = 200;
    exchange->type = "text/plain; version=0.0.4; charset=utf-8";
}

const struct route route_live = { "GET", "/health/live", live, .open = true, .own = true };
const struct route route_ready = { "GET", "/health/ready", ready, .open = true, .own = true };
const struct route route_metrics = { "GET", "/metrics", metrics, .own = true };
