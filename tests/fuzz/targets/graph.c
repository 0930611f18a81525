// graph.c: an index's graph, of which no number is believed: what is accepted can be searched.
#include "search/graph.h"

#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

enum { MOST = 64, WIDEST = 16 };

static void search(const struct plo_graph *graph, const uint16_t *query, size_t count)
{
    struct pipilo_error err = { 0 };
    size_t places[8], found = 0;
    int result = plo_graph_search(graph, query, 8, 12, places, &found, &err);
    fuzz_require(fuzz_result(result, &err) == 0 && found <= 8, "a search ends");
    for (size_t i = 0; i < found; i++)
        fuzz_require(places[i] < count, "what is found is there");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint16_t vectors[MOST * WIDEST] = { 0 };
    struct pipilo_error err = { 0 };
    struct plo_graph *graph = NULL;
    struct fuzz_bytes bytes = { data, data + size };
    size_t count = 1 + fuzz_below(&bytes, MOST), dim = 1 + fuzz_below(&bytes, WIDEST);
    for (size_t i = 0; i < count * dim; i++)
        vectors[i] = (uint16_t)fuzz_take(&bytes, 2);
    size_t left = (size_t)(bytes.end - bytes.at);
    if (fuzz_result(plo_graph_read(&graph, bytes.at, left, vectors, count, dim, &err), &err) < 0)
        return 0;
    search(graph, vectors, count);
    search(graph, vectors + (count - 1) * dim, count);
    plo_graph_destroy(graph);
    return 0;
}
