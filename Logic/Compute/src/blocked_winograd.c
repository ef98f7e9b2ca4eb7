/* Winograd convolution of whole tensors: weights, blocks of tiles, threads. */
#include "blocked_tiles.h"
#include <string.h>

static const size_t weight_block = (size_t)FSEG_BLOCK * FSEG_BLOCK;

enum { TILE = 4, SIDE = TILE + 2, POSITIONS = SIDE * SIDE };

/* Bytes of transformed input and results of a block of tiles: half of a usual second-level cache
 * of 1 MiB; and tiles of a block at least, so that the weights are read seldom enough. */
enum { BLOCK_BYTES = 512 * 1024, LEAST_TILES = 32 };

static size_t in_blocks(const fseg_conv_shape *shape)
{
    size_t blocks = 0;
    for (int s = 0; s < shape->source_count; ++s)
        blocks += fseg_blocked_blocks(shape->source_channels[s]);
    return blocks;
}

static size_t tile_count(int length)
{
    return (size_t)((length + TILE - 1) / TILE);
}

/* ---- weights -------------------------------------------------------------------------------- */

size_t fseg_winograd_packed_floats(const fseg_conv_shape *shape)
{
    return (size_t)POSITIONS * fseg_blocked_blocks(shape->out_channels) * in_blocks(shape) *
           weight_block;
}

/* Packed weights of a convolution with `ins` to `outs` channels, of which the weight of tap t is at
 * o * out_stride + i * in_stride + (flip ? 8 - t : t); input blocks start at block `first`. */
typedef struct weight_view {
    const float *weight;
    size_t outs, ins, out_stride, in_stride;
    int flip;
} weight_view;

static void pack_view(const fseg_tile_kernels *kernels, const weight_view *view, size_t first,
                      size_t blocks, size_t position, float *packed)
{
    for (size_t co = 0; co < view->outs; co += FSEG_BLOCK) {
        const size_t count = view->outs - co < FSEG_BLOCK ? view->outs - co : FSEG_BLOCK;
        for (size_t c = 0; c < view->ins; ++c) {
            float taps[9 * FSEG_BLOCK] __attribute__((aligned(64))) = {0};
            for (size_t k = 0; k < count; ++k) {
                const float *w = view->weight + (co + k) * view->out_stride + c * view->in_stride;
                for (size_t tap = 0; tap < 9; ++tap)
                    taps[tap * FSEG_BLOCK + k] = w[view->flip ? 8 - tap : tap];
            }
            const fseg_tile_weights weights = {
                .taps = taps,
                .u = packed + (co / FSEG_BLOCK * blocks + first + c / FSEG_BLOCK) * weight_block +
                     c % FSEG_BLOCK * FSEG_BLOCK,
                .u_position = position};
            kernels->winograd_weights(&weights);
        }
    }
}

void fseg_winograd_pack(const fseg_context *context, const fseg_conv_shape *shape,
                        const float *weight, float *packed)
{
    const size_t blocks = in_blocks(shape);
    const size_t position = fseg_blocked_blocks(shape->out_channels) * blocks * weight_block;
    size_t in = 0, first = 0;
    for (int s = 0; s < shape->source_count; ++s)
        in += (size_t)shape->source_channels[s];
    memset(packed, 0, fseg_winograd_packed_floats(shape) * sizeof(float));
    for (int s = 0; s < shape->source_count; ++s) {
        const weight_view view = {.weight = weight,
                                  .outs = (size_t)shape->out_channels,
                                  .ins = (size_t)shape->source_channels[s],
                                  .out_stride = in * 9,
                                  .in_stride = 9};
        pack_view(fseg_context_tile_kernels(context), &view, first, blocks, position, packed);
        first += fseg_blocked_blocks(shape->source_channels[s]);
        weight += (size_t)shape->source_channels[s] * 9;
    }
}

/* The convolution that takes the gradient of the output to that of source s. */
static fseg_conv_shape back_shape(const fseg_conv_shape *shape, int source)
{
    return (fseg_conv_shape){.source_channels = {shape->out_channels},
                             .source_count = 1,
                             .out_channels = shape->source_channels[source],
                             .kernel = 3};
}

size_t fseg_winograd_packed_back_floats(const fseg_conv_shape *shape, int source)
{
    const fseg_conv_shape back = back_shape(shape, source);
    return fseg_winograd_packed_floats(&back);
}

