// graph.h: a navigable small-world graph over vectors, for searches that look at a few hundred rows
// instead of all (Y. Malkov, D. Yashunin, 2016). graph.cpp is the one file that knows the library,
// hnswlib. The graph holds no vectors: they lie one behind the other in memory that outlives it, of
// length 1, in 16 bits, and a vector is known by its place there.
//
// Threads: plo_graph_add and plo_graph_search may be called from several, not one beside the other.
#ifndef PLO_SEARCH_GRAPH_H
#define PLO_SEARCH_GRAPH_H

#include <stddef.h>
#include <stdint.h>

#include <pipilo/error.h>

#ifdef __cplusplus
extern "C" {
#endif

struct plo_graph;

enum { PLO_GRAPH_VECTOR_BYTES = 400 }; // of memory for each vector, at most in the mean

// An empty graph for `count` vectors of `dim` halves each (1 to 2^32 - 2). Errors: PIPILO_ENOMEM.
int plo_graph_create(struct plo_graph **out, const uint16_t *vectors, size_t count, size_t dim,
                     struct pipilo_error *err);

// Adds the vector at a place, each once; the first before several threads go on. Errors:
// PIPILO_ENOMEM.
int plo_graph_add(struct plo_graph *graph, size_t place, struct pipilo_error *err);

// After all are added, by one thread: leads to vectors that no way leads to, as happens where very
// many lie next to each other and to nothing else. Errors: PIPILO_ENOMEM.
int plo_graph_connect(struct plo_graph *graph, struct pipilo_error *err);

// The whole graph as bytes, written by pieces; `write` gives 0 or what is to be returned.
int plo_graph_write(const struct plo_graph *graph,
                    int (*write)(void *cookie, const void *bytes, size_t size,
                                 struct pipilo_error *err),
                    void *cookie, struct pipilo_error *err);

// Makes a graph of what was written. Nothing in `bytes` is believed: every number that leads
// somewhere is checked. Errors: PIPILO_ECORRUPT, PIPILO_ENOMEM.
int plo_graph_read(struct plo_graph **out, const void *bytes, size_t size, const uint16_t *vectors,
                   size_t count, size_t dim, struct pipilo_error *err);

// The places of about the nearest vectors, at most `wanted`, the nearest first; the more so the
// more `breadth` it looks at. `places` has room for them. Errors: PIPILO_ENOMEM.
int plo_graph_search(const struct plo_graph *graph, const uint16_t *query, size_t wanted,
                     size_t breadth, size_t *places, size_t *found, struct pipilo_error *err);

// NULL is allowed.
void plo_graph_destroy(struct plo_graph *graph);

#ifdef __cplusplus
}
#endif
#endif
