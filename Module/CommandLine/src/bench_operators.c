/* The operator table at the sizes of the network's layers. The fast versions take plain tensors:
 * packing into the private layout and back is part of what is timed here, so these figures lie
 * below those of the same layer inside the network (bench_layers). */
#include "bench.h"
#include "frugalseg/operators.h"
#include <stdlib.h>
#include <string.h>

static const fseg_operator *find_operator(const char *name)
{
    size_t count;
    const fseg_operator *operators = fseg_operators(&count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(operators[i].name, name) == 0) {
            return &operators[i];
        }
    }
    return NULL;
}

/* Operator and shape of a node for one slice of size x size; null where the table has none. */
static const fseg_operator *operator_of(const fseg_model *model, const fseg_node *node, int size,
                                        fseg_operator_shape *shape)
{
    if (node->inputs[0] < 0) {
        return NULL;
    }
    const fseg_node *in = fseg_model_node(model, (size_t)node->inputs[0]);
    const fseg_unet_config *config = fseg_model_config(model);
    *shape = (fseg_operator_shape){.n = 1,
                                   .channels = in->channels,
                                   .height = size >> in->level,
                                   .width = size >> in->level,
                                   .out_channels = node->channels,
                                   .groups = 1,
                                   .epsilon = (double)config->norm_epsilon};
    switch (node->op) {
    case FSEG_OP_CONV:
        if (node->kernel == 2) {
            shape->height /= 2; /* the enlargement is folded into the convolution */
            shape->width /= 2;
            return find_operator("upsample2_conv2x2");
        }
        return find_operator(node->kernel == 3 ? "conv3x3" : "conv1x1");
    case FSEG_OP_NORM_RELU:
        shape->groups = node->groups;
        return find_operator("group_norm_relu");
    case FSEG_OP_MAX_POOL:
        return find_operator("max_pool2");
    case FSEG_OP_UPSAMPLE:
        return find_operator("upsample2");
    case FSEG_OP_CONCAT:
        shape->out_channels = fseg_model_node(model, (size_t)node->inputs[1])->channels;
        return find_operator("concat");
    default:
        return NULL;
    }
}

typedef struct operator_run {
    fseg_context *context;
    const fseg_operator *operation;
    fseg_operator_shape shape;
    fseg_operator_f32 tensors;
    float *memory;
} operator_run;

/* One block for all tensors, filled with noise. */
static fseg_status operator_run_open(operator_run *run, fseg_error *error)
{
    const fseg_operator_sizes size = run->operation->sizes(&run->shape);
    const size_t inputs = size.x + size.x2 + size.weight + size.bias,
                 total = 2 * inputs + 2 * size.y;
    run->memory = malloc(total * sizeof(float));
    if (!run->memory) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    }
    bench_fill(run->memory, total, 3);
    float *x = run->memory, *y = x + inputs, *dy = y + size.y, *dx = dy + size.y;
    run->tensors = (fseg_operator_f32){.x = x,
                                       .x2 = x + size.x,
                                       .weight = x + size.x + size.x2,
                                       .bias = x + size.x + size.x2 + size.weight,
                                       .y = y,
                                       .dy = dy,
                                       .dx = dx,
                                       .dx2 = dx + size.x,
                                       .dweight = dx + size.x + size.x2,
                                       .dbias = dx + size.x + size.x2 + size.weight};
    return FSEG_OK;
}

static fseg_status operator_forward(void *user, fseg_error *error)
{
    operator_run *run = user;
    const fseg_status status =
        run->operation->forward_fast(run->context, &run->shape, &run->tensors);
    return status == FSEG_OK ? status : fseg_error_set(error, status, "Out of memory.");
}

static fseg_status operator_backward(void *user, fseg_error *error)
{
    operator_run *run = user;
    const fseg_status status =
        run->operation->backward_fast(run->context, &run->shape, &run->tensors);
    return status == FSEG_OK ? status : fseg_error_set(error, status, "Out of memory.");
}

static void add_operator(const bench *b, const operator_run *run, const char *direction,
                         double seconds, json_t *rows)
{
    const bool back = strcmp(direction, "backward") == 0;
    /* Backward is the gradient of the input and that of the weights, each as much work. */
    const double gflops =
        (back ? 4e-9 : 2e-9) * run->operation->multiply_adds(&run->shape) / seconds;
    const bool counts =
        run->tensors.weight && gflops > 0 && strstr(run->operation->name, "conv") != NULL;
    json_array_append_new(
        rows, json_pack("{s:s, s:s, s:[i, i, i, i], s:i, s:o, s:o, s:o}", "operator",
                        run->operation->name, "direction", direction, "input", run->shape.n,
                        run->shape.channels, run->shape.height, run->shape.width, "out_channels",
                        run->shape.out_channels, "ms", bench_number(1e3 * seconds), "gflops",
                        counts ? bench_number(gflops) : json_null(), "percent_of_peak",
                        counts ? bench_number(100 * gflops / b->fma_gflops) : json_null()));
}

static fseg_status measure_operator(bench *b, operator_run *run, json_t *rows, fseg_error *error)
{
    const int repetitions = b->quick ? 1 : 7;
    double seconds = 0;
    fseg_status status = operator_run_open(run, error);
    if (status == FSEG_OK && run->operation->forward_fast) {
        status = bench_time(b, repetitions, true, operator_forward, run, &seconds, error);
        if (status == FSEG_OK) {
            add_operator(b, run, "forward", seconds, rows);
        }
    }
    if (status == FSEG_OK && run->operation->backward_fast) {
        status = bench_time(b, repetitions, true, operator_backward, run, &seconds, error);
        if (status == FSEG_OK) {
            add_operator(b, run, "backward", seconds, rows);
        }
    }
    free(run->memory);
    run->memory = NULL;
    return status;
}

fseg_status bench_operators(bench *b, fseg_error *error)
{
    const int size = b->quick ? 64 : 256;
    const size_t nodes = fseg_model_node_count(b->model);
    operator_run run = {0}, *seen = calloc(nodes, sizeof *seen);
    size_t seen_count = 0;
    json_t *rows = json_array();
    json_object_set_new(b->result, "operators", rows);
    fseg_status status = seen ? bench_context(b, bench_best_isa(), &run.context, error)
                              : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Out of memory.");
    for (size_t i = 0; status == FSEG_OK && i < nodes; i++) {
        run.operation = operator_of(b->model, fseg_model_node(b->model, i), size, &run.shape);
        bool repeated = !run.operation;
        for (size_t k = 0; k < seen_count; k++) {
            repeated = repeated || (seen[k].operation == run.operation &&
                                    memcmp(&seen[k].shape, &run.shape, sizeof run.shape) == 0);
        }
        if (repeated) {
            continue;
        }
        seen[seen_count++] = run;
        status = bench_stage(b, 0.35 + 0.1 * (double)i / (double)nodes, "operators", error);
        if (status == FSEG_OK) {
            status = measure_operator(b, &run, rows, error);
        }
    }
    fseg_context_free(run.context);
    free(seen);
    return status;
}
