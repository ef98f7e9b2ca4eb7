/* Corruptions that move or hide pixels: swapped patches, shuffled windows, masked patches. */
#include "corrupt_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- swapped patches ------------------------------------------------------------------------- */

enum { PLACES_MAX = 1024, TRIES_PER_PLACE = 30 };

/* Poisson disc sample by dart throwing: top left corners that keep a distance of patch sqrt(2), so
 * that squares cannot overlap. Returns how many were placed. */
static int place_patches(int patch, int wanted, fseg_random *random, int height, int width,
                         fseg_box *places)
{
    int count = 0;
    const int tries = TRIES_PER_PLACE * wanted;
    for (int i = 0; i < tries && count < wanted; ++i) {
        const fseg_box box = {(int)fseg_random_below(random, (uint32_t)(height - patch + 1)),
                              (int)fseg_random_below(random, (uint32_t)(width - patch + 1)), patch,
                              patch};
        int free_place = 1;
        for (int k = 0; k < count && free_place; ++k) {
            const long dy = box.y - places[k].y, dx = box.x - places[k].x;
            free_place = dy * dy + dx * dx >= 2L * patch * patch;
        }
        if (free_place)
            places[count++] = box;
    }
    return count;
}

static void swap_boxes(fseg_box a, fseg_box b, int width, float *channel)
{
    for (int y = 0; y < a.height; ++y)
        for (int x = 0; x < a.width; ++x) {
            float *p = channel + (size_t)(a.y + y) * (size_t)width + (size_t)(a.x + x);
            float *q = channel + (size_t)(b.y + y) * (size_t)width + (size_t)(b.x + x);
            const float value = *p;
            *p = *q;
            *q = value;
        }
}

fseg_status fseg_corrupt_swap(int patch, int pairs, fseg_random *random, int channels, int height,
                              int width, float *image, uint8_t *mask)
{
    if (!fseg_corrupt_sizes_valid(random, channels, height, width, image) || patch < 1 ||
        patch > height || patch > width || pairs < 0)
        return FSEG_ERROR_INVALID_ARGUMENT;
    /* No more can find room than squares of the patch's area fill, edges included. */
    const long room = ((long)height / patch + 1) * ((long)width / patch + 1);
    long wanted = pairs > 0 && 2L * pairs < room ? 2L * pairs : room;
    wanted = wanted < PLACES_MAX ? wanted : PLACES_MAX;
    fseg_box places[PLACES_MAX];
    const int count = place_patches(patch, (int)wanted, random, height, width, places);
    for (int k = 0; k + 1 < count; k += 2) {
        for (int c = 0; c < channels; ++c)
            swap_boxes(places[k], places[k + 1], width,
                       image + (size_t)c * (size_t)height * (size_t)width);
        fseg_mask_box(mask, width, places[k]);
        fseg_mask_box(mask, width, places[k + 1]);
    }
    return FSEG_OK;
}

/* ---- shuffled windows ------------------------------------------------------------------------ */

/* Permute the places of one window: pixel i of the box shows pixel order[i] of the original. */
static void shuffle_window(const float *original, fseg_box box, const uint32_t *order, int width,
                           float *channel)
{
    for (int i = 0; i < box.height * box.width; ++i) {
        const int from = (int)order[i];
        const int y = box.y + i / box.width, x = box.x + i % box.width;
        const int v = box.y + from / box.width, w = box.x + from % box.width;
        channel[(size_t)y * (size_t)width + (size_t)x] =
            original[(size_t)v * (size_t)width + (size_t)w];
    }
}

static void draw_permutation(fseg_random *random, uint32_t count, uint32_t *order)
{
    for (uint32_t i = 0; i < count; ++i)
        order[i] = i;
    for (uint32_t i = count; i > 1; --i) {
        const uint32_t k = fseg_random_below(random, i), value = order[i - 1];
        order[i - 1] = order[k];
        order[k] = value;
    }
}

