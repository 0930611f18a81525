// helper.h: what the tests of runs share: a pipeline of text, and a run of it over one number.
#ifndef TEST_FLOW_HELPER_H
#define TEST_FLOW_HELPER_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pipilo/pipeline.h>

static inline pipilo_pipeline *parse(const char *text)
{
    struct pipilo_error err = { 0 };
    pipilo_pipeline *pipeline = NULL;
    if (pipilo_pipeline_parse(&pipeline, text, &err) < 0)
        fail_msg("%s", err.message);
    return pipeline;
}

static inline pipilo_run *start(pipilo_pipeline *pipeline, int64_t number)
{
    pipilo_value *value = NULL;
    pipilo_run *run = NULL;
    assert_int_equal(pipilo_value_create_int(&value, number, NULL), 0);
    assert_int_equal(pipilo_pipeline_start(&run, pipeline, &value, 1, NULL), 0);
    pipilo_value_unref(&value);
    return run;
}

#endif
