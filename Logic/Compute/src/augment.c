/**
 * @file augment.c
 * Options, checks and the order of the transforms. See docs/theory/augmentation.md.
 */
#include "frugalseg/augment.h"

#include "augment_internal.h"

#include <math.h>
#include <stdlib.h>

static const float pi = 3.14159265358979323846f;

fseg_augment_options fseg_augment_no_options(void)
{
    /* The ranges are those of the defaults: switching one transform on needs its probability. */
    const fseg_augment_options options = {
        .affine_probability = 0.0,
        .rotation_degrees = 20.0,
        .scale_low = 0.8,
        .scale_high = 1.25,
        .shear = 0.1,
        .translation = 0.06,
        .flip_horizontal_probability = 0.0,
        .elastic_probability = 0.0,
        .elastic_sigma_px = 6.0,
        .elastic_grid = 8,
        .gamma_probability = 0.0,
        .gamma_low = 0.5,
        .gamma_high = 2.0,
        .curve_probability = 0.0,
        .brightness_probability = 0.0,
        .brightness = 0.15,
        .contrast_probability = 0.0,
        .contrast_low = 0.6,
        .contrast_high = 1.5,
        .noise_probability = 0.0,
        .noise_sigma = 0.08,
        .blur_probability = 0.0,
        .blur_sigma_low = 0.5,
        .blur_sigma_high = 1.2,
        .bias_probability = 0.0,
        .bias_strength = 0.5,
    };
    return options;
}

fseg_augment_options fseg_augment_default_options(void)
{
    fseg_augment_options options = fseg_augment_no_options();
    options.affine_probability = 0.8;
    options.elastic_probability = 0.4;
    options.gamma_probability = 0.5;
    options.curve_probability = 0.3;
    options.brightness_probability = 0.3;
    options.contrast_probability = 0.3;
    options.noise_probability = 0.3;
    options.blur_probability = 0.2;
    options.bias_probability = 0.4;
    return options;
}

/* Comparisons are written so that NaN fails them. */
static int within(double value, double low, double high)
{
    return value >= low && value <= high;
}

static int options_valid(const fseg_augment_options *o)
{
    const double probabilities[] = {
        o->affine_probability,   o->flip_horizontal_probability, o->elastic_probability,
        o->gamma_probability,    o->curve_probability,           o->brightness_probability,
        o->contrast_probability, o->noise_probability,           o->blur_probability,
        o->bias_probability,
    };
    for (size_t i = 0; i < sizeof probabilities / sizeof *probabilities; ++i)
        if (!within(probabilities[i], 0.0, 1.0))
            return 0;
    return within(o->rotation_degrees, 0.0, 180.0) && within(o->scale_low, 0.05, 20.0) &&
           within(o->scale_high, o->scale_low, 20.0) && within(o->shear, 0.0, 2.0) &&
           within(o->translation, 0.0, 1.0) && within(o->elastic_sigma_px, 0.0, 1000.0) &&
           o->elastic_grid >= 2 && o->elastic_grid <= FSEG_AUGMENT_GRID_MAX &&
           within(o->gamma_low, 0.01, 100.0) && within(o->gamma_high, o->gamma_low, 100.0) &&
           within(o->brightness, 0.0, 100.0) && within(o->contrast_low, 0.0, 100.0) &&
           within(o->contrast_high, o->contrast_low, 100.0) && within(o->noise_sigma, 0.0, 100.0) &&
           within(o->blur_sigma_low, 0.0, FSEG_AUGMENT_BLUR_SIGMA_MAX) &&
           within(o->blur_sigma_high, o->blur_sigma_low, FSEG_AUGMENT_BLUR_SIGMA_MAX) &&
           within(o->bias_strength, 0.0, 10.0);
}

fseg_status fseg_augment_check(const fseg_augment_options *options)
{
    return options && options_valid(options) ? FSEG_OK : FSEG_ERROR_INVALID_ARGUMENT;
}

static int chance(fseg_random *random, double probability)
{
    /* Always one draw, so that switching a transform off leaves later draws where they were
       unless the transform itself would have drawn more. */
    return fseg_random_uniform(random) < (float)probability;
}

static float draw(fseg_random *random, double low, double high)
{
    return fseg_random_range(random, (float)low, (float)high);
}

static float draw_log(fseg_random *random, double low, double high)
{
    return expf(draw(random, log(low), log(high)));
}

/* Draw the geometric map; returns whether it differs from the identity. */
static int draw_warp(const fseg_augment_options *o, fseg_random *random, int height, int width,
                     fseg_warp *warp)
{
    warp->a[0][0] = warp->a[1][1] = 1.0f;
    warp->a[0][1] = warp->a[1][0] = 0.0f;
    warp->translation[0] = warp->translation[1] = 0.0f;
    warp->grid = 0;
    int moved = 0;
    if (chance(random, o->affine_probability)) {
        const float angle = draw(random, -o->rotation_degrees, o->rotation_degrees) * pi / 180.0f;
        /* The map runs from output to input, hence the inverse of the drawn scale. */
        const float inverse_scale = 1.0f / draw_log(random, o->scale_low, o->scale_high);
        const float shear = draw(random, -o->shear, o->shear);
        const float c = cosf(angle) * inverse_scale, s = sinf(angle) * inverse_scale;
        /* rotation * shear along x * scale */
        warp->a[0][0] = c;
        warp->a[0][1] = c * shear - s;
        warp->a[1][0] = s;
        warp->a[1][1] = s * shear + c;
        warp->translation[0] = draw(random, -o->translation, o->translation) * (float)width;
        warp->translation[1] = draw(random, -o->translation, o->translation) * (float)height;
        moved = 1;
    }
    if (chance(random, o->flip_horizontal_probability)) {
        warp->a[0][0] = -warp->a[0][0];
        warp->a[1][0] = -warp->a[1][0];
        moved = 1;
    }
    if (chance(random, o->elastic_probability)) {
        const int points = o->elastic_grid * o->elastic_grid;
        const float sigma = (float)o->elastic_sigma_px;
        warp->grid = o->elastic_grid;
        for (int i = 0; i < points; ++i) {
            warp->control_x[i] = sigma * fseg_random_normal(random);
            warp->control_y[i] = sigma * fseg_random_normal(random);
        }
        moved = 1;
    }
    return moved;
}

