// test_operators.h: small operators under t.*, for the cases in *.test and for flow's unit tests.
#ifndef TEST_OPERATORS_H
#define TEST_OPERATORS_H

#include <pipilo/sys/op.h>

// Registers them all; plo_operators_fill of a test program calls it.
int test_operators_register(struct pipilo_error *err);

// Items of an iterator are only to be had inside the library: a test program reads them through the
// iterator's class.
int test_iterator_next(pipilo_value *iterator, pipilo_value **out, struct pipilo_error *err);

// Opened less closed instances, started less stopped runs, and flushes so far.
extern int test_open, test_started, test_flushed;

#endif
