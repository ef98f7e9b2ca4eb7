/**
 * @file sampler.c
 * Subjects in memory and deterministic training batches.
 *
 * Everything that a sample needs is drawn from its own random stream, numbered by step and place
 * in the batch, so threads may fill samples in any order.
 */
#include "sampler_internal.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BATCH_MAX = 1 << 16, CONTEXT_MAX = 63, DEPTH_MAX = 1 << 16, SUBJECTS_MAX = 1 << 20 };
/* Keeps the streams of samples apart from other users of the same seed. */
static const uint64_t sampler_stream = (uint64_t)0x53 << 56;

typedef fseg_subject subject;
typedef fseg_slice_focus slice_focus;

fseg_sampler_options fseg_sampler_default_options(int batch, int height, int width)
{
    const fseg_sampler_options options = {
        .batch = batch,
        .height = height,
        .width = width,
        .context_slices = 1,
        .foreground_fraction = 0.67,
        .seed = 0,
        .augment = fseg_augment_default_options(),
    };
    return options;
}

fseg_status fseg_sampler_create(const fseg_sampler_options *options, fseg_sampler **out,
                                fseg_error *error)
{
    if (!out)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "no place for the sampler given");
    *out = NULL;
    if (!options)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "no sampler options given");
    if (options->batch < 1 || options->batch > BATCH_MAX)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "batch of %d samples; choose 1 to %d", options->batch, BATCH_MAX);
    if (options->height < 1 || options->height > FSEG_AUGMENT_SIDE_MAX || options->width < 1 ||
        options->width > FSEG_AUGMENT_SIDE_MAX)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "samples of %d x %d pixels; choose sides of 1 to %d", options->height,
                              options->width, FSEG_AUGMENT_SIDE_MAX);
    if (options->context_slices < 1 || options->context_slices > CONTEXT_MAX ||
        options->context_slices % 2 == 0)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "%d context slices; choose an odd number from 1 to %d",
                              options->context_slices, CONTEXT_MAX);
    if (!(options->foreground_fraction >= 0.0 && options->foreground_fraction <= 1.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "foreground fraction %g; choose 0 to 1",
                              options->foreground_fraction);
    if (fseg_augment_check(&options->augment) != FSEG_OK)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "an augmentation option is out of range; probabilities lie in 0 to "
                              "1 and each low bound below its high bound");
    fseg_sampler *sampler = calloc(1, sizeof *sampler);
    if (!sampler)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a sampler");
    sampler->options = *options;
    *out = sampler;
    return FSEG_OK;
}

void fseg_subject_release(subject *s)
{
    free(s->image);
    free(s->label);
    free(s->foreground);
    free(s->background);
}

void fseg_sampler_free(fseg_sampler *sampler)
{
    if (!sampler)
        return;
    for (size_t i = 0; i < sampler->count; ++i)
        fseg_subject_release(&sampler->subjects[i]);
    free(sampler->subjects);
    free(sampler);
}

/* Sort the slices of `s` into those with and without foreground. */
static void index_slices(subject *s)
{
    for (int k = 0; k < s->depth; ++k) {
        if (!s->label) {
            s->background[s->background_count++] = k;
            continue;
        }
        const uint8_t *slice = s->label + (size_t)k * (size_t)s->height * (size_t)s->width;
        int top = s->height, bottom = -1, left = s->width, right = -1;
        for (int y = 0; y < s->height; ++y) {
            const uint8_t *row = slice + (size_t)y * (size_t)s->width;
            for (int x = 0; x < s->width; ++x) {
                if (!row[x])
                    continue;
                top = y < top ? y : top;
                bottom = y;
                left = x < left ? x : left;
                right = x > right ? x : right;
            }
        }
        if (bottom < 0) {
            s->background[s->background_count++] = k;
        } else {
            const slice_focus focus = {k, (top + bottom) / 2, (left + right) / 2};
            s->foreground[s->foreground_count++] = focus;
        }
    }
}

static fseg_status reserve(fseg_sampler *sampler)
{
    if (sampler->count < sampler->capacity)
        return FSEG_OK;
    const size_t capacity = sampler->capacity ? 2 * sampler->capacity : 16;
    subject *grown = realloc(sampler->subjects, capacity * sizeof *grown);
    if (!grown)
        return FSEG_ERROR_OUT_OF_MEMORY;
    sampler->subjects = grown;
    sampler->capacity = capacity;
    return FSEG_OK;
}

