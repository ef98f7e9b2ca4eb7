/* Tile kernels for AVX-512 (compiled with -mavx512f/vl/dq/bw -mfma). */
#define VLEN 16
#define TILE_BLOCKS 2
#define TILE_PIXELS 12
#define KERNELS_FUNCTION fseg_tile_kernels_avx512
#include "tile_kernels_body.h"
