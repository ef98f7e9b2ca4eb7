/* Kernels for AVX2 and FMA (compiled with -mavx2 -mfma). */
#define VLEN 8
#define TILE_BLOCKS 1
#define TILE_PIXELS 6
#define TILE_CI 4
#define KERNELS_NAME "avx2"
#define KERNELS_FUNCTION fseg_kernels_avx2
#include "kernels_body.h"
