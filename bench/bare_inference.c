// bare_inference: how many vectors a second the engine alone gives, by OpenVINO's own C API: f32, a
// stream a core, batch 1, a request a thread, input in memory. Prints
// that and the milliseconds of processor time a vector.
//
// usage: bare_inference MODEL.onnx COUNT [PRECISION]
#include <stdio.h>
#include <stdlib.h>

#include <openvino/c/openvino.h>

#include "both_cores.h"

enum { CHANNELS = 3, WARM_UP = 20 };

struct engine {
    ov_core_t *core;
    ov_model_t *model;
    ov_compiled_model_t *compiled;
    ov_infer_request_t *requests[BENCH_THREADS_MAX];
    ov_tensor_t *inputs[BENCH_THREADS_MAX];
};

static void check(ov_status_e status, const char *what)
{
    if (status == OK)
        return;
    fprintf(stderr, "%s: %s\n", what, ov_get_error_info(status));
    exit(1);
}

static void fill(ov_tensor_t *tensor)
{
    void *data;
    size_t count;
    unsigned random = 1;
    check(ov_tensor_data(tensor, &data), "input");
    check(ov_tensor_get_size(tensor, &count), "input");
    for (size_t i = 0; i < count; i++) {
        random = random * 1664525u + 1013904223u;
        ((float *)data)[i] = (float)(random >> 8) / (float)(1 << 23) - 1.0f;
    }
}

static void load(struct engine *engine, const char *path, const char *precision, int threads)
{
    char count[16];
    int64_t side = 224, sizes[] = { 1, CHANNELS, side, side };
    ov_partial_shape_t shape;
    snprintf(count, sizeof count, "%d", threads);
    check(ov_core_create(&engine->core), "core");
    check(ov_core_read_model(engine->core, path, NULL, &engine->model), path);
    check(ov_partial_shape_create_static(4, sizes, &shape), "shape");
    check(ov_model_reshape_single_input(engine->model, shape), "shape");
    ov_partial_shape_free(&shape);
    check(ov_core_compile_model(engine->core, engine->model, "CPU", 8, &engine->compiled,
                                "INFERENCE_PRECISION_HINT", precision, "NUM_STREAMS", count,
                                "INFERENCE_NUM_THREADS", count, "ENABLE_CPU_PINNING", "NO"),
          "compile");
    for (int i = 0; i < threads; i++) {
        check(ov_compiled_model_create_infer_request(engine->compiled, &engine->requests[i]),
              "request");
        check(ov_tensor_create(F32, (ov_shape_t){ 4, sizes }, &engine->inputs[i]), "input");
        fill(engine->inputs[i]);
        check(ov_infer_request_set_input_tensor(engine->requests[i], engine->inputs[i]), "input");
    }
}

static int infer(void *cookie, int thread, long i)
{
    struct engine *engine = cookie;
    (void)i;
    check(ov_infer_request_infer(engine->requests[thread]), "inference");
    return 0;
}

int main(int argc, char **argv)
{
    static struct engine engine;
    int threads = cores();
    if (argc < 3) {
        fputs("usage: bare_inference MODEL.onnx COUNT [PRECISION]\n", stderr);
        return 2;
    }
    load(&engine, argv[1], argc > 3 ? argv[3] : "f32", threads);
    measure(threads, WARM_UP * threads, infer, &engine);
    struct taken taken = measure(threads, strtol(argv[2], NULL, 10), infer, &engine);
    printf("%.2f %.4f\n", taken.rate, taken.processor);
    for (int i = 0; i < threads; i++) {
        ov_tensor_free(engine.inputs[i]);
        ov_infer_request_free(engine.requests[i]);
    }
    ov_compiled_model_free(engine.compiled);
    ov_model_free(engine.model);
    ov_core_free(engine.core);
    return 0;
}
