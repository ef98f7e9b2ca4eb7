/*
 * Fast operators on plain tensors: pack into the blocked layout, run the kernels that the network
 * runs, unpack. Inside the network the tensors stay blocked; this is the door for tests and
 * benchmarks. Dense layers are a plain matrix product and go to BLAS.
 */
#include "operators_fast.h"
#include "blocked_tiles.h"
#include "softmax.h"
#include <cblas.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Up to eight buffers that are freed together. */
typedef struct workspace {
    void *buffers[8];
    int count;
    fseg_status failed; /* FSEG_OK, or what went wrong */
} workspace;

static workspace begin(const fseg_context *context, const fseg_operator_shape *s)
{
    return (workspace){.failed = fseg_context_check_precision(context, s->precision, NULL)};
}

static float *take(workspace *w, size_t floats)
{
    float *p = fseg_aligned_zeros(floats);
    if (p)
        w->buffers[w->count++] = p;
    else
        w->failed = FSEG_ERROR_OUT_OF_MEMORY;
    return p;
}

/* In the precision of the shape. */
static fseg_blocked take_tensor(workspace *w, const fseg_operator_shape *s, int channels,
                                int height, int width)
{
    const int reduced = s->precision == FSEG_PRECISION_BFLOAT16;
    fseg_blocked t = {.n = s->n,
                      .channels = channels,
                      .height = height,
                      .width = width,
                      .element_size = reduced ? sizeof(uint16_t) : sizeof(float)};
    t.data = take(w, fseg_blocked_elements(s->n, channels, height, width));
    return t;
}

static fseg_status finish(workspace *w)
{
    while (w->count > 0)
        free(w->buffers[--w->count]);
    return w->failed;
}

/* ---- convolution ------------------------------------------------------------------------- */

static fseg_status conv_forward(fseg_context *context, const fseg_operator_shape *s,
                                const fseg_operator_f32 *t, int kernel, int upsample)
{
    const fseg_conv_shape conv = {.source_channels = {s->channels},
                                  .source_count = 1,
                                  .out_channels = s->out_channels,
                                  .kernel = kernel,
                                  .upsample = upsample};
    const int scale = upsample ? 2 : 1;
    workspace w = begin(context, s);
    const fseg_blocked x = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked y = take_tensor(&w, s, s->out_channels, scale * s->height, scale * s->width);
    float *packed = take(&w, fseg_conv_packed_floats(&conv));
    float *bias = take(&w, fseg_blocked_blocks(s->out_channels) * FSEG_BLOCK);
    if (!w.failed) {
        fseg_blocked_pack(context, t->x, &x);
        fseg_conv_pack(&conv, t->weight, packed);
        fseg_blocked_kernels(context, &x)->convert_weights(packed, fseg_conv_packed_floats(&conv));
        memcpy(bias, t->bias, (size_t)s->out_channels * sizeof(float));
        fseg_blocked_conv(context, &conv, &x, packed, bias, &y, NULL);
        fseg_blocked_unpack(context, &y, t->y);
    }
    return finish(&w);
}

static fseg_status conv_backward(fseg_context *context, const fseg_operator_shape *s,
                                 const fseg_operator_f32 *t, int kernel, int upsample)
{
    const fseg_conv_shape conv = {.source_channels = {s->channels},
                                  .source_count = 1,
                                  .out_channels = s->out_channels,
                                  .kernel = kernel,
                                  .upsample = upsample};
    const int scale = upsample ? 2 : 1;
    workspace w = begin(context, s);
    const fseg_blocked x = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked dx = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked dy =
        take_tensor(&w, s, s->out_channels, scale * s->height, scale * s->width);
    float *packed = take(&w, fseg_conv_packed_back_floats(&conv, 0));
    float *scratch = take(&w, fseg_conv_weight_grad_scratch(&conv, s->n));
    float *sums = take(&w, 2 * fseg_norm_sums_doubles(s->n, s->out_channels));
    if (!w.failed) {
        fseg_blocked_pack(context, t->x, &x);
        fseg_blocked_pack(context, t->dy, &dy);
        fseg_conv_pack_back(&conv, 0, t->weight, packed);
        fseg_blocked_kernels(context, &dy)
            ->convert_weights(packed, fseg_conv_packed_back_floats(&conv, 0));
        fseg_blocked_conv_back(context, &conv, &dy, packed, 0, &dx);
        fseg_blocked_unpack(context, &dx, t->dx);
        fseg_blocked_conv_weight_grad(context, &conv, &x, &dy, scratch, t->dweight);
        fseg_blocked_channel_sums(context, &dy, (double *)(void *)sums, t->dbias);
    }
    return finish(&w);
}

