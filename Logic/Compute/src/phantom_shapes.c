/**
 * @file phantom_shapes.c
 * Signed distances to simple bodies, along an image row.
 */
#include "phantom_scene.h"

#include <math.h>
#include <string.h>

fseg_ellipsoid fseg_ellipsoid_make(const float centre[3], const float radius[3],
                                   const float degrees[3])
{
    fseg_ellipsoid e;
    float s[3], c[3];
    for (int d = 0; d < 3; ++d) {
        const float angle = degrees[d] * 0.01745329252f;
        s[d] = sinf(angle);
        c[d] = cosf(angle);
        e.centre[d] = centre[d];
        e.radius[d] = radius[d];
    }
    /* Rows of the transpose of Rz Ry Rx: the images of the unit vectors. */
    const float axis[3][3] = {
        {c[1] * c[2], c[1] * s[2], -s[1]},
        {s[0] * s[1] * c[2] - c[0] * s[2], s[0] * s[1] * s[2] + c[0] * c[2], s[0] * c[1]},
        {c[0] * s[1] * c[2] + s[0] * s[2], c[0] * s[1] * s[2] - s[0] * c[2], c[0] * c[1]},
    };
    memcpy(e.axis, axis, sizeof axis);
    for (int d = 0; d < 3; ++d) {
        float square = 0.0f;
        for (int i = 0; i < 3; ++i)
            square += axis[i][d] * axis[i][d] * radius[i] * radius[i];
        const float extent = sqrtf(square);
        e.low[d] = centre[d] - extent;
        e.high[d] = centre[d] + extent;
    }
    return e;
}

fseg_rod fseg_rod_make(const float a[3], const float b[3], float radius_a, float radius_b)
{
    fseg_rod rod;
    rod.radius_a = radius_a;
    rod.radius_b = radius_b;
    const float radius = radius_a > radius_b ? radius_a : radius_b;
    for (int d = 0; d < 3; ++d) {
        rod.a[d] = a[d];
        rod.b[d] = b[d];
        rod.low[d] = (a[d] < b[d] ? a[d] : b[d]) - radius;
        rod.high[d] = (a[d] > b[d] ? a[d] : b[d]) + radius;
    }
    return rod;
}

int fseg_row_span(const fseg_row *row, const float low[3], const float high[3], int *first,
                  int *last)
{
    const float m = row->margin;
    float from = 0.0f, to = (float)row->n;
    *first = *last = 0;
    for (int d = 0; d < 3; ++d) {
        const float step = row->step[d], at = row->origin[d];
        if (step == 0.0f) {
            if (at < low[d] - m || at > high[d] + m)
                return 0;
            continue;
        }
        const float near = step > 0.0f ? low[d] - m : high[d] + m;
        const float far = step > 0.0f ? high[d] + m : low[d] - m;
        const float enter = (near - at) / step, leave = (far - at) / step + 1.0f;
        from = enter > from ? enter : from;
        to = leave < to ? leave : to;
    }
    if (to <= 0.0f || from >= to)
        return 0;
    *first = (int)from;
    *last = (int)to;
    return *first < *last;
}

void fseg_ellipsoid_row(const fseg_ellipsoid *e, const fseg_row *row, int first, int last,
                        float *out)
{
    const float r0 = 1.0f / e->radius[0], r1 = 1.0f / e->radius[1], r2 = 1.0f / e->radius[2];
    for (int i = first; i < last; ++i) {
        const float x = row->x[i] - e->centre[0];
        const float y = row->y[i] - e->centre[1];
        const float z = row->z[i] - e->centre[2];
        const float u = (e->axis[0][0] * x + e->axis[0][1] * y + e->axis[0][2] * z) * r0;
        const float v = (e->axis[1][0] * x + e->axis[1][1] * y + e->axis[1][2] * z) * r1;
        const float w = (e->axis[2][0] * x + e->axis[2][1] * y + e->axis[2][2] * z) * r2;
        /* First order: (r - 1) over the length of the gradient of r. */
        const float square = u * u + v * v + w * w;
        const float slope = u * u * r0 * r0 + v * v * r1 * r1 + w * w * r2 * r2;
        const float r = sqrtf(square);
        out[i] = r * (r - 1.0f) / sqrtf(slope + 1e-12f);
    }
}

void fseg_rod_row(const fseg_rod *rod, const fseg_row *row, int first, int last, float k,
                  float *out)
{
    const float ux = rod->b[0] - rod->a[0], uy = rod->b[1] - rod->a[1], uz = rod->b[2] - rod->a[2];
    const float inverse = 1.0f / (ux * ux + uy * uy + uz * uz + 1e-9f);
    const float taper = rod->radius_b - rod->radius_a;
    for (int i = first; i < last; ++i) {
        const float x = row->x[i] - rod->a[0];
        const float y = row->y[i] - rod->a[1];
        const float z = row->z[i] - rod->a[2];
        float t = (x * ux + y * uy + z * uz) * inverse;
        t = t > 0.0f ? t : 0.0f;
        t = t < 1.0f ? t : 1.0f;
        const float ex = x - t * ux, ey = y - t * uy, ez = z - t * uz;
        const float distance = sqrtf(ex * ex + ey * ey + ez * ez) - rod->radius_a - t * taper;
        out[i] = fseg_smooth_min(out[i], distance, k);
    }
}
