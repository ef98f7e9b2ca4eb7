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

static size_t in_channels(const fseg_conv_shape *shape)
{
    size_t n = 0;
    for (int s = 0; s < shape->source_count; ++s)
        n += (size_t)shape->source_channels[s];
    return n;
}

/* ---- phases ---------------------------------------------------------------------------------
 * A plain convolution has one phase with all k x k taps. An upsampling one has four, with
 * (1 + a) x (1 + b) taps for output rows 2 i + a and columns 2 j + b. */

typedef struct phase {
    int a, b, kernel_h, kernel_w;
    size_t first_tap; /* taps of the phases before it */
} phase;

static int phase_count(const fseg_conv_shape *shape)
{
    return shape->upsample ? 4 : 1;
}

static phase phase_at(const fseg_conv_shape *shape, int index)
{
    static const phase up[4] = {{0, 0, 1, 1, 0}, {0, 1, 1, 2, 1}, {1, 0, 2, 1, 3}, {1, 1, 2, 2, 5}};
    if (shape->upsample)
        return up[index];
    return (phase){.kernel_h = shape->kernel, .kernel_w = shape->kernel};
}

static size_t packed_taps(const fseg_conv_shape *shape)
{
    return shape->upsample ? 9 : (size_t)(shape->kernel * shape->kernel);
}

/* First tap of a forward convolution relative to the output pixel, in rows and columns. */
static int first_offset(const fseg_conv_shape *shape)
{
    return shape->kernel == 3 ? -1 : 0;
}

/* Weight of one tap of a phase: for an upsampling convolution the sum of the 2 x 2 weights that
 * fall on the same small pixel. */
static float phase_weight(const fseg_conv_shape *shape, const phase *p, const float *w, int kh,
                          int kw)
{
    if (!shape->upsample)
        return w[kh * shape->kernel + kw];
    float sum = 0.0f;
    for (int h = 0; h < 2; ++h)
        for (int v = 0; v < 2; ++v)
            if ((p->a + h) / 2 == kh && (p->b + v) / 2 == kw)
                sum += w[h * 2 + v];
    return sum;
}

/* ---- packing -------------------------------------------------------------------------------- */

size_t fseg_conv_packed_floats(const fseg_conv_shape *shape)
{
    return fseg_blocked_blocks(shape->out_channels) * source_blocks(shape) * packed_taps(shape) *
           weight_block;
}

size_t fseg_conv_packed_back_floats(const fseg_conv_shape *shape, int source)
{
    return fseg_blocked_blocks(shape->out_channels) *
           fseg_blocked_blocks(shape->source_channels[source]) * packed_taps(shape) * weight_block;
}

/* What is common to the blocks of one packing. */
typedef struct pack_job {
    const fseg_conv_shape *shape;
    const float *weight; /* of the first input channel */
    size_t in;           /* input channels of the weights */
    size_t channels;     /* of them that are packed */
} pack_job;

/* One block [16][16] of tap `tap` of a phase: output channels of block `co`, input channels of
 * block `ci`, input channels first, or output channels first when `back`. */
static void pack_block(const pack_job *job, const phase *p, size_t co, size_t ci, size_t tap,
                       int back, float *block)
{
    const size_t all_taps = (size_t)(job->shape->kernel * job->shape->kernel);
    const size_t co0 = co * FSEG_BLOCK, ci0 = ci * FSEG_BLOCK;
    const size_t outs = (size_t)job->shape->out_channels - co0, ins = job->channels - ci0;
    const int kh = (int)tap / p->kernel_w, kw = (int)tap % p->kernel_w;
    for (size_t o = 0; o < FSEG_BLOCK && o < outs; ++o)
        for (size_t c = 0; c < FSEG_BLOCK && c < ins; ++c)
            block[back ? o * FSEG_BLOCK + c : c * FSEG_BLOCK + o] = phase_weight(
                job->shape, p, job->weight + ((co0 + o) * job->in + ci0 + c) * all_taps, kh, kw);
}

static void pack_phase(const fseg_conv_shape *shape, const phase *p, const float *weight,
                       float *packed)
{
    const size_t taps = (size_t)(p->kernel_h * p->kernel_w);
    const size_t all_taps = (size_t)(shape->kernel * shape->kernel);
    for (size_t co = 0; co < fseg_blocked_blocks(shape->out_channels); ++co) {
        const float *first = weight;
        for (int s = 0; s < shape->source_count; ++s) {
            const pack_job job = {.shape = shape,
                                  .weight = first,
                                  .in = in_channels(shape),
                                  .channels = (size_t)shape->source_channels[s]};
            for (size_t ci = 0; ci < fseg_blocked_blocks(shape->source_channels[s]); ++ci)
                for (size_t tap = 0; tap < taps; ++tap, packed += weight_block)
                    pack_block(&job, p, co, ci, tap, 0, packed);
            first += job.channels * all_taps;
        }
    }
}