#define CONV(name, kernel, upsample)                                                               \
    fseg_status fseg_##name##_forward_fast(fseg_context *context, const fseg_operator_shape *s,    \
                                           const fseg_operator_f32 *t)                             \
    {                                                                                              \
        return conv_forward(context, s, t, kernel, upsample);                                      \
    }                                                                                              \
    fseg_status fseg_##name##_backward_fast(fseg_context *context, const fseg_operator_shape *s,   \
                                            const fseg_operator_f32 *t)                            \
    {                                                                                              \
        return conv_backward(context, s, t, kernel, upsample);                                     \
    }
CONV(conv3x3, 3, 0)
CONV(conv2x2, 2, 0)
CONV(conv1x1, 1, 0)
CONV(upsample2_conv2x2, 2, 1)
#undef CONV

/* With fewer products than by definition: Winograd, or upsampling and 2x2 in nested form. */
static fseg_status tiles_forward(fseg_context *context, const fseg_operator_shape *s,
                                 const fseg_operator_f32 *t, int upsample)
{
    const fseg_conv_shape conv = {.source_channels = {s->channels},
                                  .source_count = 1,
                                  .out_channels = s->out_channels,
                                  .kernel = upsample ? 2 : 3,
                                  .upsample = upsample};
    const int scale = upsample ? 2 : 1;
    workspace w = begin(context, s);
    const fseg_normed x = {.x = take_tensor(&w, s, s->channels, s->height, s->width)};
    const fseg_blocked y = take_tensor(&w, s, s->out_channels, scale * s->height, scale * s->width);
    float *packed =
        take(&w, upsample ? fseg_enlarge_packed_floats(&conv) : fseg_winograd_packed_floats(&conv));
    float *bias = take(&w, fseg_blocked_blocks(s->out_channels) * FSEG_BLOCK);
    const size_t slot = upsample ? fseg_enlarge_slot_floats(&conv, s->height, s->width)
                                 : fseg_winograd_slot_floats(&conv, s->n, s->height, s->width);
    float *scratch = take(&w, slot * (size_t)fseg_context_threads(context));
    if (!w.failed) {
        fseg_blocked_pack(context, t->x, &x.x);
        memcpy(bias, t->bias, (size_t)s->out_channels * sizeof(float));
        if (upsample) {
            fseg_enlarge_pack(&conv, t->weight, packed);
            fseg_blocked_enlarge(context, &conv, &x, packed, bias, &y, NULL, scratch);
        } else {
            fseg_winograd_pack(context, &conv, t->weight, packed);
            fseg_blocked_winograd(context, &conv, &x, packed, bias, &y, NULL, scratch);
        }
        fseg_blocked_unpack(context, &y, t->y);
    }
    return finish(&w);
}

fseg_status fseg_conv3x3_winograd_forward_fast(fseg_context *context, const fseg_operator_shape *s,
                                               const fseg_operator_f32 *t)
{
    return tiles_forward(context, s, t, 0);
}

fseg_status fseg_upsample2_conv2x2_nested_forward_fast(fseg_context *context,
                                                       const fseg_operator_shape *s,
                                                       const fseg_operator_f32 *t)
{
    return tiles_forward(context, s, t, 1);
}