void fseg_winograd_pack_back(const fseg_context *context, const fseg_conv_shape *shape, int source,
                             const float *weight, float *packed)
{
    const fseg_conv_shape back = back_shape(shape, source);
    size_t in = 0;
    for (int s = 0; s < shape->source_count; ++s)
        in += (size_t)shape->source_channels[s];
    const size_t first = source == 1 ? (size_t)shape->source_channels[0] : 0;
    const weight_view view = {.weight = weight + first * 9,
                              .outs = (size_t)back.out_channels,
                              .ins = (size_t)shape->out_channels,
                              .out_stride = 9,
                              .in_stride = in * 9,
                              .flip = 1};
    const size_t blocks = in_blocks(&back);
    memset(packed, 0, fseg_winograd_packed_floats(&back) * sizeof(float));
    pack_view(fseg_context_tile_kernels(context), &view, 0, blocks,
              fseg_blocked_blocks(back.out_channels) * blocks * weight_block, packed);
}

/* ---- blocks of tiles ------------------------------------------------------------------------ */

typedef struct winograd_job {
    const fseg_tile_kernels *kernels;
    const fseg_conv_shape *shape;
    const fseg_normed *x;
    const fseg_blocked *y;
    const float *packed, *bias;
    float *sums;
    int accumulate;
    size_t tile_rows, row_tiles; /* of one image; tiles of a row */
    size_t in_blocks, out_blocks;
    size_t rows, row_groups, splits; /* tile rows of the batch; tasks: groups of them times parts of
                                        the output channels */
    size_t v_floats, slot_floats;
} winograd_job;

/* An odd number of cache lines: positions would otherwise fall onto the same set of the cache. */
static size_t odd_lines(size_t floats)
{
    return floats / FSEG_BLOCK % 2 ? floats : floats + FSEG_BLOCK;
}

/* How the work is cut into tasks of tiles that suit the cache. */
static void cut(const fseg_conv_shape *shape, size_t threads, int n, int height, int width,
                winograd_job *job)
{
    job->tile_rows = tile_count(height);
    job->row_tiles = tile_count(width);
    job->in_blocks = in_blocks(shape);
    job->out_blocks = fseg_blocked_blocks(shape->out_channels);
    job->rows = (size_t)n * job->tile_rows;
    const size_t tile_bytes =
        (size_t)POSITIONS * FSEG_BLOCK * sizeof(float) * (job->in_blocks + job->out_blocks);
    size_t tiles = BLOCK_BYTES / tile_bytes;
    tiles = tiles < LEAST_TILES ? LEAST_TILES : tiles;
    size_t group_rows = tiles / job->row_tiles;
    group_rows = group_rows < 1 ? 1 : group_rows;
    job->row_groups = (job->rows + group_rows - 1) / group_rows;
    job->splits = 1;
    if (job->row_groups < threads) {
        const size_t pairs = (job->out_blocks + 1) / 2;
        job->splits = threads < pairs ? threads : pairs;
    } else {
        job->row_groups = (job->row_groups + threads - 1) / threads * threads;
        job->row_groups = job->row_groups < job->rows ? job->row_groups : job->rows;
    }
    /* For any number of threads and a smaller batch, too. */
    const size_t most_rows = group_rows < job->rows ? group_rows : job->rows;
    const size_t block = most_rows * job->row_tiles * FSEG_BLOCK;
    job->v_floats = (size_t)POSITIONS * odd_lines(job->in_blocks * block);
    job->slot_floats = job->v_floats + (size_t)POSITIONS * odd_lines(job->out_blocks * block);
}

size_t fseg_winograd_slot_floats(const fseg_conv_shape *shape, int n, int height, int width)
{
    winograd_job job;
    cut(shape, 1, n, height, width, &job);
    return job.slot_floats;
}

size_t fseg_winograd_back_slot_floats(const fseg_conv_shape *shape, int source, int n, int height,
                                      int width)
{
    const fseg_conv_shape back = back_shape(shape, source);
    return fseg_winograd_slot_floats(&back, n, height, width);
}

size_t fseg_winograd_sums_rows(int height)
{
    return tile_count(height);
}

