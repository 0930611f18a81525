// test_operators.h: small operators under t.*, for the cases in *.test and for flow's unit tests:
// a program that links them has them registered.
#ifndef TEST_OPERATORS_H
#define TEST_OPERATORS_H

#include <pipilo/sys/op.h>

// Opened less closed instances, started less stopped runs, and flushes so far.
extern int test_open, test_started, test_flushed;

#endif
