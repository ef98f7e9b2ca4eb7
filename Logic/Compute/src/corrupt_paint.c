/* Corruptions that overpaint or recolour: in-painting, out-painting, intensity curves. */
#include "corrupt_internal.h"
#include <stdlib.h>
#include <string.h>

enum { BOXES_MAX = 5, MARGIN = 3 };

/* low to high, both included. */
static int draw_between(fseg_random *random, int low, int high)
{
    return low + (int)fseg_random_below(random, (uint32_t)(high - low) + 1u);
}

/* A box with sides in [low, high], MARGIN pixels inside the image. */
static fseg_box draw_box(fseg_random *random, const int low[2], const int high[2], int height,
                         int width)
{
    fseg_box box;
    box.height = draw_between(random, low[0], high[0]);
    box.width = draw_between(random, low[1], high[1]);
    box.y = draw_between(random, MARGIN, height - box.height - MARGIN);
    box.x = draw_between(random, MARGIN, width - box.width - MARGIN);
    return box;
}

/* The first always, each further one with probability 0.95. */
static int draw_boxes(fseg_random *random, const int low[2], const int high[2], int height,
                      int width, fseg_box boxes[BOXES_MAX])
{
    int count = 0;
    do
        boxes[count++] = draw_box(random, low, high, height, width);
    while (count < BOXES_MAX && fseg_random_uniform(random) < 0.95f);
    return count;
}

static int paintable(const fseg_random *random, int channels, int height, int width,
                     const float *image)
{
    return fseg_corrupt_sizes_valid(random, channels, height, width, image) &&
           height >= FSEG_PAINT_SIDE_MIN && width >= FSEG_PAINT_SIDE_MIN;
}

fseg_status fseg_corrupt_inpaint(fseg_random *random, int channels, int height, int width,
                                 float *image, uint8_t *mask)
{
    if (!paintable(random, channels, height, width, image))
        return FSEG_ERROR_INVALID_ARGUMENT;
    const size_t pixels = (size_t)height * (size_t)width;
    const fseg_range range = fseg_intensity_range(image, (size_t)channels * pixels);
    const int low[2] = {height / 6, width / 6}, high[2] = {height / 3, width / 3};
    fseg_box boxes[BOXES_MAX];
    const int count = draw_boxes(random, low, high, height, width, boxes);
    for (int k = 0; k < count; ++k) {
        const fseg_box b = boxes[k];
        for (int c = 0; c < channels; ++c)
            for (int y = b.y; y < b.y + b.height; ++y)
                for (int x = b.x; x < b.x + b.width; ++x)
                    image[(size_t)c * pixels + (size_t)y * (size_t)width + (size_t)x] =
                        fseg_random_range(random, range.low, range.high);
        fseg_mask_box(mask, width, b);
    }
    return FSEG_OK;
}

fseg_status fseg_corrupt_outpaint(fseg_random *random, int channels, int height, int width,
                                  float *image, uint8_t *mask)
{
    if (!paintable(random, channels, height, width, image))
        return FSEG_ERROR_INVALID_ARGUMENT;
    const size_t pixels = (size_t)height * (size_t)width;
    uint8_t *kept = calloc(pixels, 1);
    if (!kept)
        return FSEG_ERROR_OUT_OF_MEMORY;
    const fseg_range range = fseg_intensity_range(image, (size_t)channels * pixels);
    const int low[2] = {height - 4 * height / 7, width - 4 * width / 7};
    const int high[2] = {height - 3 * height / 7, width - 3 * width / 7};
    fseg_box boxes[BOXES_MAX];
    const int count = draw_boxes(random, low, high, height, width, boxes);
    for (int k = 0; k < count; ++k)
        fseg_mask_box(kept, width, boxes[k]);
    for (int c = 0; c < channels; ++c)
        for (size_t i = 0; i < pixels; ++i)
            if (!kept[i])
                image[(size_t)c * pixels + i] = fseg_random_range(random, range.low, range.high);
    for (size_t i = 0; mask && i < pixels; ++i)
        mask[i] = (uint8_t)(mask[i] | !kept[i]);
    free(kept);
    return FSEG_OK;
}

fseg_status fseg_corrupt_intensity(fseg_random *random, int channels, int height, int width,
                                   float *image, uint8_t *mask)
{
    if (!fseg_corrupt_sizes_valid(random, channels, height, width, image))
        return FSEG_ERROR_INVALID_ARGUMENT;
    const size_t pixels = (size_t)height * (size_t)width;
    const float p1[2] = {fseg_random_uniform(random), fseg_random_uniform(random)};
    const float p2[2] = {fseg_random_uniform(random), fseg_random_uniform(random)};
    float curve[FSEG_CURVE_SIZE + 1];
    fseg_curve_bezier(p1, p2, curve);
    if (fseg_random_uniform(random) < 0.5f)
        for (int i = 0; i <= FSEG_CURVE_SIZE; ++i)
            curve[i] = 1.0f - curve[i];
    const size_t count = (size_t)channels * pixels;
    fseg_curve_apply(curve, fseg_intensity_range(image, count), count, image);
    if (mask)
        memset(mask, 1, pixels);
    return FSEG_OK;
}
