/**
 * @file contrast.h
 * One contrastive loss for every way of choosing pairs, with gradients, in float and double.
 *
 * Vectors z [count, dim] of any length; u_i = z_i / |z_i|, s_ij = u_i . u_j / temperature. Every
 * anchor i has positives P_i and negatives N_i:
 *
 *   L = 1/Z sum_i 1/|P_i| sum_{p in P_i} -log( e^{s_ip} / (e^{s_ip} + sum_{n in N_i} e^{s_in}) )
 *
 * Which vectors are anchors, positives and negatives is data (a pair set), so that SimCLR, slice
 * partitions, positions, local regions and constraint maps share this kernel. Gradients flow into
 * anchors, positives and negatives. Equations, gradient and sources: docs/theory/pretraining.md.
 * All functions are pure and thread-safe; sums are kept in double with log-sum-exp.
 */
#ifndef FRUGALSEG_CONTRAST_H
#define FRUGALSEG_CONTRAST_H

#include "random.h"
#include "status.h"
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * Anchors with their positives and negatives, as indices of vectors. Anchor a is vector anchor[a];
 * its positives are positive[positive_start[a]] ... positive[positive_start[a + 1] - 1], and its
 * negatives likewise. A set that a function of this file made belongs to the caller and is freed
 * with fseg_pair_set_free; a set over the caller's own arrays is as good.
 */
typedef struct fseg_pair_set {
    size_t anchors;
    uint32_t *anchor;       /**< [anchors] */
    size_t *positive_start; /**< [anchors + 1] */
    uint32_t *positive;
    size_t *negative_start; /**< [anchors + 1] */
    uint32_t *negative;
} fseg_pair_set;

/** Free the arrays and leave an empty set. */
void fseg_pair_set_free(fseg_pair_set *pairs);

/** What stands in the denominator beside a positive's own term. */
typedef enum fseg_contrast_form {
    FSEG_CONTRAST_PAIRWISE = 0, /**< the negatives only, as above */
    FSEG_CONTRAST_SUPCON,       /**< negatives and all positives (Khosla et al. 2020; PCL) */
    FSEG_CONTRAST_SET_WISE      /**< one term an anchor: -log(S_P / (S_P + S_N)), sums over sets */
} fseg_contrast_form;

typedef struct fseg_contrast_options {
    fseg_contrast_form form;
    double temperature;   /**< default 0.1 */
    double normalization; /**< Z; 0 (default) = number of anchors that have positives */
    double epsilon;       /**< added to the probability inside the logarithm; default 0, CCL 1e-7 */
} fseg_contrast_options;
/** The values of the paper; see each member. */
fseg_contrast_options fseg_contrast_default_options(void);

/**
 * Loss and, when `gradient` [count, dim] is not null, d loss / d z. Anchors without positives are
 * skipped; an anchor without negatives has loss 0, except in the SupCon form. A vector of length 0
 * has similarity 0 to all and no gradient. No anchor with positives: loss 0.
 * FSEG_ERROR_INVALID_ARGUMENT for an index >= count, FSEG_ERROR_NOT_FINITE for a loss that is.
 */
fseg_status fseg_contrast_f32(const fseg_contrast_options *options, const fseg_pair_set *pairs,
                              const float *z, size_t count, size_t dim, double *loss,
                              float *gradient);
fseg_status fseg_contrast_f64(const fseg_contrast_options *options, const fseg_pair_set *pairs,
                              const double *z, size_t count, size_t dim, double *loss,
                              double *gradient);

/* ---- pair sets; on failure *out is empty ---------------------------------------------------- */

/** NT-Xent (SimCLR, Chen et al. 2020): `images` images in two views, vector v of image b is
 *  b + v images. Positive: the other view; negatives: all vectors of other images. */
fseg_status fseg_pairs_ntxent(size_t images, fseg_pair_set *out);

