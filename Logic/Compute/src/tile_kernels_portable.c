/* Tile kernels for any processor. */
#define VLEN 4
#define TILE_BLOCKS 1
#define TILE_PIXELS 2
#define KERNELS_FUNCTION fseg_tile_kernels_portable
#include "tile_kernels_body.h"
