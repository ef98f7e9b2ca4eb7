/* Pair sets of the contrastive losses: who is an anchor, a positive, a negative. */
#include "contrast_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

fseg_contrast_options fseg_contrast_default_options(void)
{
    return (fseg_contrast_options){.form = FSEG_CONTRAST_PAIRWISE, .temperature = 0.1};
}

fseg_ccl_options fseg_ccl_default_options(void)
{
    return (fseg_ccl_options){.neighbours = 100, .include_self = 0};
}

void fseg_pair_set_free(fseg_pair_set *pairs)
{
    if (!pairs)
        return;
    free(pairs->anchor);
    free(pairs->positive_start);
    free(pairs->positive);
    free(pairs->negative_start);
    free(pairs->negative);
    *pairs = (fseg_pair_set){0};
}

fseg_status fseg_pair_set_reserve(fseg_pair_set *pairs, size_t anchors, size_t positives,
                                  size_t negatives)
{
    /* One more of each, so that none is empty. */
    *pairs = (fseg_pair_set){
        .anchor = calloc(anchors + 1, sizeof *pairs->anchor),
        .positive_start = calloc(anchors + 1, sizeof *pairs->positive_start),
        .positive = calloc(positives + 1, sizeof *pairs->positive),
        .negative_start = calloc(anchors + 1, sizeof *pairs->negative_start),
        .negative = calloc(negatives + 1, sizeof *pairs->negative),
    };
    if (pairs->anchor && pairs->positive_start && pairs->positive && pairs->negative_start &&
        pairs->negative)
        return FSEG_OK;
    fseg_pair_set_free(pairs);
    return FSEG_ERROR_OUT_OF_MEMORY;
}

/* While an anchor is being filled, the end of its lists is counted up in place. */
void fseg_pair_set_add_positive(fseg_pair_set *pairs, size_t index)
{
    size_t *end = &pairs->positive_start[pairs->anchors + 1];
    if (*end < pairs->positive_start[pairs->anchors])
        *end = pairs->positive_start[pairs->anchors];
    pairs->positive[(*end)++] = (uint32_t)index;
}

void fseg_pair_set_add_negative(fseg_pair_set *pairs, size_t index)
{
    size_t *end = &pairs->negative_start[pairs->anchors + 1];
    if (*end < pairs->negative_start[pairs->anchors])
        *end = pairs->negative_start[pairs->anchors];
    pairs->negative[(*end)++] = (uint32_t)index;
}

void fseg_pair_set_end_anchor(fseg_pair_set *pairs, size_t anchor)
{
    size_t *const starts[2] = {pairs->positive_start, pairs->negative_start};
    for (int k = 0; k < 2; ++k)
        if (starts[k][pairs->anchors + 1] < starts[k][pairs->anchors])
            starts[k][pairs->anchors + 1] = starts[k][pairs->anchors];
    pairs->anchor[pairs->anchors++] = (uint32_t)anchor;
}

int fseg_pair_set_check(const fseg_pair_set *pairs, size_t count, size_t *longest, size_t *active)
{
    *longest = *active = 0;
    if (pairs->anchors == 0)
        return 1;
    if (!pairs->anchor || !pairs->positive_start || !pairs->positive || !pairs->negative_start ||
        !pairs->negative)
        return 0;
    for (size_t a = 0; a < pairs->anchors; ++a) {
        const size_t p0 = pairs->positive_start[a], p1 = pairs->positive_start[a + 1];
        const size_t n0 = pairs->negative_start[a], n1 = pairs->negative_start[a + 1];
        if (pairs->anchor[a] >= count || p1 < p0 || n1 < n0)
            return 0;
        for (size_t k = p0; k < p1; ++k)
            if (pairs->positive[k] >= count)
                return 0;
        for (size_t k = n0; k < n1; ++k)
            if (pairs->negative[k] >= count)
                return 0;
        *longest = p1 - p0 + n1 - n0 > *longest ? p1 - p0 + n1 - n0 : *longest;
        *active += p1 > p0;
    }
    return 1;
}

int fseg_similar_compare(const void *a, const void *b)
{
    const fseg_similar *x = a, *y = b;
    if (x->similarity != y->similarity)
        return x->similarity < y->similarity ? 1 : -1;
    return x->index < y->index ? -1 : x->index > y->index;
}

/* What two vectors are to each other. */
typedef enum relation { RELATION_NONE, RELATION_POSITIVE, RELATION_NEGATIVE } relation;
typedef relation (*relation_of)(const void *user, size_t i, size_t j);