/* The gradient of the input goes by the same algorithm, the others are as of the direct form. */
fseg_status fseg_conv3x3_winograd_backward_fast(fseg_context *context, const fseg_operator_shape *s,
                                                const fseg_operator_f32 *t)
{
    const fseg_conv_shape conv = {.source_channels = {s->channels},
                                  .source_count = 1,
                                  .out_channels = s->out_channels,
                                  .kernel = 3};
    const fseg_status status = conv_backward(context, s, t, 3, 0);
    if (status != FSEG_OK)
        return status;
    workspace w = {.count = 0};
    const fseg_blocked dx = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked dy = take_tensor(&w, s, s->out_channels, s->height, s->width);
    float *packed = take(&w, fseg_winograd_packed_back_floats(&conv, 0));
    float *scratch = take(&w, fseg_winograd_back_slot_floats(&conv, 0, s->n, s->height, s->width) *
                                  (size_t)fseg_context_threads(context));
    if (!w.failed) {
        fseg_blocked_pack(context, t->dy, &dy);
        fseg_winograd_pack_back(context, &conv, 0, t->weight, packed);
        fseg_blocked_winograd_back(context, &conv, 0, &dy, packed, 0, &dx, scratch);
        fseg_blocked_unpack(context, &dx, t->dx);
    }
    return finish(&w);
}

/* Backward as of the folded form. */

fseg_status fseg_upsample2_conv2x2_nested_backward_fast(fseg_context *context,
                                                        const fseg_operator_shape *s,
                                                        const fseg_operator_f32 *t)
{
    return conv_backward(context, s, t, 2, 1);
}

/* ---- GroupNorm ----------------------------------------------------------------------------- */

/* Forward, and backward when `back`. */
static fseg_status norm(fseg_context *context, const fseg_operator_shape *s,
                        const fseg_operator_f32 *t, int relu, int back)
{
    workspace w = begin(context, s);
    const fseg_blocked x = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked y = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked dy = take_tensor(&w, s, s->channels, s->height, s->width);
    float *map = take(&w, fseg_norm_map_floats(s->n, s->channels));
    float *mean = take(&w, (size_t)s->n * (size_t)s->groups);
    float *inverse = take(&w, (size_t)s->n * (size_t)s->groups);
    float *sums = take(&w, 2 * fseg_norm_sums_doubles(s->n, s->channels));
    if (!w.failed) {
        fseg_blocked_pack(context, t->x, &x);
        fseg_blocked_norm(context, &x, s->groups, relu, (float)s->epsilon, NULL, 0, t->weight,
                          t->bias, mean, inverse, map, &y);
        if (back) {
            fseg_blocked_pack(context, t->dy, &dy);
            fseg_blocked_norm_back(context, &x, &dy, s->groups, relu, t->weight, t->bias, mean,
                                   inverse, (double *)(void *)sums, map, &dy, t->dweight, t->dbias,
                                   NULL);
            fseg_blocked_unpack(context, &dy, t->dx);
        } else {
            fseg_blocked_unpack(context, &y, t->y);
        }
    }
    return finish(&w);
}

fseg_status fseg_group_norm_forward_fast(fseg_context *context, const fseg_operator_shape *s,
                                         const fseg_operator_f32 *t)
{
    return norm(context, s, t, 0, 0);
}

fseg_status fseg_group_norm_backward_fast(fseg_context *context, const fseg_operator_shape *s,
                                          const fseg_operator_f32 *t)
{
    return norm(context, s, t, 0, 1);
}

fseg_status fseg_group_norm_relu_forward_fast(fseg_context *context, const fseg_operator_shape *s,
                                              const fseg_operator_f32 *t)
{
    return norm(context, s, t, 1, 0);
}

fseg_status fseg_group_norm_relu_backward_fast(fseg_context *context, const fseg_operator_shape *s,
                                               const fseg_operator_f32 *t)
{
    return norm(context, s, t, 1, 1);
}