/* `label` may be null. */
static fseg_status add_subject(fseg_sampler *sampler, const float *image, const uint8_t *label,
                               int depth, int height, int width, double weight, fseg_error *error)
{
    if (depth < 1 || depth > DEPTH_MAX || height < 1 || height > FSEG_AUGMENT_SIDE_MAX ||
        width < 1 || width > FSEG_AUGMENT_SIDE_MAX)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "subject of %d slices of %d x %d pixels; slices may number 1 to %d "
                              "and sides 1 to %d",
                              depth, height, width, DEPTH_MAX, FSEG_AUGMENT_SIDE_MAX);
    if (!(weight > 0.0) || !isfinite(weight))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "subject weight %g; it must be positive", weight);
    if (sampler->count >= SUBJECTS_MAX)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a sampler holds at most %d subjects", SUBJECTS_MAX);
    const size_t voxels = (size_t)depth * (size_t)height * (size_t)width;
    for (size_t i = 0; i < voxels; ++i)
        if (!isfinite(image[i]))
            return fseg_error_set(error, FSEG_ERROR_NOT_FINITE,
                                  "voxel %zu of the subject is not a finite number; check the "
                                  "image and its normalization",
                                  i);
    subject s;
    memset(&s, 0, sizeof s);
    s.depth = depth;
    s.height = height;
    s.width = width;
    s.weight = weight;
    s.owner = -1;
    s.image = voxels <= SIZE_MAX / sizeof *s.image ? malloc(voxels * sizeof *s.image) : NULL;
    s.label = label ? malloc(voxels) : NULL;
    s.foreground = malloc((size_t)depth * sizeof *s.foreground);
    s.background = malloc((size_t)depth * sizeof *s.background);
    if (!s.image || (label && !s.label) || !s.foreground || !s.background ||
        reserve(sampler) != FSEG_OK) {
        fseg_subject_release(&s);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                              "not enough memory for a subject of %d slices of %d x %d pixels",
                              depth, height, width);
    }
    memcpy(s.image, image, voxels * sizeof *s.image);
    if (label)
        memcpy(s.label, label, voxels);
    index_slices(&s);
    sampler->subjects[sampler->count++] = s;
    sampler->weight_all += weight;
    sampler->weight_foreground += s.foreground_count ? weight : 0.0;
    sampler->weight_background += s.background_count ? weight : 0.0;
    return FSEG_OK;
}

fseg_status fseg_sampler_add(fseg_sampler *sampler, const float *image, const uint8_t *label,
                             int depth, int height, int width, double weight, fseg_error *error)
{
    if (!sampler || !image || !label)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a subject needs a sampler, an image and a label");
    return add_subject(sampler, image, label, depth, height, width, weight, error);
}

fseg_status fseg_sampler_add_unlabelled(fseg_sampler *sampler, const float *image, int depth,
                                        int height, int width, double weight, fseg_error *error)
{
    if (!sampler || !image)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "an unlabelled subject needs a sampler and an image");
    return add_subject(sampler, image, NULL, depth, height, width, weight, error);
}

size_t fseg_sampler_count(const fseg_sampler *sampler)
{
    return sampler ? sampler->count : 0;
}

/* Index of the slice that channel c of the stack around slice k shows. */
static int stacked_slice(int k, int c, int context_slices, int depth)
{
    const int j = k + c - context_slices / 2;
    return j < 0 ? 0 : j > depth - 1 ? depth - 1 : j;
}

void fseg_stack_slices(const float *image, int depth, int height, int width, int k,
                       int context_slices, float *out)
{
    const size_t pixels = (size_t)height * (size_t)width;
    for (int c = 0; c < context_slices; ++c)
        memcpy(out + (size_t)c * pixels,
               image + (size_t)stacked_slice(k, c, context_slices, depth) * pixels,
               pixels * sizeof *out);
}

typedef enum slice_kind { SLICE_ANY, SLICE_FOREGROUND, SLICE_BACKGROUND } slice_kind;

static int has_kind(const subject *s, slice_kind kind)
{
    return kind == SLICE_ANY || (kind == SLICE_FOREGROUND && s->foreground_count > 0) ||
           (kind == SLICE_BACKGROUND && s->background_count > 0);
}

/* A subject that has slices of the kind, by weight. */
static const subject *draw_subject(const fseg_sampler *sampler, fseg_random *random,
                                   slice_kind kind)
{
    const double total = kind == SLICE_FOREGROUND   ? sampler->weight_foreground
                         : kind == SLICE_BACKGROUND ? sampler->weight_background
                                                    : sampler->weight_all;
    double left = (double)fseg_random_uniform(random) * total;
    const subject *last = NULL;
    for (size_t i = 0; i < sampler->count; ++i) {
        const subject *s = &sampler->subjects[i];
        if (!has_kind(s, kind))
            continue;
        last = s;
        left -= s->weight;
        if (left < 0.0)
            return s;
    }
    return last; /* rounding may leave a little */
}

int fseg_window_offset(fseg_random *random, int size, int window, int focus)
{
    if (size <= window)
        return -((window - size) / 2);
    int low = 0, high = size - window;
    if (focus >= 0) {
        low = focus - window + 1 > low ? focus - window + 1 : low;
        high = focus < high ? focus : high;
    }
    return low + (int)fseg_random_below(random, (uint32_t)(high - low) + 1u);
}

/* Copy the window at (y0, x0) of a slice of `size`-byte pixels; zero where it leaves the slice. */
static void copy_window(const void *slice, int height, int width, int y0, int x0, int window_height,
                        int window_width, size_t size, void *out)
{
    const int first = x0 < 0 ? -x0 : 0;
    const int last = x0 + window_width > width ? width - x0 : window_width;
    unsigned char *to = out;
    memset(to, 0, (size_t)window_height * (size_t)window_width * size);
    for (int y = 0; y < window_height; ++y) {
        const int row = y0 + y;
        if (row < 0 || row >= height)
            continue;
        const unsigned char *from = slice;
        from += ((size_t)row * (size_t)width + (size_t)(x0 + first)) * size;
        memcpy(to + ((size_t)y * (size_t)window_width + (size_t)first) * size, from,
               (size_t)(last - first) * size);
    }
}