/**
 * Slice partitions with `views` views of each of `slices` slices (G^{D-}: three; Chaitanya et al.
 * 2020): vector v of slice b is b + v slices, and slice b lies in partition b mod `partitions`.
 * Positives: the other views of the slice; negatives: vectors of other partitions.
 * Z = 3 slices / 2 gives the sources' sum of 6 ordered pairs over 3 slices.
 */
fseg_status fseg_pairs_partition(size_t slices, int views, int partitions, fseg_pair_set *out);

/**
 * G^D: two independent draws of `slices` slices, the b-th of both in partition b mod `partitions`.
 * Vectors x_i = b, x_i' = b + slices, x_j = b + 2 slices, x_j' = b + 3 slices (' = augmented).
 * Positives, both directions: (x_i, x_i'), (x_i, x_j), (x_j, x_j'), (x_i', x_j'); negatives: other
 * partitions. Z = 2 slices gives the source's sum over 4 slices.
 */
fseg_status fseg_pairs_partition_pairs(size_t slices, int partitions, fseg_pair_set *out);

/** Positions (PCL, Zeng et al. 2021): `images` in two views, position[b] in 0 to 1. Positives: all
 *  with |position gap| < threshold, and the own other view; all others are negatives. For the
 *  SupCon form. */
fseg_status fseg_pairs_position(size_t images, const double *position, double threshold,
                                fseg_pair_set *out);

/** Regions of fseg_local_region. */
enum { FSEG_LOCAL_REGIONS = 13, FSEG_LOCAL_NEGATIVES = 5 };
/** Top left corner of the 3 x 3 region r (0 to 12) of a height x width feature map: a 3 x 3 grid,
 *  then 2 x 2 in its gaps. Sides must be at least 3. */
void fseg_local_region(int region, int height, int width, int *y, int *x);
/**
 * Local loss on decoder features (L^R): vector of region r of view v of image b is
 * ((v images + b) * 13 + r). Positive: the same region in the other view; negatives: the 5 regions
 * nearest to it on the grid (ours; the source lists them), in both views.
 */
fseg_status fseg_pairs_local(size_t images, fseg_pair_set *out);

/* ---- constrained contrast (CCL, Umapathy et al. 2024), one image at a time ------------------- */

/** Majority label of each patch x patch block of labels [height, width] (ties: the smaller label)
 *  into out [height / patch, width / patch]. */
fseg_status fseg_block_majority(const uint8_t *labels, int height, int width, int patch,
                                uint8_t *out);
/** Draw up to `wanted` different blocks with foreground[i] != 0, in random order; returns how many
 *  (fewer when there are fewer), or 0 when there is no memory. */
size_t fseg_ccl_draw_queries(const uint8_t *foreground, size_t count, size_t wanted,
                             fseg_random *random, uint32_t *queries);

typedef struct fseg_ccl_options {
    size_t neighbours; /**< most similar vectors that take part beside the query; default 100 */
    int include_self;  /**< the query counts as its own positive, as in the authors' code; default
                            0: it would add a push and no pull */
} fseg_ccl_options;
fseg_ccl_options fseg_ccl_default_options(void);

/**
 * Pairs of the queries among the vectors z [count, dim] of one image: the `neighbours` vectors of
 * largest cosine similarity (ties: the smaller index; all others when there are fewer), those with
 * the query's label as positives, the rest as negatives. Queries without positives stay in the set
 * as anchors that the loss skips.
 */
fseg_status fseg_pairs_ccl_f32(const fseg_ccl_options *options, const float *z, size_t count,
                               size_t dim, const uint8_t *labels, const uint32_t *queries,
                               size_t query_count, fseg_pair_set *out);
fseg_status fseg_pairs_ccl_f64(const fseg_ccl_options *options, const double *z, size_t count,
                               size_t dim, const uint8_t *labels, const uint32_t *queries,
                               size_t query_count, fseg_pair_set *out);

#ifdef __cplusplus
}
#endif
#endif