/* ---- ReLU, pooling, upsampling, concatenation ----------------------------------------------- */

fseg_status fseg_relu_forward_fast(fseg_context *context, const fseg_operator_shape *s,
                                   const fseg_operator_f32 *t)
{
    workspace w = begin(context, s);
    const fseg_blocked x = take_tensor(&w, s, s->channels, s->height, s->width);
    if (!w.failed) {
        fseg_blocked_pack(context, t->x, &x);
        fseg_blocked_relu(context, &x, &x);
        fseg_blocked_unpack(context, &x, t->y);
    }
    return finish(&w);
}

fseg_status fseg_relu_backward_fast(fseg_context *context, const fseg_operator_shape *s,
                                    const fseg_operator_f32 *t)
{
    workspace w = begin(context, s);
    const fseg_blocked x = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked dy = take_tensor(&w, s, s->channels, s->height, s->width);
    if (!w.failed) {
        fseg_blocked_pack(context, t->x, &x);
        fseg_blocked_pack(context, t->dy, &dy);
        fseg_blocked_relu_back(context, &x, &dy, &dy);
        fseg_blocked_unpack(context, &dy, t->dx);
    }
    return finish(&w);
}

fseg_status fseg_max_pool2_forward_fast(fseg_context *context, const fseg_operator_shape *s,
                                        const fseg_operator_f32 *t)
{
    workspace w = begin(context, s);
    const fseg_blocked x = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked y = take_tensor(&w, s, s->channels, s->height / 2, s->width / 2);
    if (!w.failed) {
        fseg_blocked_pack(context, t->x, &x);
        fseg_blocked_max_pool(context, &x, &y);
        fseg_blocked_unpack(context, &y, t->y);
    }
    return finish(&w);
}

fseg_status fseg_max_pool2_backward_fast(fseg_context *context, const fseg_operator_shape *s,
                                         const fseg_operator_f32 *t)
{
    workspace w = begin(context, s);
    const fseg_blocked x = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked dx = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked dy = take_tensor(&w, s, s->channels, s->height / 2, s->width / 2);
    if (!w.failed) {
        fseg_blocked_pack(context, t->x, &x);
        fseg_blocked_pack(context, t->dy, &dy);
        fseg_blocked_max_pool_back(context, &x, &dy, &dx);
        fseg_blocked_unpack(context, &dx, t->dx);
    }
    return finish(&w);
}

fseg_status fseg_upsample2_forward_fast(fseg_context *context, const fseg_operator_shape *s,
                                        const fseg_operator_f32 *t)
{
    workspace w = begin(context, s);
    const fseg_blocked x = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked y = take_tensor(&w, s, s->channels, s->height * 2, s->width * 2);
    if (!w.failed) {
        fseg_blocked_pack(context, t->x, &x);
        fseg_blocked_upsample(context, &x, &y);
        fseg_blocked_unpack(context, &y, t->y);
    }
    return finish(&w);
}

fseg_status fseg_upsample2_backward_fast(fseg_context *context, const fseg_operator_shape *s,
                                         const fseg_operator_f32 *t)
{
    workspace w = begin(context, s);
    const fseg_blocked dx = take_tensor(&w, s, s->channels, s->height, s->width);
    const fseg_blocked dy = take_tensor(&w, s, s->channels, s->height * 2, s->width * 2);
    if (!w.failed) {
        fseg_blocked_pack(context, t->dy, &dy);
        fseg_blocked_upsample_back(context, &dy, &dx);
        fseg_blocked_unpack(context, &dx, t->dx);
    }
    return finish(&w);
}

/* A concatenation is never computed in the blocked layout (convolutions read two sources); on plain
 * tensors it is a copy of whole images. */
