/*
 * The kernels of tile_kernels.h, written once and compiled once per instruction set: the including
 * file defines VLEN, TILE_BLOCKS and TILE_PIXELS as for kernels_body.h, and KERNELS_FUNCTION.
 */
#include "tile_kernels.h"
#include "vector.h"

/* Pixels or tiles of one co block whose results fit into the registers. */
#define LONG_TILES (TILE_PIXELS * TILE_BLOCKS)

#include "ends_body.h"
#include "enlarge_body.h"
#include "products_body.h"
#include "winograd_body.h"

const fseg_tile_kernels *KERNELS_FUNCTION(void)
{
    static const fseg_tile_kernels table = {.winograd_weights = winograd_weights,
                                            .winograd_input = winograd_input,
                                            .products = tile_products,
                                            .winograd_output = winograd_output,
                                            .enlarge_input = enlarge_input,
                                            .enlarge_output = enlarge_output,
                                            .first_row = first_row,
                                            .last_row = last_row,
                                            .norm_max_pool = norm_max_pool};
    return &table;
}
