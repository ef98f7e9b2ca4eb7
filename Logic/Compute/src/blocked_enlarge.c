/* Upsampling and 2x2 convolution of whole tensors with four products a pixel (enlarge_body.h). */
#include "blocked_tiles.h"
#include <string.h>

static const size_t weight_block = (size_t)FSEG_BLOCK * FSEG_BLOCK;

/* Bytes of transformed rows of a block, for the second-level cache. */
enum { POSITIONS = 4, BLOCK_BYTES = 512 * 1024 };

size_t fseg_enlarge_packed_floats(const fseg_conv_shape *shape)
{
    return POSITIONS * fseg_blocked_blocks(shape->out_channels) *
           fseg_blocked_blocks(shape->source_channels[0]) * weight_block;
}

void fseg_enlarge_pack(const fseg_conv_shape *shape, const float *weight, float *packed)
{
    const size_t in = (size_t)shape->source_channels[0];
    const size_t blocks = fseg_blocked_blocks(shape->source_channels[0]);
    const size_t position = fseg_blocked_blocks(shape->out_channels) * blocks * weight_block;
    memset(packed, 0, fseg_enlarge_packed_floats(shape) * sizeof(float));
    for (size_t co = 0; co < (size_t)shape->out_channels; ++co)
        for (size_t c = 0; c < in; ++c) {
            const float *w = weight + (co * in + c) * 4;
            float *u = packed + (co / FSEG_BLOCK * blocks + c / FSEG_BLOCK) * weight_block +
                       c % FSEG_BLOCK * FSEG_BLOCK + co % FSEG_BLOCK;
            u[0] = (w[0] + w[1]) + (w[2] + w[3]);
            u[position] = w[0] + w[2];
            u[2 * position] = w[0] + w[1];
            u[3 * position] = w[0];
        }
}

typedef struct enlarge_job {
    const fseg_tile_kernels *kernels;
    const fseg_normed *x;
    const fseg_blocked *y;
    const float *packed, *bias;
    float *sums;
    size_t height, width; /* of x */
    size_t in_blocks, out_blocks, parts, most_rows, v_floats, slot_floats;
} enlarge_job;

/* Floats from one position to the next for `blocks` channel blocks: an odd number of cache lines,
 * so that positions do not fall onto the same set of the cache. */
static size_t position_floats(size_t blocks, size_t rows, size_t width)
{
    const size_t lines = blocks * rows * width;
    return (lines % 2 ? lines : lines + 1) * FSEG_BLOCK;
}

static void cut(const fseg_conv_shape *shape, size_t threads, size_t n, size_t height, size_t width,
                enlarge_job *job)
{
    job->height = height;
    job->width = width;
    job->in_blocks = fseg_blocked_blocks(shape->source_channels[0]);
    job->out_blocks = fseg_blocked_blocks(shape->out_channels);
    const size_t row_bytes =
        POSITIONS * width * FSEG_BLOCK * sizeof(float) * (job->in_blocks + job->out_blocks);
    size_t rows = BLOCK_BYTES / row_bytes;
    rows = rows < 1 ? 1 : rows;
    job->parts = (height + rows - 1) / rows;
    /* Every thread the same number of parts. */
    while (job->parts < height && n * job->parts % threads != 0)
        ++job->parts;
    job->most_rows = rows < height ? rows : height; /* for any number of images */
    /* One row more than is written: odd rows need the next. */
    job->v_floats = POSITIONS * position_floats(job->in_blocks, job->most_rows + 1, width);
    job->slot_floats =
        job->v_floats + POSITIONS * position_floats(job->out_blocks, job->most_rows + 1, width);
}

size_t fseg_enlarge_slot_floats(const fseg_conv_shape *shape, int height, int width)
{
    enlarge_job job;
    cut(shape, 1, 1, (size_t)height, (size_t)width, &job);
    return job.slot_floats;
}

static void enlarge_task(void *user, size_t index, float *scratch)
{
    const enlarge_job *job = user;
    const size_t image = index / job->parts, part = index % job->parts;
    const size_t first = job->height * part / job->parts;
    const size_t last = job->height * (part + 1) / job->parts;
    const size_t end = last < job->height ? last + 1 : last; /* rows with products */
    const size_t row = job->width * FSEG_BLOCK, block = (end - first) * row;
    const size_t v_position = position_floats(job->in_blocks, end - first, job->width);
    const size_t m_position = position_floats(job->out_blocks, end - first, job->width);
    float *v = scratch, *m = scratch + job->v_floats;
    const fseg_normed *source = job->x;
    for (size_t b = 0; b < job->in_blocks; ++b) {
        fseg_norm_map map = {.floor = 0.0f};
        if (source->scale)
            map = fseg_normed_map(source, (int)image, b);
        for (size_t h = first; h < end; ++h) {
            const fseg_tile_input input = {
                .x = fseg_blocked_plane_at(&source->x, image * job->in_blocks + b),
                .height = source->x.height,
                .width = source->x.width,
                .tile_row = (int)h,
                .norm = source->scale ? &map : NULL,
                .v = v + b * block + (h - first) * row,
                .v_position = v_position};
            job->kernels->enlarge_input(&input);
        }
    }
    /* Of the row after the last only positions 0 and 1 are needed, but separate products for the
     * other rows cost more than they save. */
    const fseg_tile_products products = {.v = v,
                                         .v_position = v_position,
                                         .v_block = block,
                                         .u = job->packed,
                                         .u_position =
                                             job->out_blocks * job->in_blocks * weight_block,
                                         .u_block = job->in_blocks * weight_block,
                                         .m = m,
                                         .m_position = m_position,
                                         .m_block = block,
                                         .positions = POSITIONS,
                                         .tiles = (int)((end - first) * job->width),
                                         .in_blocks = (int)job->in_blocks,
                                         .out_blocks = (int)job->out_blocks};
    job->kernels->products(&products);
    for (size_t b = 0; b < job->out_blocks; ++b) {
        const size_t plane = image * job->out_blocks + b;
        for (size_t h = first; h < last; ++h) {
            const fseg_tile_output output = {
                .m = m + b * block + (h - first) * row,
                .m_position = m_position,
                .bias = job->bias ? job->bias + b * FSEG_BLOCK : NULL,
                .y = fseg_blocked_plane_at(job->y, plane),
                .height = job->y->height,
                .width = job->y->width,
                .tile_row = (int)h,
                .sums = job->sums ? job->sums + (plane * job->height + h) * 2 * FSEG_BLOCK : NULL};
            job->kernels->enlarge_output(&output);
        }
    }
}

void fseg_blocked_enlarge(fseg_context *context, const fseg_conv_shape *shape, const fseg_normed *x,
                          const float *packed, const float *bias, const fseg_blocked *y,
                          float *sums, float *scratch)
{
    enlarge_job job = {.kernels = fseg_context_tile_kernels(context),
                       .x = x,
                       .y = y,
                       .packed = packed,
                       .bias = bias,
                       .sums = sums};
    cut(shape, (size_t)fseg_context_threads(context), (size_t)y->n, (size_t)x->x.height,
        (size_t)x->x.width, &job);
    fseg_tiles_run(context, (size_t)y->n * job.parts, scratch, job.slot_floats, enlarge_task, &job);
}
