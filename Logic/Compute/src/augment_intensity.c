/**
 * @file augment_intensity.c
 * Intensity transforms: tone curves by table, noise, separable blur, smooth bias field.
 */
#include "augment_internal.h"

#include "random_fill.h"

#include <math.h>
#include <string.h>

static const float pi = 3.14159265358979323846f;

enum {
    BLUR_RADIUS_MAX = 3 * FSEG_AUGMENT_BLUR_SIGMA_MAX + 1,
    NOISE_CHUNK = 1024,
    BEZIER_STEPS = 512
};

fseg_range fseg_intensity_range(const float *image, size_t count)
{
    fseg_range range = {INFINITY, -INFINITY, 0.0f};
    double sum = 0.0;
    size_t finite = 0;
    for (size_t i = 0; i < count; ++i) {
        const float v = image[i];
        if (!isfinite(v))
            continue;
        range.low = v < range.low ? v : range.low;
        range.high = v > range.high ? v : range.high;
        sum += (double)v;
        ++finite;
    }
    if (finite == 0) {
        const fseg_range nothing = {0.0f, 0.0f, 0.0f};
        return nothing;
    }
    range.mean = (float)(sum / (double)finite);
    return range;
}

void fseg_curve_gamma(float exponent, float *curve)
{
    for (int i = 0; i <= FSEG_CURVE_SIZE; ++i)
        curve[i] = powf((float)i / (float)FSEG_CURVE_SIZE, exponent);
}

void fseg_curve_bezier(const float p1[2], const float p2[2], float *curve)
{
    float x_before = 0.0f, y_before = 0.0f;
    int i = 0;
    for (int s = 1; s <= BEZIER_STEPS; ++s) {
        const float t = (float)s / (float)BEZIER_STEPS, u = 1.0f - t;
        const float b1 = 3.0f * u * u * t, b2 = 3.0f * u * t * t, b3 = t * t * t;
        const float x = b1 * p1[0] + b2 * p2[0] + b3;
        const float y = b1 * p1[1] + b2 * p2[1] + b3;
        /* x(t) and y(t) grow with t; write every table entry that this piece passes. */
        while (i <= FSEG_CURVE_SIZE && (float)i / (float)FSEG_CURVE_SIZE <= x) {
            const float at = (float)i / (float)FSEG_CURVE_SIZE;
            const float fraction = x > x_before ? (at - x_before) / (x - x_before) : 1.0f;
            curve[i++] = y_before + fraction * (y - y_before);
        }
        x_before = x;
        y_before = y;
    }
    while (i <= FSEG_CURVE_SIZE)
        curve[i++] = 1.0f;
}

void fseg_curve_apply(const float *curve, fseg_range range, size_t count, float *image)
{
    const float span = range.high - range.low;
    if (!(span > 0.0f) || !isfinite(span))
        return;
    const float scale = (float)FSEG_CURVE_SIZE / span;
    for (size_t i = 0; i < count; ++i) {
        float t = (image[i] - range.low) * scale;
        t = t > 0.0f ? t : 0.0f; /* NaN too */
        t = t < (float)FSEG_CURVE_SIZE ? t : (float)FSEG_CURVE_SIZE;
        int cell = (int)t;
        cell = cell < FSEG_CURVE_SIZE - 1 ? cell : FSEG_CURVE_SIZE - 1;
        const float fraction = t - (float)cell;
        image[i] = range.low + span * (curve[cell] + fraction * (curve[cell + 1] - curve[cell]));
    }
}

void fseg_intensity_linear(float factor, float offset, size_t count, float *image)
{
    for (size_t i = 0; i < count; ++i)
        image[i] = image[i] * factor + offset;
}

void fseg_intensity_noise(fseg_random *random, float sigma, size_t count, float *image)
{
    float normals[NOISE_CHUNK];
    for (size_t done = 0; done < count; done += NOISE_CHUNK) {
        const size_t left = count - done;
        const size_t take = left < NOISE_CHUNK ? left : NOISE_CHUNK;
        fseg_random_fill_normal(random, take, normals);
        for (size_t i = 0; i < take; ++i)
            image[done + i] += sigma * normals[i];
    }
}

size_t fseg_blur_scratch(int height, int width)
{
    const size_t columns = (size_t)width;
    return (size_t)height * columns + columns + 2 * (size_t)BLUR_RADIUS_MAX;
}

