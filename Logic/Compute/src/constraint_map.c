/* Constraint maps: normalization, principal components, denoising, clustering. */
#include "frugalseg/constraint_map.h"
#include "cluster.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { CONTRASTS_MAX = 64, SIDE_MAX = 1 << 14, DEPTH_MAX = 1 << 14 };

fseg_constraint_options fseg_constraint_default_options(void)
{
    return (fseg_constraint_options){.components = 4,
                                     .clusters = 20,
                                     .denoise_weight = 40.0,
                                     .denoise_iterations = 30,
                                     .percentile_low = 0.01,
                                     .percentile_high = 99.9};
}

static int compare_floats(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return x < y ? -1 : x > y;
}

/* Map the percentiles of the foreground (above the minimum) to 0 and 1, and cut off beyond. */
static void stretch(const fseg_constraint_options *o, size_t count, float *image, float *sorted)
{
    float low = image[0];
    for (size_t i = 1; i < count; ++i)
        low = image[i] < low ? image[i] : low;
    size_t foreground = 0;
    for (size_t i = 0; i < count; ++i)
        if (image[i] > low)
            sorted[foreground++] = image[i];
    if (foreground == 0) {
        memset(image, 0, count * sizeof *image);
        return;
    }
    qsort(sorted, foreground, sizeof *sorted, compare_floats);
    const double last = (double)(foreground - 1) / 100.0;
    const float from = sorted[(size_t)(o->percentile_low * last)];
    const float to = sorted[(size_t)(o->percentile_high * last)];
    for (size_t i = 0; i < count; ++i) {
        const float v = to > from ? (image[i] - from) / (to - from) : image[i] > from ? 1.0f : 0.0f;
        image[i] = v > 0.0f ? (v < 1.0f ? v : 1.0f) : 0.0f;
    }
}

/* images [contrasts, count] become their first `components` principal components in place. */
static fseg_status principal_components(int contrasts, int components, size_t count, float *images)
{
    const size_t n = (size_t)contrasts;
    double *memory = calloc(2 * n * n + 2 * n, sizeof *memory);
    if (!memory)
        return FSEG_ERROR_OUT_OF_MEMORY;
    double *covariance = memory, *vectors = memory + n * n, *mean = vectors + n * n;
    double *values = mean + n;
    for (size_t c = 0; c < n; ++c)
        for (size_t i = 0; i < count; ++i)
            mean[c] += (double)images[c * count + i] / (double)count;
    for (size_t a = 0; a < n; ++a)
        for (size_t b = 0; b <= a; ++b) {
            double sum = 0.0;
            for (size_t i = 0; i < count; ++i)
                sum += ((double)images[a * count + i] - mean[a]) *
                       ((double)images[b * count + i] - mean[b]);
            covariance[a * n + b] = covariance[b * n + a] = sum / (double)count;
        }
    fseg_symmetric_eigen(covariance, contrasts, vectors, values);
    for (size_t i = 0; i < count; ++i) {
        double voxel[CONTRASTS_MAX];
        for (size_t c = 0; c < n; ++c)
            voxel[c] = (double)images[c * count + i] - mean[c];
        for (int k = 0; k < components; ++k) {
            double sum = 0.0;
            for (size_t c = 0; c < n; ++c)
                sum += voxel[c] * vectors[c * n + (size_t)k];
            images[(size_t)k * count + i] = (float)sum;
        }
    }
    free(memory);
    return FSEG_OK;
}

static void joint_scale(size_t count, float *values)
{
    float low = values[0], high = values[0];
    for (size_t i = 1; i < count; ++i) {
        low = values[i] < low ? values[i] : low;
        high = values[i] > high ? values[i] : high;
    }
    const float scale = high > low ? 1.0f / (high - low) : 0.0f;
    for (size_t i = 0; i < count; ++i)
        values[i] = (values[i] - low) * scale;
}

typedef struct denoise_job {
    const fseg_constraint_options *options;
    float *slices, *scratch; /* [count] slices, and room for each */
    const float *largest;    /* of each component */
    int depth, height, width;
} denoise_job;

static void denoise_slice(void *user, size_t i)
{
    const denoise_job *job = user;
    const size_t pixels = (size_t)job->height * (size_t)job->width;
    float *slice = job->slices + i * pixels;
    const float largest = job->largest[i / (size_t)job->depth];
    for (size_t k = 0; largest > 0.0f && k < pixels; ++k)
        slice[k] /= largest;
    fseg_total_variation(job->options->denoise_weight, job->options->denoise_iterations,
                         job->height, job->width, slice, job->scratch + 5 * i * pixels);
    for (size_t k = 0; largest > 0.0f && k < pixels; ++k)
        slice[k] *= largest;
}

