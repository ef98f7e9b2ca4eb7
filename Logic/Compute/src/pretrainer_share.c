/*
 * What couples the ranks of a pretraining step: vectors that are contrasted over all of them, means
 * over the whole batch, and the sum of gradients. Every rank computes the terms of its own anchors
 * against the vectors of all ranks; gradients of foreign vectors go back to their ranks by a sum.
 */
#include "pretrainer_internal.h"
#include <stdlib.h>
#include <string.h>

/* How the vectors lie: in views of slices, `block` floats an image. */
typedef struct vector_layout {
    size_t views, own, all, rows, block; /* own: slices of this rank; rows: vectors of an image */
    size_t count, dim;                   /* vectors of all ranks */
} vector_layout;

static vector_layout layout_of(const fseg_pretrainer *p)
{
    vector_layout l = {.own = (size_t)fseg_pretrainer_own_slices(p),
                       .all = (size_t)fseg_pretrainer_slices(&p->options),
                       .dim = fseg_head_output_dim(p->contrast.head)};
    l.views = (size_t)p->contrast.images / l.own;
    l.rows = fseg_head_output_count(p->contrast.head) / (size_t)p->contrast.images;
    l.block = l.rows * l.dim;
    l.count = l.views * l.all * l.rows;
    return l;
}

/* gathered [rank, view, own slice] -> whole [view, slice]. */
static void order_vectors(const vector_layout *l, int ranks, const float *gathered, float *whole)
{
    const size_t part = l->own * l->block;
    for (size_t r = 0; r < (size_t)ranks; ++r)
        for (size_t v = 0; v < l->views; ++v)
            memcpy(whole + v * l->all * l->block + r * part, gathered + (r * l->views + v) * part,
                   part * sizeof *whole);
}

/* Keep the anchors that belong to the slices of this rank; returns how many anchors of all ranks
 * have positives. */
static size_t keep_own_anchors(const vector_layout *l, size_t first, fseg_pair_set *pairs)
{
    size_t kept = 0, counted = 0, positive = 0, negative = 0;
    for (size_t a = 0; a < pairs->anchors; ++a) {
        const size_t slice = pairs->anchor[a] / l->rows % l->all;
        const size_t p0 = pairs->positive_start[a], p1 = pairs->positive_start[a + 1];
        const size_t n0 = pairs->negative_start[a], n1 = pairs->negative_start[a + 1];
        counted += p1 > p0;
        if (slice < first || slice >= first + l->own)
            continue;
        pairs->anchor[kept] = pairs->anchor[a];
        memmove(pairs->positive + positive, pairs->positive + p0,
                (p1 - p0) * sizeof *pairs->positive);
        memmove(pairs->negative + negative, pairs->negative + n0,
                (n1 - n0) * sizeof *pairs->negative);
        pairs->positive_start[kept] = positive;
        pairs->negative_start[kept] = negative;
        positive += p1 - p0;
        negative += n1 - n0;
        ++kept;
        pairs->positive_start[kept] = positive;
        pairs->negative_start[kept] = negative;
    }
    pairs->anchors = kept;
    return counted;
}

fseg_status fseg_pretrainer_shared_contrast(fseg_pretrainer *p,
                                            const fseg_contrast_options *options,
                                            fseg_status (*make)(fseg_pretrainer *, fseg_pair_set *),
                                            const float *z, float *dz, double *loss)
{
    const vector_layout l = layout_of(p);
    const size_t first = l.own * (size_t)p->rank, floats = l.views * l.own * l.block;
    float *gathered = malloc(l.count * l.dim * sizeof *gathered);
    float *whole = malloc(l.count * l.dim * sizeof *whole);
    fseg_pair_set pairs = {0};
    fseg_status status = gathered && whole ? make(p, &pairs) : FSEG_ERROR_OUT_OF_MEMORY;
    status = fseg_communicator_agree(p->communicator, status, NULL);
    if (status == FSEG_OK)
        status = fseg_communicator_gather(p->communicator, z, floats * sizeof *z, gathered);
    if (status == FSEG_OK) {
        fseg_contrast_options own = *options;
        order_vectors(&l, p->ranks, gathered, whole);
        const size_t anchors = keep_own_anchors(&l, first, &pairs);
        if (own.normalization == 0.0)
            own.normalization = anchors > 0 ? (double)anchors : 1.0;
        /* `gathered` has done its work; the gradient takes its place. */
        status = fseg_contrast_f32(&own, &pairs, whole, l.count, l.dim, loss, gathered);
        status = fseg_communicator_agree(p->communicator, status, NULL);
    }
    if (status == FSEG_OK)
        status = fseg_communicator_sum_f32(p->communicator, gathered, l.count * l.dim);
    if (status == FSEG_OK)
        status = fseg_communicator_sum_f64(p->communicator, loss, 1);
    for (size_t v = 0; status == FSEG_OK && v < l.views; ++v)
        memcpy(dz + v * l.own * l.block, gathered + (v * l.all + first) * l.block,
               l.own * l.block * sizeof *dz);
    fseg_pair_set_free(&pairs);
    free(gathered);
    free(whole);
    return status;
}

fseg_status fseg_pretrainer_shared_mean(fseg_pretrainer *p, fseg_status status, double values,
                                        double *mean, double *scale)
{
    *scale = 1.0;
    status = fseg_communicator_agree(p->communicator, status, NULL);
    if (p->ranks == 1 || status != FSEG_OK)
        return status;
    double sums[2] = {*mean * values, values};
    status = fseg_communicator_sum_f64(p->communicator, sums, 2);
    if (status == FSEG_OK && sums[1] > 0.0) {
        *mean = sums[0] / sums[1];
        *scale = values / sums[1];
    }
    return status;
}

fseg_status fseg_pretrainer_sum_gradients(fseg_pretrainer *p)
{
    fseg_status status =
        fseg_communicator_sum_f32(p->communicator, p->gradient, p->model->parameter_count);
    fseg_head *const heads[2] = {p->restoring.head, p->contrast.head};
    for (int i = 0; i < 2; ++i)
        if (heads[i] && status == FSEG_OK)
            status = fseg_communicator_sum_f32(p->communicator, fseg_head_gradient(heads[i]),
                                               fseg_head_parameter_count(heads[i]));
    return status;
}

void fseg_pretrainer_share_culprit(fseg_pretrainer *p)
{
    struct {
        int has;
        fseg_slice_choice choice;
    } mine, *all = calloc((size_t)p->ranks, sizeof *all);
    memset(&mine, 0, sizeof mine);
    mine.has = p->has_culprit;
    mine.choice = p->culprit;
    const fseg_status status =
        fseg_communicator_agree(p->communicator, all ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY, NULL);
    if (status == FSEG_OK &&
        fseg_communicator_gather(p->communicator, &mine, sizeof mine, all) == FSEG_OK)
        for (int r = p->ranks - 1; r >= 0; --r)
            if (all[r].has) {
                p->has_culprit = 1;
                p->culprit = all[r].choice;
            }
    free(all);
}
