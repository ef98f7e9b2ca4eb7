/* The set of subjects as the sampler's own files see it. */
#ifndef FSEG_SAMPLER_INTERNAL_H
#define FSEG_SAMPLER_INTERNAL_H

#include "augment_internal.h"
#include "frugalseg/sampler.h"

/* Where the foreground of one slice lies: the centre of its bounding box. */
typedef struct fseg_slice_focus {
    int k, y, x;
} fseg_slice_focus;

typedef struct subject {
    int depth, height, width;
    float *image;
    uint8_t *label;               /* null: unlabelled */
    fseg_slice_focus *foreground; /* slices with a label other than 0 */
    int *background;              /* slices without */
    int foreground_count, background_count;
    double weight;
    int owner; /* rank that holds image and label, which are null elsewhere; -1: this process */
} fseg_subject;

struct fseg_sampler {
    fseg_sampler_options options;
    fseg_subject *subjects;
    size_t count, capacity;
    /* Total weights of all subjects, of those with foreground slices, of those with background
       slices. */
    double weight_all, weight_foreground, weight_background;
};

void fseg_subject_release(fseg_subject *s);

/* First row or column of a window of `window` pixels in `size`: negative where it is padded;
 * somewhere inside, and when focus >= 0 so that it holds the focus. */
int fseg_window_offset(fseg_random *random, int size, int window, int focus);
/* Copy the window of the sampler's size at (y, x) of the stack around slice k (and of its label,
 * when `label` is not null; zero for an unlabelled subject). */
void fseg_window_copy(const fseg_sampler *sampler, const fseg_subject *s, int k, int y, int x,
                      float *image, uint8_t *label);

/*
 * Windows of this rank's share of `count` choices (the r-th of size equal parts), fetched from the
 * ranks that hold the subjects: images [count / size, context_slices, height, width] and, unless
 * null, labels [count / size, height, width]. Collective; the same status on all ranks.
 */
fseg_status fseg_sampler_windows(const fseg_sampler *sampler, fseg_context *context,
                                 const fseg_slice_choice *choices, size_t count, float *images,
                                 uint8_t *labels);
/* View number `view` of `count` windows, of which the first is that of choice `first`. images may
 * be the windows, labels theirs; both label arrays may be null. */
fseg_status fseg_sampler_augment(const fseg_sampler *sampler, fseg_context *context,
                                 const float *windows, const uint8_t *window_labels, size_t count,
                                 size_t first, const fseg_augment_options *augment, int step,
                                 int view, float *images, uint8_t *labels);
/* Whether a training batch of `count` can be cut into equal shares. */
static inline int fseg_sampler_divides(const fseg_context *context, size_t count)
{
    return count % (size_t)fseg_communicator_size(fseg_context_communicator(context)) == 0;
}

#endif
