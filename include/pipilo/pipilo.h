// pipilo.h: all of pipilo: pictures to vectors, one or a hundred million, in memory that stays
// flat.
//
//     struct pipilo_error err;
//     pipilo_pipeline *pipeline = NULL;
//     pipilo_run *run = NULL;
//     pipilo_row *row = NULL;
//     pipilo_value *path = NULL;
//     pipilo_pipeline_parse(&pipeline,
//                           "pipe.input('path').map('path', 'vec', "
//                           "ops.image_embedding.timm('efficientnet-lite0')).output('vec')", &err);
//     pipilo_value_create_string(&path, "photo.jpg", &err);
//     pipilo_pipeline_start(&run, pipeline, &path, 1, &err);
//     if (pipilo_run_next(run, &row, &err) == 0 && pipilo_row_error(row) == NULL) {
//         struct pipilo_tensor vec;                          // float32 [1280]
//         pipilo_value_tensor(pipilo_row_value(row, 0), &vec);
//     }
//     pipilo_row_unref(&row);
//     pipilo_run_unref(&run);
//     pipilo_value_unref(&path);
//     pipilo_pipeline_unref(&pipeline);
//
// (Each call returns 0 or a negative code and then fills `err`; unref takes NULL.)
//
// Threads: what is immutable and counted (values, callables, pipes, pipelines) may be shared
// between threads. What goes on (a run, a row, an open store) belongs to one thread at a time.
// Functions of the whole process may be called from any thread, except pipilo_close. In a child of
// fork() pipelines and values go on working (operators are opened and models loaded anew there); a
// run begun before the fork is PIPILO_EINVALID, and a store opened before it must not be touched.
#ifndef PIPILO_PIPILO_H
#define PIPILO_PIPILO_H

#include "bench.h"
#include "decoding.h"
#include "error.h"
#include "inputs.h"
#include "library.h"
#include "machine.h"
#include "memory.h"
#include "model_cache.h"
#include "model_measure.h"
#include "models.h"
#include "pipeline.h"
#include "store.h"
#include "value.h"
#include "version.h"

#endif
