/**
 * @file augment_geometry.c
 * One resampling of image and label through an affine and a B-spline map.
 *
 * The elastic displacement is a uniform cubic B-spline over a small grid of control displacements
 * (Rueckert et al., IEEE TMI 1999). It is separable: each row first blends the four control rows
 * around it, then each pixel blends four of the resulting values.
 */
#include "augment_internal.h"

#include <math.h>
#include <string.h>

/* Rows of control points padded by one at the start and two at the end, for the 4-point support. */
enum { PADDED_GRID = FSEG_AUGMENT_GRID_MAX + 3 };

static void bspline_weights(float t, float w[4])
{
    const float u = 1.0f - t;
    const float t2 = t * t;
    w[0] = u * u * u * (1.0f / 6.0f);
    w[1] = (4.0f + t2 * (3.0f * t - 6.0f)) * (1.0f / 6.0f);
    w[2] = (1.0f + 3.0f * (t + t2 - t2 * t)) * (1.0f / 6.0f);
    w[3] = t2 * t * (1.0f / 6.0f);
}

/* Cell and offset of pixel i: control points lie at the image's ends and evenly between. */
static int grid_position(int i, int size, int grid, float *t)
{
    const float position =
        size > 1 ? (float)i * (float)(grid - 1) / (float)(size - 1) : 0.5f * (float)(grid - 1);
    int cell = (int)position;
    if (cell > grid - 2)
        cell = grid - 2;
    *t = position - (float)cell;
    return cell;
}

/* Blend the four control rows around image row y into one padded row of grid + 2 values. */
static void blend_control_rows(const float *control, int grid, int cell, const float w[4],
                               float *row)
{
    const float *r[4];
    for (int k = 0; k < 4; ++k) {
        int j = cell + k - 1;
        j = j < 0 ? 0 : j > grid - 1 ? grid - 1 : j;
        r[k] = control + (size_t)j * (size_t)grid;
    }
    for (int i = 0; i < grid; ++i)
        row[i + 1] = w[0] * r[0][i] + w[1] * r[1][i] + w[2] * r[2][i] + w[3] * r[3][i];
    row[0] = row[1];
    row[grid + 1] = row[grid];
}

size_t fseg_warp_scratch(int channels, int height, int width)
{
    const size_t pixels = (size_t)height * (size_t)width;
    /* Copies of image and label, then per column: 4 weights, cell, x', y'. */
    return (size_t)channels * pixels + (pixels + 3) / 4 + 7 * (size_t)width;
}

static void resample_row(const float *source, int height, int width, const float *px,
                         const float *py, float *out)
{
    const float x_max = (float)(width - 1), y_max = (float)(height - 1);
    for (int x = 0; x < width; ++x) {
        float fx = px[x], fy = py[x];
        fx = fx > 0.0f ? fx : 0.0f;
        fx = fx < x_max ? fx : x_max;
        fy = fy > 0.0f ? fy : 0.0f;
        fy = fy < y_max ? fy : y_max;
        const int x0 = (int)fx, y0 = (int)fy;
        const int x1 = x0 < width - 1 ? x0 + 1 : x0;
        const int step = y0 < height - 1 ? width : 0;
        fx -= (float)x0;
        fy -= (float)y0;
        const float *row = source + (size_t)y0 * (size_t)width;
        const float top = row[x0] + fx * (row[x1] - row[x0]);
        const float bottom = row[step + x0] + fx * (row[step + x1] - row[step + x0]);
        out[x] = top + fy * (bottom - top);
    }
}

static void resample_label_row(const uint8_t *source, int height, int width, const float *px,
                               const float *py, uint8_t *out)
{
    for (int x = 0; x < width; ++x) {
        const float fx = px[x] + 0.5f, fy = py[x] + 0.5f;
        const int inside = fx >= 0.0f && fy >= 0.0f && fx < (float)width && fy < (float)height;
        out[x] = inside ? source[(size_t)(int)fy * (size_t)width + (size_t)(int)fx] : 0;
    }
}

void fseg_warp_apply(const fseg_warp *warp, int channels, int height, int width, float *image,
                     uint8_t *label, float *scratch)
{
    const size_t pixels = (size_t)height * (size_t)width;
    const size_t columns = (size_t)width;
    float *source = scratch;
    uint8_t *source_label = (uint8_t *)(scratch + (size_t)channels * pixels);
    float *weights = scratch + (size_t)channels * pixels + (pixels + 3) / 4;
    int32_t *cells = (int32_t *)(void *)(weights + 4 * columns);
    float *px = weights + 5 * columns;
    float *py = px + columns;

    memcpy(source, image, (size_t)channels * pixels * sizeof *image);
    if (label)
        memcpy(source_label, label, pixels);

    const int elastic = warp->grid >= 2;
    if (elastic) {
        for (int x = 0; x < width; ++x) {
            float t;
            cells[x] = grid_position(x, width, warp->grid, &t);
            bspline_weights(t, weights + 4 * (size_t)x);
        }
    }

    const float cx = 0.5f * (float)(width - 1), cy = 0.5f * (float)(height - 1);
    for (int y = 0; y < height; ++y) {
        const float dy = (float)y - cy;
        const float base_x = warp->a[0][1] * dy + cx + warp->translation[0];
        const float base_y = warp->a[1][1] * dy + cy + warp->translation[1];
        for (int x = 0; x < width; ++x) {
            px[x] = warp->a[0][0] * ((float)x - cx) + base_x;
            py[x] = warp->a[1][0] * ((float)x - cx) + base_y;
        }
        if (elastic) {
            float row_x[PADDED_GRID], row_y[PADDED_GRID], t, w[4];
            const int cell = grid_position(y, height, warp->grid, &t);
            bspline_weights(t, w);
            blend_control_rows(warp->control_x, warp->grid, cell, w, row_x);
            blend_control_rows(warp->control_y, warp->grid, cell, w, row_y);
            for (int x = 0; x < width; ++x) {
                const float *q = weights + 4 * (size_t)x;
                const float *rx = row_x + cells[x], *ry = row_y + cells[x];
                px[x] += q[0] * rx[0] + q[1] * rx[1] + q[2] * rx[2] + q[3] * rx[3];
                py[x] += q[0] * ry[0] + q[1] * ry[1] + q[2] * ry[2] + q[3] * ry[3];
            }
        }
        for (int c = 0; c < channels; ++c)
            resample_row(source + (size_t)c * pixels, height, width, px, py,
                         image + (size_t)c * pixels + (size_t)y * columns);
        if (label)
            resample_label_row(source_label, height, width, px, py, label + (size_t)y * columns);
    }
}