fseg_status fseg_corrupt_shuffle(double coverage, int side, fseg_random *random, int channels,
                                 int height, int width, float *image, uint8_t *mask)
{
    const int shorter = height < width ? height : width;
    if (!fseg_corrupt_sizes_valid(random, channels, height, width, image) ||
        !(coverage >= 0.0 && coverage <= 100.0) || side < 0 || side > shorter)
        return FSEG_ERROR_INVALID_ARGUMENT;
    side = side > 0 ? side : shorter >= 20 ? shorter / 10 : 2;
    side = side < shorter ? side : shorter;
    const size_t pixels = (size_t)height * (size_t)width;
    float *original = malloc((size_t)channels * pixels * sizeof *original);
    uint32_t *order = malloc((size_t)side * (size_t)side * sizeof *order);
    if (!original || !order) {
        free(original);
        free(order);
        return FSEG_ERROR_OUT_OF_MEMORY;
    }
    memcpy(original, image, (size_t)channels * pixels * sizeof *original);
    const double area = 0.25 * (side + 1.0) * (side + 1.0); /* expected, of one window */
    const long windows = lround(coverage * (double)pixels / area);
    for (long i = 0; i < windows; ++i) {
        fseg_box box;
        box.height = 1 + (int)fseg_random_below(random, (uint32_t)side);
        box.width = 1 + (int)fseg_random_below(random, (uint32_t)side);
        box.y = (int)fseg_random_below(random, (uint32_t)(height - box.height + 1));
        box.x = (int)fseg_random_below(random, (uint32_t)(width - box.width + 1));
        draw_permutation(random, (uint32_t)(box.height * box.width), order);
        for (int c = 0; c < channels; ++c)
            shuffle_window(original + (size_t)c * pixels, box, order, width,
                           image + (size_t)c * pixels);
        fseg_mask_box(mask, width, box);
    }
    free(original);
    free(order);
    return FSEG_OK;
}

/* ---- masked patches -------------------------------------------------------------------------- */

static void fill_box(fseg_box box, int width, float value, float *channel)
{
    for (int y = box.y; y < box.y + box.height; ++y)
        for (int x = box.x; x < box.x + box.width; ++x)
            channel[(size_t)y * (size_t)width + (size_t)x] = value;
}

fseg_status fseg_corrupt_patches(int patch, double ratio, fseg_random *random, int channels,
                                 int height, int width, float *image, uint8_t *mask)
{
    if (!fseg_corrupt_sizes_valid(random, channels, height, width, image) || patch < 1 ||
        !(ratio >= 0.0 && ratio <= 1.0))
        return FSEG_ERROR_INVALID_ARGUMENT;
    const int rows = (height + patch - 1) / patch, columns = (width + patch - 1) / patch;
    const uint32_t count = (uint32_t)(rows * columns);
    uint32_t *order = malloc(count * sizeof *order);
    if (!order)
        return FSEG_ERROR_OUT_OF_MEMORY;
    const size_t pixels = (size_t)height * (size_t)width;
    float mean[FSEG_AUGMENT_CHANNELS_MAX];
    for (int c = 0; c < channels; ++c)
        mean[c] = fseg_intensity_range(image + (size_t)c * pixels, pixels).mean;
    draw_permutation(random, count, order);
    long hidden = lround(ratio * (double)count);
    hidden = hidden > 0 ? hidden : 1;
    for (long i = 0; i < hidden; ++i) {
        fseg_box box = {(int)order[i] / columns * patch, (int)order[i] % columns * patch, patch,
                        patch};
        box.height = box.y + patch > height ? height - box.y : patch;
        box.width = box.x + patch > width ? width - box.x : patch;
        for (int c = 0; c < channels; ++c)
            fill_box(box, width, mean[c], image + (size_t)c * pixels);
        fseg_mask_box(mask, width, box);
    }
    free(order);
    return FSEG_OK;
}
