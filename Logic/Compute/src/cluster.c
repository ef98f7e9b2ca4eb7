#include "cluster.h"
#include "frugalseg/random.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- eigenvectors ---------------------------------------------------------------------------- */

/* One rotation that makes a[p][q] zero. */
static void rotate(double *a, double *v, int n, int p, int q)
{
    const double apq = a[p * n + q];
    if (apq == 0.0)
        return;
    const double theta = (a[q * n + q] - a[p * n + p]) / (2.0 * apq);
    const double t = (theta >= 0.0 ? 1.0 : -1.0) / (fabs(theta) + sqrt(theta * theta + 1.0));
    const double c = 1.0 / sqrt(t * t + 1.0), s = t * c;
    for (int k = 0; k < n; ++k) {
        const double x = a[k * n + p], y = a[k * n + q];
        a[k * n + p] = c * x - s * y;
        a[k * n + q] = s * x + c * y;
    }
    for (int k = 0; k < n; ++k) {
        const double x = a[p * n + k], y = a[q * n + k];
        a[p * n + k] = c * x - s * y;
        a[q * n + k] = s * x + c * y;
        const double u = v[k * n + p], w = v[k * n + q];
        v[k * n + p] = c * u - s * w;
        v[k * n + q] = s * u + c * w;
    }
}

static void exchange_columns(double *v, int n, int p, int q)
{
    for (int k = 0; k < n; ++k) {
        const double x = v[k * n + p];
        v[k * n + p] = v[k * n + q];
        v[k * n + q] = x;
    }
}

void fseg_symmetric_eigen(double *a, int n, double *v, double *values)
{
    enum { SWEEPS = 60 };
    for (int i = 0; i < n * n; ++i)
        v[i] = i / n == i % n ? 1.0 : 0.0;
    for (int sweep = 0; sweep < SWEEPS; ++sweep)
        for (int p = 0; p < n; ++p)
            for (int q = p + 1; q < n; ++q)
                rotate(a, v, n, p, q);
    for (int i = 0; i < n; ++i)
        values[i] = a[i * n + i];
    for (int i = 0; i < n; ++i) {
        int best = i;
        for (int k = i + 1; k < n; ++k)
            best = values[k] > values[best] ? k : best;
        const double value = values[i];
        values[i] = values[best];
        values[best] = value;
        exchange_columns(v, n, i, best);
        double largest = 0.0;
        for (int k = 0; k < n; ++k)
            largest = fabs(v[k * n + i]) > fabs(largest) ? v[k * n + i] : largest;
        for (int k = 0; k < n && largest < 0.0; ++k)
            v[k * n + i] = -v[k * n + i];
    }
}

/* ---- total variation ------------------------------------------------------------------------- */

void fseg_total_variation(double weight, int iterations, int height, int width, float *image,
                          float *scratch)
{
    const size_t columns = (size_t)width, pixels = (size_t)height * columns;
    float *f = scratch, *dx = f + pixels, *dy = dx + pixels, *bx = dy + pixels, *by = bx + pixels;
    const float mu = (float)weight, lambda = 2.0f * mu;
    memcpy(f, image, pixels * sizeof *f);
    memset(dx, 0, 4 * pixels * sizeof *dx);
    for (int it = 0; it < iterations; ++it) {
        /* Gauss-Seidel for u; beyond the edges the image is continued by its own values. */
        for (size_t i = 0; i < pixels; ++i) {
            const size_t x = i % columns;
            const int left = x > 0, right = x + 1 < columns;
            const int up = i >= columns, down = i + columns < pixels;
            float sum = 0.0f;
            sum += left ? image[i - 1] : image[i];
            sum += right ? image[i + 1] : image[i];
            sum += up ? image[i - columns] : image[i];
            sum += down ? image[i + columns] : image[i];
            sum += (left ? dx[i - 1] - bx[i - 1] : 0.0f) - (dx[i] - bx[i]);
            sum += (up ? dy[i - columns] - by[i - columns] : 0.0f) - (dy[i] - by[i]);
            image[i] = (mu * f[i] + lambda * sum) / (mu + 4.0f * lambda);
        }
        /* Shrinkage of the gradient, and the Bregman update. */
        for (size_t i = 0; i < pixels; ++i) {
            const float gx = (i % columns + 1 < columns ? image[i + 1] - image[i] : 0.0f) + bx[i];
            const float gy = (i + columns < pixels ? image[i + columns] - image[i] : 0.0f) + by[i];
            const float length = sqrtf(gx * gx + gy * gy), limit = 1.0f / lambda;
            const float keep = length > limit ? (length - limit) / length : 0.0f;
            dx[i] = keep * gx;
            dy[i] = keep * gy;
            bx[i] = gx - dx[i];
            by[i] = gy - dy[i];
        }
    }
}

