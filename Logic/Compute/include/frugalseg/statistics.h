/**
 * @file statistics.h
 * Comparison of paired measurements, for experiments.
 */
#ifndef FRUGALSEG_STATISTICS_H
#define FRUGALSEG_STATISTICS_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { FSEG_WILCOXON_MAX = 500 };

typedef struct fseg_wilcoxon_result {
    size_t pairs;       /**< differences that are not 0; the others are left out */
    double rank_sum;    /**< of the positive differences */
    double p_two_sided; /**< exact; 1 without any pair */
    double median;      /**< of all differences */
} fseg_wilcoxon_result;

/**
 * Wilcoxon's signed-rank test (Wilcoxon 1945) of `count` paired differences, at most
 * FSEG_WILCOXON_MAX. Equal sizes share their mean rank. The p-value is exact, ties or not: the
 * distribution of the rank sum over all assignments of signs is counted, not approximated.
 * Pure and thread-safe. FSEG_ERROR_NOT_FINITE for a difference that is not a finite number.
 */
fseg_status fseg_wilcoxon(const double *differences, size_t count, fseg_wilcoxon_result *out);

#ifdef __cplusplus
}
#endif
#endif
