/* Fixed changes of contrast and quality, to measure how far a model survives them. */
#include "frugalseg/recolour.h"
#include "random_fill.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const double dark_mean = 0.05, dark_gain = 0.5, bright_factor = 1.2, edge_pixels = 0.8;
static const float bias_amplitude = 0.5f;
static const double noise_sigma = 0.06;
enum { BIAS_STREAM = 1, NOISE_STREAM = 16, WAVES = 3, LABELS = 256 };

static const char *const names[] = {"none", "dark", "bright", "bias", "noise"};
enum { SHIFTS = sizeof names / sizeof *names };

const char *fseg_shift_name(fseg_shift shift)
{
    return (int)shift >= 0 && (int)shift < SHIFTS ? names[shift] : names[0];
}

int fseg_shift_from_name(const char *name)
{
    for (int i = 0; name && i < SHIFTS; ++i)
        if (strcmp(names[i], name) == 0)
            return i;
    return -1;
}

/* Mean of the brightest organ but the structure; the top of the range when there is none. */
static double brightest_other(const float *image, const uint8_t *labels, size_t count,
                              int structure, double high)
{
    double sums[LABELS] = {0}, best = -INFINITY;
    size_t members[LABELS] = {0};
    for (size_t i = 0; i < count; ++i) {
        sums[labels[i]] += (double)image[i];
        ++members[labels[i]];
    }
    for (int label = 1; label < LABELS; ++label)
        if (label != structure && members[label] > 0)
            best = fmax(best, sums[label] / (double)members[label]);
    return best > -INFINITY ? best : high;
}

/* cos(w pi x) at the centre of sample i of n. */
static float wave(int w, int i, int n)
{
    return cosf(3.14159265f * (float)w * ((float)i + 0.5f) / (float)n);
}

/* A sum of cosine half-waves, two at most along each axis. */
static void fill_field(uint64_t seed, int depth, int height, int width, float *field)
{
    fseg_random random = fseg_random_create(seed, BIAS_STREAM);
    float weights[WAVES][WAVES][WAVES];
    for (int a = 0; a < WAVES; ++a)
        for (int b = 0; b < WAVES; ++b)
            for (int c = 0; c < WAVES; ++c) {
                const float draw = fseg_random_range(&random, -1.0f, 1.0f);
                const int order = a + b + c;
                weights[a][b][c] = order == 0 || order >= WAVES ? 0.0f : draw / (float)order;
            }
    size_t at = 0;
    for (int k = 0; k < depth; ++k)
        for (int j = 0; j < height; ++j) {
            float along[WAVES] = {0};
            for (int a = 0; a < WAVES; ++a)
                for (int b = 0; b < WAVES; ++b)
                    for (int c = 0; c < WAVES; ++c)
                        along[c] += weights[a][b][c] * wave(a, k, depth) * wave(b, j, height);
            for (int i = 0; i < width; ++i) {
                float value = 0.0f;
                for (int c = 0; c < WAVES; ++c)
                    value += along[c] * wave(c, i, width);
                field[at++] = value;
            }
        }
}

static fseg_status apply_bias(uint64_t seed, float *image, int depth, int height, int width)
{
    const size_t count = (size_t)depth * (size_t)height * (size_t)width;
    float *field = malloc(count * sizeof *field);
    if (!field)
        return FSEG_ERROR_OUT_OF_MEMORY;
    fill_field(seed, depth, height, width, field);
    float low = field[0], high = field[0];
    for (size_t i = 0; i < count; ++i) {
        low = field[i] < low ? field[i] : low;
        high = field[i] > high ? field[i] : high;
    }
    const float middle = 0.5f * (low + high);
    const float scale = high > low ? 2.0f * bias_amplitude / (high - low) : 0.0f;
    for (size_t i = 0; i < count; ++i)
        image[i] *= expf(scale * (field[i] - middle));
    free(field);
    return FSEG_OK;
}

/* The magnitude of the signal with Gaussian noise in both channels; one stream a row. */
static fseg_status apply_noise(uint64_t seed, float *image, int depth, int height, int width)
{
    const size_t count = (size_t)depth * (size_t)height * (size_t)width;
    double low, high;
    fseg_volume_range(image, count, &low, &high);
    float *normals = malloc(2 * (size_t)width * sizeof *normals);
    if (!normals)
        return FSEG_ERROR_OUT_OF_MEMORY;
    const float sigma = (float)(noise_sigma * (high - low)), zero = (float)low;
    for (size_t row = 0; row < (size_t)depth * (size_t)height; ++row) {
        fseg_random random = fseg_random_create(seed, NOISE_STREAM + row);
        fseg_random_fill_normal(&random, 2 * (size_t)width, normals);
        float *values = image + row * (size_t)width;
        for (int i = 0; i < width; ++i) {
            const float real = values[i] - zero + sigma * normals[2 * i];
            const float imaginary = sigma * normals[2 * i + 1];
            values[i] = zero + sqrtf(real * real + imaginary * imaginary);
        }
    }
    free(normals);
    return FSEG_OK;
}

fseg_status fseg_shift_apply(fseg_shift shift, uint64_t seed, float *image, const uint8_t *labels,
                             int depth, int height, int width, int structure)
{
    if (!image || !labels || depth < 1 || height < 1 || width < 1 || structure < 1 ||
        structure >= LABELS)
        return FSEG_ERROR_INVALID_ARGUMENT;
    const size_t count = (size_t)depth * (size_t)height * (size_t)width;
    double low, high, mean;
    switch (shift) {
    case FSEG_SHIFT_NONE:
        return FSEG_OK;
    case FSEG_SHIFT_DARK:
        fseg_volume_range(image, count, &low, &high);
        return fseg_recolour_label(image, labels, depth, height, width, structure,
                                   low + dark_mean * (high - low), dark_gain, edge_pixels);
    case FSEG_SHIFT_BRIGHT:
        fseg_volume_range(image, count, &low, &high);
        mean = bright_factor * brightest_other(image, labels, count, structure, high);
        return fseg_recolour_label(image, labels, depth, height, width, structure, mean, 1.0,
                                   edge_pixels);
    case FSEG_SHIFT_BIAS:
        return apply_bias(seed, image, depth, height, width);
    case FSEG_SHIFT_NOISE:
        return apply_noise(seed, image, depth, height, width);
    }
    return FSEG_ERROR_INVALID_ARGUMENT;
}
