/* The table of operators: sizes, cost, references and fast versions. */
#include "operators_fast.h"
#include "reference.h"

static size_t pixels_of(const fseg_operator_shape *s)
{
    return (size_t)s->height * (size_t)s->width;
}

static size_t input_count(const fseg_operator_shape *s)
{
    return (size_t)s->n * (size_t)s->channels * pixels_of(s);
}

static fseg_operator_sizes conv_sizes(const fseg_operator_shape *s, size_t taps)
{
    const size_t out = (size_t)s->out_channels;
    return (fseg_operator_sizes){.x = input_count(s),
                                 .weight = out * (size_t)s->channels * taps,
                                 .bias = out,
                                 .y = (size_t)s->n * out * pixels_of(s)};
}

static double conv_multiply_adds(const fseg_operator_shape *s, int taps)
{
    return (double)input_count(s) * s->out_channels * taps;
}

#define CONV(k)                                                                                    \
    static fseg_operator_sizes conv##k##x##k##_sizes(const fseg_operator_shape *s)                 \
    {                                                                                              \
        return conv_sizes(s, k * k);                                                               \
    }                                                                                              \
    static double conv##k##x##k##_multiply_adds(const fseg_operator_shape *s)                      \
    {                                                                                              \
        return conv_multiply_adds(s, k * k);                                                       \
    }
CONV(3)
CONV(2)
CONV(1)
#undef CONV

#define conv3x3_winograd_sizes conv3x3_sizes

static double conv3x3_winograd_multiply_adds(const fseg_operator_shape *s)
{
    return conv_multiply_adds(s, 9) / 4; /* 36 products a tile instead of 144; transforms aside */
}

static fseg_operator_sizes upsample2_conv2x2_sizes(const fseg_operator_shape *s)
{
    fseg_operator_sizes sizes = conv_sizes(s, 4);
    sizes.y *= 4;
    return sizes;
}

static double upsample2_conv2x2_multiply_adds(const fseg_operator_shape *s)
{
    return conv_multiply_adds(s, 9); /* of the folded form; 16 when done in two steps */
}

#define upsample2_conv2x2_nested_sizes upsample2_conv2x2_sizes

static double upsample2_conv2x2_nested_multiply_adds(const fseg_operator_shape *s)
{
    return conv_multiply_adds(s, 4);
}

static fseg_operator_sizes group_norm_sizes(const fseg_operator_shape *s)
{
    return (fseg_operator_sizes){.x = input_count(s),
                                 .weight = (size_t)s->channels,
                                 .bias = (size_t)s->channels,
                                 .y = input_count(s)};
}

static double group_norm_multiply_adds(const fseg_operator_shape *s)
{
    return 2.0 * (double)input_count(s); /* square for the variance, scale and shift */
}

#define group_norm_relu_sizes group_norm_sizes
#define group_norm_relu_multiply_adds group_norm_multiply_adds

static fseg_operator_sizes relu_sizes(const fseg_operator_shape *s)
{
    return (fseg_operator_sizes){.x = input_count(s), .y = input_count(s)};
}

static double relu_multiply_adds(const fseg_operator_shape *s)
{
    (void)s;
    return 0.0; /* moves and compares only */
}

static fseg_operator_sizes max_pool2_sizes(const fseg_operator_shape *s)
{
    return (fseg_operator_sizes){.x = input_count(s), .y = input_count(s) / 4};
}

static fseg_operator_sizes upsample2_sizes(const fseg_operator_shape *s)
{
    return (fseg_operator_sizes){.x = input_count(s), .y = input_count(s) * 4};
}

static fseg_operator_sizes concat_sizes(const fseg_operator_shape *s)
{
    const size_t second = (size_t)s->n * (size_t)s->out_channels * pixels_of(s);
    return (fseg_operator_sizes){.x = input_count(s), .x2 = second, .y = input_count(s) + second};
}

#define max_pool2_multiply_adds relu_multiply_adds
#define upsample2_multiply_adds relu_multiply_adds
#define concat_multiply_adds relu_multiply_adds
#define softmax_sizes relu_sizes
#define softmax_multiply_adds relu_multiply_adds

static fseg_operator_sizes dense_sizes(const fseg_operator_shape *s)
{
    const size_t in = input_count(s) / (size_t)s->n, out = (size_t)s->out_channels;
    return (fseg_operator_sizes){
        .x = input_count(s), .weight = in * out, .bias = out, .y = (size_t)s->n * out};
}

static double dense_multiply_adds(const fseg_operator_shape *s)
{
    return (double)input_count(s) * s->out_channels;
}

const fseg_operator *fseg_operators(size_t *count)
{
#define ENTRY(op)                                                                                  \
    {#op,                                                                                          \
     op##_sizes,                                                                                   \
     op##_multiply_adds,                                                                           \
     fseg_##op##_forward_f32,                                                                      \
     fseg_##op##_backward_f32,                                                                     \
     fseg_##op##_forward_f64,                                                                      \
     fseg_##op##_backward_f64,                                                                     \
     fseg_##op##_forward_fast,                                                                     \
     fseg_##op##_backward_fast},
    static const fseg_operator table[] = {FSEG_OPERATOR_LIST(ENTRY)};
#undef ENTRY
    if (count)
        *count = sizeof table / sizeof table[0];
    return table;
}
