/* Layout, packing, pooling and upsampling of blocked tensors. */
#include "blocked.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

size_t fseg_blocked_blocks(int channels)
{
    return ((size_t)channels + FSEG_BLOCK - 1) / FSEG_BLOCK;
}

size_t fseg_blocked_plane(int height, int width)
{
    return (size_t)(height + 2) * (size_t)(width + 2) * FSEG_BLOCK;
}

size_t fseg_blocked_elements(int n, int channels, int height, int width)
{
    return (size_t)n * fseg_blocked_blocks(channels) * fseg_blocked_plane(height, width);
}

void *fseg_blocked_plane_at(const fseg_blocked *t, size_t i)
{
    return (char *)t->data + i * fseg_blocked_plane(t->height, t->width) * t->element_size;
}

void *fseg_blocked_image(const fseg_blocked *t, int i)
{
    return fseg_blocked_plane_at(t, (size_t)i * fseg_blocked_blocks(t->channels));
}

const fseg_kernels *fseg_blocked_kernels(const fseg_context *context, const fseg_blocked *t)
{
    return t->element_size == sizeof(float) ? fseg_context_kernels(context)
                                            : fseg_context_bfloat16_kernels(context);
}

float *fseg_aligned_zeros(size_t floats)
{
    if (floats > SIZE_MAX / sizeof(float) - 64)
        return NULL;
    const size_t bytes = (floats * sizeof(float) + 63) / 64 * 64;
    float *p = aligned_alloc(64, bytes ? bytes : 64);
    if (p)
        memset(p, 0, bytes);
    return p;
}

/* One job over the planes of up to three tensors. */
typedef struct plane_job {
    const fseg_blocked *a, *b, *c;
    const fseg_kernels *kernels;
    const float *source;
    float *target;
} plane_job;

static size_t plane_count(const fseg_blocked *t)
{
    return (size_t)t->n * fseg_blocked_blocks(t->channels);
}

static void clear_border(void *user, size_t index)
{
    const fseg_blocked *t = ((const plane_job *)user)->a;
    char *p = fseg_blocked_plane_at(t, index);
    const size_t pixel = FSEG_BLOCK * t->element_size, row = (size_t)(t->width + 2) * pixel;
    memset(p, 0, row);
    for (int h = 1; h <= t->height; ++h) {
        memset(p + (size_t)h * row, 0, pixel);
        memset(p + (size_t)(h + 1) * row - pixel, 0, pixel);
    }
    memset(p + (size_t)(t->height + 1) * row, 0, row);
}

void fseg_blocked_clear_borders(fseg_context *context, const fseg_blocked *t)
{
    plane_job job = {.a = t};
    fseg_context_parallel(context, plane_count(t), clear_border, &job);
}

enum { PACK_PIXELS = 64 };

static void pack_plane(void *user, size_t index)
{
    const plane_job *job = user;
    const fseg_blocked *t = job->a;
    const size_t blocks = fseg_blocked_blocks(t->channels);
    const size_t image = index / blocks, first = index % blocks * FSEG_BLOCK;
    const size_t height = (size_t)t->height, width = (size_t)t->width;
    const float *in = job->source + (image * (size_t)t->channels + first) * height * width;
    char *p = fseg_blocked_plane_at(t, index);
    float part[PACK_PIXELS * FSEG_BLOCK];
    for (size_t h = 0; h < height; ++h)
        for (size_t w0 = 0; w0 < width; w0 += PACK_PIXELS) {
            const size_t count = width - w0 < PACK_PIXELS ? width - w0 : PACK_PIXELS;
            for (size_t c = 0; c < FSEG_BLOCK; ++c) {
                const int real = first + c < (size_t)t->channels;
                const float *row = real ? in + (c * height + h) * width + w0 : NULL;
                for (size_t w = 0; w < count; ++w)
                    part[w * FSEG_BLOCK + c] = row ? row[w] : 0.0f;
            }
            const size_t at = ((h + 1) * (width + 2) + 1 + w0) * FSEG_BLOCK;
            job->kernels->convert(part, p + at * t->element_size, count * FSEG_BLOCK);
        }
}

