/* Matrices of pairs: a row for each anchor, a column for each vector. */
#include "figure.h"
#include "frugalseg/contrast.h"
#include <stdlib.h>

static fseg_status add_matrix(figure *f, const char *title, size_t count, fseg_status made,
                              fseg_pair_set *pairs, fseg_error *error)
{
    float *m = calloc(count * count, sizeof *m);
    if (made != FSEG_OK || !m) {
        free(m);
        fseg_pair_set_free(pairs);
        return fseg_error_set(error, made != FSEG_OK ? made : FSEG_ERROR_OUT_OF_MEMORY,
                              "The pairs of a figure could not be made.");
    }
    for (size_t a = 0; a < pairs->anchors; a++) {
        float *row = m + (size_t)pairs->anchor[a] * count;
        for (size_t k = pairs->negative_start[a]; k < pairs->negative_start[a + 1]; k++) {
            row[pairs->negative[k]] = 1;
        }
        for (size_t k = pairs->positive_start[a]; k < pairs->positive_start[a + 1]; k++) {
            row[pairs->positive[k]] = 2;
        }
        row[pairs->anchor[a]] = 3;
    }
    figure_add(f, title, m, (int)count, (int)count, FIGURE_PAIRS);
    free(m);
    fseg_pair_set_free(pairs);
    return FSEG_OK;
}

fseg_status figure_draw_pairs(const char *path, fseg_error *error)
{
    enum { SLICES = 6, PARTITIONS = 3, VECTORS = 2 * FSEG_LOCAL_REGIONS };
    static const double positions[SLICES] = {0.1, 0.17, 0.45, 0.5, 0.54, 0.95};
    figure f;
    fseg_pair_set pairs = {0};
    fseg_status status = figure_begin(&f, 1, 5, error);
    if (status == FSEG_OK) {
        status = add_matrix(&f, "SimCLR: 6 images, 2 views", 2 * SLICES,
                            fseg_pairs_ntxent(SLICES, &pairs), &pairs, error);
    }
    if (status == FSEG_OK) {
        status = add_matrix(&f, "G^{D-}: 2 volumes x 3, 3 views", 3 * SLICES,
                            fseg_pairs_partition(SLICES, 3, PARTITIONS, &pairs), &pairs, error);
    }
    if (status == FSEG_OK) {
        status = add_matrix(&f, "G^D: two draws, 2 views", 4 * SLICES,
                            fseg_pairs_partition_pairs(SLICES, PARTITIONS, &pairs), &pairs, error);
    }
    if (status == FSEG_OK) {
        status = add_matrix(&f, "PCL: position gap < 0.1", 2 * SLICES,
                            fseg_pairs_position(SLICES, positions, 0.1, &pairs), &pairs, error);
    }
    if (status == FSEG_OK) {
        status = add_matrix(&f, "L^R: 13 regions, 2 views", VECTORS, fseg_pairs_local(1, &pairs),
                            &pairs, error);
    }
    return figure_end(&f, path, status, error);
}