static void apply_tone(const fseg_augment_options *o, fseg_random *random, size_t count,
                       float *image)
{
    float curve[FSEG_CURVE_SIZE + 1];
    if (chance(random, o->curve_probability)) {
        const float p1[2] = {fseg_random_uniform(random), fseg_random_uniform(random)};
        const float p2[2] = {fseg_random_uniform(random), fseg_random_uniform(random)};
        fseg_curve_bezier(p1, p2, curve);
        fseg_curve_apply(curve, fseg_intensity_range(image, count), count, image);
    }
    if (chance(random, o->gamma_probability)) {
        fseg_curve_gamma(draw_log(random, o->gamma_low, o->gamma_high), curve);
        fseg_curve_apply(curve, fseg_intensity_range(image, count), count, image);
    }
}

static void apply_bias(const fseg_augment_options *o, fseg_random *random, int channels, int height,
                       int width, float *image, float *scratch)
{
    if (!chance(random, o->bias_probability))
        return;
    float coefficients[FSEG_BIAS_ORDER][FSEG_BIAS_ORDER];
    for (int j = 0; j < FSEG_BIAS_ORDER; ++j)
        for (int i = 0; i < FSEG_BIAS_ORDER; ++i) {
            /* Coil shading is mostly low: halve the weight with each further half-wave. */
            const int order = i + j;
            const float weight =
                order == 0 || order >= FSEG_BIAS_ORDER ? 0.0f : ldexpf(1.0f, -order);
            coefficients[j][i] = weight * draw(random, -1.0, 1.0);
        }
    const float amplitude = draw(random, 0.0, o->bias_strength);
    fseg_intensity_bias((const float(*)[FSEG_BIAS_ORDER])coefficients, amplitude, channels, height,
                        width, image, scratch);
}

static void apply_linear(const fseg_augment_options *o, fseg_random *random, size_t count,
                         float *image)
{
    if (chance(random, o->contrast_probability)) {
        const float factor =
            draw_log(random, fmax(o->contrast_low, 1e-3), fmax(o->contrast_high, 1e-3));
        const float mean = fseg_intensity_range(image, count).mean;
        fseg_intensity_linear(factor, mean * (1.0f - factor), count, image);
    }
    if (chance(random, o->brightness_probability))
        fseg_intensity_linear(1.0f, draw(random, -o->brightness, o->brightness), count, image);
}

fseg_status fseg_augment_apply(const fseg_augment_options *options, fseg_random *random,
                               int channels, int height, int width, float *image, uint8_t *label)
{
    if (!options || !random || !image || !options_valid(options) || channels < 1 ||
        channels > FSEG_AUGMENT_CHANNELS_MAX || height < 1 || height > FSEG_AUGMENT_SIDE_MAX ||
        width < 1 || width > FSEG_AUGMENT_SIDE_MAX)
        return FSEG_ERROR_INVALID_ARGUMENT;

    const size_t pixels = (size_t)height * (size_t)width;
    const size_t count = pixels * (size_t)channels;
    size_t floats = fseg_warp_scratch(channels, height, width);
    const size_t others[] = {fseg_blur_scratch(height, width), fseg_bias_scratch(height, width)};
    for (int i = 0; i < 2; ++i)
        floats = others[i] > floats ? others[i] : floats;
    const size_t warp_bytes = (sizeof(fseg_warp) + 63) / 64 * 64;
    /* One allocation, made before anything is changed. */
    unsigned char *memory = malloc(warp_bytes + floats * sizeof(float));
    if (!memory)
        return FSEG_ERROR_OUT_OF_MEMORY;
    fseg_warp *warp = (fseg_warp *)(void *)memory;
    float *scratch = (float *)(void *)(memory + warp_bytes);

    if (draw_warp(options, random, height, width, warp))
        fseg_warp_apply(warp, channels, height, width, image, label, scratch);
    apply_tone(options, random, count, image);
    apply_bias(options, random, channels, height, width, image, scratch);
    apply_linear(options, random, count, image);
    if (chance(random, options->blur_probability)) {
        const float sigma = draw(random, options->blur_sigma_low, options->blur_sigma_high);
        for (int c = 0; c < channels; ++c)
            fseg_intensity_blur(sigma, height, width, image + (size_t)c * pixels, scratch);
    }
    if (chance(random, options->noise_probability))
        fseg_intensity_noise(random, draw(random, 0.0, options->noise_sigma), count, image);

    free(memory);
    return FSEG_OK;
}
