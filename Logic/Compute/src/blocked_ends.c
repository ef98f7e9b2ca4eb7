/* The ends of the network: from the plain image to the first blocked tensor, and to the logits. */
#include "blocked_tiles.h"
#include <string.h>

enum { TASK_ROWS = 8, TAPS = 9 };

static size_t part_count(int height)
{
    return (size_t)((height + TASK_ROWS - 1) / TASK_ROWS);
}

/* ---- first ---------------------------------------------------------------------------------- */

typedef struct first_job {
    const fseg_tile_kernels *kernels;
    const fseg_conv_shape *shape;
    const float *x, *packed, *bias;
    const fseg_blocked *y;
    float *sums;
} first_job;

size_t fseg_first_packed_floats(const fseg_conv_shape *shape)
{
    return fseg_blocked_blocks(shape->out_channels) * (size_t)shape->source_channels[0] * TAPS *
           FSEG_BLOCK;
}

void fseg_first_pack(const fseg_conv_shape *shape, const float *weight, float *packed)
{
    const size_t in = (size_t)shape->source_channels[0];
    memset(packed, 0, fseg_first_packed_floats(shape) * sizeof(float));
    for (size_t co = 0; co < (size_t)shape->out_channels; ++co)
        for (size_t i = 0; i < in * TAPS; ++i)
            packed[(co / FSEG_BLOCK * in * TAPS + i) * FSEG_BLOCK + co % FSEG_BLOCK] =
                weight[co * in * TAPS + i];
}

/* The rows of a task with a zero pixel on either side, for each channel. */
size_t fseg_first_slot_floats(const fseg_conv_shape *shape, int width)
{
    const size_t floats = (size_t)shape->source_channels[0] * (TASK_ROWS + 2) * (size_t)(width + 2);
    return (floats + FSEG_BLOCK - 1) / FSEG_BLOCK * FSEG_BLOCK;
}

static void first_task(void *user, size_t index, float *scratch)
{
    const first_job *job = user;
    const fseg_blocked *y = job->y;
    const size_t parts = part_count(y->height), channels = (size_t)job->shape->source_channels[0];
    const size_t image = index / parts, width = (size_t)y->width, height = (size_t)y->height;
    const size_t first = height * (index % parts) / parts;
    const size_t last = height * (index % parts + 1) / parts;
    const size_t row = width + 2, plane = row * (TASK_ROWS + 2);
    for (size_t c = 0; c < channels; ++c)
        for (size_t h = first; h < last + 2; ++h) { /* row h - 1 of the image */
            float *to = scratch + c * plane + (h - first) * row;
            if (h == 0 || h > height) {
                memset(to, 0, row * sizeof(float));
                continue;
            }
            to[0] = to[row - 1] = 0.0f;
            memcpy(to + 1, job->x + ((image * channels + c) * height + h - 1) * width,
                   width * sizeof(float));
        }
    const size_t blocks = fseg_blocked_blocks(y->channels);
    for (size_t b = 0; b < blocks; ++b)
        for (size_t h = first; h < last; ++h) {
            const size_t out = image * blocks + b;
            const fseg_first_row args = {
                .x = scratch + (h - first) * row,
                .x_plane = plane,
                .x_row = row,
                .channels = (int)channels,
                .width = y->width,
                .weight = job->packed + b * channels * TAPS * FSEG_BLOCK,
                .bias = job->bias ? job->bias + b * FSEG_BLOCK : NULL,
                .y = (float *)fseg_blocked_plane_at(y, out) +
                     ((h + 1) * (width + 2) + 1) * FSEG_BLOCK,
                .sums = job->sums ? job->sums + (out * height + h) * 2 * FSEG_BLOCK : NULL};
            job->kernels->first_row(&args);
        }
}

void fseg_blocked_first(fseg_context *context, const fseg_conv_shape *shape, const float *x,
                        const float *packed, const float *bias, const fseg_blocked *y, float *sums,
                        float *scratch)
{
    first_job job = {.kernels = fseg_context_tile_kernels(context),
                     .shape = shape,
                     .x = x,
                     .packed = packed,
                     .bias = bias,
                     .y = y,
                     .sums = sums};
    fseg_tiles_run(context, (size_t)y->n * part_count(y->height), scratch,
                   fseg_first_slot_floats(shape, y->width), first_task, &job);
}

/* ---- last ----------------------------------------------------------------------------------- */

typedef struct last_job {
    const fseg_tile_kernels *kernels;
    const fseg_normed *x;
    const float *packed, *bias;
    float *y;
    int classes;
} last_job;

static void last_task(void *user, size_t index)
{
    const last_job *job = user;
    const fseg_blocked *x = &job->x->x;
    const size_t parts = part_count(x->height), height = (size_t)x->height;
    const size_t image = index / parts, width = (size_t)x->width, pixels = height * width;
    const fseg_norm_map map =
        job->x->scale ? fseg_normed_map(job->x, (int)image, 0) : (fseg_norm_map){.floor = 0.0f};
    for (size_t h = height * (index % parts) / parts; h < height * (index % parts + 1) / parts;
         ++h) {
        const fseg_last_row args = {.x = (const float *)fseg_blocked_image(x, (int)image) +
                                         ((h + 1) * (width + 2) + 1) * FSEG_BLOCK,
                                    .x_plane = fseg_blocked_plane(x->height, x->width),
                                    .blocks = (int)fseg_blocked_blocks(x->channels),
                                    .width = x->width,
                                    .scale = map.scale,
                                    .shift = map.shift,
                                    .weight = job->packed,
                                    .bias = job->bias,
                                    .y = job->y + image * (size_t)job->classes * pixels + h * width,
                                    .y_plane = pixels,
                                    .classes = job->classes};
        job->kernels->last_row(&args);
    }
}

void fseg_blocked_last(fseg_context *context, const fseg_conv_shape *shape, const fseg_normed *x,
                       const float *packed, const float *bias, float *y)
{
    last_job job = {.kernels = fseg_context_tile_kernels(context),
                    .x = x,
                    .packed = packed,
                    .bias = bias,
                    .y = y,
                    .classes = shape->out_channels};
    fseg_context_parallel(context, (size_t)x->x.n * part_count(x->x.height), last_task, &job);
}
