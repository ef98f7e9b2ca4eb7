/*
 * Reference operators for one floating-point type: plain loops over [N, C, H, W], the oracle of the
 * fast kernels. The including file defines REAL, TENSORS (fseg_operator_f32 or _f64) and R(name).
 */
#include "reference.h"
#include <math.h>
#include <string.h>

static size_t at4(int channels, int height, int width, int n, int c, int h, int w)
{
    return (((size_t)n * (size_t)channels + (size_t)c) * (size_t)height + (size_t)h) *
               (size_t)width +
           (size_t)w;
}

static size_t input_count(const fseg_operator_shape *s)
{
    return (size_t)s->n * (size_t)s->channels * (size_t)s->height * (size_t)s->width;
}

/* ---- convolution ------------------------------------------------------------------------- */

/* Calls for every pair of an output and an input pixel under one tap; the three passes differ only
 * in what they accumulate. */
#define FOR_EACH_TAP(shape, kernel, BODY)                                                          \
    for (int n = 0; n < (shape)->n; ++n)                                                           \
        for (int co = 0; co < (shape)->out_channels; ++co)                                         \
            for (int ci = 0; ci < (shape)->channels; ++ci)                                         \
                for (int kh = 0; kh < (kernel); ++kh)                                              \
                    for (int kw = 0; kw < (kernel); ++kw)                                          \
                        for (int h = 0; h < (shape)->height; ++h)                                  \
                            for (int w = 0; w < (shape)->width; ++w) {                             \
                                const int shift = (kernel) == 3 ? -1 : 0;                          \
                                const int ih = h + kh + shift, iw = w + kw + shift;                \
                                if (ih < 0 || iw < 0 || ih >= (shape)->height ||                   \
                                    iw >= (shape)->width)                                          \
                                    continue;                                                      \
                                const size_t y = at4((shape)->out_channels, (shape)->height,       \
                                                     (shape)->width, n, co, h, w);                 \
                                const size_t x = at4((shape)->channels, (shape)->height,           \
                                                     (shape)->width, n, ci, ih, iw);               \
                                const size_t k =                                                   \
                                    at4((shape)->channels, (kernel), (kernel), co, ci, kh, kw);    \
                                BODY                                                               \
                            }

static void conv_forward(const fseg_operator_shape *s, const TENSORS *t, int kernel)
{
    for (int n = 0; n < s->n; ++n)
        for (int co = 0; co < s->out_channels; ++co)
            for (int h = 0; h < s->height; ++h)
                for (int w = 0; w < s->width; ++w)
                    t->y[at4(s->out_channels, s->height, s->width, n, co, h, w)] = t->bias[co];
    FOR_EACH_TAP(s, kernel, t->y[y] += t->x[x] * t->weight[k];)
}

static void conv_backward(const fseg_operator_shape *s, const TENSORS *t, int kernel)
{
    const size_t weights =
        (size_t)s->out_channels * (size_t)s->channels * (size_t)kernel * (size_t)kernel;
    memset(t->dx, 0, input_count(s) * sizeof(REAL));
    memset(t->dweight, 0, weights * sizeof(REAL));
    memset(t->dbias, 0, (size_t)s->out_channels * sizeof(REAL));
    FOR_EACH_TAP(s, kernel, t->dx[x] += t->dy[y] * t->weight[k];
                 t->dweight[k] += t->dy[y] * t->x[x];)
    for (int n = 0; n < s->n; ++n)
        for (int co = 0; co < s->out_channels; ++co)
            for (int h = 0; h < s->height; ++h)
                for (int w = 0; w < s->width; ++w)
                    t->dbias[co] += t->dy[at4(s->out_channels, s->height, s->width, n, co, h, w)];
}

void R(conv3x3_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    conv_forward(s, t, 3);
}

void R(conv3x3_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    conv_backward(s, t, 3);
}

void R(conv2x2_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    conv_forward(s, t, 2);
}

void R(conv2x2_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    conv_backward(s, t, 2);
}

void R(conv1x1_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    conv_forward(s, t, 1);
}

void R(conv1x1_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    conv_backward(s, t, 1);
}

