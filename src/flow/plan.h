// plan.h: a closed pipeline: columns and nodes by index, every name resolved, every operator open.
//
// A column has one node that fills it and any number that read it; a name that is passed along,
// overwritten, renamed by a nested pipeline or joined by concat is settled here, so that at run
// time there is no node for any of these. Threads: immutable once made; the count is atomic.
#ifndef PLO_FLOW_PLAN_H
#define PLO_FLOW_PLAN_H

#include "flow/callable.h"
#include "flow/pipe.h"

struct plo_plan_node {
    char name[64];
    enum pipilo_iteration iteration;
    pipilo_callable *callable;     // NULL: gives its input, several as a list
    size_t *inputs, *outputs, *by; // columns
    size_t input_count, output_count, by_count;
    int64_t size, step;
    bool *native; // one an output: its column's
    bool *hidden; // one an output: its column is not shown
};

struct plo_plan_column {
    char *name;
    bool scalar;
    bool native; // a native operator, or the dataflow itself, looks into its values
    bool shown;  // others than one native operator get its values
    unsigned readers;
};

struct pipilo_pipeline {
    int refs;          // atomic
    pipilo_pipe *pipe; // what it was made from: nested in another pipeline it is inlined
    struct plo_names input_names, output_names;
    struct plo_plan_column *columns; // the first are the inputs
    size_t column_count;
    struct plo_plan_node *nodes; // in an order in which data flow
    size_t node_count;
    size_t *outputs; // columns
};

#endif