/* ---- k-means --------------------------------------------------------------------------------- */

enum { SAMPLES_MAX = 20000, LLOYD_MAX = 50, DIM_MAX = 64 };

static double square_distance(const float *a, const float *b, int dim)
{
    double sum = 0.0;
    for (int k = 0; k < dim; ++k)
        sum += ((double)a[k] - (double)b[k]) * ((double)a[k] - (double)b[k]);
    return sum;
}

static int nearest_centre(const float *point, const float *centres, int clusters, int dim)
{
    int best = 0;
    double least = INFINITY;
    for (int c = 0; c < clusters; ++c) {
        const double d = square_distance(point, centres + c * dim, dim);
        if (d < least) {
            least = d;
            best = c;
        }
    }
    return best;
}

/* k-means++ (Arthur & Vassilvitskii 2007): each next centre with probability by squared distance.
 */
static void start_centres(const float *samples, size_t count, int dim, int clusters,
                          fseg_random *random, double *distance, float *centres)
{
    size_t pick = fseg_random_below(random, (uint32_t)count);
    for (size_t i = 0; i < count; ++i)
        distance[i] = INFINITY;
    for (int c = 0; c < clusters; ++c) {
        memcpy(centres + c * dim, samples + pick * (size_t)dim, (size_t)dim * sizeof *centres);
        double total = 0.0;
        for (size_t i = 0; i < count; ++i) {
            const double d = square_distance(samples + i * (size_t)dim, centres + c * dim, dim);
            distance[i] = d < distance[i] ? d : distance[i];
            total += distance[i];
        }
        double left = (double)fseg_random_uniform(random) * total;
        for (pick = 0; pick + 1 < count; ++pick) {
            left -= distance[pick];
            if (left < 0.0)
                break;
        }
    }
}

/* One Lloyd step; whether any centre moved. A centre without points stays. */
static int move_centres(const float *samples, size_t count, int dim, int clusters, double *sums,
                        float *centres)
{
    double *const members = sums + clusters * dim;
    memset(sums, 0, (size_t)(clusters * (dim + 1)) * sizeof *sums);
    for (size_t i = 0; i < count; ++i) {
        const float *point = samples + i * (size_t)dim;
        const int c = nearest_centre(point, centres, clusters, dim);
        members[c] += 1.0;
        for (int k = 0; k < dim; ++k)
            sums[c * dim + k] += (double)point[k];
    }
    int moved = 0;
    for (int i = 0; i < clusters * dim; ++i) {
        const double n = members[i / dim];
        const float mean = n > 0.0 ? (float)(sums[i] / n) : centres[i];
        moved |= mean != centres[i];
        centres[i] = mean;
    }
    return moved;
}

fseg_status fseg_k_means(const float *points, size_t count, int dim, int clusters, uint64_t seed,
                         uint8_t *labels)
{
    if (!points || !labels || count < 1 || dim < 1 || dim > DIM_MAX || clusters < 1 ||
        clusters > 256)
        return FSEG_ERROR_INVALID_ARGUMENT;
    const size_t used = count < SAMPLES_MAX ? count : SAMPLES_MAX;
    float *samples = malloc(used * (size_t)dim * sizeof *samples);
    float *centres = malloc((size_t)(clusters * dim) * sizeof *centres);
    double *distance = malloc(used * sizeof *distance);
    double *sums = malloc((size_t)(clusters * (dim + 1)) * sizeof *sums);
    const int complete = samples && centres && distance && sums;
    if (complete) {
        fseg_random random = fseg_random_create(seed, (uint64_t)0x4b << 56);
        for (size_t i = 0; i < used; ++i) { /* one from each of equal ranges */
            const size_t first = i * count / used, end = (i + 1) * count / used;
            const size_t from = first + fseg_random_below(&random, (uint32_t)(end - first));
            memcpy(samples + i * (size_t)dim, points + from * (size_t)dim,
                   (size_t)dim * sizeof *samples);
        }
        start_centres(samples, used, dim, clusters, &random, distance, centres);
        for (int i = 0; i < LLOYD_MAX; ++i)
            if (!move_centres(samples, used, dim, clusters, sums, centres))
                break;
        for (size_t i = 0; i < count; ++i)
            labels[i] = (uint8_t)nearest_centre(points + i * (size_t)dim, centres, clusters, dim);
    }
    free(samples);
    free(centres);
    free(distance);
    free(sums);
    return complete ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
}