void fseg_window_copy(const fseg_sampler *sampler, const subject *s, int k, int y, int x,
                      float *image, uint8_t *label)
{
    const fseg_sampler_options *o = &sampler->options;
    const size_t window = (size_t)o->height * (size_t)o->width;
    const size_t pixels = (size_t)s->height * (size_t)s->width;
    for (int c = 0; c < o->context_slices; ++c)
        copy_window(s->image + (size_t)stacked_slice(k, c, o->context_slices, s->depth) * pixels,
                    s->height, s->width, y, x, o->height, o->width, sizeof(float),
                    image + (size_t)c * window);
    if (label && s->label)
        copy_window(s->label + (size_t)k * pixels, s->height, s->width, y, x, o->height, o->width,
                    1, label);
    else if (label)
        memset(label, 0, window);
}

typedef struct draw_job {
    const fseg_sampler *sampler;
    const fseg_random *randoms; /* of this rank's samples */
    float *images;
    uint8_t *labels;
    fseg_status *statuses;
} draw_job;

/* Which window sample i of the step shows; `random` goes on to its augmentation. */
static fseg_slice_choice choose_sample(const fseg_sampler *sampler, int step, size_t i,
                                       fseg_random *random)
{
    const fseg_sampler_options *o = &sampler->options;
    *random = fseg_random_create(o->seed, sampler_stream | (uint64_t)step << 20 | (uint64_t)i);

    slice_kind kind = (double)fseg_random_uniform(random) < o->foreground_fraction
                          ? SLICE_FOREGROUND
                          : SLICE_BACKGROUND;
    /* A set may lack slices of the kind altogether. */
    if ((kind == SLICE_FOREGROUND && !(sampler->weight_foreground > 0.0)) ||
        (kind == SLICE_BACKGROUND && !(sampler->weight_background > 0.0)))
        kind = SLICE_ANY;
    const subject *s = draw_subject(sampler, random, kind);

    fseg_slice_choice c = {.subject = (size_t)(s - sampler->subjects)};
    int focus_y = -1, focus_x = -1;
    if (kind == SLICE_FOREGROUND) {
        const slice_focus *focus =
            &s->foreground[fseg_random_below(random, (uint32_t)s->foreground_count)];
        c.slice = focus->k;
        focus_y = focus->y;
        focus_x = focus->x;
    } else if (kind == SLICE_BACKGROUND) {
        c.slice = s->background[fseg_random_below(random, (uint32_t)s->background_count)];
    } else {
        c.slice = (int)fseg_random_below(random, (uint32_t)s->depth);
    }
    c.y = fseg_window_offset(random, s->height, o->height, focus_y);
    c.x = fseg_window_offset(random, s->width, o->width, focus_x);
    return c;
}

static void augment_sample(void *user, size_t i)
{
    const draw_job *job = user;
    const fseg_sampler_options *o = &job->sampler->options;
    const size_t window = (size_t)o->height * (size_t)o->width;
    fseg_random random = job->randoms[i];
    job->statuses[i] = fseg_augment_apply(
        &o->augment, &random, o->context_slices, o->height, o->width,
        job->images + i * (size_t)o->context_slices * window, job->labels + i * window);
}

fseg_status fseg_sampler_draw(const fseg_sampler *sampler, fseg_context *context, int step,
                              float *images, uint8_t *labels)
{
    if (!sampler || sampler->count == 0 || step < 0 || !images || !labels ||
        !fseg_sampler_divides(context, (size_t)sampler->options.batch))
        return FSEG_ERROR_INVALID_ARGUMENT;
    fseg_communicator *communicator = fseg_context_communicator(context);
    const size_t batch = (size_t)sampler->options.batch;
    const size_t share = batch / (size_t)fseg_communicator_size(communicator);
    const size_t first = share * (size_t)fseg_communicator_rank(communicator);
    fseg_slice_choice *choices = malloc(batch * sizeof *choices);
    fseg_random *randoms = malloc(batch * sizeof *randoms);
    fseg_status *statuses = malloc(batch * sizeof *statuses);
    fseg_status status = choices && randoms && statuses ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    status = fseg_communicator_agree(communicator, status, NULL);
    if (status == FSEG_OK) {
        for (size_t i = 0; i < batch; ++i)
            choices[i] = choose_sample(sampler, step, i, &randoms[i]);
        status = fseg_sampler_windows(sampler, context, choices, batch, images, labels);
    }
    if (status == FSEG_OK) {
        draw_job job = {sampler, randoms + first, images, labels, statuses};
        fseg_context_parallel(context, share, augment_sample, &job);
        for (size_t i = 0; i < share && status == FSEG_OK; ++i)
            status = statuses[i];
    }
    free(choices);
    free(randoms);
    free(statuses);
    return status;
}