/* Tile rows first..last-1 of the batch, all output planes from..to-1. */
static void run_block(const winograd_job *job, size_t first, size_t last, size_t from, size_t to,
                      float *v, float *m)
{
    const size_t tiles = (last - first) * job->row_tiles, block = tiles * FSEG_BLOCK;
    const size_t v_position = odd_lines(job->in_blocks * block);
    const size_t m_position = odd_lines((to - from) * block);
    const fseg_blocked *y = job->y;
    for (size_t r = first; r < last; ++r) {
        const int image = (int)(r / job->tile_rows);
        float *row_v = v + (r - first) * job->row_tiles * FSEG_BLOCK;
        for (int s = 0; s < job->shape->source_count; ++s) {
            const fseg_normed *source = &job->x[s];
            const float *x = fseg_blocked_image(&source->x, image);
            for (size_t b = 0; b < fseg_blocked_blocks(source->x.channels); ++b) {
                fseg_norm_map map = {.floor = 0.0f};
                if (source->scale)
                    map = fseg_normed_map(source, image, b);
                const fseg_tile_input input = {
                    .x = x + b * fseg_blocked_plane(source->x.height, source->x.width),
                    .height = source->x.height,
                    .width = source->x.width,
                    .tile_row = (int)(r % job->tile_rows),
                    .norm = source->scale ? &map : NULL,
                    .v = row_v,
                    .v_position = v_position};
                job->kernels->winograd_input(&input);
                row_v += block;
            }
        }
    }
    const fseg_tile_products products = {.v = v,
                                         .v_position = v_position,
                                         .v_block = block,
                                         .u = job->packed + from * job->in_blocks * weight_block,
                                         .u_position =
                                             job->out_blocks * job->in_blocks * weight_block,
                                         .u_block = job->in_blocks * weight_block,
                                         .m = m,
                                         .m_position = m_position,
                                         .m_block = block,
                                         .positions = POSITIONS,
                                         .tiles = (int)tiles,
                                         .in_blocks = (int)job->in_blocks,
                                         .out_blocks = (int)(to - from)};
    job->kernels->products(&products);
    for (size_t b = from; b < to; ++b)
        for (size_t r = first; r < last; ++r) {
            const size_t image = r / job->tile_rows, tile_row = r % job->tile_rows;
            const size_t plane = image * job->out_blocks + b;
            const fseg_tile_output output = {
                .m = m + (b - from) * block + (r - first) * job->row_tiles * FSEG_BLOCK,
                .m_position = m_position,
                .bias = job->bias ? job->bias + b * FSEG_BLOCK : NULL,
                .y = fseg_blocked_plane_at(y, plane),
                .height = y->height,
                .width = y->width,
                .tile_row = (int)tile_row,
                .accumulate = job->accumulate,
                .sums = job->sums ? job->sums + (plane * job->tile_rows + tile_row) * 2 * FSEG_BLOCK
                                  : NULL};
            job->kernels->winograd_output(&output);
        }
}

static void winograd_task(void *user, size_t task, float *scratch)
{
    const winograd_job *job = user;
    const size_t group = task / job->splits, split = task % job->splits;
    const size_t pairs = (job->out_blocks + 1) / 2, to = 2 * (pairs * (split + 1) / job->splits);
    run_block(job, job->rows * group / job->row_groups, job->rows * (group + 1) / job->row_groups,
              2 * (pairs * split / job->splits), to < job->out_blocks ? to : job->out_blocks,
              scratch, scratch + job->v_floats);
}

static void run(fseg_context *context, winograd_job *job, float *scratch)
{
    const fseg_blocked *y = job->y;
    job->kernels = fseg_context_tile_kernels(context);
    cut(job->shape, (size_t)fseg_context_threads(context), y->n, y->height, y->width, job);
    fseg_tiles_run(context, job->row_groups * job->splits, scratch, job->slot_floats, winograd_task,
                   job);
}

void fseg_blocked_winograd(fseg_context *context, const fseg_conv_shape *shape,
                           const fseg_normed x[], const float *packed, const float *bias,
                           const fseg_blocked *y, float *sums, float *scratch)
{
    winograd_job job = {
        .shape = shape, .x = x, .y = y, .packed = packed, .bias = bias, .sums = sums};
    run(context, &job, scratch);
}

void fseg_blocked_winograd_back(fseg_context *context, const fseg_conv_shape *shape, int source,
                                const fseg_blocked *dy, const float *packed_back, int accumulate,
                                const fseg_blocked *dx, float *scratch)
{
    const fseg_conv_shape back = back_shape(shape, source);
    const fseg_normed x = {.x = *dy};
    winograd_job job = {
        .shape = &back, .x = &x, .y = dx, .packed = packed_back, .accumulate = accumulate};
    run(context, &job, scratch);
}
