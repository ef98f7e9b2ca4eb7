/* Composition of corruptions: options, checks, order. */
#include "corrupt_internal.h"
#include <string.h>

fseg_corrupt_options fseg_corrupt_no_options(void)
{
    return (fseg_corrupt_options){.swap_patch = 32,
                                  .swap_pairs = 0,
                                  .shuffle_coverage = 1.9,
                                  .shuffle_side = 0,
                                  .paint_inner_share = 0.2,
                                  .patches_ratio = 0.75,
                                  .patches_size = 32};
}

fseg_corrupt_options fseg_corrupt_context_restoration(void)
{
    fseg_corrupt_options options = fseg_corrupt_no_options();
    options.swap_probability = 1.0;
    return options;
}

fseg_corrupt_options fseg_corrupt_models_genesis(void)
{
    fseg_corrupt_options options = fseg_corrupt_no_options();
    options.shuffle_probability = 0.5;
    options.intensity_probability = 0.9;
    options.paint_probability = 0.9;
    return options;
}

fseg_corrupt_options fseg_corrupt_masked_patches(void)
{
    fseg_corrupt_options options = fseg_corrupt_no_options();
    options.patches_probability = 1.0;
    return options;
}

/* NaN fails. */
static int probability_valid(double p)
{
    return p >= 0.0 && p <= 1.0;
}

static int options_valid(const fseg_corrupt_options *o, int height, int width)
{
    const int shorter = height < width ? height : width;
    if (!probability_valid(o->swap_probability) || !probability_valid(o->shuffle_probability) ||
        !probability_valid(o->intensity_probability) || !probability_valid(o->paint_probability) ||
        !probability_valid(o->paint_inner_share) || !probability_valid(o->patches_probability) ||
        !probability_valid(o->patches_ratio))
        return 0;
    if (o->swap_probability > 0.0 &&
        (o->swap_patch < 1 || o->swap_patch > shorter || o->swap_pairs < 0))
        return 0;
    if (o->shuffle_probability > 0.0 &&
        (!(o->shuffle_coverage >= 0.0 && o->shuffle_coverage <= 100.0) || o->shuffle_side < 0 ||
         o->shuffle_side > shorter))
        return 0;
    if (o->paint_probability > 0.0 && shorter < FSEG_PAINT_SIDE_MIN)
        return 0;
    return o->patches_probability == 0.0 || o->patches_size >= 1;
}

/* Always one draw, so that switching a corruption on does not move the others' draws of chance. */
static int chance(fseg_random *random, double probability)
{
    return fseg_random_uniform(random) < (float)probability;
}

fseg_status fseg_corrupt_apply(const fseg_corrupt_options *options, fseg_random *random,
                               int channels, int height, int width, float *image, uint8_t *mask)
{
    const fseg_corrupt_options *o = options;
    if (!o || !fseg_corrupt_sizes_valid(random, channels, height, width, image) ||
        !options_valid(o, height, width))
        return FSEG_ERROR_INVALID_ARGUMENT;
    if (mask)
        memset(mask, 0, (size_t)height * (size_t)width);
    fseg_status status = FSEG_OK;
    if (chance(random, o->swap_probability))
        status = fseg_corrupt_swap(o->swap_patch, o->swap_pairs, random, channels, height, width,
                                   image, mask);
    if (chance(random, o->shuffle_probability) && status == FSEG_OK)
        status = fseg_corrupt_shuffle(o->shuffle_coverage, o->shuffle_side, random, channels,
                                      height, width, image, mask);
    if (chance(random, o->intensity_probability) && status == FSEG_OK)
        status = fseg_corrupt_intensity(random, channels, height, width, image, mask);
    if (chance(random, o->paint_probability) && status == FSEG_OK)
        status = chance(random, o->paint_inner_share)
                     ? fseg_corrupt_inpaint(random, channels, height, width, image, mask)
                     : fseg_corrupt_outpaint(random, channels, height, width, image, mask);
    if (chance(random, o->patches_probability) && status == FSEG_OK)
        status = fseg_corrupt_patches(o->patches_size, o->patches_ratio, random, channels, height,
                                      width, image, mask);
    return status;
}
