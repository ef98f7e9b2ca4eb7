/**
 * @file operators.h
 * The operators of the network, each with a plain reference and the fast version.
 *
 * One table describes every operator; parity tests, finite differences and benchmarks walk it. The
 * references are straightforward loops in float and double and stay for good as the oracle of
 * whatever replaces the fast versions. All tensors are plain [N, C, H, W] and belong to the caller;
 * functions write all of their outputs and touch nothing else. References are pure and thread-safe;
 * the fast versions follow the thread rule of their context.
 */
#ifndef FRUGALSEG_OPERATORS_H
#define FRUGALSEG_OPERATORS_H

#include "context.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Size of one application of an operator. */
typedef struct fseg_operator_shape {
    int n, channels, height, width; /**< of the input x */
    int out_channels;               /**< convolution and dense: of y; concat: of the input x2 */
    int groups;                     /**< GroupNorm */
    double epsilon;                 /**< GroupNorm */
    /** Of the tensors inside the fast versions, which round what they are given and unpack what
     *  they computed; the references ignore it, and so do concat, softmax and dense. */
    fseg_precision precision;
} fseg_operator_shape;

/** Number of values of each tensor; 0 where the operator has none. */
typedef struct fseg_operator_sizes {
    size_t x, x2, weight, bias, y;
} fseg_operator_sizes;

/** Tensors of a forward (x, x2, weight, bias -> y) or backward call (x, x2, weight, bias, dy -> dx,
 *  dx2, dweight, dbias). */
typedef struct fseg_operator_f32 {
    const float *x, *x2, *weight, *bias;
    float *y;
    const float *dy;
    float *dx, *dx2, *dweight, *dbias;
} fseg_operator_f32;

typedef struct fseg_operator_f64 {
    const double *x, *x2, *weight, *bias;
    double *y;
    const double *dy;
    double *dx, *dx2, *dweight, *dbias;
} fseg_operator_f64;

/**
 * The operators:
 *  - "conv3x3", "conv2x2", "conv1x1": stride 1, "same", with bias; 2x2 pads bottom and right
 *  - "upsample2_conv2x2": nearest upsampling by 2, then the 2x2 convolution, in one
 *  - "group_norm": Wu & He 2018; weight = scale, bias = shift
 *  - "group_norm_relu": the two fused, as the network uses them
 *  - "relu", "max_pool2" (ties go to the first maximum), "upsample2" (nearest), "concat" (channels)
 *  - "softmax" over channels
 *  - "dense": y [N, out] = x [N, C H W] weight^T [out, C H W] + bias
 */
typedef struct fseg_operator {
    const char *name;
    fseg_operator_sizes (*sizes)(const fseg_operator_shape *shape);
    /** Multiply-adds of the forward pass, for benchmarks. */
    double (*multiply_adds)(const fseg_operator_shape *shape);
    void (*forward_f32)(const fseg_operator_shape *shape, const fseg_operator_f32 *tensors);
    void (*backward_f32)(const fseg_operator_shape *shape, const fseg_operator_f32 *tensors);
    void (*forward_f64)(const fseg_operator_shape *shape, const fseg_operator_f64 *tensors);
    void (*backward_f64)(const fseg_operator_shape *shape, const fseg_operator_f64 *tensors);
    /** Fast versions; they fail with FSEG_ERROR_OUT_OF_MEMORY, or with FSEG_ERROR_UNSUPPORTED when
     *  the context has no kernels of the shape's precision. */
    fseg_status (*forward_fast)(fseg_context *context, const fseg_operator_shape *shape,
                                const fseg_operator_f32 *tensors);
    fseg_status (*backward_fast)(fseg_context *context, const fseg_operator_shape *shape,
                                 const fseg_operator_f32 *tensors);
} fseg_operator;

/** Round floats to the nearest bfloat16, ties to even; not finite ones stay as they are. With it a
 *  reference on rounded inputs is the oracle of a fast version in bfloat16. */
void fseg_round_bfloat16(float *values, size_t count);

/** The table; `count` receives its length. */
const fseg_operator *fseg_operators(size_t *count);

#ifdef __cplusplus
}
#endif
#endif
