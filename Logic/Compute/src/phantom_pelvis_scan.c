/**
 * @file phantom_pelvis_scan.c
 * A scan of the pelvic phantom: any grid, slice profile, coil shading, noise, threads.
 */
#include "phantom_pelvis_internal.h"
#include "random_fill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { THROUGH_SAMPLES = 4, BAND_ROWS = 16, SIDE_MAX = 2048, SLICES_MAX = 512, MASSES_MAX = 24 };
static const float signal_scale = 1000.0f;
static const uint64_t tissue_stream = (uint64_t)0x64 << 56;
static const uint64_t coil_stream = (uint64_t)0x65 << 56;
static const uint64_t noise_stream = (uint64_t)0x66 << 56;
static const uint64_t scan_stream = (uint64_t)0x67 << 56;

fseg_pelvis_scan fseg_pelvis_default_scan(uint64_t seed, fseg_pelvis_plane plane, int size,
                                          int slices, double pixel_mm, double slice_mm,
                                          double tilt_degrees)
{
    fseg_pelvis_scan scan = {.columns = size,
                             .rows = size,
                             .slices = slices,
                             .slice_fill = 0.9,
                             .noise = 0.02,
                             .bias = 0.5,
                             .contrast_variation = 0.3,
                             .seed = seed};
    const double angle = tilt_degrees * 3.14159265358979323846 / 180.0;
    const double c = cos(angle), s = sin(angle);
    /* Columns, rows, slices; the tilt turns the posterior axis towards the head. */
    const double left[3] = {1.0, 0.0, 0.0}, back[3] = {0.0, c, -s}, up[3] = {0.0, s, c};
    const double down[3] = {0.0, -s, -c}, ahead[3] = {0.0, c, -s}, right[3] = {-1.0, 0.0, 0.0};
    const double *axes[3][3] = {{left, back, up}, {left, down, ahead}, {ahead, down, right}};
    const double spacing[3] = {pixel_mm, pixel_mm, slice_mm};
    const int n[3] = {size, size, slices};
    for (int d = 0; d < 3; ++d)
        for (int a = 0; a < 3; ++a) {
            const double step = axes[plane][a][d] * spacing[a];
            scan.ijk_to_lps[d][a] = step;
            scan.ijk_to_lps[d][3] -= 0.5 * (double)(n[a] - 1) * step;
        }
    scan.ijk_to_lps[3][3] = 1.0;
    return scan;
}

fseg_pelvis_scan fseg_pelvis_random_scan(uint64_t seed)
{
    fseg_random random = fseg_random_create(seed, scan_stream);
    const float which = fseg_random_uniform(&random);
    const fseg_pelvis_plane plane = which < 0.5f    ? FSEG_PELVIS_AXIAL
                                    : which < 0.75f ? FSEG_PELVIS_CORONAL
                                                    : FSEG_PELVIS_SAGITTAL;
    const double field = (double)fseg_random_range(&random, 140.0f, 215.0f);
    const double slice_mm = (double)fseg_random_range(&random, 2.6f, 4.4f);
    const int size = (int)lround(field / 1.3);
    const double reach = plane == FSEG_PELVIS_AXIAL ? 78.0 : 62.0;
    const int slices =
        (int)lround((reach + (double)fseg_random_range(&random, -12.0f, 16.0f)) / slice_mm);
    const double tilt = (double)fseg_random_range(&random, -8.0f, 26.0f);
    fseg_pelvis_scan scan =
        fseg_pelvis_default_scan(seed, plane, size, slices, field / (double)size, slice_mm, tilt);
    /* A little turned about the vertical axis, and off centre. */
    const double turn = (double)fseg_random_range(&random, -0.1f, 0.1f);
    for (int a = 0; a < 4; ++a) {
        const double x = scan.ijk_to_lps[0][a], y = scan.ijk_to_lps[1][a];
        scan.ijk_to_lps[0][a] = cos(turn) * x - sin(turn) * y;
        scan.ijk_to_lps[1][a] = sin(turn) * x + cos(turn) * y;
    }
    for (int d = 0; d < 3; ++d)
        scan.ijk_to_lps[d][3] +=
            (double)fseg_random_range(&random, d == 0 ? -6.0f : -16.0f, d == 0 ? 6.0f : 16.0f);
    const float hazy = fseg_random_uniform(&random);
    scan.noise = 0.005 + 0.06 * (double)(hazy * hazy);
    scan.bias = (double)fseg_random_range(&random, 0.1f, 1.7f);
    scan.contrast_variation = (double)fseg_random_range(&random, 0.3f, 1.0f);
    scan.clutter = (double)fseg_random_range(&random, -0.3f, 1.0f);
    scan.clutter = scan.clutter > 0.0 ? scan.clutter : 0.0;
    scan.slice_fill = (double)fseg_random_range(&random, 0.8f, 1.0f);
    return scan;
}

