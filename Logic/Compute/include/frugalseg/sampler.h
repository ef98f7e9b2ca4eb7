/**
 * @file sampler.h
 * A set of labelled subjects in memory and deterministic training batches drawn from it.
 *
 * A subject is a stack of normalized slices [D, H, W] on the network grid (all subjects of a set
 * may differ in D, H and W) and its labels. Sample `i` of step `s` depends on (seed, s, i) only.
 */
#ifndef FRUGALSEG_SAMPLER_H
#define FRUGALSEG_SAMPLER_H

#include "augment.h"
#include "context.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fseg_sampler fseg_sampler;

typedef struct fseg_sampler_options {
    int batch, height, width;   /**< of the batches; slices are cropped or zero-padded to it */
    int context_slices;         /**< channels: the slice and its neighbours (edges repeat), odd */
    double foreground_fraction; /**< share of samples taken from slices with foreground: 0.67 */
    uint64_t seed;
    fseg_augment_options augment;
} fseg_sampler_options;
/** Batches [batch, slices, height, width] with the usual augmentation. */
fseg_sampler_options fseg_sampler_default_options(int batch, int height, int width);
/** A sampler without subjects; *out is null after a failure. Free it; null is fine. */
fseg_status fseg_sampler_create(const fseg_sampler_options *options, fseg_sampler **out,
                                fseg_error *error);
void fseg_sampler_free(fseg_sampler *sampler);

/** Add a subject; both arrays [depth, height, width] are copied. `weight` > 0 is its relative
 *  chance of being drawn. */
fseg_status fseg_sampler_add(fseg_sampler *sampler, const float *image, const uint8_t *label,
                             int depth, int height, int width, double weight, fseg_error *error);
/** The same without labels: every slice counts as background, labels are drawn as 0. */
fseg_status fseg_sampler_add_unlabelled(fseg_sampler *sampler, const float *image, int depth,
                                        int height, int width, double weight, fseg_error *error);
size_t fseg_sampler_count(const fseg_sampler *sampler);

/**
 * Collective: the subjects that the ranks of the context's communicator have added become one set,
 * in the ascending order of `numbers` (one for each subject of this rank; no two alike over all
 * ranks). Every rank knows of all subjects and their foreground; voxels stay where they are, and
 * batches fetch the windows that they need. The set is then that of one process which added all
 * subjects in this order. In one process: sorts. Once, after all subjects have been added.
 */
fseg_status fseg_sampler_share(fseg_sampler *sampler, fseg_context *context, const size_t *numbers,
                               fseg_error *error);

/** Fill images [batch, context_slices, height, width] and labels [batch, height, width] for a
 *  step, samples in parallel on `context`. Same seed and step: same bytes. With a communicator:
 *  this rank's share of the batch, which the ranks must divide. */
fseg_status fseg_sampler_draw(const fseg_sampler *sampler, fseg_context *context, int step,
                              float *images, uint8_t *labels);

/** One slice of a pretraining batch and the window that all of its views show. */
typedef struct fseg_slice_choice {
    size_t subject; /**< in the order of adding */
    int slice;
    int partition;   /**< of the subject's slices, cut into equal ranges from first to last */
    double position; /**< (slice + 1) / number of slices */
    int y, x;        /**< first row and column of the window; negative where it is padded */
} fseg_slice_choice;

/**
 * Choose `volumes` subjects (by weight, all different as long as there are enough) and of each one
 * random slice from each of `partitions` equal ranges of its slices: choice v * partitions + p is
 * from partition p of the v-th. A function of (seed, step, draw) alone. choices [volumes *
 * partitions]. A subject of fewer slices than partitions repeats some.
 */
fseg_status fseg_sampler_choose(const fseg_sampler *sampler, int step, int draw, int volumes,
                                int partitions, fseg_slice_choice *choices);
/**
 * View number `view` (0 to 15) of the choices: images [count, context_slices, height, width] and,
 * unless null, labels [count, height, width]; changed by `augment` unless that is null. A function
 * of (seed, step, view, place among the choices) alone.
 */
fseg_status fseg_sampler_view(const fseg_sampler *sampler, fseg_context *context,
                              const fseg_slice_choice *choices, size_t count,
                              const fseg_augment_options *augment, int step, int view,
                              float *images, uint8_t *labels);

/** One stack of `context_slices` channels around slice k of image [depth, height, width], edges
 *  repeated: out [context_slices, height, width]. The one place that defines the 2.5D input. */
void fseg_stack_slices(const float *image, int depth, int height, int width, int k,
                       int context_slices, float *out);

#ifdef __cplusplus
}
#endif
#endif
