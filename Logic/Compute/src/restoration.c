/* How well a pretrainer restores held-out images, against the best that smoothing can do. */
#include "augment_internal.h"
#include "pretrainer_internal.h"
#include <stdlib.h>
#include <string.h>

/* Apart from the streams of training. */
static const uint64_t judge_stream = (uint64_t)0x4a << 56;
enum { JUDGE_DRAW = 3, SIGMAS = 21 };
static const double sigma_step = 0.25; /* pixels: 0 (the corrupted image itself) to 5 */

static double squared_error(const float *a, const float *b, const uint8_t *mask, size_t images,
                            size_t channels, size_t pixels)
{
    double sum = 0.0;
    for (size_t i = 0; i < images; ++i)
        for (size_t c = 0; c < channels; ++c) {
            const size_t at = (i * channels + c) * pixels;
            for (size_t k = 0; k < pixels; ++k) {
                const double d = (double)a[at + k] - (double)b[at + k];
                sum += mask[i * pixels + k] ? d * d : 0.0;
            }
        }
    return sum;
}

typedef struct judge {
    float *clean, *corrupted, *other, *scratch;
    uint8_t *mask;
    double network, smoothed[SIGMAS], values;
} judge;

static fseg_status judge_batch(fseg_pretrainer *p, const fseg_sampler *held_out, int batch,
                               judge *j, fseg_error *error)
{
    const fseg_pretrainer_options *o = &p->options;
    const size_t images = (size_t)o->batch, channels = (size_t)p->model->config.in_channels;
    const size_t pixels = (size_t)o->height * (size_t)o->width, count = images * channels * pixels;
    fseg_status status = fseg_sampler_choose(held_out, batch, JUDGE_DRAW, o->batch, 1, p->choices);
    if (status == FSEG_OK)
        status = fseg_sampler_view(held_out, p->context, p->choices, images, NULL, batch, 0,
                                   j->clean, NULL);
    memcpy(j->corrupted, j->clean, count * sizeof(float));
    for (size_t i = 0; i < images && status == FSEG_OK; ++i) {
        fseg_random random =
            fseg_random_create(o->seed, judge_stream | (uint64_t)batch << 20 | (uint64_t)i);
        status = fseg_corrupt_apply(&o->corruption, &random, (int)channels, o->height, o->width,
                                    j->corrupted + i * channels * pixels, j->mask + i * pixels);
    }
    if (status != FSEG_OK)
        return fseg_error_set(error, status, "held-out images could not be drawn: %s",
                              fseg_status_text(status));
    for (size_t i = 0; i < images * pixels; ++i)
        j->values += j->mask[i] ? (double)channels : 0.0;
    status = fseg_pretrainer_reconstruct(p, j->corrupted, j->other, error);
    if (status != FSEG_OK)
        return status;
    j->network += squared_error(j->other, j->clean, j->mask, images, channels, pixels);
    for (int s = 0; s < SIGMAS; ++s) {
        memcpy(j->other, j->corrupted, count * sizeof(float));
        for (size_t i = 0; s > 0 && i < images * channels; ++i)
            fseg_intensity_blur((float)(sigma_step * s), o->height, o->width, j->other + i * pixels,
                                j->scratch);
        j->smoothed[s] += squared_error(j->other, j->clean, j->mask, images, channels, pixels);
    }
    return FSEG_OK;
}

fseg_status fseg_pretrainer_restoration(fseg_pretrainer *pretrainer, const fseg_sampler *held_out,
                                        int batches, fseg_restoration *out, fseg_error *error)
{
    fseg_pretrainer *p = pretrainer;
    if (!p || !held_out || !out || batches < 1 || !p->restoring.network)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "restoration is measured of a pretrainer with a regression loss, on "
                              "a sampler, in at least one batch");
    const fseg_pretrainer_options *o = &p->options;
    const size_t pixels = (size_t)o->height * (size_t)o->width;
    const size_t count = (size_t)o->batch * (size_t)p->model->config.in_channels * pixels;
    judge j = {.clean = malloc(count * sizeof(float)),
               .corrupted = malloc(count * sizeof(float)),
               .other = malloc(count * sizeof(float)),
               .scratch = malloc(fseg_blur_scratch(o->height, o->width) * sizeof(float)),
               .mask = calloc((size_t)o->batch, pixels)};
    fseg_status status = j.clean && j.corrupted && j.other && j.scratch && j.mask
                             ? FSEG_OK
                             : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                              "not enough memory to measure the restoration");
    for (int b = 0; b < batches && status == FSEG_OK; ++b)
        status = judge_batch(p, held_out, b, &j, error);
    if (status == FSEG_OK && !(j.values > 0.0))
        status = fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                "the corruption changed no pixel, so nothing can be restored");
    if (status == FSEG_OK) {
        int best = 0;
        for (int s = 1; s < SIGMAS; ++s)
            best = j.smoothed[s] < j.smoothed[best] ? s : best;
        *out = (fseg_restoration){.network = j.network / j.values,
                                  .corrupted = j.smoothed[0] / j.values,
                                  .smoothing = j.smoothed[best] / j.values,
                                  .smoothing_sigma = sigma_step * best};
    }
    free(j.clean);
    free(j.corrupted);
    free(j.other);
    free(j.scratch);
    free(j.mask);
    return status;
}
