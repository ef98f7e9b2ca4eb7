/* Building and checking of pair sets, shared by the builders and by both precisions. */
#ifndef FSEG_CONTRAST_INTERNAL_H
#define FSEG_CONTRAST_INTERNAL_H

#include "frugalseg/contrast.h"

/* Arrays for so many entries; the set is then filled anchor by anchor: its positives, its
 * negatives, then fseg_pair_set_end_anchor. */
fseg_status fseg_pair_set_reserve(fseg_pair_set *pairs, size_t anchors, size_t positives,
                                  size_t negatives);
void fseg_pair_set_add_positive(fseg_pair_set *pairs, size_t index);
void fseg_pair_set_add_negative(fseg_pair_set *pairs, size_t index);
void fseg_pair_set_end_anchor(fseg_pair_set *pairs, size_t anchor);

/* Whether all indices are below `count`; `longest` receives the most pairs of one anchor, `active`
 * the number of anchors with positives. */
int fseg_pair_set_check(const fseg_pair_set *pairs, size_t count, size_t *longest, size_t *active);

typedef struct fseg_similar {
    double similarity;
    uint32_t index;
} fseg_similar;
/* For qsort: most similar first, then by index. */
int fseg_similar_compare(const void *a, const void *b);

#endif
