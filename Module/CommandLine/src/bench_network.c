/* The network as a whole and its layers from inside: forward passes and training steps. */
#include "bench.h"
#include <stdlib.h>
#include <string.h>

static const fseg_isa families[] = {FSEG_ISA_PORTABLE, FSEG_ISA_AVX2, FSEG_ISA_AVX512,
                                    FSEG_ISA_AVX512_BF16};
enum { FAMILY_COUNT = sizeof families / sizeof *families };

static int conv_in_channels(const fseg_model *model, const fseg_node *node)
{
    return fseg_model_node(model, (size_t)node->inputs[0])->channels;
}

/* Multiply-adds of the plain definition of a convolution, per slice. Kernels may do with fewer: the
 * 2 x 2 after an upsampling needs 4 of every 16, a 3 x 3 by Winograd 36 of 144. */
static double node_multiply_adds(const fseg_model *model, const fseg_node *node, int size)
{
    if (node->op != FSEG_OP_CONV) {
        return 0;
    }
    const double side = size >> node->level;
    return side * side * node->channels * conv_in_channels(model, node) * node->kernel *
           node->kernel;
}

static double network_multiply_adds(const fseg_model *model, int size)
{
    double total = 0;
    for (size_t i = 0; i < fseg_model_node_count(model); i++) {
        total += node_multiply_adds(model, fseg_model_node(model, i), size);
    }
    return total;
}

/* A session with its images and logits. */
typedef struct network_run {
    fseg_context *context;
    fseg_session *session;
    float *images, *logits;
    int batch;
    fseg_progress clock; /* of bench_layers */
} network_run;

static void network_run_close(network_run *run)
{
    fseg_session_free(run->session);
    fseg_context_free(run->context);
    free(run->images);
    free(run->logits);
}

static fseg_status network_run_open(const bench *b, fseg_isa isa, int batch, int size,
                                    network_run *run, fseg_error *error)
{
    memset(run, 0, sizeof *run);
    const fseg_unet_config *config = fseg_model_config(b->model);
    const size_t pixels = (size_t)batch * (size_t)size * (size_t)size;
    run->batch = batch;
    run->images = malloc(pixels * (size_t)config->in_channels * sizeof(float));
    run->logits = malloc(pixels * (size_t)config->classes * sizeof(float));
    if (!run->images || !run->logits) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    bench_fill(run->images, pixels * (size_t)config->in_channels, 1);
    fseg_status status = bench_context(b, isa, &run->context, error);
    if (status == FSEG_OK) {
        status =
            fseg_session_create(run->context, b->model, batch, size, size, &run->session, error);
    }
    return status;
}

static fseg_status forward_once(void *user, fseg_error *error)
{
    network_run *run = user;
    return fseg_session_logits(run->session, run->images, (size_t)run->batch, run->logits,
                               run->clock.callback ? &run->clock : NULL, error);
}

static fseg_status measure_forward(bench *b, fseg_isa isa, int batch, int size, json_t *rows,
                                   fseg_error *error)
{
    network_run run;
    double seconds = 0;
    const bool slow = isa == FSEG_ISA_PORTABLE;
    const int repetitions = b->quick ? 1 : slow ? 3 : batch == 1 ? 21 : 9;
    fseg_status status = network_run_open(b, isa, batch, size, &run, error);
    if (status == FSEG_OK) {
        status = bench_time(b, repetitions, !slow, forward_once, &run, &seconds, error);
    }
    if (status == FSEG_OK) {
        const double gflops = 2e-9 * batch * network_multiply_adds(b->model, size) / seconds;
        json_array_append_new(
            rows,
            json_pack("{s:s, s:i, s:i, s:i, s:o, s:o, s:o, s:I}", "kernels", fseg_isa_name(isa),
                      "size", size, "batch", batch, "repetitions", repetitions, "ms_per_slice",
                      bench_number(1e3 * seconds / batch), "gflops", bench_number(gflops),
                      "percent_of_peak", bench_number(100 * gflops / bench_peak_of(b, isa)),
                      "memory_bytes", (json_int_t)fseg_session_memory(run.session)));
    }
    network_run_close(&run);
    return status;
}

