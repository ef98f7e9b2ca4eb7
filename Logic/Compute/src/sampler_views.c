/* Batches for pretraining: slices by their partition of the volume, in several views. */
#include "sampler_internal.h"
#include <stdlib.h>
#include <string.h>

enum { VIEWS_MAX = 16, COUNT_MAX = 1 << 20 };
/* Keep the streams apart from those of labelled batches. */
static const uint64_t choose_stream = (uint64_t)0x43 << 56, view_stream = (uint64_t)0x56 << 56;

/* One of the subjects that are not used yet, by weight. */
static size_t draw_unused(const fseg_sampler *sampler, const unsigned char *used,
                          fseg_random *random)
{
    double total = 0.0;
    size_t last = 0;
    for (size_t i = 0; i < sampler->count; ++i)
        total += used[i] ? 0.0 : sampler->subjects[i].weight;
    double left = (double)fseg_random_uniform(random) * total;
    for (size_t i = 0; i < sampler->count; ++i) {
        if (used[i])
            continue;
        last = i;
        left -= sampler->subjects[i].weight;
        if (left < 0.0)
            break;
    }
    return last;
}

static fseg_slice_choice draw_slice(const fseg_sampler *sampler, size_t subject, int partition,
                                    int partitions, fseg_random *random)
{
    const fseg_subject *s = &sampler->subjects[subject];
    const int first = (int)((long)s->depth * partition / partitions);
    int end = (int)((long)s->depth * (partition + 1) / partitions);
    end = end > first ? end : first + 1;
    fseg_slice_choice c = {.subject = subject, .partition = partition};
    c.slice = first + (int)fseg_random_below(random, (uint32_t)(end - first));
    c.position = (double)(c.slice + 1) / (double)s->depth;
    c.y = fseg_window_offset(random, s->height, sampler->options.height, -1);
    c.x = fseg_window_offset(random, s->width, sampler->options.width, -1);
    return c;
}

fseg_status fseg_sampler_choose(const fseg_sampler *sampler, int step, int draw, int volumes,
                                int partitions, fseg_slice_choice *choices)
{
    if (!sampler || sampler->count == 0 || !choices || step < 0 || draw < 0 || draw > 255 ||
        volumes < 1 || volumes > COUNT_MAX || partitions < 1 || partitions > COUNT_MAX)
        return FSEG_ERROR_INVALID_ARGUMENT;
    unsigned char *used = calloc(sampler->count, 1);
    if (!used)
        return FSEG_ERROR_OUT_OF_MEMORY;
    fseg_random random = fseg_random_create(sampler->options.seed,
                                            choose_stream | (uint64_t)step << 8 | (uint64_t)draw);
    size_t used_count = 0;
    for (int v = 0; v < volumes; ++v) {
        if (used_count == sampler->count) { /* more volumes than subjects: all once more */
            memset(used, 0, sampler->count);
            used_count = 0;
        }
        const size_t subject = draw_unused(sampler, used, &random);
        used[subject] = 1;
        ++used_count;
        for (int p = 0; p < partitions; ++p)
            choices[(size_t)v * (size_t)partitions + (size_t)p] =
                draw_slice(sampler, subject, p, partitions, &random);
    }
    free(used);
    return FSEG_OK;
}

typedef struct view_job {
    const fseg_sampler *sampler;
    const fseg_augment_options *augment;
    uint64_t stream;
    size_t first;
    float *images;
    uint8_t *labels;
    fseg_status *statuses;
} view_job;

static void augment_view(void *user, size_t i)
{
    const view_job *job = user;
    const fseg_sampler_options *o = &job->sampler->options;
    const size_t window = (size_t)o->height * (size_t)o->width;
    fseg_random random = fseg_random_create(o->seed, job->stream | (uint64_t)(job->first + i));
    job->statuses[i] =
        fseg_augment_apply(job->augment, &random, o->context_slices, o->height, o->width,
                           job->images + i * (size_t)o->context_slices * window,
                           job->labels ? job->labels + i * window : NULL);
}

fseg_status fseg_sampler_augment(const fseg_sampler *sampler, fseg_context *context,
                                 const float *windows, const uint8_t *window_labels, size_t count,
                                 size_t first, const fseg_augment_options *augment, int step,
                                 int view, float *images, uint8_t *labels)
{
    const fseg_sampler_options *o = &sampler->options;
    const size_t window = (size_t)o->height * (size_t)o->width;
    if (images != windows)
        memcpy(images, windows, count * (size_t)o->context_slices * window * sizeof *images);
    if (labels && labels != window_labels)
        memcpy(labels, window_labels, count * window);
    if (!augment || count == 0)
        return FSEG_OK;
    fseg_status *statuses = malloc(count * sizeof *statuses);
    if (!statuses)
        return FSEG_ERROR_OUT_OF_MEMORY;
    view_job job = {.sampler = sampler,
                    .augment = augment,
                    .stream = view_stream | (uint64_t)step << 24 | (uint64_t)view << 20,
                    .first = first,
                    .images = images,
                    .labels = labels,
                    .statuses = statuses};
    fseg_context_parallel(context, count, augment_view, &job);
    fseg_status status = FSEG_OK;
    for (size_t i = 0; i < count && status == FSEG_OK; ++i)
        status = statuses[i];
    free(statuses);
    return status;
}

typedef struct copy_job {
    const fseg_sampler *sampler;
    const fseg_slice_choice *choices;
    float *images;
    uint8_t *labels;
} copy_job;

static void copy_choice(void *user, size_t i)
{
    const copy_job *job = user;
    const fseg_sampler_options *o = &job->sampler->options;
    const fseg_slice_choice *c = &job->choices[i];
    const size_t window = (size_t)o->height * (size_t)o->width;
    fseg_window_copy(job->sampler, &job->sampler->subjects[c->subject], c->slice, c->y, c->x,
                     job->images + i * (size_t)o->context_slices * window,
                     job->labels ? job->labels + i * window : NULL);
}

fseg_status fseg_sampler_view(const fseg_sampler *sampler, fseg_context *context,
                              const fseg_slice_choice *choices, size_t count,
                              const fseg_augment_options *augment, int step, int view,
                              float *images, uint8_t *labels)
{
    if (!sampler || !choices || !images || count < 1 || count > COUNT_MAX || step < 0 || view < 0 ||
        view >= VIEWS_MAX)
        return FSEG_ERROR_INVALID_ARGUMENT;
    for (size_t i = 0; i < count; ++i)
        if (choices[i].subject >= sampler->count || choices[i].slice < 0 ||
            choices[i].slice >= sampler->subjects[choices[i].subject].depth ||
            !sampler->subjects[choices[i].subject].image)
            return FSEG_ERROR_INVALID_ARGUMENT;
    copy_job job = {sampler, choices, images, labels};
    fseg_context_parallel(context, count, copy_choice, &job);
    return fseg_sampler_augment(sampler, context, images, labels, count, 0, augment, step, view,
                                images, labels);
}
