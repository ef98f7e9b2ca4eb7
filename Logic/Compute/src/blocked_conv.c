/* Convolution on blocked tensors: packing of weights, forward, both gradients. */
#include "blocked.h"
#include <string.h>

enum { TASKS_PER_THREAD = 4, WEIGHT_GRAD_TASKS = 16 };

static const size_t weight_block = (size_t)FSEG_BLOCK * FSEG_BLOCK;

static size_t source_blocks(const fseg_conv_shape *shape)
{
    size_t blocks = 0;
    for (int s = 0; s < shape->source_count; ++s)
        blocks += fseg_blocked_blocks(shape->source_channels[s]);
    return blocks;
}

static size_t taps_of(const fseg_conv_shape *shape)
{
    return (size_t)shape->kernel * (size_t)shape->kernel;
}

static size_t in_channels(const fseg_conv_shape *shape)
{
    size_t n = 0;
    for (int s = 0; s < shape->source_count; ++s)
        n += (size_t)shape->source_channels[s];
    return n;
}

size_t fseg_conv_packed_floats(const fseg_conv_shape *shape)
{
    return fseg_blocked_blocks(shape->out_channels) * source_blocks(shape) * taps_of(shape) *
           weight_block;
}

size_t fseg_conv_packed_back_floats(const fseg_conv_shape *shape, int source)
{
    return fseg_blocked_blocks(shape->out_channels) *
           fseg_blocked_blocks(shape->source_channels[source]) * taps_of(shape) * weight_block;
}

void fseg_conv_pack(const fseg_conv_shape *shape, const float *weight, float *packed)
{
    const size_t taps = taps_of(shape), blocks = source_blocks(shape), in = in_channels(shape);
    memset(packed, 0, fseg_conv_packed_floats(shape) * sizeof(float));
    for (size_t co = 0; co < (size_t)shape->out_channels; ++co) {
        size_t channel = 0, block = 0;
        for (int s = 0; s < shape->source_count; ++s) {
            for (size_t c = 0; c < (size_t)shape->source_channels[s]; ++c)
                for (size_t tap = 0; tap < taps; ++tap) {
                    const size_t to_block =
                        (co / FSEG_BLOCK * blocks + block + c / FSEG_BLOCK) * taps + tap;
                    packed[to_block * weight_block + c % FSEG_BLOCK * FSEG_BLOCK +
                           co % FSEG_BLOCK] = weight[(co * in + channel + c) * taps + tap];
                }
            channel += (size_t)shape->source_channels[s];
            block += fseg_blocked_blocks(shape->source_channels[s]);
        }
    }
}

void fseg_conv_pack_back(const fseg_conv_shape *shape, int source, const float *weight,
                         float *packed)
{
    const size_t taps = taps_of(shape), in = in_channels(shape);
    const size_t first = source == 1 ? (size_t)shape->source_channels[0] : 0;
    const size_t co_blocks = fseg_blocked_blocks(shape->out_channels);
    memset(packed, 0, fseg_conv_packed_back_floats(shape, source) * sizeof(float));
    for (size_t c = 0; c < (size_t)shape->source_channels[source]; ++c)
        for (size_t co = 0; co < (size_t)shape->out_channels; ++co)
            for (size_t tap = 0; tap < taps; ++tap) {
                const size_t to_block =
                    (c / FSEG_BLOCK * co_blocks + co / FSEG_BLOCK) * taps + (taps - 1 - tap);
                packed[to_block * weight_block + co % FSEG_BLOCK * FSEG_BLOCK + c % FSEG_BLOCK] =
                    weight[(co * in + first + c) * taps + tap];
            }
}

/* ---- forward and gradient with respect to the input ---------------------------------------- */

typedef struct conv_job {
    const fseg_kernels *kernels;
    const fseg_blocked *x;
    int source_count;
    const fseg_blocked *y;
    const float *packed, *bias;
    size_t weight_stride;
    int kernel, offset, accumulate;
    size_t groups, splits; /* of output blocks, of rows */
} conv_job;

