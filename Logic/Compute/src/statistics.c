/* Wilcoxon's signed-rank test, exact. */
#include "frugalseg/statistics.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static int compare_size(const void *a, const void *b)
{
    const double x = fabs(*(const double *)a), y = fabs(*(const double *)b);
    return (x > y) - (x < y);
}

/* Twice the ranks of the sizes of sorted[count], so that shared ranks are whole numbers. */
static void double_ranks(const double *sorted, size_t count, size_t *ranks)
{
    for (size_t i = 0; i < count;) {
        size_t end = i + 1;
        while (end < count && fabs(sorted[end]) == fabs(sorted[i]))
            ++end;
        for (size_t k = i; k < end; ++k)
            ranks[k] = i + 1 + end; /* (i + 1) + end: first and last rank of the tie */
        i = end;
    }
}

/* Two-sided p of the doubled rank sum `sum`: chance[s] is built up sign by sign. */
static double exact_p(const size_t *ranks, size_t count, size_t sum, double *chance, size_t total)
{
    chance[0] = 1.0;
    size_t reached = 0;
    for (size_t i = 0; i < count; ++i) {
        reached += ranks[i];
        for (size_t s = reached + 1; s-- > 0;)
            chance[s] = 0.5 * (chance[s] + (s >= ranks[i] ? chance[s - ranks[i]] : 0.0));
    }
    /* The distribution is symmetric about total / 2. */
    const size_t tail = sum < total - sum ? sum : total - sum;
    double p = 0.0;
    for (size_t s = 0; s <= tail; ++s)
        p += chance[s];
    return 2.0 * p < 1.0 ? 2.0 * p : 1.0;
}

fseg_status fseg_wilcoxon(const double *differences, size_t count, fseg_wilcoxon_result *out)
{
    if (!out || (count > 0 && !differences) || count > FSEG_WILCOXON_MAX)
        return FSEG_ERROR_INVALID_ARGUMENT;
    *out = (fseg_wilcoxon_result){.p_two_sided = 1.0};
    for (size_t i = 0; i < count; ++i)
        if (!isfinite(differences[i]))
            return FSEG_ERROR_NOT_FINITE;
    if (count == 0)
        return FSEG_OK;
    double *sorted = malloc(count * sizeof *sorted);
    size_t *ranks = malloc(count * sizeof *ranks);
    const size_t total = count * (count + 1); /* doubled sum of all ranks, at most */
    double *chance = calloc(total + 1, sizeof *chance);
    if (!sorted || !ranks || !chance) {
        free(sorted);
        free(ranks);
        free(chance);
        return FSEG_ERROR_OUT_OF_MEMORY;
    }
    memcpy(sorted, differences, count * sizeof *sorted);
    qsort(sorted, count, sizeof *sorted, compare);
    out->median = 0.5 * (sorted[(count - 1) / 2] + sorted[count / 2]);
    size_t pairs = 0;
    for (size_t i = 0; i < count; ++i)
        if (sorted[i] != 0.0)
            sorted[pairs++] = sorted[i];
    qsort(sorted, pairs, sizeof *sorted, compare_size);
    double_ranks(sorted, pairs, ranks);
    size_t positive = 0;
    for (size_t i = 0; i < pairs; ++i)
        positive += sorted[i] > 0.0 ? ranks[i] : 0;
    out->pairs = pairs;
    out->rank_sum = 0.5 * (double)positive;
    out->p_two_sided = exact_p(ranks, pairs, positive, chance, pairs * (pairs + 1));
    free(sorted);
    free(ranks);
    free(chance);
    return FSEG_OK;
}
