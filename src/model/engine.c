// engine.c: the table of engines.
#include "model/engine.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "core/fail.h"
#include "model/engines/engines.h"

static const struct plo_engine *const engines[] = { &plo_engine_openvino, &plo_engine_null };

int plo_engine_find(const struct plo_engine **out, const char *name, struct pipilo_error *err)
{
    if (name == NULL)
        name = engines[0]->name;
    for (size_t i = 0; i < PLO_COUNT(engines); i++) {
        if (strcmp(engines[i]->name, name) == 0) {
            *out = engines[i];
            return 0;
        }
    }
    struct plo_str all = PLO_STR_INIT;
    for (size_t i = 0; i < PLO_COUNT(engines); i++)
        plo_str_addf(&all, "%s%s", i > 0 ? ", " : "", engines[i]->name);
    int code = plo_fail(err, PIPILO_ENOTFOUND, "there is no engine '%s'; there are %s", name,
                        all.data != NULL ? all.data : "others");
    plo_str_reset(&all);
    return code;
}

int plo_engine_set_folder(const char *folder, struct pipilo_error *err)
{
    for (size_t i = 0; i < PLO_COUNT(engines); i++)
        if (engines[i]->set_folder != NULL)
            PLO_TRY(engines[i]->set_folder(folder, err));
    return 0;
}

void plo_engine_port_text(const struct plo_engine_port *port, char *out, size_t out_size)
{
    size_t used = (size_t)snprintf(out, out_size, "%s [", port->dtype);
    for (size_t i = 0; i < port->count && used < out_size; i++) {
        const char *comma = i > 0 ? ", " : "";
        if (port->shape[i] < 0)
            used +=
                (size_t)snprintf(out + used, out_size - used, "%s%s", comma, i == 0 ? "n" : "?");
        else
            used += (size_t)snprintf(out + used, out_size - used, "%s%lld", comma,
                                     (long long)port->shape[i]);
    }
    if (used < out_size)
        snprintf(out + used, out_size - used, "]");
}
