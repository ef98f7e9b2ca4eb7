/*
 * Kernels of the single-precision inference path beyond those of kernels.h: convolution by tiles,
 * one table per instruction set. They work on the blocked layout of kernels.h.
 */
#ifndef FSEG_TILE_KERNELS_H
#define FSEG_TILE_KERNELS_H

#include "kernels.h"

/*
 * Convolution by tiles (Winograd): transformed inputs and results of a block of tiles lie as
 * [position][channel block][tile][16]; strides in floats.
 */

/* Transforms one row of tiles of one input plane. */
typedef struct fseg_tile_input {
    const float *x; /* plane; its border is not read */
    int height, width;
    int tile_row;
    const fseg_norm_map *norm; /* applied to x first; null: x as it is */
    float *v;
    size_t v_position;
} fseg_tile_input;

/* For each position: m [co block][tile][16] = v [ci block][tile][16] times u. */
typedef struct fseg_tile_products {
    const float *v;
    size_t v_position, v_block;
    const float *u; /* [position][co block][ci block][16 ci][16 co] */
    size_t u_position, u_block;
    float *m;
    size_t m_position, m_block;
    int positions, tiles, in_blocks, out_blocks;
} fseg_tile_products;

/* Transforms the weights of 16 output channels for one input channel, taps [9][16], to
 * u + position * u_position. */
typedef struct fseg_tile_weights {
    const float *taps;
    float *u;
    size_t u_position;
} fseg_tile_weights;

/* Transforms one row of tiles of one output plane back. */
typedef struct fseg_tile_output {
    const float *m;
    size_t m_position;
    const float *bias; /* [16] or null */
    float *y;          /* plane */
    int height, width, tile_row;
    int accumulate; /* Winograd: add to y instead of overwriting */
    float *sums;    /* 16 sums and 16 sums of squares of the row's outputs; or null */
} fseg_tile_output;

/* One row of one output plane of a 3x3 convolution that reads plain planes with few channels. */
typedef struct fseg_first_row {
    const float *x; /* pixel under the first tap of the row's first output, first channel */
    size_t x_plane, x_row;
    int channels, width;
    const float *weight; /* [channel][3][3][16 co] */
    const float *bias;   /* [16] or null */
    float *y;            /* first pixel of the row */
    float *sums;         /* as in fseg_tile_output */
} fseg_first_row;

/* One row of logits of a 1x1 convolution, written to plain planes. */
typedef struct fseg_last_row {
    const float *x; /* first pixel of the row in the first plane */
    size_t x_plane;
    int blocks, width;
    const float *scale, *shift; /* [blocks * 16], ReLU(scale x + shift); scale null: x as it is */
    const float *weight;        /* [channel of blocks * 16][16], first `classes` of 16 used */
    const float *bias;          /* [16] or null */
    float *y;                   /* first pixel of the row, first class */
    size_t y_plane;
    int classes; /* at most 16 */
} fseg_last_row;

typedef struct fseg_tile_kernels {
    void (*winograd_weights)(const fseg_tile_weights *args);
    void (*winograd_input)(const fseg_tile_input *args);
    void (*products)(const fseg_tile_products *args);
    void (*winograd_output)(const fseg_tile_output *args);
    /* Upsampling with a 2x2 convolution: rows of the small image, four positions; the output takes
     * m of its row and of the next, neighbours in memory, and writes rows of y (height x width)
     * 2 tile_row and 2 tile_row + 1. */
    void (*enlarge_input)(const fseg_tile_input *args);
    void (*enlarge_output)(const fseg_tile_output *args);
    void (*first_row)(const fseg_first_row *args);
    void (*last_row)(const fseg_last_row *args);
    /* Rows row0..row1-1 of y [height, width] = maxima of max(scale x + shift, floor). */
    void (*norm_max_pool)(const float *x, fseg_norm_map map, float *y, int width, int row0,
                          int row1);
} fseg_tile_kernels;

const fseg_tile_kernels *fseg_tile_kernels_portable(void);
const fseg_tile_kernels *fseg_tile_kernels_avx2(void);
const fseg_tile_kernels *fseg_tile_kernels_avx512(void);

#endif
