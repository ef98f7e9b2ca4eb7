/* GroupNorm, ReLU and channel sums on blocked tensors. */
#include "blocked.h"
#include <math.h>

typedef struct norm_job {
    const fseg_kernels *kernels;
    const fseg_blocked *x, *dy, *y;
    float *map; /* per padded channel of each image: scale, shift, and in the backward pass p, q, r,
                   as five planes of n * padded channels */
    double *sums; /* per padded channel of each image: two sums */
    float floor;
} norm_job;

static float floor_of(int relu)
{
    return relu ? 0.0f : -INFINITY;
}

static size_t padded(const fseg_blocked *t)
{
    return fseg_blocked_blocks(t->channels) * FSEG_BLOCK;
}

static size_t map_plane(const fseg_blocked *t)
{
    return (size_t)t->n * padded(t);
}

size_t fseg_norm_map_floats(int n, int channels)
{
    return 5 * (size_t)n * fseg_blocked_blocks(channels) * FSEG_BLOCK;
}

size_t fseg_norm_sums_doubles(int n, int channels)
{
    return 2 * (size_t)n * fseg_blocked_blocks(channels) * FSEG_BLOCK;
}

static fseg_norm_map map_at(const norm_job *job, size_t i)
{
    return (fseg_norm_map){.scale = job->map + i * FSEG_BLOCK,
                           .shift = job->map + map_plane(job->x) + i * FSEG_BLOCK,
                           .floor = job->floor};
}

/* The affine map that GroupNorm is, given its statistics. */
static void fill_map(const fseg_blocked *x, int groups, const float *scale, const float *shift,
                     const float *mean, const float *inverse_deviation, float *map)
{
    const size_t channels = (size_t)x->channels, per_group = channels / (size_t)groups;
    float *out_shift = map + map_plane(x);
    for (size_t n = 0; n < (size_t)x->n; ++n)
        for (size_t c = 0; c < padded(x); ++c) {
            const size_t at = n * padded(x) + c;
            if (c >= channels) {
                map[at] = out_shift[at] = 0.0f;
                continue;
            }
            const size_t g = n * (size_t)groups + c / per_group;
            map[at] = scale[c] * inverse_deviation[g];
            out_shift[at] = shift[c] - mean[g] * map[at];
        }
}

typedef struct stats_job {
    const fseg_kernels *kernels;
    const fseg_blocked *x;
    double *sums; /* per plane: 16 sums, 16 sums of squares */
} stats_job;

static void stats_task(void *user, size_t i)
{
    const stats_job *job = user;
    double *out = job->sums + i * 2 * FSEG_BLOCK;
    job->kernels->channel_sums(fseg_blocked_plane_at(job->x, i), job->x->height, job->x->width, out,
                               out + FSEG_BLOCK);
}

static void norm_task(void *user, size_t i)
{
    const norm_job *job = user;
    job->kernels->norm_relu(fseg_blocked_plane_at(job->x, i), map_at(job, i),
                            fseg_blocked_plane_at(job->y, i), job->x->height, job->x->width);
}

/* Sums per channel of one plane: from the rows that the convolution left, or from x itself. */
typedef struct row_sums_job {
    const float *rows;
    size_t row_count;
    double *sums;
} row_sums_job;

static void row_sums_task(void *user, size_t plane)
{
    const row_sums_job *job = user;
    double *out = job->sums + plane * 2 * FSEG_BLOCK;
    for (size_t c = 0; c < 2 * FSEG_BLOCK; ++c)
        out[c] = 0.0;
    const float *rows = job->rows + plane * job->row_count * 2 * FSEG_BLOCK;
    for (size_t r = 0; r < job->row_count; ++r)
        for (size_t c = 0; c < 2 * FSEG_BLOCK; ++c)
            out[c] += (double)rows[r * 2 * FSEG_BLOCK + c];
}

/* Fewer rows than this are summed sooner than other threads wake. */
enum { FEW_ROWS = 1024 };