/* Every one of `count` vectors is an anchor; `of` says what the others are to it. */
static fseg_status pairs_by_relation(size_t count, relation_of of, const void *user,
                                     fseg_pair_set *out)
{
    if (!out)
        return FSEG_ERROR_INVALID_ARGUMENT;
    *out = (fseg_pair_set){0};
    if (count < 1 || count > 1 << 15)
        return FSEG_ERROR_INVALID_ARGUMENT;
    size_t positives = 0, negatives = 0;
    for (size_t i = 0; i < count; ++i)
        for (size_t j = 0; j < count; ++j) {
            const relation r = i == j ? RELATION_NONE : of(user, i, j);
            positives += r == RELATION_POSITIVE;
            negatives += r == RELATION_NEGATIVE;
        }
    if (fseg_pair_set_reserve(out, count, positives, negatives) != FSEG_OK)
        return FSEG_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < count; ++i) {
        for (size_t j = 0; j < count; ++j) {
            const relation r = i == j ? RELATION_NONE : of(user, i, j);
            if (r == RELATION_POSITIVE)
                fseg_pair_set_add_positive(out, j);
            else if (r == RELATION_NEGATIVE)
                fseg_pair_set_add_negative(out, j);
        }
        fseg_pair_set_end_anchor(out, i);
    }
    return FSEG_OK;
}

static relation ntxent_relation(const void *user, size_t i, size_t j)
{
    const size_t images = *(const size_t *)user;
    return i % images == j % images ? RELATION_POSITIVE : RELATION_NEGATIVE;
}

fseg_status fseg_pairs_ntxent(size_t images, fseg_pair_set *out)
{
    return pairs_by_relation(2 * images, ntxent_relation, &images, out);
}

typedef struct slice_partition {
    size_t slices, partitions;
} slice_partition;

static relation partition_relation(const void *user, size_t i, size_t j)
{
    const slice_partition *s = user;
    const size_t a = i % s->slices, b = j % s->slices;
    if (a % s->partitions != b % s->partitions)
        return RELATION_NEGATIVE;
    return a == b ? RELATION_POSITIVE : RELATION_NONE;
}

fseg_status fseg_pairs_partition(size_t slices, int views, int partitions, fseg_pair_set *out)
{
    if (out)
        *out = (fseg_pair_set){0};
    if (slices < 1 || views < 2 || partitions < 2)
        return FSEG_ERROR_INVALID_ARGUMENT;
    const slice_partition s = {slices, (size_t)partitions};
    return pairs_by_relation((size_t)views * slices, partition_relation, &s, out);
}

/* Groups of vectors: 0 x_i, 1 x_i', 2 x_j, 3 x_j'. Every one has two positives: its partner within
 * the draw (0-1, 2-3) and its partner in the other draw (0-2, 1-3); 0-3 and 1-2 are none. */
static relation draws_relation(const void *user, size_t i, size_t j)
{
    const slice_partition *s = user;
    const size_t a = i % s->slices, b = j % s->slices;
    if (a % s->partitions != b % s->partitions)
        return RELATION_NEGATIVE;
    const size_t group_i = i / s->slices, group_j = j / s->slices;
    return a == b && group_i + group_j != 3 ? RELATION_POSITIVE : RELATION_NONE;
}

fseg_status fseg_pairs_partition_pairs(size_t slices, int partitions, fseg_pair_set *out)
{
    if (out)
        *out = (fseg_pair_set){0};
    if (slices < 1 || partitions < 2)
        return FSEG_ERROR_INVALID_ARGUMENT;
    const slice_partition s = {slices, (size_t)partitions};
    return pairs_by_relation(4 * slices, draws_relation, &s, out);
}

typedef struct positions {
    size_t images;
    const double *position;
    double threshold;
} positions;

static relation position_relation(const void *user, size_t i, size_t j)
{
    const positions *p = user;
    const size_t a = i % p->images, b = j % p->images;
    const double gap = fabs(p->position[a] - p->position[b]);
    return a == b || gap < p->threshold ? RELATION_POSITIVE : RELATION_NEGATIVE;
}

fseg_status fseg_pairs_position(size_t images, const double *position, double threshold,
                                fseg_pair_set *out)
{
    if (out)
        *out = (fseg_pair_set){0};
    if (!position || images < 1 || !(threshold >= 0.0))
        return FSEG_ERROR_INVALID_ARGUMENT;
    const positions p = {images, position, threshold};
    return pairs_by_relation(2 * images, position_relation, &p, out);
}

/* ---- local regions --------------------------------------------------------------------------- */

