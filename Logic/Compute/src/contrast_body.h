/*
 * The contrastive kernel of contrast.h for one floating-point type: the including file defines REAL
 * and CONTRAST_NAME(name).
 *
 * Unit vectors are made once; each anchor computes the similarities of its own lists only, so the
 * cost is (pairs x dim), not (vectors^2 x dim). With g_j = dL/ds_ij, both ends of a pair receive
 * g_j / temperature times the other's unit vector, and at last dL/dz = (d - u (u . d)) / |z|.
 */
#include "contrast_internal.h"
#include "frugalseg/contrast.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 8 };

/* In lanes, so that the compiler may use vectors; the order depends on n alone. */
static double dot(const REAL *a, const REAL *b, size_t n)
{
    REAL sums[LANES] = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES)
        for (size_t k = 0; k < LANES; ++k)
            sums[k] += a[i + k] * b[i + k];
    double sum = 0.0;
    for (; i < n; ++i)
        sum += (double)a[i] * (double)b[i];
    for (size_t k = 0; k < LANES; ++k)
        sum += (double)sums[k];
    return sum;
}

static void add_scaled(REAL *to, double factor, const REAL *from, size_t n)
{
    const REAL f = (REAL)factor;
    for (size_t i = 0; i < n; ++i)
        to[i] += f * from[i];
}

/* u = z / |z| and norm = |z|; zero vectors stay zero. */
static void normalize(const REAL *z, size_t count, size_t dim, REAL *u, double *norm)
{
    for (size_t i = 0; i < count; ++i) {
        double square = 0.0;
        for (size_t k = 0; k < dim; ++k)
            square += (double)z[i * dim + k] * (double)z[i * dim + k];
        norm[i] = sqrt(square);
        const double scale = norm[i] > 0.0 ? 1.0 / norm[i] : norm[i];
        for (size_t k = 0; k < dim; ++k)
            u[i * dim + k] = (REAL)((double)z[i * dim + k] * scale);
    }
}

/* Work of one anchor; the arrays hold its positives, then its negatives. */
typedef struct anchor_work {
    double *similarity, *slope; /* s_ij and dL_i / ds_ij */
    size_t positives, negatives;
} anchor_work;

static double log_sum_exp(const double *values, size_t count)
{
    double top = -INFINITY, sum = 0.0;
    for (size_t i = 0; i < count; ++i)
        top = values[i] > top || isnan(values[i]) ? values[i] : top;
    if (count == 0)
        return -INFINITY;
    for (size_t i = 0; i < count; ++i)
        sum += exp(values[i] - top);
    return top + log(sum);
}

static double log_add(double a, double b)
{
    const double top = a > b ? a : b;
    return isinf(top) ? top : top + log(exp(a - top) + exp(b - top));
}

/* -log(q + epsilon) for log q; *slope receives its derivative by log q, which is -q / (q + e). */
static double minus_log(double log_q, double epsilon, double *slope)
{
    if (!(epsilon > 0.0)) {
        *slope = -1.0;
        return -log_q;
    }
    const double q = exp(log_q);
    *slope = -q / (q + epsilon);
    return -log(q + epsilon);
}

/* One positive at a time. d log q_p / ds_p = 1 - q_p, d log q_p / ds_n = -e^{s_n} / D_p. */
static double pairwise_loss(const anchor_work *w, double epsilon, int supcon)
{
    const double *s = w->similarity, *s_n = s + w->positives;
    const double share = 1.0 / (double)w->positives;
    const double log_negatives = log_sum_exp(s_n, w->negatives);
    const double log_all = supcon ? log_sum_exp(s, w->positives + w->negatives) : 0.0;
    double loss = 0.0;
    for (size_t p = 0; p < w->positives; ++p) {
        const double log_bottom = supcon ? log_all : log_add(s[p], log_negatives);
        double slope;
        loss += share * minus_log(s[p] - log_bottom, epsilon, &slope);
        slope *= share;
        w->slope[p] += slope;
        const size_t first = supcon ? 0 : w->positives;
        for (size_t j = first; j < w->positives + w->negatives; ++j)
            w->slope[j] -= slope * exp(s[j] - log_bottom);
        if (!supcon)
            w->slope[p] -= slope * exp(s[p] - log_bottom);
    }
    return loss;
}

static double set_wise_loss(const anchor_work *w, double epsilon)
{
    const double *s = w->similarity;
    const size_t all = w->positives + w->negatives;
    const double log_top = log_sum_exp(s, w->positives), log_bottom = log_sum_exp(s, all);
    double slope;
    const double loss = minus_log(log_top - log_bottom, epsilon, &slope);
    for (size_t j = 0; j < all; ++j)
        w->slope[j] =
            slope * ((j < w->positives ? exp(s[j] - log_top) : 0.0) - exp(s[j] - log_bottom));
    return loss;
}

static double anchor_loss(const fseg_contrast_options *o, const anchor_work *w)
{
    memset(w->slope, 0, (w->positives + w->negatives) * sizeof *w->slope);
    if (w->negatives == 0 && o->form != FSEG_CONTRAST_SUPCON)
        return 0.0;
    if (o->form == FSEG_CONTRAST_SET_WISE)
        return set_wise_loss(w, o->epsilon);
    return pairwise_loss(w, o->epsilon, o->form == FSEG_CONTRAST_SUPCON);
}