void fseg_blocked_norm_map(fseg_context *context, const fseg_blocked *x, int groups, float epsilon,
                           const float *sums, size_t sum_rows, const float *scale,
                           const float *shift, float *mean, float *inverse_deviation, float *map)
{
    const fseg_kernels *kernels = fseg_blocked_kernels(context, x);
    const size_t planes = (size_t)x->n * fseg_blocked_blocks(x->channels);
    /* The map's memory (5 floats a channel) first holds the sums (2 doubles a channel). */
    double *totals = (double *)(void *)map;
    if (sums) {
        row_sums_job rows = {.rows = sums, .row_count = sum_rows, .sums = totals};
        if (planes * sum_rows < FEW_ROWS)
            for (size_t i = 0; i < planes; ++i)
                row_sums_task(&rows, i);
        else
            fseg_context_parallel(context, planes, row_sums_task, &rows);
    } else {
        stats_job stats = {.kernels = kernels, .x = x, .sums = totals};
        fseg_context_parallel(context, planes, stats_task, &stats);
    }
    const size_t per_group = (size_t)x->channels / (size_t)groups;
    const double count = (double)per_group * (double)x->height * (double)x->width;
    for (size_t n = 0; n < (size_t)x->n; ++n)
        for (size_t g = 0; g < (size_t)groups; ++g) {
            double sum = 0.0, square = 0.0;
            for (size_t c = g * per_group; c < (g + 1) * per_group; ++c) {
                const size_t plane = n * fseg_blocked_blocks(x->channels) + c / FSEG_BLOCK;
                sum += totals[plane * 2 * FSEG_BLOCK + c % FSEG_BLOCK];
                square += totals[plane * 2 * FSEG_BLOCK + FSEG_BLOCK + c % FSEG_BLOCK];
            }
            const double m = sum / count;
            double variance = square / count - m * m;
            if (variance < 0.0)
                variance = 0.0;
            mean[n * (size_t)groups + g] = (float)m;
            inverse_deviation[n * (size_t)groups + g] =
                (float)(1.0 / sqrt(variance + (double)epsilon));
        }
    fill_map(x, groups, scale, shift, mean, inverse_deviation, map);
}

void fseg_blocked_norm(fseg_context *context, const fseg_blocked *x, int groups, int relu,
                       float epsilon, const float *sums, size_t sum_rows, const float *scale,
                       const float *shift, float *mean, float *inverse_deviation, float *map,
                       const fseg_blocked *y)
{
    const size_t planes = (size_t)x->n * fseg_blocked_blocks(x->channels);
    fseg_blocked_norm_map(context, x, groups, epsilon, sums, sum_rows, scale, shift, mean,
                          inverse_deviation, map);
    norm_job job = {.kernels = fseg_blocked_kernels(context, x),
                    .x = x,
                    .y = y,
                    .map = map,
                    .floor = floor_of(relu)};
    fseg_context_parallel(context, planes, norm_task, &job);
}

void fseg_blocked_norm_again(fseg_context *context, const fseg_blocked *x, int groups, int relu,
                             const float *scale, const float *shift, const float *mean,
                             const float *inverse_deviation, float *map, const fseg_blocked *y)
{
    fill_map(x, groups, scale, shift, mean, inverse_deviation, map);
    norm_job job = {.kernels = fseg_blocked_kernels(context, x),
                    .x = x,
                    .y = y,
                    .map = map,
                    .floor = floor_of(relu)};
    fseg_context_parallel(context, (size_t)x->n * fseg_blocked_blocks(x->channels), norm_task,
                          &job);
}

static void back_sums_task(void *user, size_t i)
{
    const norm_job *job = user;
    double *out = job->sums + i * 2 * FSEG_BLOCK;
    job->kernels->norm_relu_grad_sums(fseg_blocked_plane_at(job->x, i),
                                      fseg_blocked_plane_at(job->dy, i), map_at(job, i),
                                      job->x->height, job->x->width, out, out + FSEG_BLOCK);
}

static void back_task(void *user, size_t i)
{
    const norm_job *job = user;
    const size_t plane = map_plane(job->x);
    const float *p = job->map + 2 * plane + i * FSEG_BLOCK;
    job->kernels->norm_relu_grad(fseg_blocked_plane_at(job->x, i),
                                 fseg_blocked_plane_at(job->dy, i), map_at(job, i), p, p + plane,
                                 p + 2 * plane, fseg_blocked_plane_at(job->y, i), job->x->height,
                                 job->x->width, job->sums + i * 2 * FSEG_BLOCK);
}

/*
 * With g = dy where the output is positive, s = 1/deviation and xh = (x - mean) s:
 *   dx = s (gamma g - A/m - xh B/m),  A = sum gamma g,  B = sum gamma g xh  over the group's m
 * values so dx = p g + q x + r with p = s gamma, q = -s^2 B/m, r = -s A/m + s^2 mean B/m.
 */