/* ---- GroupNorm and ReLU ------------------------------------------------------------------- */

/* Mean and 1 / sqrt(variance + epsilon) of the group at x. */
static void group_statistics(const REAL *x, size_t count, double epsilon, REAL *mean, REAL *inverse)
{
    REAL sum = 0, square = 0;
    for (size_t i = 0; i < count; ++i)
        sum += x[i];
    *mean = sum / (REAL)count;
    for (size_t i = 0; i < count; ++i)
        square += (x[i] - *mean) * (x[i] - *mean);
    *inverse = (REAL)(1.0 / sqrt((double)(square / (REAL)count) + epsilon));
}

static void norm_forward(const fseg_operator_shape *s, const TENSORS *t, int relu)
{
    const size_t pixels = (size_t)s->height * (size_t)s->width;
    const size_t per_group = (size_t)(s->channels / s->groups), count = per_group * pixels;
    for (size_t g = 0; g < (size_t)s->n * (size_t)s->groups; ++g) {
        REAL mean, inverse;
        group_statistics(t->x + g * count, count, s->epsilon, &mean, &inverse);
        for (size_t i = 0; i < count; ++i) {
            const size_t c = g % (size_t)s->groups * per_group + i / pixels;
            const REAL y = (t->x[g * count + i] - mean) * inverse * t->weight[c] + t->bias[c];
            t->y[g * count + i] = relu && y < 0 ? 0 : y;
        }
    }
}

static void norm_backward(const fseg_operator_shape *s, const TENSORS *t, int relu)
{
    const size_t pixels = (size_t)s->height * (size_t)s->width;
    const size_t per_group = (size_t)(s->channels / s->groups), count = per_group * pixels;
    memset(t->dweight, 0, (size_t)s->channels * sizeof(REAL));
    memset(t->dbias, 0, (size_t)s->channels * sizeof(REAL));
    for (size_t g = 0; g < (size_t)s->n * (size_t)s->groups; ++g) {
        REAL mean, inverse, a = 0, b = 0;
        const REAL *x = t->x + g * count, *dy = t->dy + g * count;
        group_statistics(x, count, s->epsilon, &mean, &inverse);
        for (int pass = 0; pass < 2; ++pass)
            for (size_t i = 0; i < count; ++i) {
                const size_t c = g % (size_t)s->groups * per_group + i / pixels;
                const REAL normal = (x[i] - mean) * inverse;
                const int cut = relu && normal * t->weight[c] + t->bias[c] <= 0;
                const REAL d = cut ? 0 : dy[i];
                if (pass == 0) {
                    t->dweight[c] += d * normal;
                    t->dbias[c] += d;
                    a += d * t->weight[c];
                    b += d * t->weight[c] * normal;
                } else {
                    t->dx[g * count + i] =
                        inverse * (d * t->weight[c] - a / (REAL)count - normal * b / (REAL)count);
                }
            }
    }
}

void R(group_norm_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    norm_forward(s, t, 0);
}

void R(group_norm_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    norm_backward(s, t, 0);
}

void R(group_norm_relu_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    norm_forward(s, t, 1);
}

void R(group_norm_relu_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    norm_backward(s, t, 1);
}

void R(relu_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    for (size_t i = 0; i < input_count(s); ++i)
        t->y[i] = t->x[i] > 0 ? t->x[i] : 0;
}

void R(relu_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    for (size_t i = 0; i < input_count(s); ++i)
        t->dx[i] = t->x[i] > 0 ? t->dy[i] : 0;
}

/* ---- pooling, upsampling, concatenation --------------------------------------------------- */

/* Index of the first maximum of the 2 x 2 window under (h, w). */
static size_t window_maximum(const fseg_operator_shape *s, const REAL *x, int n, int c, int h,
                             int w)
{
    size_t best = at4(s->channels, s->height, s->width, n, c, 2 * h, 2 * w);
    for (int i = 1; i < 4; ++i) {
        const size_t at = at4(s->channels, s->height, s->width, n, c, 2 * h + i / 2, 2 * w + i % 2);
        if (x[at] > x[best])
            best = at;
    }
    return best;
}

