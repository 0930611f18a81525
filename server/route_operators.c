// route_operators.c: GET /v1/operators: what a pipeline can call, from the operators' own tables.
#include <pipilo/sys/op.h>

#include "routes.h"

static void add_member(struct text *text, const char *name, const char *value)
{
    text_addf(text, ", \"%s\": ", name);
    if (value != NULL)
        text_add_json(text, value);
    else
        text_add(text, "null");
}

static void add_params(struct text *text, const struct pipilo_param *param)
{
    static const char *const types[] = { "bool", "int", "float", "string", "size", "value" };
    for (size_t i = 0; param != NULL && param[i].name != NULL; i++) {
        text_add(text, i > 0 ? ", {\"name\": " : "{\"name\": ");
        text_add_json(text, param[i].name);
        add_member(text, "type", types[param[i].type]);
        add_member(text, "default", param[i].fallback);
        if (param[i].min < param[i].max)
            text_addf(text, ", \"minimum\": %.17g, \"maximum\": %.17g", param[i].min, param[i].max);
        add_member(text, "choices", param[i].choices);
        add_member(text, "help", param[i].help);
        text_add(text, "}");
    }
}

static void list(struct exchange *exchange)
{
    struct text *text = &exchange->answer;
    const struct pipilo_operator *op;
    text_add(text, "{\"object\": \"list\", \"data\": [");
    for (size_t i = 0; (op = pipilo_operator_at(i)) != NULL; i++) {
        text_add(text, i > 0 ? ", {\"name\": " : "{\"name\": ");
        text_add_json(text, op->name);
        add_member(text, "summary", op->summary);
        add_member(text, "inputs", op->inputs);
        add_member(text, "output", op->output);
        text_addf(text, ", \"from_requests\": %s, \"params\": [",
                  op->flags & PIPILO_OP_WRITES ? "false" : "true");
        add_params(text, op->params);
        text_add(text, "]}");
    }
    text_add(text, "]}\n");
    answer_json(exchange, 200);
}

const struct route route_operators = { "GET", "/v1/operators", list };
