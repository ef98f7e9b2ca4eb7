/* What the corruptions share. */
#ifndef FSEG_CORRUPT_INTERNAL_H
#define FSEG_CORRUPT_INTERNAL_H

#include "augment_internal.h"
#include "frugalseg/corrupt.h"

static inline int fseg_corrupt_sizes_valid(const fseg_random *random, int channels, int height,
                                           int width, const float *image)
{
    return random && image && channels >= 1 && channels <= FSEG_AUGMENT_CHANNELS_MAX &&
           height >= 1 && height <= FSEG_AUGMENT_SIDE_MAX && width >= 1 &&
           width <= FSEG_AUGMENT_SIDE_MAX;
}

typedef struct fseg_box {
    int y, x, height, width;
} fseg_box;

/* Set the box in the mask, which may be null. */
static inline void fseg_mask_box(uint8_t *mask, int width, fseg_box box)
{
    for (int y = box.y; mask && y < box.y + box.height; ++y)
        for (int x = box.x; x < box.x + box.width; ++x)
            mask[(size_t)y * (size_t)width + (size_t)x] = 1;
}

/* Smallest side that fseg_corrupt_inpaint and _outpaint take. */
enum { FSEG_PAINT_SIDE_MIN = 16 };

#endif