static void conv_task(void *user, size_t index)
{
    const conv_job *job = user;
    const fseg_blocked *y = job->y;
    const size_t split = index % job->splits, group = index / job->splits % job->groups;
    const int image = (int)(index / job->splits / job->groups);
    const size_t first = group * (size_t)job->kernels->conv_blocks;
    const size_t blocks = fseg_blocked_blocks(y->channels);
    fseg_conv_rows rows = {
        .source_count = job->source_count,
        .weight = job->packed + first * job->weight_stride,
        .weight_stride = job->weight_stride,
        .bias = job->bias ? job->bias + first * FSEG_BLOCK : NULL,
        .y = fseg_blocked_image(y, image) + first * fseg_blocked_plane(y->height, y->width),
        .height = y->height,
        .width = y->width,
        .row0 = (int)((size_t)y->height * split / job->splits),
        .row1 = (int)((size_t)y->height * (split + 1) / job->splits),
        .kernel = job->kernel,
        .offset = job->offset,
        .accumulate = job->accumulate,
    };
    for (int s = 0; s < job->source_count; ++s) {
        rows.sources[s].x = fseg_blocked_image(&job->x[s], image);
        rows.sources[s].channels = job->x[s].channels;
    }
    size_t count = blocks - first;
    if (count > (size_t)job->kernels->conv_blocks)
        count = (size_t)job->kernels->conv_blocks;
    if (count == (size_t)job->kernels->conv_blocks) {
        rows.blocks = (int)count;
        job->kernels->conv_rows(&rows);
        return;
    }
    rows.blocks = 1;
    for (size_t b = 0; b < count; ++b) {
        job->kernels->conv_rows(&rows);
        rows.weight += job->weight_stride;
        rows.bias = rows.bias ? rows.bias + FSEG_BLOCK : NULL;
        rows.y += fseg_blocked_plane(y->height, y->width);
    }
}

static void run_conv(fseg_context *context, conv_job *job)
{
    const size_t blocks = fseg_blocked_blocks(job->y->channels);
    const size_t per_group = (size_t)job->kernels->conv_blocks;
    job->groups = (blocks + per_group - 1) / per_group;
    const size_t tasks = (size_t)job->y->n * job->groups;
    const size_t wanted = (size_t)(fseg_context_threads(context) * TASKS_PER_THREAD);
    job->splits = tasks >= wanted ? 1 : (wanted + tasks - 1) / tasks;
    if (job->splits > (size_t)job->y->height)
        job->splits = (size_t)job->y->height;
    fseg_context_parallel(context, tasks * job->splits, conv_task, job);
}

void fseg_blocked_conv(fseg_context *context, const fseg_conv_shape *shape,
                       const fseg_blocked x[], const float *packed, const float *bias,
                       const fseg_blocked *y)
{
    conv_job job = {.kernels = fseg_context_kernels(context),
                    .x = x,
                    .source_count = shape->source_count,
                    .y = y,
                    .packed = packed,
                    .bias = bias,
                    .weight_stride = source_blocks(shape) * taps_of(shape) * weight_block,
                    .kernel = shape->kernel,
                    .offset = shape->kernel == 3 ? -1 : 0};
    run_conv(context, &job);
}

void fseg_blocked_conv_back(fseg_context *context, const fseg_conv_shape *shape,
                            const fseg_blocked *dy, const float *packed_back, int accumulate,
                            const fseg_blocked *dx)
{
    conv_job job = {.kernels = fseg_context_kernels(context),
                    .x = dy,
                    .source_count = 1,
                    .y = dx,
                    .packed = packed_back,
                    .weight_stride =
                        fseg_blocked_blocks(shape->out_channels) * taps_of(shape) * weight_block,
                    .kernel = shape->kernel,
                    .offset = shape->kernel == 1 ? 0 : -1,
                    .accumulate = accumulate};
    run_conv(context, &job);
}

/* ---- gradient with respect to the weights --------------------------------------------------- */

typedef struct weight_grad_job {
    const fseg_kernels *kernels;
    const fseg_conv_shape *shape;
    const fseg_blocked *x, *dy;
    float *scratch; /* [pairs][splits][taps * 16 * 16] */
    float *dw;
    size_t ci_blocks, pairs, splits, units, parts; /* unit = image x part of its rows */
} weight_grad_job;

/* How the work is split; a function of the shape alone, so that sums do not depend on threads. */
static void split_weight_grad(const fseg_conv_shape *shape, int n, weight_grad_job *job)
{
    job->ci_blocks = source_blocks(shape);
    job->pairs = fseg_blocked_blocks(shape->out_channels) * job->ci_blocks;
    job->splits = job->pairs >= WEIGHT_GRAD_TASKS
                      ? 1
                      : (WEIGHT_GRAD_TASKS + job->pairs - 1) / job->pairs;
    job->parts = ((size_t)n + job->splits - 1) / (size_t)n;
    job->units = (size_t)n * job->parts;
    if (job->splits > job->units)
        job->splits = job->units;
}

