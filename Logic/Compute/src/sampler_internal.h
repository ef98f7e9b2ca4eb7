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
} fseg_subject;

struct fseg_sampler {
    fseg_sampler_options options;
    fseg_subject *subjects;
    size_t count, capacity;
    /* Total weights of all subjects, of those with foreground slices, of those with background
       slices. */
    double weight_all, weight_foreground, weight_background;
};

/* First row or column of a window of `window` pixels in `size`: negative where it is padded;
 * somewhere inside, and when focus >= 0 so that it holds the focus. */
int fseg_window_offset(fseg_random *random, int size, int window, int focus);
/* Copy the window of the sampler's size at (y, x) of the stack around slice k (and of its label,
 * when `label` is not null; zero for an unlabelled subject). */
void fseg_window_copy(const fseg_sampler *sampler, const fseg_subject *s, int k, int y, int x,
                      float *image, uint8_t *label);

#endif