static fseg_status check_scan(const fseg_pelvis_scan *s, fseg_error *error)
{
    if (s->columns < 1 || s->columns > SIDE_MAX || s->rows < 1 || s->rows > SIDE_MAX ||
        s->slices < 1 || s->slices > SLICES_MAX)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "scan of %d x %d pixels and %d slices; choose 1 to %d pixels a side "
                              "and 1 to %d slices",
                              s->columns, s->rows, s->slices, SIDE_MAX, SLICES_MAX);
    for (int a = 0; a < 3; ++a) {
        double square = 0.0;
        for (int d = 0; d < 3; ++d)
            square += s->ijk_to_lps[d][a] * s->ijk_to_lps[d][a];
        if (!(square >= 0.01 && square <= 1e4) || !isfinite(s->ijk_to_lps[a][3]))
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "scan with voxels of %g mm along one axis; choose 0.1 to 100 mm",
                                  sqrt(square));
    }
    const struct {
        const char *name;
        double value, high;
    } numbers[] = {{"noise", s->noise, 1.0},
                   {"bias", s->bias, 2.0},
                   {"contrast variation", s->contrast_variation, 1.0},
                   {"clutter", s->clutter, 1.0},
                   {"slice fill", s->slice_fill, 1.5}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; ++i)
        if (!(numbers[i].value >= 0.0 && numbers[i].value <= numbers[i].high))
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "scan's %s %g; choose 0 to %g", numbers[i].name, numbers[i].value,
                                  numbers[i].high);
    return FSEG_OK;
}

/* Everything that the threads share; read-only while they run. */
typedef struct job {
    const fseg_pelvis *pelvis;
    const fseg_pelvis_scan *scan;
    float signals[FSEG_PELVIS_TISSUES], gain;
    float edge, phase[3]; /* of the shading */
    fseg_pelvis_mass masses[MASSES_MAX];
    int mass_count;
    float front, rear, wave;
    int bands;
    size_t first;
    float *image;
    uint8_t *labels;
} job;

/* Foreign masses, none in the space where the organs lie. */
static void draw_masses(fseg_random *random, job *j)
{
    const float *half = j->pelvis->half;
    const int wanted = (int)(j->scan->clutter * (double)MASSES_MAX + 0.5);
    for (int tries = 0; tries < 20 * wanted && j->mass_count < wanted; ++tries) {
        float at[3], radius[3], turn[3];
        const float size = fseg_random_range(random, 3.0f, 26.0f);
        const float reach[3] = {105.0f, 100.0f, 75.0f};
        float nearest = 0.0f;
        for (int d = 0; d < 3; ++d) {
            at[d] = fseg_random_range(random, -reach[d], reach[d]);
            radius[d] = size * fseg_random_range(random, 0.5f, 1.2f);
            turn[d] = fseg_random_range(random, -90.0f, 90.0f);
            const float q = at[d] / (half[d] + 12.0f + size);
            nearest += q * q;
        }
        if (nearest < 1.0f)
            continue;
        fseg_pelvis_mass *m = &j->masses[j->mass_count++];
        m->shape = fseg_ellipsoid_make(at, radius, turn);
        const float u = fseg_random_uniform(random);
        m->value = 0.02f + 0.6f * u * u;
        m->mottle = fseg_random_range(random, 0.0f, 0.4f);
        m->streak = fseg_random_range(random, -0.5f, 0.5f);
    }
}