void fseg_intensity_blur(float sigma, int height, int width, float *image, float *scratch)
{
    const int radius = (int)ceilf(3.0f * sigma);
    if (radius < 1)
        return;
    float kernel[BLUR_RADIUS_MAX + 1];
    float sum = 0.0f;
    for (int k = 0; k <= radius; ++k) {
        const float d = (float)k / sigma;
        kernel[k] = expf(-0.5f * d * d);
        sum += k == 0 ? kernel[k] : 2.0f * kernel[k];
    }
    for (int k = 0; k <= radius; ++k)
        kernel[k] /= sum;

    const size_t columns = (size_t)width;
    float *rows = scratch;                              /* horizontally blurred image */
    float *padded = scratch + (size_t)height * columns; /* one row, edges repeated */
    for (int y = 0; y < height; ++y) {
        const float *in = image + (size_t)y * columns;
        float *out = rows + (size_t)y * columns;
        for (int k = 0; k < radius; ++k) {
            padded[k] = in[0];
            padded[(size_t)radius + columns + (size_t)k] = in[columns - 1];
        }
        memcpy(padded + radius, in, columns * sizeof *in);
        const float *centre = padded + radius;
        for (size_t x = 0; x < columns; ++x)
            out[x] = kernel[0] * centre[x];
        for (int k = 1; k <= radius; ++k) {
            const float w = kernel[k];
            const float *left = centre - k, *right = centre + k;
            for (size_t x = 0; x < columns; ++x)
                out[x] += w * (left[x] + right[x]);
        }
    }
    for (int y = 0; y < height; ++y) {
        const float *in = rows + (size_t)y * columns;
        float *out = image + (size_t)y * columns;
        for (size_t x = 0; x < columns; ++x)
            out[x] = kernel[0] * in[x];
        for (int k = 1; k <= radius; ++k) {
            const float w = kernel[k];
            const int above = y - k > 0 ? y - k : 0;
            const int below = y + k < height - 1 ? y + k : height - 1;
            const float *up = rows + (size_t)above * columns;
            const float *down = rows + (size_t)below * columns;
            for (size_t x = 0; x < columns; ++x)
                out[x] += w * (up[x] + down[x]);
        }
    }
}

size_t fseg_bias_scratch(int height, int width)
{
    return (size_t)height * (size_t)width + (size_t)FSEG_BIAS_ORDER * (size_t)width;
}

void fseg_intensity_bias(const float coefficients[FSEG_BIAS_ORDER][FSEG_BIAS_ORDER],
                         float amplitude, int channels, int height, int width, float *image,
                         float *scratch)
{
    const size_t columns = (size_t)width, pixels = (size_t)height * columns;
    float *field = scratch;
    float *waves = scratch + pixels; /* cos(i pi x) at pixel centres, [order][width] */
    for (int i = 0; i < FSEG_BIAS_ORDER; ++i)
        for (int x = 0; x < width; ++x)
            waves[(size_t)i * columns + (size_t)x] =
                cosf((float)i * pi * ((float)x + 0.5f) / (float)width);

    float low = INFINITY, high = -INFINITY;
    for (int y = 0; y < height; ++y) {
        float row[FSEG_BIAS_ORDER] = {0};
        for (int j = 0; j < FSEG_BIAS_ORDER; ++j) {
            const float wave = cosf((float)j * pi * ((float)y + 0.5f) / (float)height);
            for (int i = 0; i < FSEG_BIAS_ORDER; ++i)
                row[i] += coefficients[j][i] * wave;
        }
        float *out = field + (size_t)y * columns;
        for (size_t x = 0; x < columns; ++x)
            out[x] = row[0] * waves[x] + row[1] * waves[columns + x] +
                     row[2] * waves[2 * columns + x] + row[3] * waves[3 * columns + x];
        for (size_t x = 0; x < columns; ++x) {
            low = out[x] < low ? out[x] : low;
            high = out[x] > high ? out[x] : high;
        }
    }
    if (!(high > low))
        return;
    const float middle = 0.5f * (low + high), scale = 2.0f * amplitude / (high - low);
    for (size_t i = 0; i < pixels; ++i)
        field[i] = expf(scale * (field[i] - middle));
    for (int c = 0; c < channels; ++c) {
        float *channel = image + (size_t)c * pixels;
        for (size_t i = 0; i < pixels; ++i)
            channel[i] *= field[i];
    }
}
