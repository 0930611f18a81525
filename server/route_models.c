// route_models.c: GET /v1/models and /v1/models/NAME, as OpenAI's API lists them.
#include <string.h>

#include "routes.h"
#include "serve.h"

static void add_model(struct text *text, const struct room *room)
{
    const struct pipilo_model_info *info = room_info(room);
    text_add(text, "{\"id\": ");
    text_add_json(text, info->name);
    text_addf(text, ", \"object\": \"model\", \"created\": %lld, \"owned_by\": \"pipilo\"",
              (long long)room_created(room));
    text_addf(text, ", \"dimensions\": %zu, \"modality\": \"image\", \"precision\": \"%s\"",
              info->dim, info->precision);
    text_addf(text, ", \"engine\": \"%s\", \"fingerprint\": \"%s\"}", info->engine,
              info->fingerprint);
}

static void list(struct exchange *exchange)
{
    const struct room *room;
    text_add(&exchange->answer, "{\"object\": \"list\", \"data\": [");
    for (size_t i = 0; (room = embedder_room(exchange->server->embedder, i)) != NULL; i++) {
        text_add(&exchange->answer, i > 0 ? ", " : "");
        add_model(&exchange->answer, room);
    }
    text_add(&exchange->answer, "]}\n");
    answer_json(exchange, 200);
}

static void show(struct exchange *exchange)
{
    const char *name = exchange->path + strlen("/v1/models/");
    const struct room *room = embedder_find(exchange->server->embedder, name);
    if (room == NULL) {
        answer_error(exchange, 404, "model_not_found", "model", "no model '%.100s' is served",
                     name);
        return;
    }
    add_model(&exchange->answer, room);
    text_add(&exchange->answer, "\n");
    answer_json(exchange, 200);
}

const struct route route_models = { "GET", "/v1/models", list };
const struct route route_model = { "GET", "/v1/models/*", show };
