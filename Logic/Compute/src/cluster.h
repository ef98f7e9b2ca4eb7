/* The steps of constraint maps, each usable alone. */
#ifndef FSEG_CLUSTER_H
#define FSEG_CLUSTER_H

#include "frugalseg/status.h"
#include <stdint.h>

/* Eigenvectors of the symmetric matrix a [n, n] (destroyed), as columns of v [n, n], by falling
 * eigenvalue (Jacobi rotations). The largest entry of each is positive. */
void fseg_symmetric_eigen(double *a, int n, double *v, double *values);

/* Isotropic total variation of one image, min |grad u| + weight/2 |u - f|^2, by split Bregman
 * (Goldstein & Osher 2009). scratch: 5 images. */
void fseg_total_variation(double weight, int iterations, int height, int width, float *image,
                          float *scratch);

/* k-means of points [count, dim] (k-means++ start and Lloyd steps on at most 20,000 of them, then
 * all are assigned). dim <= 64. */
fseg_status fseg_k_means(const float *points, size_t count, int dim, int clusters, uint64_t seed,
                         uint8_t *labels);

#endif