size_t fseg_conv_weight_grad_scratch(const fseg_conv_shape *shape, int n)
{
    weight_grad_job job;
    split_weight_grad(shape, n, &job);
    return job.pairs * job.splits * taps_of(shape) * weight_block;
}

static void weight_grad_task(void *user, size_t index)
{
    const weight_grad_job *job = user;
    const fseg_conv_shape *shape = job->shape;
    const size_t split = index % job->splits, pair = index / job->splits;
    const size_t co = pair / job->ci_blocks;
    size_t ci = pair % job->ci_blocks;
    int source = 0;
    if (ci >= fseg_blocked_blocks(shape->source_channels[0])) {
        ci -= fseg_blocked_blocks(shape->source_channels[0]);
        source = 1;
    }
    const fseg_blocked *x = &job->x[source], *dy = job->dy;
    const size_t plane = fseg_blocked_plane(dy->height, dy->width);
    const size_t floats = taps_of(shape) * weight_block;
    const int left = shape->source_channels[source] - (int)ci * FSEG_BLOCK;
    fseg_conv_weight_grad grad = {.ci_count = left < FSEG_BLOCK ? left : FSEG_BLOCK,
                                  .dw = job->scratch + index * floats,
                                  .height = dy->height,
                                  .width = dy->width,
                                  .kernel = shape->kernel,
                                  .offset = shape->kernel == 3 ? -1 : 0};
    memset(grad.dw, 0, floats * sizeof(float));
    for (size_t u = job->units * split / job->splits; u < job->units * (split + 1) / job->splits;
         ++u) {
        const size_t part = u % job->parts;
        grad.x = fseg_blocked_image(x, (int)(u / job->parts)) + ci * plane;
        grad.dy = fseg_blocked_image(dy, (int)(u / job->parts)) + co * plane;
        grad.row0 = (int)((size_t)dy->height * part / job->parts);
        grad.row1 = (int)((size_t)dy->height * (part + 1) / job->parts);
        job->kernels->conv_weight_grad(&grad);
    }
}

/* Sum the splits in order and write the pair's part of dw. */
static void weight_grad_collect(void *user, size_t pair)
{
    const weight_grad_job *job = user;
    const fseg_conv_shape *shape = job->shape;
    const size_t taps = taps_of(shape), in = in_channels(shape);
    const size_t floats = taps * weight_block;
    float *sum = job->scratch + pair * job->splits * floats;
    for (size_t s = 1; s < job->splits; ++s)
        for (size_t i = 0; i < floats; ++i)
            sum[i] += sum[s * floats + i];
    const size_t co0 = pair / job->ci_blocks * FSEG_BLOCK;
    size_t ci_block = pair % job->ci_blocks;
    size_t first = 0, channels = (size_t)shape->source_channels[0];
    if (ci_block >= fseg_blocked_blocks(shape->source_channels[0])) {
        ci_block -= fseg_blocked_blocks(shape->source_channels[0]);
        first = (size_t)shape->source_channels[0];
        channels = (size_t)shape->source_channels[1];
    }
    for (size_t co = co0; co < co0 + FSEG_BLOCK && co < (size_t)shape->out_channels; ++co)
        for (size_t c = ci_block * FSEG_BLOCK; c < (ci_block + 1) * FSEG_BLOCK && c < channels; ++c)
            for (size_t tap = 0; tap < taps; ++tap)
                job->dw[(co * in + first + c) * taps + tap] =
                    sum[tap * weight_block + c % FSEG_BLOCK * FSEG_BLOCK + co % FSEG_BLOCK];
}

void fseg_blocked_conv_weight_grad(fseg_context *context, const fseg_conv_shape *shape,
                                   const fseg_blocked x[], const fseg_blocked *dy, float *scratch,
                                   float *dw)
{
    weight_grad_job job = {.kernels = fseg_context_kernels(context),
                           .shape = shape,
                           .x = x,
                           .dy = dy,
                           .scratch = scratch,
                           .dw = dw};
    split_weight_grad(shape, dy->n, &job);
    fseg_context_parallel(context, job.pairs * job.splits, weight_grad_task, &job);
    fseg_context_parallel(context, job.pairs, weight_grad_collect, &job);
}
