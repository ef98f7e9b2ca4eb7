/*
 * Operators on whole tensors in the blocked layout (kernels.h), spread over a context's threads.
 * Sizes agree by construction (network.c); nothing here allocates except where it says so.
 */
#ifndef FSEG_BLOCKED_H
#define FSEG_BLOCKED_H

#include "context_internal.h"

/* A tensor [n, channels, height, width] in blocked layout; `data` is 64-byte aligned. */
typedef struct fseg_blocked {
    int n, channels, height, width;
    void *data;
    size_t element_size; /* 4: float, 2: bfloat16 */
} fseg_blocked;

size_t fseg_blocked_blocks(int channels);
/* Elements of one padded plane, and of a whole tensor. */
size_t fseg_blocked_plane(int height, int width);
size_t fseg_blocked_elements(int n, int channels, int height, int width);
/* First plane of image i, and plane i of the whole tensor. */
void *fseg_blocked_image(const fseg_blocked *t, int i);
void *fseg_blocked_plane_at(const fseg_blocked *t, size_t i);
/* The kernels for the tensor's element type. */
const fseg_kernels *fseg_blocked_kernels(const fseg_context *context, const fseg_blocked *t);

/* Aligned, zeroed memory; null when there is none. Freed with free(). */
float *fseg_aligned_zeros(size_t floats);

/* Zero the borders of all planes: after reuse of memory that held another shape. */
void fseg_blocked_clear_borders(fseg_context *context, const fseg_blocked *t);
/* [n, channels, height, width] <-> blocked; packing fills the padding channels with zero. */
void fseg_blocked_pack(fseg_context *context, const float *nchw, const fseg_blocked *t);
void fseg_blocked_unpack(fseg_context *context, const fseg_blocked *t, float *nchw);

/* A convolution of the network: `source_count` tensors are concatenated along channels. With
 * `upsample`, the input is first enlarged twice by nearest neighbour and the kernel is 2 x 2. The
 * enlarged tensor is never made: each of the four phases of the output (even or odd row, even or
 * odd column) sees the small input through 1x1, 1x2, 2x1 or 2x2 taps, whose weights are sums of
 * the 2x2 weights; nine taps a small pixel instead of sixteen. */
typedef struct fseg_conv_shape {
    int source_channels[2];
    int source_count;
    int out_channels;
    int kernel;
    int upsample;
} fseg_conv_shape;

/* Floats of the packed weights: forward, and backward for source s. */
size_t fseg_conv_packed_floats(const fseg_conv_shape *shape);
size_t fseg_conv_packed_back_floats(const fseg_conv_shape *shape, int source);
/* weight [out, in, k, k] -> packed for the forward pass. */
void fseg_conv_pack(const fseg_conv_shape *shape, const float *weight, float *packed);
/* The same, transposed and flipped, for the gradient with respect to source s. */
void fseg_conv_pack_back(const fseg_conv_shape *shape, int source, const float *weight,
                         float *packed);

/* Rows of statistics that fseg_blocked_conv gives per plane: see sums below. */
size_t fseg_conv_sums_rows(const fseg_conv_shape *shape, int out_height);
/* y = conv(concat(x...)) + bias, weights in the element type of x; bias [blocks * 16] or null. When
 * `sums` is not null it receives, as [n][blocks][rows][32], partial sums of y (16) and y^2 (16) per
 * channel for GroupNorm. */
void fseg_blocked_conv(fseg_context *context, const fseg_conv_shape *shape, const fseg_blocked x[],
                       const float *packed, const float *bias, const fseg_blocked *y, float *sums);
/* dx of one source from dy, added to dx when `accumulate`. */
void fseg_blocked_conv_back(fseg_context *context, const fseg_conv_shape *shape,
                            const fseg_blocked *dy, const float *packed_back, int accumulate,
                            const fseg_blocked *dx);
/* dw [out, in, k, k]; scratch of fseg_conv_weight_grad_scratch floats. The order of summation
 * depends on the shape only, not on the number of threads. */
size_t fseg_conv_weight_grad_scratch(const fseg_conv_shape *shape, int n);
void fseg_blocked_conv_weight_grad(fseg_context *context, const fseg_conv_shape *shape,
                                   const fseg_blocked x[], const fseg_blocked *dy, float *scratch,
                                   float *dw);

/* GroupNorm (Wu & He 2018), with ReLU when `relu`: scale and shift [channels]; statistics
 * [n * groups] are kept for the backward pass; map is scratch of fseg_norm_map_floats. y may be x.
 * `sums` are those of fseg_blocked_conv with sum_rows rows a plane; null: x is read once more for
 * them. */
size_t fseg_norm_map_floats(int n, int channels);
void fseg_blocked_norm(fseg_context *context, const fseg_blocked *x, int groups, int relu,
                       float epsilon, const float *sums, size_t sum_rows, const float *scale,
                       const float *shift, float *mean, float *inverse_deviation, float *map,
                       const fseg_blocked *y);
/* Only the statistics, and scale [n][blocks * 16] and shift (after it) as which GroupNorm acts on
 * each image: the first two of the five parts of map. */
void fseg_blocked_norm_map(fseg_context *context, const fseg_blocked *x, int groups, float epsilon,
                           const float *sums, size_t sum_rows, const float *scale,
                           const float *shift, float *mean, float *inverse_deviation, float *map);
/* The same y as before, from the statistics that fseg_blocked_norm left. */
void fseg_blocked_norm_again(fseg_context *context, const fseg_blocked *x, int groups, int relu,
                             const float *scale, const float *shift, const float *mean,
                             const float *inverse_deviation, float *map, const fseg_blocked *y);
/* dx (may be dy's memory), d scale, d shift [channels], and the channel sums of dx (the gradient of
 * a preceding bias; null if unwanted). `sums` is scratch of fseg_norm_sums_doubles. */
size_t fseg_norm_sums_doubles(int n, int channels);
void fseg_blocked_norm_back(fseg_context *context, const fseg_blocked *x, const fseg_blocked *dy,
                            int groups, int relu, const float *scale, const float *shift,
                            const float *mean, const float *inverse_deviation, double *sums,
                            float *map, const fseg_blocked *dx, float *dscale, float *dshift,
                            float *dbias);

/* ReLU alone. y may be x, dx may be dy. */
void fseg_blocked_relu(fseg_context *context, const fseg_blocked *x, const fseg_blocked *y);
void fseg_blocked_relu_back(fseg_context *context, const fseg_blocked *x, const fseg_blocked *dy,
                            const fseg_blocked *dx);
/* Sum of t over images and pixels, per channel [channels]: the gradient of a bias. */
void fseg_blocked_channel_sums(fseg_context *context, const fseg_blocked *t, double *sums,
                               float *out);

void fseg_blocked_max_pool(fseg_context *context, const fseg_blocked *x, const fseg_blocked *y);
/* Adds to dx. */
void fseg_blocked_max_pool_back(fseg_context *context, const fseg_blocked *x,
                                const fseg_blocked *dy, const fseg_blocked *dx);
void fseg_blocked_upsample(fseg_context *context, const fseg_blocked *x, const fseg_blocked *y);
void fseg_blocked_upsample_back(fseg_context *context, const fseg_blocked *dy,
                                const fseg_blocked *dx);

#endif