fseg_status bench_network(bench *b, fseg_error *error)
{
    const int sizes[] = {b->quick ? 32 : 160, b->quick ? 64 : 256},
              batches[] = {1, b->quick ? 2 : 8};
    json_t *rows = json_array();
    json_object_set_new(b->result, "network", rows);
    fseg_status status = FSEG_OK;
    for (int f = 0; f < FAMILY_COUNT; f++) {
        for (int s = 0; s < 4 && status == FSEG_OK && fseg_isa_available(families[f]); s++) {
            status = bench_stage(b, 0.5 + 0.05 * f, "network", error);
            if (status == FSEG_OK) {
                status = measure_forward(b, families[f], batches[s % 2], sizes[s / 2], rows, error);
            }
        }
    }
    return status;
}

/* ---- layers ---------------------------------------------------------------------------------- */

/* The library reports progress after every node: the time between reports is the node's. */
typedef struct node_clock {
    bench *b;
    size_t nodes, repetition;
    double last;
    double *seconds; /* [node][repetition] */
    int repetitions;
} node_clock;

static int on_node(void *user, double fraction, const char *stage)
{
    node_clock *clock = user;
    (void)stage;
    const double now = program_seconds();
    const size_t node = (size_t)(fraction * (double)clock->nodes + 0.5) - 1;
    if (node < clock->nodes) {
        clock->seconds[node * (size_t)clock->repetitions + clock->repetition] = now - clock->last;
    }
    clock->last = program_seconds();
    return program_interrupted();
}

static const char *op_name(const fseg_node *node)
{
    switch (node->op) {
    case FSEG_OP_INPUT:
        return "input";
    case FSEG_OP_CONV:
        return node->kernel == 3 ? "conv3x3" : node->kernel == 2 ? "upsample2_conv2x2" : "conv1x1";
    case FSEG_OP_NORM_RELU:
        return "group_norm_relu";
    case FSEG_OP_MAX_POOL:
        return "max_pool2";
    default:
        return NULL; /* a view: nothing is computed */
    }
}

static void add_layer(bench *b, json_t *rows, fseg_isa isa, size_t index, int batch, int size,
                      double seconds)
{
    const fseg_node *node = fseg_model_node(b->model, index);
    if (!op_name(node)) {
        return;
    }
    const int side = size >> node->level;
    const int in = node->inputs[0] >= 0 ? conv_in_channels(b->model, node) : node->channels;
    json_t *row = json_pack("{s:s, s:s, s:s, s:i, s:i, s:i, s:o}", "kernels", fseg_isa_name(isa),
                            "node", node->name, "operator", op_name(node), "size", side,
                            "in_channels", in, "out_channels", node->channels, "ms_per_slice",
                            bench_number(1e3 * seconds / batch));
    if (node->op == FSEG_OP_CONV) {
        const double gflops = 2e-9 * batch * node_multiply_adds(b->model, node, size) / seconds;
        json_object_set_new(row, "gflops", bench_number(gflops));
        json_object_set_new(row, "percent_of_peak",
                            bench_number(100 * gflops / bench_peak_of(b, isa)));
    } else {
        /* Read once, written once. */
        const double values = (double)batch * side * side * node->channels;
        const double read = node->op == FSEG_OP_MAX_POOL ? 4 : 1;
        const double bytes = isa == FSEG_ISA_AVX512_BF16 ? 2 : 4;
        const double gb_s = 1e-9 * values * bytes * (read + 1) / seconds;
        json_object_set_new(row, "gb_s", bench_number(gb_s));
        json_object_set_new(row, "percent_of_copy", bench_number(100 * gb_s / b->copy_gb_s));
    }
    json_array_append_new(rows, row);
}

