/* Kernels for any processor: vectors of four floats, which every compiler target can express. */
#define VLEN 4
#define TILE_BLOCKS 1
#define TILE_PIXELS 2
#define TILE_CI 4
#define KERNELS_NAME "portable"
#define KERNELS_FUNCTION fseg_kernels_portable
#include "kernels_body.h"