void fseg_blocked_norm_back(fseg_context *context, const fseg_blocked *x, const fseg_blocked *dy,
                            int groups, int relu, const float *scale, const float *shift,
                            const float *mean, const float *inverse_deviation, double *sums,
                            float *map, const fseg_blocked *dx, float *dscale, float *dshift,
                            float *dbias)
{
    norm_job job = {.kernels = fseg_blocked_kernels(context, x),
                    .x = x,
                    .dy = dy,
                    .y = dx,
                    .map = map,
                    .sums = sums,
                    .floor = floor_of(relu)};
    const size_t channels = (size_t)x->channels, blocks = fseg_blocked_blocks(x->channels);
    const size_t planes = (size_t)x->n * blocks, plane = map_plane(x);
    const size_t per_group = channels / (size_t)groups;
    const double count = (double)per_group * (double)x->height * (double)x->width;
    fill_map(x, groups, scale, shift, mean, inverse_deviation, map);
    fseg_context_parallel(context, planes, back_sums_task, &job);
    for (size_t c = 0; c < channels; ++c) {
        double ds = 0.0, dt = 0.0;
        for (size_t n = 0; n < (size_t)x->n; ++n) {
            const size_t g = n * (size_t)groups + c / per_group;
            const double *s = sums + (n * blocks + c / FSEG_BLOCK) * 2 * FSEG_BLOCK;
            dt += s[c % FSEG_BLOCK];
            ds += (s[FSEG_BLOCK + c % FSEG_BLOCK] - (double)mean[g] * s[c % FSEG_BLOCK]) *
                  (double)inverse_deviation[g];
        }
        dscale[c] = (float)ds;
        dshift[c] = (float)dt;
    }
    for (size_t n = 0; n < (size_t)x->n; ++n)
        for (size_t c = 0; c < blocks * FSEG_BLOCK; ++c) {
            float *p = map + 2 * plane + n * blocks * FSEG_BLOCK + c;
            if (c >= channels) {
                p[0] = p[plane] = p[2 * plane] = 0.0f;
                continue;
            }
            const size_t g = c / per_group, gn = n * (size_t)groups + g;
            const double m = (double)mean[gn], s = (double)inverse_deviation[gn];
            double a = 0.0, b = 0.0;
            for (size_t k = g * per_group; k < (g + 1) * per_group; ++k) {
                const double *v = sums + (n * blocks + k / FSEG_BLOCK) * 2 * FSEG_BLOCK;
                const double sum = v[k % FSEG_BLOCK], product = v[FSEG_BLOCK + k % FSEG_BLOCK];
                a += (double)scale[k] * sum;
                b += (double)scale[k] * (product - m * sum) * s;
            }
            p[0] = (float)(s * (double)scale[c]);
            p[plane] = (float)(-s * s * b / count);
            p[2 * plane] = (float)(-s * a / count + s * s * m * b / count);
        }
    fseg_context_parallel(context, planes, back_task, &job);
    for (size_t c = 0; dbias && c < channels; ++c) {
        double sum = 0.0;
        for (size_t n = 0; n < (size_t)x->n; ++n)
            sum += sums[(n * blocks + c / FSEG_BLOCK) * 2 * FSEG_BLOCK + c % FSEG_BLOCK];
        dbias[c] = (float)sum;
    }
}

/* ReLU is the normalization kernel with the identity map. */
static const float ones[FSEG_BLOCK] = {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
static const float zeros[FSEG_BLOCK] = {0};
static const fseg_norm_map identity = {.scale = ones, .shift = zeros, .floor = 0.0f};

static void relu_task(void *user, size_t i)
{
    const norm_job *job = user;
    job->kernels->norm_relu(fseg_blocked_plane_at(job->x, i), identity,
                            fseg_blocked_plane_at(job->y, i), job->x->height, job->x->width);
}

void fseg_blocked_relu(fseg_context *context, const fseg_blocked *x, const fseg_blocked *y)
{
    norm_job job = {.kernels = fseg_blocked_kernels(context, x), .x = x, .y = y};
    fseg_context_parallel(context, (size_t)x->n * fseg_blocked_blocks(x->channels), relu_task,
                          &job);
}

static void relu_back_task(void *user, size_t i)
{
    const norm_job *job = user;
    double sums[FSEG_BLOCK];
    job->kernels->norm_relu_grad(
        fseg_blocked_plane_at(job->x, i), fseg_blocked_plane_at(job->dy, i), identity, ones, zeros,
        zeros, fseg_blocked_plane_at(job->y, i), job->x->height, job->x->width, sums);
}

void fseg_blocked_relu_back(fseg_context *context, const fseg_blocked *x, const fseg_blocked *dy,
                            const fseg_blocked *dx)
{
    norm_job job = {.kernels = fseg_blocked_kernels(context, x), .x = x, .dy = dy, .y = dx};
    fseg_context_parallel(context, (size_t)x->n * fseg_blocked_blocks(x->channels), relu_back_task,
                          &job);
}

void fseg_blocked_channel_sums(fseg_context *context, const fseg_blocked *t, double *sums,
                               float *out)
{
    const size_t blocks = fseg_blocked_blocks(t->channels);
    stats_job stats = {.kernels = fseg_blocked_kernels(context, t), .x = t, .sums = sums};
    fseg_context_parallel(context, (size_t)t->n * blocks, stats_task, &stats);
    for (size_t c = 0; c < (size_t)t->channels; ++c) {
        double sum = 0.0;
        for (size_t n = 0; n < (size_t)t->n; ++n)
            sum += sums[(n * blocks + c / FSEG_BLOCK) * 2 * FSEG_BLOCK + c % FSEG_BLOCK];
        out[c] = (float)sum;
    }
}