/* Centre of a region in quarters of the way from the first to the last place. */
static void region_quarters(int region, int *y, int *x)
{
    *y = region < 9 ? region / 3 * 2 : (region - 9) / 2 * 2 + 1;
    *x = region < 9 ? region % 3 * 2 : (region - 9) % 2 * 2 + 1;
}

void fseg_local_region(int region, int height, int width, int *y, int *x)
{
    int qy, qx;
    region_quarters(region, &qy, &qx);
    *y = (height - 3) * qy / 4;
    *x = (width - 3) * qx / 4;
}

/* The FSEG_LOCAL_NEGATIVES regions nearest to r; ties go to the smaller number. */
static void nearest_regions(int r, int nearest[FSEG_LOCAL_NEGATIVES])
{
    fseg_similar others[FSEG_LOCAL_REGIONS];
    size_t count = 0;
    int y, x, v, w;
    region_quarters(r, &y, &x);
    for (int k = 0; k < FSEG_LOCAL_REGIONS; ++k) {
        region_quarters(k, &v, &w);
        if (k != r)
            others[count++] =
                (fseg_similar){-(double)((v - y) * (v - y) + (w - x) * (w - x)), (uint32_t)k};
    }
    qsort(others, count, sizeof *others, fseg_similar_compare);
    for (int k = 0; k < FSEG_LOCAL_NEGATIVES; ++k)
        nearest[k] = (int)others[k].index;
}

fseg_status fseg_pairs_local(size_t images, fseg_pair_set *out)
{
    if (!out)
        return FSEG_ERROR_INVALID_ARGUMENT;
    *out = (fseg_pair_set){0};
    if (images < 1 || images > 1 << 15)
        return FSEG_ERROR_INVALID_ARGUMENT;
    const size_t anchors = 2 * images * FSEG_LOCAL_REGIONS;
    if (fseg_pair_set_reserve(out, anchors, anchors, anchors * 2 * FSEG_LOCAL_NEGATIVES) != FSEG_OK)
        return FSEG_ERROR_OUT_OF_MEMORY;
    for (size_t map = 0; map < 2 * images; ++map) {
        const size_t own = map * FSEG_LOCAL_REGIONS;
        const size_t other = (map + images) % (2 * images) * FSEG_LOCAL_REGIONS;
        for (int r = 0; r < FSEG_LOCAL_REGIONS; ++r) {
            int nearest[FSEG_LOCAL_NEGATIVES];
            nearest_regions(r, nearest);
            fseg_pair_set_add_positive(out, other + (size_t)r);
            for (int k = 0; k < FSEG_LOCAL_NEGATIVES; ++k) {
                fseg_pair_set_add_negative(out, own + (size_t)nearest[k]);
                fseg_pair_set_add_negative(out, other + (size_t)nearest[k]);
            }
            fseg_pair_set_end_anchor(out, own + (size_t)r);
        }
    }
    return FSEG_OK;
}

/* ---- constrained contrast ---------------------------------------------------------------------
 */

fseg_status fseg_block_majority(const uint8_t *labels, int height, int width, int patch,
                                uint8_t *out)
{
    if (!labels || !out || patch < 1 || height < patch || width < patch)
        return FSEG_ERROR_INVALID_ARGUMENT;
    for (int by = 0; by < height / patch; ++by)
        for (int bx = 0; bx < width / patch; ++bx) {
            int votes[256] = {0}, best = 0;
            for (int y = 0; y < patch; ++y)
                for (int x = 0; x < patch; ++x)
                    ++votes[labels[(size_t)(by * patch + y) * (size_t)width +
                                   (size_t)(bx * patch + x)]];
            for (int l = 1; l < 256; ++l)
                best = votes[l] > votes[best] ? l : best;
            out[(size_t)by * (size_t)(width / patch) + (size_t)bx] = (uint8_t)best;
        }
    return FSEG_OK;
}

size_t fseg_ccl_draw_queries(const uint8_t *foreground, size_t count, size_t wanted,
                             fseg_random *random, uint32_t *queries)
{
    uint32_t *blocks = malloc((count ? count : 1) * sizeof *blocks);
    size_t found = 0;
    for (size_t i = 0; blocks && i < count; ++i)
        if (foreground[i])
            blocks[found++] = (uint32_t)i;
    const size_t drawn = found < wanted ? found : wanted;
    for (size_t k = 0; k < drawn; ++k) { /* Fisher-Yates, from the front */
        const size_t at = k + fseg_random_below(random, (uint32_t)(found - k));
        queries[k] = blocks[at];
        blocks[at] = blocks[k];
    }
    free(blocks);
    return drawn;
}
