// pooling.c: pooling and normalising (see pooling.h).
#include "model/pooling.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/fail.h"

static bool fits(const struct plo_card *card, enum plo_pool pool, const size_t *shape, size_t count)
{
    size_t dim = card->output.dim;
    if (pool == PLO_POOL_AVG)
        return count == 4 &&
               (shape[1] == dim || (card->preprocess.layout == PLO_LAYOUT_NHWC && shape[3] == dim));
    if (pool != PLO_POOL_NONE)
        return count == 3 && shape[2] == dim && shape[1] > 0;
    size_t floats = 1;
    for (size_t i = 1; i < count; i++) {
        if (shape[i] != 1 && shape[i] != dim)
            return false;
        floats *= shape[i];
    }
    return count >= 2 && floats == dim;
}

int plo_pooling_check(const struct plo_card *card, const size_t *shape, size_t count,
                      struct pipilo_error *err)
{
    if (fits(card, card->output.pool, shape, count))
        return 0;
    struct plo_str text = PLO_STR_INIT, others = PLO_STR_INIT;
    for (size_t i = 0; i < count; i++)
        plo_str_addf(&text, "%s%zu", i > 0 ? ", " : "", shape[i]);
    for (int pool = 0; plo_pool_names[pool] != NULL; pool++)
        if (fits(card, (enum plo_pool)pool, shape, count))
            plo_str_addf(&others, "%s%s", others.length > 0 ? " or " : "; it would fit pool ",
                         plo_pool_names[pool]);
    int code = plo_fail(err, PIPILO_EMODEL,
                        "output '%s' is [%s], which pool %s does not turn into %zu numbers a row%s",
                        card->output.name, text.data != NULL ? text.data : "",
                        plo_pool_names[card->output.pool], card->output.dim,
                        others.data != NULL ? others.data : "");
    plo_str_reset(&text);
    plo_str_reset(&others);
    return code;
}

// Mean over `count` numbers that lie `step` apart.
static float mean(const float *in, size_t count, size_t step)
{
    double sum = 0;
    for (size_t i = 0; i < count; i++)
        sum += (double)in[i * step];
    return (float)(sum / (double)count);
}

void plo_pooling_row(const struct plo_card *card, const struct plo_engine_output *output,
                     size_t row, float *vector)
{
    const size_t *shape = output->shape;
    size_t dim = card->output.dim, floats = 1;
    for (size_t i = 1; i < output->count; i++)
        floats *= shape[i];
    const float *in = output->data + row * floats;
    // Channels first: a channel's places lie together. Else the places of one channel lie dim
    // apart.
    bool first = card->output.pool == PLO_POOL_AVG && shape[1] == dim;
    switch (card->output.pool) {
    case PLO_POOL_NONE:
    case PLO_POOL_TOKEN0:
        memcpy(vector, in, dim * sizeof *vector);
        break;
    case PLO_POOL_AVG:
    case PLO_POOL_MEAN_TOKENS:
        for (size_t k = 0; k < dim; k++)
            vector[k] = first ? mean(in + k * (floats / dim), floats / dim, 1)
                              : mean(in + k, floats / dim, dim);
        break;
    }
}

void plo_pooling_normalize(float *vector, size_t dim)
{
    double sum = 0;
    for (size_t k = 0; k < dim; k++)
        sum += (double)vector[k] * (double)vector[k];
    if (!isfinite(sum) || sum == 0)
        return;
    double scale = 1 / sqrt(sum);
    for (size_t k = 0; k < dim; k++)
        vector[k] = (float)((double)vector[k] * scale);
}