fseg_status fseg_concat_forward_fast(fseg_context *context, const fseg_operator_shape *s,
                                     const fseg_operator_f32 *t)
{
    (void)context;
    const size_t pixels = (size_t)s->height * (size_t)s->width;
    const size_t a = (size_t)s->channels * pixels, b = (size_t)s->out_channels * pixels;
    for (size_t n = 0; n < (size_t)s->n; ++n) {
        memcpy(t->y + n * (a + b), t->x + n * a, a * sizeof(float));
        memcpy(t->y + n * (a + b) + a, t->x2 + n * b, b * sizeof(float));
    }
    return FSEG_OK;
}

fseg_status fseg_concat_backward_fast(fseg_context *context, const fseg_operator_shape *s,
                                      const fseg_operator_f32 *t)
{
    (void)context;
    const size_t pixels = (size_t)s->height * (size_t)s->width;
    const size_t a = (size_t)s->channels * pixels, b = (size_t)s->out_channels * pixels;
    for (size_t n = 0; n < (size_t)s->n; ++n) {
        memcpy(t->dx + n * a, t->dy + n * (a + b), a * sizeof(float));
        memcpy(t->dx2 + n * b, t->dy + n * (a + b) + a, b * sizeof(float));
    }
    return FSEG_OK;
}

/* ---- softmax and dense ---------------------------------------------------------------------- */

fseg_status fseg_softmax_forward_fast(fseg_context *context, const fseg_operator_shape *s,
                                      const fseg_operator_f32 *t)
{
    const size_t pixels = (size_t)s->height * (size_t)s->width;
    const size_t count = (size_t)s->n * (size_t)s->channels * pixels;
    memcpy(t->y, t->x, count * sizeof(float));
    fseg_softmax_inplace(context, t->y, (size_t)s->n, s->channels, pixels);
    return FSEG_OK;
}

fseg_status fseg_softmax_backward_fast(fseg_context *context, const fseg_operator_shape *s,
                                       const fseg_operator_f32 *t)
{
    const size_t pixels = (size_t)s->height * (size_t)s->width;
    const size_t image = (size_t)s->channels * pixels;
    fseg_softmax_forward_fast(context, s, t);
    for (size_t n = 0; n < (size_t)s->n; ++n)
        for (size_t i = 0; i < pixels; ++i) {
            const float *p = t->y + n * image + i, *dy = t->dy + n * image + i;
            float mean = 0.0f;
            for (size_t c = 0; c < image; c += pixels)
                mean += p[c] * dy[c];
            for (size_t c = 0; c < image; c += pixels)
                t->dx[n * image + i + c] = p[c] * (dy[c] - mean);
        }
    return FSEG_OK;
}

fseg_status fseg_dense_forward_fast(fseg_context *context, const fseg_operator_shape *s,
                                    const fseg_operator_f32 *t)
{
    (void)context;
    const int in = s->channels * s->height * s->width, out = s->out_channels;
    for (int n = 0; n < s->n; ++n)
        memcpy(t->y + (size_t)n * (size_t)out, t->bias, (size_t)out * sizeof(float));
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, s->n, out, in, 1.0f, t->x, in, t->weight,
                in, 1.0f, t->y, out);
    return FSEG_OK;
}

fseg_status fseg_dense_backward_fast(fseg_context *context, const fseg_operator_shape *s,
                                     const fseg_operator_f32 *t)
{
    (void)context;
    const int in = s->channels * s->height * s->width, out = s->out_channels;
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, s->n, in, out, 1.0f, t->dy, out,
                t->weight, in, 0.0f, t->dx, in);
    cblas_sgemm(CblasRowMajor, CblasTrans, CblasNoTrans, out, in, s->n, 1.0f, t->dy, out, t->x, in,
                0.0f, t->dweight, in);
    memset(t->dbias, 0, (size_t)out * sizeof(float));
    for (int n = 0; n < s->n; ++n)
        for (int o = 0; o < out; ++o)
            t->dbias[o] += t->dy[n * out + o];
    return FSEG_OK;
}
