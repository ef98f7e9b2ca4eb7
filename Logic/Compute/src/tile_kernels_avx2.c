/* Tile kernels for AVX2 and FMA (compiled with -mavx2 -mfma). */
#define VLEN 8
#define TILE_BLOCKS 1
#define TILE_PIXELS 6
#define KERNELS_FUNCTION fseg_tile_kernels_avx2
#include "tile_kernels_body.h"