/* Floats of the packed weights of one tap. */
static size_t tap_floats(const fseg_conv_shape *shape)
{
    return fseg_conv_packed_floats(shape) / packed_taps(shape);
}

void fseg_conv_pack(const fseg_conv_shape *shape, const float *weight, float *packed)
{
    memset(packed, 0, fseg_conv_packed_floats(shape) * sizeof(float));
    for (int i = 0; i < phase_count(shape); ++i) {
        const phase p = phase_at(shape, i);
        pack_phase(shape, &p, weight, packed + p.first_tap * tap_floats(shape));
    }
}

void fseg_conv_pack_back(const fseg_conv_shape *shape, int source, const float *weight,
                         float *packed)
{
    const size_t all_taps = (size_t)(shape->kernel * shape->kernel);
    const size_t first = source == 1 ? (size_t)shape->source_channels[0] : 0;
    const pack_job job = {.shape = shape,
                          .weight = weight + first * all_taps,
                          .in = in_channels(shape),
                          .channels = (size_t)shape->source_channels[source]};
    memset(packed, 0, fseg_conv_packed_back_floats(shape, source) * sizeof(float));
    for (size_t ci = 0; ci < fseg_blocked_blocks(shape->source_channels[source]); ++ci)
        for (size_t co = 0; co < fseg_blocked_blocks(shape->out_channels); ++co)
            for (int i = 0; i < phase_count(shape); ++i) {
                const phase p = phase_at(shape, i);
                const size_t taps = (size_t)(p.kernel_h * p.kernel_w);
                for (size_t tap = 0; tap < taps; ++tap, packed += weight_block)
                    pack_block(&job, &p, co, ci, tap, 1, packed);
            }
}

/* ---- forward and gradient with respect to the input ---------------------------------------- */

/* Every pixel of a padded tensor. */
static fseg_pixel_map whole(const fseg_blocked *t)
{
    const size_t row = (size_t)(t->width + 2) * FSEG_BLOCK;
    return (fseg_pixel_map){.origin = (ptrdiff_t)row + FSEG_BLOCK,
                            .plane = fseg_blocked_plane(t->height, t->width),
                            .row = row,
                            .pixel = FSEG_BLOCK};
}

/* Pixels (2 i + a, 2 j + b). */
static fseg_pixel_map every_second(const fseg_blocked *t, int a, int b)
{
    fseg_pixel_map map = whole(t);
    map.origin += a * (ptrdiff_t)map.row + b * FSEG_BLOCK;
    map.row *= 2;
    map.pixel *= 2;
    return map;
}

typedef struct conv_job {
    const fseg_kernels *kernels;
    const fseg_blocked *x;
    const fseg_blocked *y;
    int height;            /* rows of the pass */
    fseg_conv_rows rows;   /* what all tasks share; pointers are those of image 0, block 0 */
    size_t groups, splits; /* of output blocks, of rows */
    size_t sums_image;     /* floats of sums from one image to the next */
} conv_job;

