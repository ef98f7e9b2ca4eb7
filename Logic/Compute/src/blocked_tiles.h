/*
 * The single-precision inference path on blocked tensors: convolutions with fewer multiplications,
 * and ends of the network that read and write plain tensors. GroupNorm with ReLU is applied where
 * a tensor is read, so that no pass over the tensor is spent on it. Nothing of the size of a tensor
 * is stored in between, and results depend neither on the batch nor on the threads.
 */
#ifndef FSEG_BLOCKED_TILES_H
#define FSEG_BLOCKED_TILES_H

#include "blocked.h"

/* A source tensor, normalized on the way in: ReLU(scale x + shift) per padded channel of each
 * image, [n][blocks * 16]; scale null: x as it is. The border of x is never read. */
typedef struct fseg_normed {
    fseg_blocked x;
    const float *scale, *shift;
} fseg_normed;

/* The map of block `block` of image `image`. */
fseg_norm_map fseg_normed_map(const fseg_normed *source, int image, size_t block);

/* Calls task(user, i, scratch of slot_floats) for i < count, each thread with scratch of its own.
 */
void fseg_tiles_run(fseg_context *context, size_t count, float *scratch, size_t slot_floats,
                    void (*task)(void *user, size_t i, float *scratch), void *user);

/* All convolutions: y = conv(concat(x...)) + bias, bias [blocks * 16] or null; `sums` [n][blocks]
 * [rows][32] as of fseg_blocked_conv with the number of rows given here; scratch of the floats
 * given here for every thread of the context. Borders of y are left as they are. */

/* Winograd F(4x4, 3x3): 36 products a tile instead of 144 (winograd_body.h). */
size_t fseg_winograd_packed_floats(const fseg_conv_shape *shape);
void fseg_winograd_pack(const fseg_context *context, const fseg_conv_shape *shape,
                        const float *weight, float *packed);
size_t fseg_winograd_slot_floats(const fseg_conv_shape *shape, int n, int height, int width);
size_t fseg_winograd_sums_rows(int height);
void fseg_blocked_winograd(fseg_context *context, const fseg_conv_shape *shape,
                           const fseg_normed x[], const float *packed, const float *bias,
                           const fseg_blocked *y, float *sums, float *scratch);
/* dx of one source from dy, added to dx when `accumulate`: the same with other weights. */
size_t fseg_winograd_packed_back_floats(const fseg_conv_shape *shape, int source);
void fseg_winograd_pack_back(const fseg_context *context, const fseg_conv_shape *shape, int source,
                             const float *weight, float *packed);
size_t fseg_winograd_back_slot_floats(const fseg_conv_shape *shape, int source, int n, int height,
                                      int width);
void fseg_blocked_winograd_back(fseg_context *context, const fseg_conv_shape *shape, int source,
                                const fseg_blocked *dy, const float *packed_back, int accumulate,
                                const fseg_blocked *dx, float *scratch);

/* Upsampling and 2x2 convolution: 4 products a small pixel instead of 9 (enlarge_body.h); height
 * and width are those of x. */
size_t fseg_enlarge_packed_floats(const fseg_conv_shape *shape);
void fseg_enlarge_pack(const fseg_conv_shape *shape, const float *weight, float *packed);
size_t fseg_enlarge_slot_floats(const fseg_conv_shape *shape, int height, int width);
void fseg_blocked_enlarge(fseg_context *context, const fseg_conv_shape *shape, const fseg_normed *x,
                          const float *packed, const float *bias, const fseg_blocked *y,
                          float *sums, float *scratch);

/* First 3x3 convolution: x [n, channels, height, width] plain, with few channels. */
enum { FSEG_FIRST_MOST_CHANNELS = 8 };
size_t fseg_first_packed_floats(const fseg_conv_shape *shape);
void fseg_first_pack(const fseg_conv_shape *shape, const float *weight, float *packed);
size_t fseg_first_slot_floats(const fseg_conv_shape *shape, int width);
void fseg_blocked_first(fseg_context *context, const fseg_conv_shape *shape, const float *x,
                        const float *packed, const float *bias, const fseg_blocked *y, float *sums,
                        float *scratch);

/* Last 1x1 convolution: y [n, out_channels, height, width] plain, at most 16 channels; the weights
 * are those of fseg_conv_pack. */
enum { FSEG_LAST_MOST_CHANNELS = FSEG_BLOCK };
void fseg_blocked_last(fseg_context *context, const fseg_conv_shape *shape, const fseg_normed *x,
                       const float *packed, const float *bias, float *y);

/* 2x2 maximum. */
void fseg_blocked_normed_max_pool(fseg_context *context, const fseg_normed *x,
                                  const fseg_blocked *y);

#endif
