/* Labelled organs in other grey values. */
#include "frugalseg/recolour.h"
#include "augment_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { RANGE_SAMPLES = 65536, LABELS = 256 };

fseg_recolour_options fseg_recolour_default_options(void)
{
    return (fseg_recolour_options){.probability = 0.7,
                                   .mean_low = 0.03,
                                   .mean_high = 1.2,
                                   .gain_low = 0.5,
                                   .gain_high = 1.5,
                                   .edge_pixels = 0.8};
}

static int ascending(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void fseg_volume_range(const float *image, size_t count, double *low, double *high)
{
    const size_t stride = count / RANGE_SAMPLES + 1;
    float *sample = malloc((count / stride + 1) * sizeof *sample);
    size_t taken = 0;
    *low = *high = 0.0;
    for (size_t i = 0; sample && i < count; i += stride)
        if (isfinite(image[i]))
            sample[taken++] = image[i];
    if (taken > 0) {
        qsort(sample, taken, sizeof *sample, ascending);
        *low = sample[(taken - 1) / 200];
        *high = sample[(taken - 1) * 99 / 100];
    }
    free(sample);
}

double fseg_label_mean(const float *image, const uint8_t *labels, size_t count, int label)
{
    double sum = 0.0;
    size_t members = 0;
    for (size_t i = 0; i < count; ++i)
        if (labels[i] == label && isfinite(image[i])) {
            sum += (double)image[i];
            ++members;
        }
    return members ? sum / (double)members : NAN;
}

static int within(double value, double low, double high)
{
    return value >= low && value <= high;
}

static int sizes_valid(int depth, int height, int width)
{
    return depth >= 1 && height >= 1 && height <= FSEG_AUGMENT_SIDE_MAX && width >= 1 &&
           width <= FSEG_AUGMENT_SIDE_MAX;
}

/* First to last row of `label` in a slice; 0 when it is not there. */
static int find_rows(const uint8_t *labels, int height, int width, int label, int *first, int *last)
{
    *first = height;
    *last = -1;
    for (int y = 0; y < height; ++y)
        if (memchr(labels + (size_t)y * (size_t)width, label, (size_t)width)) {
            *first = y < *first ? y : *first;
            *last = y;
        }
    return *last >= 0;
}

fseg_status fseg_recolour_label(float *image, const uint8_t *labels, int depth, int height,
                                int width, int label, double mean, double gain, double edge_pixels)
{
    if (!image || !labels || !sizes_valid(depth, height, width) || label < 1 || label >= LABELS ||
        !isfinite(mean) || !within(gain, 0.0, 100.0) ||
        !within(edge_pixels, 0.0, FSEG_AUGMENT_BLUR_SIGMA_MAX))
        return FSEG_ERROR_INVALID_ARGUMENT;
    const size_t plane = (size_t)height * (size_t)width, count = plane * (size_t)depth;
    const double before = fseg_label_mean(image, labels, count, label);
    if (isnan(before))
        return FSEG_OK;
    float *member = malloc((plane + fseg_blur_scratch(height, width)) * sizeof *member);
    if (!member)
        return FSEG_ERROR_OUT_OF_MEMORY;
    const float lowest = fseg_intensity_range(image, count).low;
    const float g = (float)gain, offset = (float)(mean - gain * before);
    const int reach = (int)ceil(3.0 * edge_pixels);
    for (int k = 0; k < depth; ++k) {
        const uint8_t *slice_labels = labels + (size_t)k * plane;
        float *slice = image + (size_t)k * plane;
        int first, last;
        if (!find_rows(slice_labels, height, width, label, &first, &last))
            continue;
        /* The blur reaches no further: rows beyond it stay as they are. */
        first = first > reach ? first - reach : 0;
        last = last + reach < height ? last + reach : height - 1;
        const size_t start = (size_t)first * (size_t)width;
        const size_t pixels = (size_t)(last - first + 1) * (size_t)width;
        for (size_t i = 0; i < pixels; ++i)
            member[i] = slice_labels[start + i] == label ? 1.0f : 0.0f;
        fseg_intensity_blur((float)edge_pixels, last - first + 1, width, member, member + plane);
        for (size_t i = 0; i < pixels; ++i) {
            const float v = slice[start + i], changed = g * v + offset;
            if (!(member[i] > 0.0f))
                continue;
            const float mixed = v + member[i] * (changed - v);
            slice[start + i] = mixed > lowest ? mixed : lowest;
        }
    }
    free(member);
    return FSEG_OK;
}

fseg_status fseg_recolour(const fseg_recolour_options *options, fseg_random *random, float *image,
                          const uint8_t *labels, int depth, int height, int width)
{
    const fseg_recolour_options *o = options;
    if (!o || !random || !image || !labels || !sizes_valid(depth, height, width) ||
        !within(o->probability, 0.0, 1.0) || !within(o->mean_low, -10.0, 10.0) ||
        !within(o->mean_high, o->mean_low, 10.0) || !within(o->gain_low, 0.0, 100.0) ||
        !within(o->gain_high, o->gain_low, 100.0) ||
        !within(o->edge_pixels, 0.0, FSEG_AUGMENT_BLUR_SIGMA_MAX))
        return FSEG_ERROR_INVALID_ARGUMENT;
    const size_t count = (size_t)depth * (size_t)height * (size_t)width;
    double low, high;
    fseg_volume_range(image, count, &low, &high);
    int present[LABELS] = {0};
    for (size_t i = 0; i < count; ++i)
        present[labels[i]] = 1;
    fseg_status status = FSEG_OK;
    for (int label = 1; label < LABELS && status == FSEG_OK; ++label) {
        if (!present[label])
            continue;
        /* Three draws for every organ, so that one organ's luck does not move another's. */
        const float chance = fseg_random_uniform(random);
        const float mean = fseg_random_range(random, (float)o->mean_low, (float)o->mean_high);
        const float gain = fseg_random_range(random, (float)o->gain_low, (float)o->gain_high);
        if (chance < (float)o->probability)
            status = fseg_recolour_label(image, labels, depth, height, width, label,
                                         low + (double)mean * (high - low), (double)gain,
                                         o->edge_pixels);
    }
    return status;
}