void R(max_pool2_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    for (int n = 0; n < s->n; ++n)
        for (int c = 0; c < s->channels; ++c)
            for (int h = 0; h < s->height / 2; ++h)
                for (int w = 0; w < s->width / 2; ++w)
                    t->y[at4(s->channels, s->height / 2, s->width / 2, n, c, h, w)] =
                        t->x[window_maximum(s, t->x, n, c, h, w)];
}

void R(max_pool2_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    memset(t->dx, 0, input_count(s) * sizeof(REAL));
    for (int n = 0; n < s->n; ++n)
        for (int c = 0; c < s->channels; ++c)
            for (int h = 0; h < s->height / 2; ++h)
                for (int w = 0; w < s->width / 2; ++w)
                    t->dx[window_maximum(s, t->x, n, c, h, w)] +=
                        t->dy[at4(s->channels, s->height / 2, s->width / 2, n, c, h, w)];
}

void R(upsample2_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    for (int n = 0; n < s->n; ++n)
        for (int c = 0; c < s->channels; ++c)
            for (int h = 0; h < 2 * s->height; ++h)
                for (int w = 0; w < 2 * s->width; ++w)
                    t->y[at4(s->channels, 2 * s->height, 2 * s->width, n, c, h, w)] =
                        t->x[at4(s->channels, s->height, s->width, n, c, h / 2, w / 2)];
}

void R(upsample2_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    memset(t->dx, 0, input_count(s) * sizeof(REAL));
    for (int n = 0; n < s->n; ++n)
        for (int c = 0; c < s->channels; ++c)
            for (int h = 0; h < 2 * s->height; ++h)
                for (int w = 0; w < 2 * s->width; ++w)
                    t->dx[at4(s->channels, s->height, s->width, n, c, h / 2, w / 2)] +=
                        t->dy[at4(s->channels, 2 * s->height, 2 * s->width, n, c, h, w)];
}

/* Copies between the two inputs and the output; `back` reverses the direction. */
static void concat(const fseg_operator_shape *s, REAL *joint, REAL *first, REAL *second, int back)
{
    const size_t pixels = (size_t)s->height * (size_t)s->width;
    const size_t a = (size_t)s->channels * pixels, b = (size_t)s->out_channels * pixels;
    for (size_t n = 0; n < (size_t)s->n; ++n) {
        REAL *p = joint + n * (a + b);
        for (size_t i = 0; i < a; ++i)
            *(back ? &first[n * a + i] : &p[i]) = *(back ? &p[i] : &first[n * a + i]);
        for (size_t i = 0; i < b; ++i)
            *(back ? &second[n * b + i] : &p[a + i]) = *(back ? &p[a + i] : &second[n * b + i]);
    }
}

void R(concat_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    concat(s, t->y, (REAL *)t->x, (REAL *)t->x2, 0);
}

void R(concat_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    concat(s, (REAL *)t->dy, t->dx, t->dx2, 1);
}

/* ---- upsampling, then 2x2 convolution ----------------------------------------------------- */

/* Every tap of every output pixel, with its enlarged input pixel mapped back to the small one. */
#define FOR_EACH_ENLARGED_TAP(shape, BODY)                                                         \
    for (int n = 0; n < (shape)->n; ++n)                                                           \
        for (int co = 0; co < (shape)->out_channels; ++co)                                         \
            for (int ci = 0; ci < (shape)->channels; ++ci)                                         \
                for (int kh = 0; kh < 2; ++kh)                                                     \
                    for (int kw = 0; kw < 2; ++kw)                                                 \
                        for (int h = 0; h + kh < 2 * (shape)->height; ++h)                         \
                            for (int w = 0; w + kw < 2 * (shape)->width; ++w) {                    \
                                const size_t y = at4((shape)->out_channels, 2 * (shape)->height,   \
                                                     2 * (shape)->width, n, co, h, w);             \
                                const size_t x =                                                   \
                                    at4((shape)->channels, (shape)->height, (shape)->width, n, ci, \
                                        (h + kh) / 2, (w + kw) / 2);                               \
                                const size_t k = at4((shape)->channels, 2, 2, co, ci, kh, kw);     \
                                BODY                                                               \
                            }