/* The anchors' losses; adds dL/du to `du` unless it is null. */
static double sum_anchors(const fseg_contrast_options *o, const fseg_pair_set *pairs, const REAL *u,
                          size_t dim, double normalization, double *memory, size_t longest,
                          REAL *du)
{
    double loss = 0.0;
    for (size_t a = 0; a < pairs->anchors; ++a) {
        const uint32_t *lists[2] = {pairs->positive + pairs->positive_start[a],
                                    pairs->negative + pairs->negative_start[a]};
        const anchor_work w = {memory, memory + longest,
                               pairs->positive_start[a + 1] - pairs->positive_start[a],
                               pairs->negative_start[a + 1] - pairs->negative_start[a]};
        if (w.positives == 0)
            continue;
        const size_t i = pairs->anchor[a], all = w.positives + w.negatives;
        for (size_t k = 0; k < all; ++k) {
            const size_t j = k < w.positives ? lists[0][k] : lists[1][k - w.positives];
            w.similarity[k] = dot(u + i * dim, u + j * dim, dim) / o->temperature;
        }
        loss += anchor_loss(o, &w) / normalization;
        for (size_t k = 0; du && k < all; ++k) {
            const size_t j = k < w.positives ? lists[0][k] : lists[1][k - w.positives];
            const double g = w.slope[k] / (normalization * o->temperature);
            add_scaled(du + i * dim, g, u + j * dim, dim);
            add_scaled(du + j * dim, g, u + i * dim, dim);
        }
    }
    return loss;
}

/* gradient holds dL/du and becomes dL/dz. */
static void through_normalization(const REAL *u, const double *norm, size_t count, size_t dim,
                                  REAL *gradient)
{
    for (size_t i = 0; i < count; ++i) {
        REAL *d = gradient + i * dim;
        double along = 0.0;
        for (size_t k = 0; k < dim; ++k)
            along += (double)u[i * dim + k] * (double)d[k];
        const double scale = norm[i] > 0.0 ? 1.0 / norm[i] : 0.0;
        for (size_t k = 0; k < dim; ++k)
            d[k] = (REAL)(scale * ((double)d[k] - along * (double)u[i * dim + k]));
    }
}

fseg_status CONTRAST_NAME(fseg_contrast)(const fseg_contrast_options *options,
                                         const fseg_pair_set *pairs, const REAL *z, size_t count,
                                         size_t dim, double *loss, REAL *gradient)
{
    if (!options || !pairs || !z || !loss || count < 1 || dim < 1 ||
        !(options->temperature > 0.0) || !(options->normalization >= 0.0) ||
        !(options->epsilon >= 0.0))
        return FSEG_ERROR_INVALID_ARGUMENT;
    size_t longest, active;
    if (!fseg_pair_set_check(pairs, count, &longest, &active))
        return FSEG_ERROR_INVALID_ARGUMENT;
    REAL *u = malloc(count * dim * sizeof *u);
    double *norm = malloc((count + 2 * longest) * sizeof *norm);
    if (!u || !norm) {
        free(u);
        free(norm);
        return FSEG_ERROR_OUT_OF_MEMORY;
    }
    normalize(z, count, dim, u, norm);
    if (gradient)
        memset(gradient, 0, count * dim * sizeof *gradient);
    const double normalization =
        options->normalization > 0.0 ? options->normalization : (double)(active ? active : 1);
    *loss = sum_anchors(options, pairs, u, dim, normalization, norm + count, longest, gradient);
    if (gradient)
        through_normalization(u, norm, count, dim, gradient);
    free(u);
    free(norm);
    return isfinite(*loss) ? FSEG_OK : FSEG_ERROR_NOT_FINITE;
}

/* ---- constrained contrast -------------------------------------------------------------------- */

/* The query's most similar vectors, itself excepted, best first. */
static size_t neighbours_of(const REAL *u, size_t count, size_t dim, size_t query, size_t wanted,
                            fseg_similar *similar)
{
    size_t n = 0;
    for (size_t j = 0; j < count; ++j)
        if (j != query)
            similar[n++] = (fseg_similar){dot(u + query * dim, u + j * dim, dim), (uint32_t)j};
    qsort(similar, n, sizeof *similar, fseg_similar_compare);
    return n < wanted ? n : wanted;
}

fseg_status CONTRAST_NAME(fseg_pairs_ccl)(const fseg_ccl_options *options, const REAL *z,
                                          size_t count, size_t dim, const uint8_t *labels,
                                          const uint32_t *queries, size_t query_count,
                                          fseg_pair_set *out)
{
    if (!out)
        return FSEG_ERROR_INVALID_ARGUMENT;
    *out = (fseg_pair_set){0};
    if (!options || !z || !labels || (!queries && query_count) || count < 1 || dim < 1 ||
        count > UINT32_MAX || options->neighbours < 1)
        return FSEG_ERROR_INVALID_ARGUMENT;
    for (size_t i = 0; i < query_count; ++i)
        if (queries[i] >= count)
            return FSEG_ERROR_INVALID_ARGUMENT;
    const size_t most = (options->neighbours < count ? options->neighbours : count) + 1;
    REAL *u = malloc(count * dim * sizeof *u);
    double *norm = malloc(count * sizeof *norm);
    fseg_similar *similar = malloc(count * sizeof *similar);
    fseg_status status = u && norm && similar ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    if (status == FSEG_OK)
        status = fseg_pair_set_reserve(out, query_count, query_count * most, query_count * most);
    if (status == FSEG_OK)
        normalize(z, count, dim, u, norm);
    for (size_t i = 0; status == FSEG_OK && i < query_count; ++i) {
        const uint32_t q = queries[i];
        const size_t found = neighbours_of(u, count, dim, q, options->neighbours, similar);
        if (options->include_self)
            fseg_pair_set_add_positive(out, q);
        for (size_t k = 0; k < found; ++k) {
            const uint32_t j = similar[k].index;
            if (labels[j] == labels[q])
                fseg_pair_set_add_positive(out, j);
            else
                fseg_pair_set_add_negative(out, j);
        }
        fseg_pair_set_end_anchor(out, q);
    }
    free(u);
    free(norm);
    free(similar);
    return status;
}