static fseg_status measure_layers(bench *b, fseg_isa isa, json_t *rows, fseg_error *error)
{
    /* One slice: of more, progress would be reported for one after the other. */
    const int batch = 1, size = b->quick ? 64 : 256;
    node_clock clock = {.b = b, .repetitions = b->quick ? 1 : 15};
    network_run run;
    clock.nodes = fseg_model_node_count(b->model);
    clock.seconds = calloc(clock.nodes * (size_t)clock.repetitions, sizeof(double));
    fseg_status status = network_run_open(b, isa, batch, size, &run, error);
    if (status == FSEG_OK && !clock.seconds) {
        status = fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    if (status == FSEG_OK) {
        status = forward_once(&run, error); /* warm-up */
    }
    run.clock = (fseg_progress){.callback = on_node, .user = &clock};
    for (int r = 0; status == FSEG_OK && r < clock.repetitions; r++) {
        clock.repetition = (size_t)r;
        clock.last = program_seconds();
        status = forward_once(&run, error);
    }
    for (size_t i = 0; status == FSEG_OK && i < clock.nodes; i++) {
        add_layer(
            b, rows, isa, i, batch, size,
            bench_median(clock.seconds + i * (size_t)clock.repetitions, (size_t)clock.repetitions));
    }
    free(clock.seconds);
    network_run_close(&run);
    return status;
}

fseg_status bench_layers(bench *b, fseg_error *error)
{
    json_t *rows = json_array();
    json_object_set_new(b->result, "layers", rows);
    fseg_status status = bench_stage(b, 0.45, "layers", error);
    if (status == FSEG_OK) {
        status = measure_layers(b, bench_best_isa(), rows, error);
    }
    if (status == FSEG_OK && fseg_isa_available(FSEG_ISA_AVX512_BF16)) {
        status = measure_layers(b, FSEG_ISA_AVX512_BF16, rows, error);
    }
    return status;
}

/* ---- training ----------------------------------------------------------------------------------
 */

typedef struct training_run {
    fseg_context *context;
    fseg_model *model; /* a copy: training changes it */
    fseg_trainer *trainer;
    float *images;
    uint8_t *labels;
} training_run;

static fseg_status training_once(void *user, fseg_error *error)
{
    training_run *run = user;
    double loss;
    return fseg_trainer_step(run->trainer, run->images, run->labels, &loss, error);
}

static fseg_status training_run_open(const bench *b, fseg_isa isa, int batch, int size,
                                     training_run *run, fseg_error *error)
{
    memset(run, 0, sizeof *run);
    const size_t pixels = (size_t)batch * (size_t)size * (size_t)size;
    const size_t values = pixels * (size_t)fseg_model_config(b->model)->in_channels;
    run->images = malloc(values * sizeof(float));
    run->labels = malloc(pixels);
    if (!run->images || !run->labels) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    bench_fill(run->images, values, 2);
    for (size_t i = 0; i < pixels; i++) {
        run->labels[i] = (i / 16) % 2 == 0;
    }
    fseg_trainer_options options = fseg_trainer_default_options(batch, size, size, 1000);
    if (isa == FSEG_ISA_AVX512_BF16) {
        options.precision = FSEG_PRECISION_BFLOAT16;
    }
    fseg_status status = bench_context(b, isa, &run->context, error);
    if (status == FSEG_OK) {
        status = fseg_model_clone(b->model, &run->model, error);
    }
    if (status == FSEG_OK) {
        status = fseg_trainer_create(run->context, run->model, &options, &run->trainer, error);
    }
    return status;
}

static fseg_status measure_training(bench *b, fseg_isa isa, int batch, int size, json_t *rows,
                                    fseg_error *error)
{
    training_run run;
    double seconds = 0;
    const bool slow = isa == FSEG_ISA_PORTABLE;
    const int repetitions = b->quick || slow ? 1 : 7;
    fseg_status status = training_run_open(b, isa, batch, size, &run, error);
    if (status == FSEG_OK) {
        status = bench_time(b, repetitions, !slow, training_once, &run, &seconds, error);
    }
    if (status == FSEG_OK) {
        /* Forward, gradient of the input and gradient of the weights: three times the work. */
        const double gflops = 6e-9 * batch * network_multiply_adds(b->model, size) / seconds;
        json_array_append_new(
            rows,
            json_pack("{s:s, s:i, s:i, s:i, s:o, s:o, s:o, s:I}", "kernels", fseg_isa_name(isa),
                      "size", size, "batch", batch, "repetitions", repetitions, "ms_per_slice",
                      bench_number(1e3 * seconds / batch), "gflops", bench_number(gflops),
                      "percent_of_peak", bench_number(100 * gflops / bench_peak_of(b, isa)),
                      "memory_bytes", (json_int_t)fseg_trainer_memory(run.trainer)));
    }
    fseg_trainer_free(run.trainer);
    fseg_model_free(run.model);
    fseg_context_free(run.context);
    free(run.images);
    free(run.labels);
    return status;
}

fseg_status bench_training(bench *b, fseg_error *error)
{
    const int sizes[] = {b->quick ? 32 : 160, b->quick ? 64 : 256};
    json_t *rows = json_array();
    json_object_set_new(b->result, "training", rows);
    fseg_status status = FSEG_OK;
    for (int f = 0; f < FAMILY_COUNT; f++) {
        if (!fseg_isa_available(families[f])) {
            continue;
        }
        for (int s = 0; s < 2 && status == FSEG_OK; s++) {
            status = bench_stage(b, 0.75 + 0.05 * f, "training", error);
            if (status == FSEG_OK) {
                status = measure_training(b, families[f], b->quick ? 2 : 8, sizes[s], rows, error);
            }
        }
    }
    return status;
}