static void job_prepare(job *j)
{
    const fseg_pelvis_scan *s = j->scan;
    fseg_random random = fseg_random_create(s->seed, tissue_stream);
    fseg_pelvis_signals(&random, s->contrast_variation, j->signals);
    /* The receiver adjusts to the bright tissue. */
    const float bright =
        0.5f * (j->signals[FSEG_PELVIS_FAT] + j->signals[FSEG_PELVIS_PERIPHERAL_ZONE]);
    j->gain = 0.45f / fmaxf(bright, 0.02f);
    random = fseg_random_create(s->seed, coil_stream);
    /* Surface arrays before and behind; each may dominate. */
    j->front = fseg_random_range(&random, 0.3f, 1.0f);
    j->rear = fseg_random_range(&random, 0.1f, 0.8f);
    j->wave = fseg_random_range(&random, 0.05f, 0.25f);
    for (int d = 0; d < 3; ++d)
        j->phase[d] = fseg_random_range(&random, 0.0f, 16.0f);
    j->mass_count = 0;
    draw_masses(&random, j);
    float pixel = 0.0f;
    for (int a = 0; a < 2; ++a) {
        float square = 0.0f;
        for (int d = 0; d < 3; ++d)
            square += (float)(s->ijk_to_lps[d][a] * s->ijk_to_lps[d][a]);
        pixel = fmaxf(pixel, sqrtf(square));
    }
    j->edge = 1.35f * pixel;
}

/* Log sensitivity at a place: grows exponentially towards the arrays, falls away from the middle
   of the coil along the body. */
static float shading(const job *j, float x, float y, float z)
{
    const fseg_pelvis *p = j->pelvis;
    const float v = (y - p->depth_shift) / p->half_depth, w = z * (1.0f / 150.0f);
    const float near =
        j->front * (expf(2.2f * (-v - 1.0f)) - 0.11f) + j->rear * (expf(2.2f * (v - 1.0f)) - 0.11f);
    const float wave = j->wave * fseg_texture_at(&p->texture, x / 90.0f + j->phase[0],
                                                 y / 90.0f + j->phase[1], z / 90.0f + j->phase[2]);
    return 2.0f * near + wave - 0.3f * w * w;
}

