/* Kernels for AVX-512 (compiled with -mavx512f/vl/dq/bw -mfma). */
#define VLEN 16
#define TILE_BLOCKS 2
#define TILE_PIXELS 12
#define TILE_CI 8
#define KERNELS_NAME "avx512"
#define KERNELS_FUNCTION fseg_kernels_avx512
#include "kernels_body.h"