static void conv_task(void *user, size_t index)
{
    const conv_job *job = user;
    const fseg_blocked *y = job->y;
    const size_t split = index % job->splits, group = index / job->splits % job->groups;
    const int image = (int)(index / job->splits / job->groups);
    const size_t per_group = (size_t)job->kernels->conv_blocks, first = group * per_group;
    const size_t left = fseg_blocked_blocks(y->channels) - first;
    fseg_conv_rows rows = job->rows;
    const size_t weight_bytes = rows.weight_stride * job->kernels->element_size;
    rows.weight = (const char *)rows.weight + first * weight_bytes;
    rows.bias = rows.bias ? rows.bias + first * FSEG_BLOCK : NULL;
    rows.y = (char *)fseg_blocked_image(y, image) + first * rows.out.plane * y->element_size;
    if (rows.sums)
        rows.sums += (size_t)image * job->sums_image + first * rows.sums_stride;
    rows.row0 = (int)((size_t)job->height * split / job->splits);
    rows.row1 = (int)((size_t)job->height * (split + 1) / job->splits);
    for (int s = 0; s < rows.source_count; ++s) {
        rows.sources[s].x = fseg_blocked_image(&job->x[s], image);
        rows.sources[s].channels = job->x[s].channels;
    }
    if (left >= per_group) {
        rows.blocks = (int)per_group;
        job->kernels->conv_rows(&rows);
        return;
    }
    rows.blocks = 1;
    for (size_t b = 0; b < left; ++b) {
        job->kernels->conv_rows(&rows);
        rows.weight = (const char *)rows.weight + weight_bytes;
        rows.bias = rows.bias ? rows.bias + FSEG_BLOCK : NULL;
        rows.y = (char *)rows.y + rows.out.plane * y->element_size;
        rows.sums = rows.sums ? rows.sums + rows.sums_stride : NULL;
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
    if (job->splits > (size_t)job->height)
        job->splits = (size_t)job->height;
    fseg_context_parallel(context, tasks * job->splits, conv_task, job);
}

size_t fseg_conv_sums_rows(const fseg_conv_shape *shape, int out_height)
{
    return shape->upsample ? 2 * (size_t)out_height : (size_t)out_height;
}

void fseg_blocked_conv(fseg_context *context, const fseg_conv_shape *shape, const fseg_blocked x[],
                       const float *packed, const float *bias, const fseg_blocked *y, float *sums)
{
    const size_t sums_plane = fseg_conv_sums_rows(shape, y->height) * 2 * FSEG_BLOCK;
    conv_job job = {.kernels = fseg_blocked_kernels(context, &x[0]),
                    .x = x,
                    .y = y,
                    .height = x[0].height,
                    .sums_image = fseg_blocked_blocks(y->channels) * sums_plane};
    job.rows = (fseg_conv_rows){.source_count = shape->source_count,
                                .in = whole(&x[0]),
                                .bias = bias,
                                .width = x[0].width,
                                .y_is_float = y->element_size == sizeof(float),
                                .sums_stride = sums_plane};
    for (int i = 0; i < phase_count(shape); ++i) {
        const phase p = phase_at(shape, i);
        job.rows.tap_count = p.kernel_h * p.kernel_w;
        for (int tap = 0; tap < job.rows.tap_count; ++tap)
            job.rows.taps[tap] =
                (tap / p.kernel_w + first_offset(shape)) * (ptrdiff_t)job.rows.in.row +
                (tap % p.kernel_w + first_offset(shape)) * FSEG_BLOCK;
        job.rows.weight =
            (const char *)packed + p.first_tap * tap_floats(shape) * job.kernels->element_size;
        job.rows.weight_stride = source_blocks(shape) * (size_t)job.rows.tap_count * weight_block;
        job.rows.out = shape->upsample ? every_second(y, p.a, p.b) : whole(y);
        job.rows.sums = sums ? sums + (size_t)(i * job.height) * 2 * FSEG_BLOCK : NULL;
        run_conv(context, &job);
    }
}

void fseg_blocked_conv_back(fseg_context *context, const fseg_conv_shape *shape,
                            const fseg_blocked *dy, const float *packed_back, int accumulate,
                            const fseg_blocked *dx)
{
    conv_job job = {
        .kernels = fseg_blocked_kernels(context, dy), .x = dy, .y = dx, .height = dx->height};
    const fseg_pixel_map all = whole(dy);
    job.rows = (fseg_conv_rows){.source_count = 1,
                                .in = shape->upsample ? every_second(dy, 0, 0) : all,
                                .tap_count = (int)packed_taps(shape),
                                .weight = packed_back,
                                .weight_stride = fseg_blocked_blocks(shape->out_channels) *
                                                 packed_taps(shape) * weight_block,
                                .out = whole(dx),
                                .width = dx->width,
                                .accumulate = accumulate};
    /* Input pixel (h, w) meets output pixel (h - kh, w - kw) under tap (kh, kw). */
    const int scale = shape->upsample ? 2 : 1;
    for (int i = 0; i < phase_count(shape); ++i) {
        const phase p = phase_at(shape, i);
        for (int tap = 0; tap < p.kernel_h * p.kernel_w; ++tap) {
            const int kh = tap / p.kernel_w + first_offset(shape);
            const int kw = tap % p.kernel_w + first_offset(shape);
            job.rows.taps[p.first_tap + (size_t)tap] =
                (p.a - scale * kh) * (ptrdiff_t)all.row + (p.b - scale * kw) * FSEG_BLOCK;
        }
    }
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
    job->splits =
        job->pairs >= WEIGHT_GRAD_TASKS ? 1 : (WEIGHT_GRAD_TASKS + job->pairs - 1) / job->pairs;
    job->parts = ((size_t)n + job->splits - 1) / (size_t)n;
    job->units = (size_t)n * job->parts;
    if (job->splits > job->units)
        job->splits = job->units;
}

size_t fseg_conv_weight_grad_scratch(const fseg_conv_shape *shape, int n)
{
    weight_grad_job job;
    split_weight_grad(shape, n, &job);
    return job.pairs * job.splits * packed_taps(shape) * weight_block;
}

/* Source and block within it of input block `ci` of the concatenation. */
static int find_source(const fseg_conv_shape *shape, size_t *ci)
{
    const size_t first = fseg_blocked_blocks(shape->source_channels[0]);
    if (*ci < first)
        return 0;
    *ci -= first;
    return 1;
}

/* Element `at` of an image. */
static const void *element(const fseg_blocked *t, int image, ptrdiff_t at)
{
    return (const char *)fseg_blocked_image(t, image) + at * (ptrdiff_t)t->element_size;
}

static void weight_grad_task(void *user, size_t index)
{
    const weight_grad_job *job = user;
    const fseg_conv_shape *shape = job->shape;
    const size_t split = index % job->splits, pair = index / job->splits;
    const size_t co = pair / job->ci_blocks;
    size_t ci = pair % job->ci_blocks;
    const int source = find_source(shape, &ci);
    const fseg_blocked *x = &job->x[source], *dy = job->dy;
    const fseg_pixel_map in = whole(x);
    const size_t floats = packed_taps(shape) * weight_block;
    float *dw = job->scratch + index * floats;
    const int left = shape->source_channels[source] - (int)ci * FSEG_BLOCK;
    memset(dw, 0, floats * sizeof(float));
    for (size_t u = job->units * split / job->splits; u < job->units * (split + 1) / job->splits;
         ++u) {
        const size_t part = u % job->parts;
        const int image = (int)(u / job->parts), shift = first_offset(shape);
        for (int i = 0; i < phase_count(shape); ++i) {
            const phase p = phase_at(shape, i);
            const fseg_pixel_map out = shape->upsample ? every_second(dy, p.a, p.b) : whole(dy);
            const fseg_conv_weight_grad grad = {
                .x = element(x, image,
                             (ptrdiff_t)(ci * in.plane) + in.origin + shift * (ptrdiff_t)in.row +
                                 shift * FSEG_BLOCK),
                .dy = element(dy, image, (ptrdiff_t)(co * out.plane) + out.origin),
                .x_row = in.row,
                .dy_row = out.row,
                .dy_pixel = out.pixel,
                .kernel_h = p.kernel_h,
                .kernel_w = p.kernel_w,
                .ci_count = left < FSEG_BLOCK ? left : FSEG_BLOCK,
                .dw = dw + p.first_tap * weight_block,
                .row0 = (int)((size_t)x->height * part / job->parts),
                .row1 = (int)((size_t)x->height * (part + 1) / job->parts),
                .width = x->width};
            job->kernels->conv_weight_grad(&grad);
        }
    }
}

/* Sum the splits in order and write the pair's part of dw. */
static void weight_grad_collect(void *user, size_t pair)
{
    const weight_grad_job *job = user;
    const fseg_conv_shape *shape = job->shape;
    const size_t all_taps = (size_t)(shape->kernel * shape->kernel), in = in_channels(shape);
    const size_t floats = packed_taps(shape) * weight_block;
    float *sum = job->scratch + pair * job->splits * floats;
    for (size_t s = 1; s < job->splits; ++s)
        for (size_t i = 0; i < floats; ++i)
            sum[i] += sum[s * floats + i];
    const size_t co0 = pair / job->ci_blocks * FSEG_BLOCK;
    size_t ci = pair % job->ci_blocks;
    const int source = find_source(shape, &ci);
    const size_t first = source == 1 ? (size_t)shape->source_channels[0] : 0;
    const size_t channels = (size_t)shape->source_channels[source];
    for (size_t co = co0; co < co0 + FSEG_BLOCK && co < (size_t)shape->out_channels; ++co)
        for (size_t c = ci * FSEG_BLOCK; c < (ci + 1) * FSEG_BLOCK && c < channels; ++c) {
            float *dw = job->dw + (co * in + first + c) * all_taps;
            const float *s = sum + c % FSEG_BLOCK * FSEG_BLOCK + co % FSEG_BLOCK;
            if (!shape->upsample) {
                for (size_t tap = 0; tap < all_taps; ++tap)
                    dw[tap] = s[tap * weight_block];
                continue;
            }
            for (int h = 0; h < 2; ++h)
                for (int w = 0; w < 2; ++w) {
                    float total = 0.0f;
                    for (int i = 0; i < 4; ++i) {
                        const phase p = phase_at(shape, i);
                        const int tap = (p.a + h) / 2 * p.kernel_w + (p.b + w) / 2;
                        total += s[(p.first_tap + (size_t)tap) * weight_block];
                    }
                    dw[h * 2 + w] = total;
                }
        }
}

void fseg_blocked_conv_weight_grad(fseg_context *context, const fseg_conv_shape *shape,
                                   const fseg_blocked x[], const fseg_blocked *dy, float *scratch,
                                   float *dw)
{
    weight_grad_job job = {.kernels = fseg_blocked_kernels(context, dy),
                           .shape = shape,
                           .x = x,
                           .dy = dy,
                           .scratch = scratch,
                           .dw = dw};
    split_weight_grad(shape, dy->n, &job);
    fseg_context_parallel(context, job.pairs * job.splits, weight_grad_task, &job);
    fseg_context_parallel(context, job.pairs, weight_grad_collect, &job);
}