static void render_row(const job *j, int slice, int row, float *noise)
{
    const fseg_pelvis_scan *s = j->scan;
    const size_t start = ((size_t)slice * (size_t)s->rows + (size_t)row) * (size_t)s->columns;
    fseg_pelvis_canvas c;
    memset(&c, 0, sizeof c);
    c.p = j->pelvis;
    c.signals = j->signals;
    c.masses = j->masses;
    c.mass_count = j->mass_count;
    c.inverse_edge = 1.0f / j->edge;
    const float sigma = (float)s->noise * 0.5f;
    if (sigma > 0.0f) {
        fseg_random random =
            fseg_random_create(s->seed, noise_stream | (uint64_t)slice << 16 | (uint64_t)row);
        fseg_random_fill_normal(&random, 2 * (size_t)s->columns, noise);
    }
    for (int from = 0; from < s->columns; from += FSEG_PELVIS_CHUNK) {
        const int left = s->columns - from;
        c.n = left < FSEG_PELVIS_CHUNK ? left : FSEG_PELVIS_CHUNK;
        float sum[FSEG_PELVIS_CHUNK] = {0}, peripheral[FSEG_PELVIS_CHUNK] = {0};
        float transition[FSEG_PELVIS_CHUNK] = {0};
        for (int t = 0; t < THROUGH_SAMPLES; ++t) {
            const double within =
                (((double)t + 0.5) / (double)THROUGH_SAMPLES - 0.5) * s->slice_fill;
            for (int i = 0; i < c.n; ++i) {
                const double at[3] = {(double)(from + i), (double)row, (double)slice + within};
                float lps[3];
                for (int d = 0; d < 3; ++d)
                    lps[d] = (float)(s->ijk_to_lps[d][0] * at[0] + s->ijk_to_lps[d][1] * at[1] +
                                     s->ijk_to_lps[d][2] * at[2] + s->ijk_to_lps[d][3]);
                c.gx[i] = lps[0];
                c.gy[i] = lps[1];
                c.gz[i] = lps[2];
            }
            fseg_pelvis_paint(&c);
            for (int i = 0; i < c.n; ++i) {
                sum[i] += c.signal[i];
                peripheral[i] += c.peripheral_share[i];
                transition[i] += c.transition_share[i];
            }
        }
        const float scale = j->gain / (float)THROUGH_SAMPLES;
        for (int i = 0; i < c.n; ++i) {
            const size_t at = start + (size_t)(from + i);
            float value = sum[i] * scale;
            if (s->bias > 0.0)
                value *= expf((float)s->bias * shading(j, c.gx[i], c.gy[i], c.gz[i]));
            if (sigma > 0.0f) {
                const float real = value + sigma * noise[from + i];
                const float imaginary = sigma * noise[s->columns + from + i];
                value = sqrtf(real * real + imaginary * imaginary);
            }
            j->image[at] = signal_scale * value;
            uint8_t label = 0;
            if (peripheral[i] + transition[i] > 0.5f * (float)THROUGH_SAMPLES)
                label = s->whole_gland || peripheral[i] >= transition[i] ? FSEG_PELVIS_PERIPHERAL
                                                                         : FSEG_PELVIS_TRANSITION;
            j->labels[at] = label;
        }
    }
}

static void render_band(void *user, size_t piece)
{
    const job *j = user;
    const size_t index = j->first + piece;
    const int slice = (int)(index / (size_t)j->bands), band = (int)(index % (size_t)j->bands);
    float noise[2 * SIDE_MAX + 64];
    for (int row = band * BAND_ROWS; row < (band + 1) * BAND_ROWS && row < j->scan->rows; ++row)
        render_row(j, slice, row, noise);
}

fseg_status fseg_pelvis_render(const fseg_pelvis *pelvis, fseg_context *context,
                               const fseg_pelvis_scan *scan, float *image, uint8_t *labels,
                               const fseg_progress *progress, fseg_error *error)
{
    if (!pelvis || !context || !scan || !image || !labels)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a scan needs a pelvis, a context, an image and a label volume");
    fseg_status status = check_scan(scan, error);
    if (status != FSEG_OK)
        return status;
    job j = {.pelvis = pelvis, .scan = scan, .image = image, .labels = labels};
    job_prepare(&j);
    j.bands = (scan->rows + BAND_ROWS - 1) / BAND_ROWS;
    const int threads = fseg_context_threads(context);
    const size_t round = 8 * (size_t)(threads > 0 ? threads : 1);
    const size_t total = (size_t)j.bands * (size_t)scan->slices;
    status = fseg_progress_report(progress, 0.0, "phantom");
    for (j.first = 0; j.first < total && status == FSEG_OK; j.first += round) {
        const size_t left = total - j.first;
        fseg_context_parallel(context, left < round ? left : round, render_band, &j);
        status = fseg_progress_report(progress, (double)(total - left) / (double)total, "phantom");
    }
    if (status == FSEG_OK)
        status = fseg_progress_report(progress, 1.0, "phantom");
    if (status != FSEG_OK)
        return fseg_error_set(error, status, "making the phantom was cancelled");
    return FSEG_OK;
}