void R(upsample2_conv2x2_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    const size_t pixels = 4 * (size_t)s->height * (size_t)s->width;
    for (size_t i = 0; i < (size_t)s->n * (size_t)s->out_channels * pixels; ++i)
        t->y[i] = t->bias[i / pixels % (size_t)s->out_channels];
    FOR_EACH_ENLARGED_TAP(s, t->y[y] += t->x[x] * t->weight[k];)
}

void R(upsample2_conv2x2_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    const size_t pixels = 4 * (size_t)s->height * (size_t)s->width;
    memset(t->dx, 0, input_count(s) * sizeof(REAL));
    memset(t->dweight, 0, (size_t)(s->out_channels * s->channels * 4) * sizeof(REAL));
    memset(t->dbias, 0, (size_t)s->out_channels * sizeof(REAL));
    FOR_EACH_ENLARGED_TAP(s, t->dx[x] += t->dy[y] * t->weight[k];
                          t->dweight[k] += t->dy[y] * t->x[x];)
    for (size_t i = 0; i < (size_t)s->n * (size_t)s->out_channels * pixels; ++i)
        t->dbias[i / pixels % (size_t)s->out_channels] += t->dy[i];
}

/* ---- softmax and dense -------------------------------------------------------------------- */

void R(softmax_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    for (int n = 0; n < s->n; ++n)
        for (int h = 0; h < s->height; ++h)
            for (int w = 0; w < s->width; ++w) {
                REAL top = -INFINITY, sum = 0;
                for (int c = 0; c < s->channels; ++c) {
                    const REAL z = t->x[at4(s->channels, s->height, s->width, n, c, h, w)];
                    top = z > top ? z : top;
                }
                for (int c = 0; c < s->channels; ++c) {
                    const size_t i = at4(s->channels, s->height, s->width, n, c, h, w);
                    t->y[i] = (REAL)exp((double)(t->x[i] - top));
                    sum += t->y[i];
                }
                for (int c = 0; c < s->channels; ++c)
                    t->y[at4(s->channels, s->height, s->width, n, c, h, w)] /= sum;
            }
}

/* dx_c = p_c (dy_c - sum_k p_k dy_k); y holds p. */
void R(softmax_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    R(softmax_forward)(s, t);
    for (int n = 0; n < s->n; ++n)
        for (int h = 0; h < s->height; ++h)
            for (int w = 0; w < s->width; ++w) {
                REAL mean = 0;
                for (int c = 0; c < s->channels; ++c) {
                    const size_t i = at4(s->channels, s->height, s->width, n, c, h, w);
                    mean += t->y[i] * t->dy[i];
                }
                for (int c = 0; c < s->channels; ++c) {
                    const size_t i = at4(s->channels, s->height, s->width, n, c, h, w);
                    t->dx[i] = t->y[i] * (t->dy[i] - mean);
                }
            }
}

void R(dense_forward)(const fseg_operator_shape *s, const TENSORS *t)
{
    const size_t in = input_count(s) / (size_t)s->n, out = (size_t)s->out_channels;
    for (size_t n = 0; n < (size_t)s->n; ++n)
        for (size_t o = 0; o < out; ++o) {
            REAL sum = t->bias[o];
            for (size_t i = 0; i < in; ++i)
                sum += t->x[n * in + i] * t->weight[o * in + i];
            t->y[n * out + o] = sum;
        }
}

void R(dense_backward)(const fseg_operator_shape *s, const TENSORS *t)
{
    const size_t in = input_count(s) / (size_t)s->n, out = (size_t)s->out_channels;
    memset(t->dx, 0, input_count(s) * sizeof(REAL));
    memset(t->dweight, 0, in * out * sizeof(REAL));
    memset(t->dbias, 0, out * sizeof(REAL));
    for (size_t n = 0; n < (size_t)s->n; ++n)
        for (size_t o = 0; o < out; ++o) {
            const REAL d = t->dy[n * out + o];
            t->dbias[o] += d;
            for (size_t i = 0; i < in; ++i) {
                t->dx[n * in + i] += d * t->weight[o * in + i];
                t->dweight[o * in + i] += d * t->x[n * in + i];
            }
        }
}
