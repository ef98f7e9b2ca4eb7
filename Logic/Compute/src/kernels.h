/*
 * Kernels on the blocked layout, one table per instruction set.
 *
 * Blocked layout: channels in blocks of 16, each block a plane [H+2, W+2, 16] with a border of one
 * zero pixel on every side; a tensor is [N, blocks, H+2, W+2, 16]. Channels beyond the last real
 * one are zero. The border makes "same" convolution free of special cases; whoever writes a plane
 * writes its interior and leaves the border zero. The layout is private to the library.
 *
 * A table works on one element type: float, or bfloat16 (sums and statistics in float).
 */
#ifndef FSEG_KERNELS_H
#define FSEG_KERNELS_H

#include <stddef.h>

enum { FSEG_BLOCK = 16 };

/* One source tensor of a convolution (two when the input is a concatenation), one image. */
typedef struct fseg_conv_source {
    const void *x; /* first plane of the image */
    int channels;  /* real channels; planes = ceil(channels / 16) */
} fseg_conv_source;

/* Where the pixels of a tensor lie, in elements: pixel (h, w) of block b is at
 * origin + b * plane + h * row + w * pixel from the tensor's first plane. */
typedef struct fseg_pixel_map {
    ptrdiff_t origin;
    size_t plane, row, pixel;
} fseg_pixel_map;

enum { FSEG_MAX_TAPS = 9 };

/*
 * Rows row0..row1-1 of `blocks` output planes (1 or fseg_kernels.conv_blocks of them):
 * y[co, h, w] = bias[co] + sum over ci and taps of x[ci, (h, w) + tap] weight[co, ci, tap]
 * with both tensors addressed through pixel maps. The taps are offsets in elements, so one kernel
 * serves every convolution of the network, forward and backward, strided views included.
 */
typedef struct fseg_conv_rows {
    fseg_conv_source sources[2];
    int source_count;
    fseg_pixel_map in; /* of all sources; in.pixel is 16 or 32 */
    ptrdiff_t taps[FSEG_MAX_TAPS];
    int tap_count;
    const void *weight;   /* packed [co block][ci block][tap][16 ci][16 co], first block used;
                             bfloat16: the 16 x 16 as [8 ci pairs][16 co][2] */
    size_t weight_stride; /* elements from one co block to the next */
    const float *bias;    /* [blocks * 16] or null */
    void *y;              /* first output plane used */
    int y_is_float;       /* bfloat16 only: y is a float tensor, for the logits */
    fseg_pixel_map out;
    int row0, row1, width; /* pixels written */
    int blocks;
    int accumulate; /* add to y instead of overwriting */
    /* When not null: per row, the 16 sums and 16 sums of squares of y, [row][32] for the first
     * block, sums_stride floats further for the next; the statistics of GroupNorm for free. */
    float *sums;
    size_t sums_stride;
} fseg_conv_rows;

/*
 * Weight gradient of one (co block, ci block) pair from rows row0..row1-1 of one image, added to
 * dw [tap][16 ci][16 co], floats for every element type; the taps are kernel_h rows of kernel_w
 * neighbouring input pixels.
 */
typedef struct fseg_conv_weight_grad {
    const void *x, *dy; /* pixel (0, 0) of dy, and the input pixel under its first tap */
    size_t x_row, dy_row, dy_pixel;
    int kernel_h, kernel_w;
    int ci_count; /* real channels in the block */
    float *dw;
    int row0, row1, width;
} fseg_conv_weight_grad;

/* Affine map of GroupNorm per channel, y = scale x + shift, cut off below at `floor`: 0 is ReLU,
 * -infinity leaves y as it is. Arrays of 16. */
typedef struct fseg_norm_map {
    const float *scale, *shift;
    float floor;
} fseg_norm_map;

typedef struct fseg_kernels {
    const char *name;
    size_t element_size; /* 4: float, 2: bfloat16 */
    int conv_blocks;     /* co blocks that conv_rows handles best at once */
    void (*conv_rows)(const fseg_conv_rows *args);
    /* count floats to elements, whole pixels; and packed weights, in place. */
    void (*convert)(const float *in, void *out, size_t count);
    void (*convert_weights)(float *packed, size_t count);
    void (*conv_weight_grad)(const fseg_conv_weight_grad *args);
    /* Sums over the interior of one plane, per channel, in double: of x and x^2. */
    void (*channel_sums)(const void *x, int height, int width, double sum[16], double square[16]);
    /* y = max(scale x + shift, floor) on one plane; y may be x. */
    void (*norm_relu)(const void *x, fseg_norm_map map, void *y, int height, int width);
    /* Sums of g and g x, g = dy where scale x + shift > floor, else 0. */
    void (*norm_relu_grad_sums)(const void *x, const void *dy, fseg_norm_map map, int height,
                                int width, double sum[16], double product[16]);
    /* dx = p g + q x + r per channel, g as above; also the sums of dx. dx may be dy. */
    void (*norm_relu_grad)(const void *x, const void *dy, fseg_norm_map map, const float p[16],
                           const float q[16], const float r[16], void *dx, int height, int width,
                           double sum[16]);
    /* x plane [2 height, 2 width] -> y plane [height, width]. */
    void (*max_pool)(const void *x, void *y, int height, int width);
    /* dx += dy at the first maximum of each 2 x 2 window (row by row), as PyTorch does. */
    void (*max_pool_grad)(const void *x, const void *dy, void *dx, int height, int width);
    /* x plane [height, width] -> y plane [2 height, 2 width], nearest. */
    void (*upsample)(const void *x, void *y, int height, int width);
    /* dx [height, width] = sum of the four dy [2 height, 2 width]. */
    void (*upsample_grad)(const void *dy, void *dx, int height, int width);
} fseg_kernels;

const fseg_kernels *fseg_kernels_portable(void);
const fseg_kernels *fseg_kernels_avx2(void);
const fseg_kernels *fseg_kernels_avx512(void);
const fseg_kernels *fseg_kernels_avx512bf16(void);

#endif