void fseg_blocked_pack(fseg_context *context, const float *nchw, const fseg_blocked *t)
{
    plane_job job = {.a = t, .source = nchw, .kernels = fseg_blocked_kernels(context, t)};
    fseg_context_parallel(context, plane_count(t), pack_plane, &job);
}

/* A bfloat16 is the upper half of a float. */
static float value_at(const fseg_blocked *t, const void *plane, size_t i)
{
    if (t->element_size == sizeof(float))
        return ((const float *)plane)[i];
    const uint32_t bits = (uint32_t)((const uint16_t *)plane)[i] << 16;
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static void unpack_plane(void *user, size_t index)
{
    const plane_job *job = user;
    const fseg_blocked *t = job->a;
    const size_t blocks = fseg_blocked_blocks(t->channels);
    const size_t image = index / blocks, first = index % blocks * FSEG_BLOCK;
    const size_t pixels = (size_t)t->height * (size_t)t->width;
    const void *p = fseg_blocked_plane_at(t, index);
    for (size_t c = 0; c < FSEG_BLOCK && first + c < (size_t)t->channels; ++c) {
        float *out = job->target + (image * (size_t)t->channels + first + c) * pixels;
        for (int h = 0; h < t->height; ++h) {
            const size_t first_pixel = (size_t)(h + 1) * (size_t)(t->width + 2) + 1;
            for (int w = 0; w < t->width; ++w)
                out[(size_t)h * (size_t)t->width + (size_t)w] =
                    value_at(t, p, (first_pixel + (size_t)w) * FSEG_BLOCK + c);
        }
    }
}

void fseg_blocked_unpack(fseg_context *context, const fseg_blocked *t, float *nchw)
{
    plane_job job = {.a = t, .target = nchw};
    fseg_context_parallel(context, plane_count(t), unpack_plane, &job);
}

static void pool_plane(void *user, size_t i)
{
    const plane_job *job = user;
    job->kernels->max_pool(fseg_blocked_plane_at(job->a, i), fseg_blocked_plane_at(job->b, i),
                           job->b->height, job->b->width);
}

void fseg_blocked_max_pool(fseg_context *context, const fseg_blocked *x, const fseg_blocked *y)
{
    plane_job job = {.a = x, .b = y, .kernels = fseg_blocked_kernels(context, x)};
    fseg_context_parallel(context, plane_count(y), pool_plane, &job);
}

static void pool_back_plane(void *user, size_t i)
{
    const plane_job *job = user;
    job->kernels->max_pool_grad(fseg_blocked_plane_at(job->a, i), fseg_blocked_plane_at(job->b, i),
                                fseg_blocked_plane_at(job->c, i), job->b->height, job->b->width);
}

void fseg_blocked_max_pool_back(fseg_context *context, const fseg_blocked *x,
                                const fseg_blocked *dy, const fseg_blocked *dx)
{
    plane_job job = {.a = x, .b = dy, .c = dx, .kernels = fseg_blocked_kernels(context, x)};
    fseg_context_parallel(context, plane_count(dy), pool_back_plane, &job);
}

static void upsample_plane(void *user, size_t i)
{
    const plane_job *job = user;
    job->kernels->upsample(fseg_blocked_plane_at(job->a, i), fseg_blocked_plane_at(job->b, i),
                           job->a->height, job->a->width);
}

void fseg_blocked_upsample(fseg_context *context, const fseg_blocked *x, const fseg_blocked *y)
{
    plane_job job = {.a = x, .b = y, .kernels = fseg_blocked_kernels(context, x)};
    fseg_context_parallel(context, plane_count(x), upsample_plane, &job);
}

static void upsample_back_plane(void *user, size_t i)
{
    const plane_job *job = user;
    job->kernels->upsample_grad(fseg_blocked_plane_at(job->a, i), fseg_blocked_plane_at(job->b, i),
                                job->b->height, job->b->width);
}

void fseg_blocked_upsample_back(fseg_context *context, const fseg_blocked *dy,
                                const fseg_blocked *dx)
{
    plane_job job = {.a = dy, .b = dx, .kernels = fseg_blocked_kernels(context, dy)};
    fseg_context_parallel(context, plane_count(dx), upsample_back_plane, &job);
}