static fseg_status denoise(fseg_context *context, const fseg_constraint_options *o, int components,
                           int depth, int height, int width, float *images,
                           const fseg_progress *progress)
{
    const size_t pixels = (size_t)height * (size_t)width, count = (size_t)depth * pixels;
    float largest[CONTRASTS_MAX] = {0};
    for (int c = 0; c < components; ++c)
        for (size_t i = 0; i < count; ++i)
            largest[c] = images[(size_t)c * count + i] > largest[c] ? images[(size_t)c * count + i]
                                                                    : largest[c];
    /* One component at a time bounds the scratch. */
    float *scratch = malloc(5 * count * sizeof *scratch);
    fseg_status status = scratch ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    for (int c = 0; c < components && status == FSEG_OK; ++c) {
        denoise_job job = {o,    images + (size_t)c * count, scratch, largest + c, depth, height,
                           width};
        fseg_context_parallel(context, (size_t)depth, denoise_slice, &job);
        status = fseg_progress_report(progress, 0.2 + 0.4 * (c + 1) / components, "denoising");
    }
    free(scratch);
    return status;
}

static fseg_status cluster(const fseg_constraint_options *o, int components, size_t count,
                           const float *images, uint8_t *labels)
{
    float *points = malloc(count * (size_t)components * sizeof *points);
    if (!points)
        return FSEG_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; ++i)
        for (size_t c = 0; c < (size_t)components; ++c)
            points[i * (size_t)components + c] = images[c * count + i];
    const fseg_status status =
        fseg_k_means(points, count, components, o->clusters, o->seed, labels);
    free(points);
    return status;
}

static fseg_status check(const fseg_constraint_options *o, const float *images, int contrasts,
                         int depth, int height, int width, fseg_error *error)
{
    if (contrasts < 1 || contrasts > CONTRASTS_MAX || depth < 1 || depth > DEPTH_MAX ||
        height < 1 || height > SIDE_MAX || width < 1 || width > SIDE_MAX)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "%d contrasts of %d slices of %d x %d pixels; 1 to %d contrasts and "
                              "slices with sides up to %d are possible",
                              contrasts, depth, height, width, CONTRASTS_MAX, SIDE_MAX);
    if (o->components < 1 || o->clusters < 2 || o->clusters > 255 || o->denoise_iterations < 0 ||
        !(o->denoise_weight >= 0.0) || !(o->percentile_low >= 0.0) ||
        !(o->percentile_low < o->percentile_high) || !(o->percentile_high <= 100.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "constraint maps need 1 component or more, 2 to 255 clusters and "
                              "percentiles in 0 to 100");
    const size_t all = (size_t)contrasts * (size_t)depth * (size_t)height * (size_t)width;
    for (size_t i = 0; i < all; ++i)
        if (!isfinite(images[i]))
            return fseg_error_set(error, FSEG_ERROR_NOT_FINITE,
                                  "voxel %zu of the contrasts is not a finite number; check the "
                                  "images",
                                  i);
    return FSEG_OK;
}

fseg_status fseg_constraint_map(fseg_context *context, const fseg_constraint_options *options,
                                const float *images, int contrasts, int depth, int height,
                                int width, uint8_t *labels, const fseg_progress *progress,
                                fseg_error *error)
{
    if (!context || !options || !images || !labels)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a constraint map needs a context, options, images and labels");
    fseg_status status = check(options, images, contrasts, depth, height, width, error);
    if (status != FSEG_OK)
        return status;
    const size_t count = (size_t)depth * (size_t)height * (size_t)width;
    const size_t all = (size_t)contrasts * count;
    const int components = options->components < contrasts ? options->components : contrasts;
    float *work = malloc(all * sizeof *work), *sorted = malloc(count * sizeof *sorted);
    status = work && sorted ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    if (status == FSEG_OK) {
        memcpy(work, images, all * sizeof *work);
        for (int c = 0; c < contrasts; ++c)
            stretch(options, count, work + (size_t)c * count, sorted);
        status = principal_components(contrasts, components, count, work);
    }
    if (status == FSEG_OK) {
        joint_scale((size_t)components * count, work);
        status = fseg_progress_report(progress, 0.2, "components");
    }
    if (status == FSEG_OK && options->denoise_weight > 0.0)
        status = denoise(context, options, components, depth, height, width, work, progress);
    if (status == FSEG_OK)
        status = cluster(options, components, count, work, labels);
    free(work);
    free(sorted);
    if (status == FSEG_OK)
        status = fseg_progress_report(progress, 1.0, "clustering");
    return status == FSEG_OK ? FSEG_OK
                             : fseg_error_set(error, status, "no constraint map was made: %s",
                                              fseg_status_text(status));
}
