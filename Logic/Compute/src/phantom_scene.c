/**
 * @file phantom_scene.c
 * The renderer: grid, supersampling, echoes, coil, noise, threads, truth.
 */
#include "phantom_scene.h"

#include "random_fill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    BAND_ROWS = 16, /* rows of one piece of work */
    SIDE_MAX = 2048,
    SLICES_MAX = 512,
    PLANES_MAX = 2 * FSEG_ECHOES_MAX
};
static const float signal_scale = 1000.0f;
static const uint64_t noise_stream = (uint64_t)0x54 << 56;

/* ---- Acquisition --------------------------------------------------------------------------- */

fseg_acquisition fseg_acquisition_liver(void)
{
    const fseg_acquisition acquisition = {.columns = 256,
                                          .rows = 256,
                                          .slices = 30,
                                          .spacing_mm = {1.4, 1.4, 7.0},
                                          .slice_thickness = 0.85,
                                          .slice_samples = 4,
                                          .point_spread = 1.35,
                                          .noise = 0.015,
                                          .bias = 0.3,
                                          .sequence = fseg_sequence_liver()};
    return acquisition;
}

fseg_acquisition fseg_acquisition_prostate(void)
{
    fseg_acquisition acquisition = fseg_acquisition_liver();
    acquisition.columns = acquisition.rows = 320;
    acquisition.slices = 20;
    acquisition.spacing_mm[0] = acquisition.spacing_mm[1] = 0.6;
    acquisition.spacing_mm[2] = 3.3;
    acquisition.slice_thickness = 1.0;
    acquisition.noise = 0.025;
    acquisition.sequence = fseg_sequence_prostate();
    return acquisition;
}

/* A limit that an option of the acquisition must keep. */
typedef struct limit {
    const char *what;
    double value, low, high;
    const char *unit;
} limit;

fseg_status fseg_acquisition_check(const fseg_acquisition *a, fseg_error *error)
{
    if (a->columns < 1 || a->columns > SIDE_MAX || a->rows < 1 || a->rows > SIDE_MAX ||
        a->slices < 1 || a->slices > SLICES_MAX)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "phantom of %d x %d pixels and %d slices; choose 1 to %d pixels a "
                              "side and 1 to %d slices",
                              a->columns, a->rows, a->slices, SIDE_MAX, SLICES_MAX);
    if ((int)a->plane < FSEG_PLANE_AXIAL || a->plane > FSEG_PLANE_SAGITTAL)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "plane number %d; choose axial, coronal or sagittal", (int)a->plane);
    const fseg_artefacts *f = &a->artefacts;
    const limit limits[] = {
        {"spacing", a->spacing_mm[0], 0.1, 100.0, " mm"},
        {"spacing", a->spacing_mm[1], 0.1, 100.0, " mm"},
        {"spacing", a->spacing_mm[2], 0.1, 100.0, " mm"},
        {"tilt", a->tilt_degrees, -60.0, 60.0, " degrees"},
        {"centre", a->centre_mm[0], -1000.0, 1000.0, " mm"},
        {"centre", a->centre_mm[1], -1000.0, 1000.0, " mm"},
        {"centre", a->centre_mm[2], -1000.0, 1000.0, " mm"},
        {"slice thickness", a->slice_thickness, 0.01, 4.0, " of the spacing"},
        {"number of samples through a slice", a->slice_samples, 1.0, 32.0, ""},
        {"point spread", a->point_spread, 0.1, 10.0, " pixels"},
        {"noise", a->noise, 0.0, 1.0, ""},
        {"bias", a->bias, 0.0, 2.0, ""},
        {"ghost amplitude", f->ghost, 0.0, 50.0, " mm"},
        {"breathing period", f->ghost_period_ms, 0.0, 60000.0, " ms"},
        {"readout bandwidth", f->chemical_shift, 0.0, 10000.0, " Hz per pixel"},
        {"phase field of view", f->phase_fov, 0.0, 1.0, " of the image"},
        {"acquired matrix", f->matrix, 0.0, 1.0, " of the image's"},
        {"cross-talk", f->cross_talk, 0.0, 0.5, ""},
        {"motion", f->motion, 0.0, 50.0, " mm"},
    };
    for (size_t i = 0; i < sizeof limits / sizeof *limits; ++i) {
        const limit *l = &limits[i];
        if (!(l->value >= l->low && l->value <= l->high))
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "phantom %s of %g%s; choose %g to %g%s", l->what, l->value,
                                  l->unit, l->low, l->high, l->unit);
    }
    if (f->chemical_shift > 0.0 && f->chemical_shift < 20.0)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "phantom readout bandwidth of %g Hz per pixel; choose 0 (off) or 20 "
                              "to 10000",
                              f->chemical_shift);
    if ((f->phase_fov > 0.0 && f->phase_fov < 0.3) || (f->matrix > 0.0 && f->matrix < 0.2))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "phantom phase field of view %g and acquired matrix %g; choose 0 "
                              "(off) or at least 0.3 and 0.2",
                              f->phase_fov, f->matrix);
    return fseg_sequence_check(&a->sequence, error);
}

/* Directions of columns, rows and slices in patient space. */
static void directions_of(const fseg_acquisition *a, double out[3][3])
{
    static const double planes[3][3][3] = {{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
                                           {{1, 0, 0}, {0, 0, -1}, {0, 1, 0}},
                                           {{0, 1, 0}, {0, 0, -1}, {-1, 0, 0}}};
    memcpy(out, planes[a->plane], sizeof planes[0]);
    if (a->tilt_degrees == 0.0)
        return;
    const double angle = a->tilt_degrees * 3.14159265358979323846 / 180.0;
    const double c = cos(angle), s = sin(angle);
    for (int d = 0; d < 3; ++d) {
        const double y = out[d][1], z = out[d][2];
        out[d][1] = c * y - s * z;
        out[d][2] = s * y + c * z;
    }
}

void fseg_acquisition_matrix(const fseg_acquisition *a, double m[4][4])
{
    double direction[3][3];
    directions_of(a, direction);
    const int size[3] = {a->columns, a->rows, a->slices};
    for (int i = 0; i < 4; ++i)
        for (int j = 0; j < 4; ++j)
            m[i][j] = i == 3 && j == 3 ? 1.0 : 0.0;
    for (int d = 0; d < 3; ++d) {
        m[d][3] = a->centre_mm[d];
        for (int axis = 0; axis < 3; ++axis) {
            m[d][axis] = direction[axis][d] * a->spacing_mm[axis];
            m[d][3] -= 0.5 * (size[axis] - 1) * m[d][axis];
        }
    }
}

/* ---- Rendering ----------------------------------------------------------------------------- */

/* Everything that the threads share; read-only while they run. */
typedef struct render {
    const fseg_scene *scene;
    const fseg_acquisition *acquisition;
    float direction[3][3], centre[3], spacing[3];
    float offset[32], weight[32], total; /* samples through the slice */
    int planes;                          /* echoes; twice that with the fat apart */
    float signals[PLANES_MAX][FSEG_TISSUE_COUNT];
    uint64_t noise_seed[FSEG_ECHOES_MAX]; /* another one for each echo */
    int whole_slices;                     /* artefacts need them: pieces are slices, not bands */
    int margin;                           /* rows rendered before and after the image */
    size_t pieces_per_slice, first;
    size_t scratch_floats;
    float *scratch; /* one part for each piece of a round of work */
    float *images;
    uint8_t *labels;
} render;

static void prepare_profile(render *r)
{
    const fseg_acquisition *a = r->acquisition;
    const float full = (float)a->slice_thickness * r->spacing[2];
    r->total = 0.0f;
    for (int s = 0; s < a->slice_samples; ++s) {
        const float within = ((float)s + 0.5f) / (float)a->slice_samples - 0.5f;
        if (a->gaussian_profile) {
            /* Out to 1.5 full widths either way; 4 ln 2 u^2 is half at u = 1/2. */
            const float u = 3.0f * within;
            r->offset[s] = full * u;
            r->weight[s] = expf(-2.7725887f * u * u);
        } else {
            r->offset[s] = full * within;
            r->weight[s] = 1.0f;
        }
        r->total += r->weight[s];
    }
}

static void prepare(render *r, const fseg_scene *scene, const fseg_acquisition *a)
{
    double direction[3][3];
    directions_of(a, direction);
    r->scene = scene;
    r->acquisition = a;
    for (int i = 0; i < 3; ++i) {
        r->centre[i] = (float)a->centre_mm[i];
        r->spacing[i] = (float)a->spacing_mm[i];
        for (int d = 0; d < 3; ++d)
            r->direction[i][d] = (float)direction[i][d];
    }
    prepare_profile(r);
    const fseg_signals *s = scene->signals;
    const fseg_sequence *q = &a->sequence;
    const int fat_apart = a->artefacts.chemical_shift > 0.0;
    const double gain_te = q->gain_te_ms > 0.0 ? q->gain_te_ms : q->te_ms[0];
    r->planes = s->echoes * (fat_apart ? 2 : 1);
    for (int e = 0; e < s->echoes; ++e) {
        for (int i = 0; i < FSEG_TISSUE_COUNT; ++i) {
            r->signals[e][i] = s->total[e][i] - (fat_apart ? s->fat[e][i] : 0.0f);
            if (fat_apart)
                r->signals[s->echoes + e][i] = s->fat[e][i];
        }
        const double multiple = gain_te > 0.0 ? q->te_ms[e] / gain_te : 1.0;
        r->noise_seed[e] = scene->seed + ((uint64_t)llround(1000.0 * (multiple - 1.0)) << 40);
    }
    r->whole_slices = fseg_artefacts_any(&a->artefacts);
    r->margin = a->artefacts.phase_fov > 0.0 ? a->rows / 2 : 0;
    r->pieces_per_slice =
        r->whole_slices ? 1 : ((size_t)a->rows + BAND_ROWS - 1) / (size_t)BAND_ROWS;
}

/* Start of a row in patient space: place (column, row, slice) in mm from the stack's centre. */
static void place(const render *r, float column, float row, float slice, float out[3])
{
    for (int d = 0; d < 3; ++d)
        out[d] = r->centre[d] + (column * r->direction[0][d] + row * r->direction[1][d] +
                                 slice * r->direction[2][d]);
}

/* Coil shading of one row; all planes. */
static void shade_row(const render *r, const float origin[3], const float step[3], int n,
                      float *line, float *field, float *sums)
{
    const float bias = (float)r->acquisition->bias;
    const fseg_coil *coil = r->scene->coil;
    fseg_lattice_line(coil->field, origin, step, n, line, field);
    float at[3], along[3];
    for (int d = 0; d < 3; ++d) {
        at[d] = origin[d] - r->centre[d];
        along[d] = 1.0f / coil->extent[d];
    }
    for (int i = 0; i < n; ++i) {
        const float u = (at[0] + (float)i * step[0]) * along[0];
        const float v = (at[1] + (float)i * step[1]) * along[1];
        const float w = (at[2] + (float)i * step[2]) * along[2];
        float c = coil->rise * (u * u + v * v) - 0.3f - coil->fall * w * w + 2.2f * field[i];
        c = c < 1.0f ? c : 1.0f;
        c = c > -1.5f ? c : -1.5f;
        field[i] = expf(bias * c);
    }
    for (int p = 0; p < r->planes; ++p)
        for (int i = 0; i < n; ++i)
            sums[(size_t)p * (size_t)n + (size_t)i] *= field[i];
}

/* Magnitude of the complex signal with noise in both channels. */
static void add_rician_noise(const render *r, int echo, int slice, int row, int n, float *noise,
                             float *signal)
{
    const float sigma = (float)r->acquisition->noise * 0.8f;
    if (!(sigma > 0.0f))
        return;
    fseg_random random = fseg_random_create(r->noise_seed[echo],
                                            noise_stream | (uint64_t)slice << 16 | (uint64_t)row);
    fseg_random_fill_normal(&random, 2 * (size_t)n, noise);
    for (int i = 0; i < n; ++i) {
        const float real = signal[i] + sigma * noise[i], imaginary = sigma * noise[n + i];
        signal[i] = sqrtf(real * real + imaginary * imaginary);
    }
}

/* Buffers of one piece of work, cut from its scratch. */
typedef struct workspace {
    float *sums;  /* [planes][n] */
    float *noise; /* [2 n] */
    float *weight[FSEG_SCENE_LABELS_MAX];
    float *slices; /* whole slices: [planes][rows with margins][n], then the artefacts' scratch */
    float *finish;
    float *line; /* of the fields, then the painter's */
    fseg_canvas canvas;
} workspace;

static size_t workspace_floats(const render *r, size_t line)
{
    const size_t n = (size_t)r->acquisition->columns;
    const size_t rows = (size_t)(r->acquisition->rows + 2 * r->margin);
    size_t floats = n * (2 * (size_t)r->planes + 2 + 2 * (size_t)r->scene->labels + 2) + line;
    if (r->whole_slices)
        floats += (size_t)r->planes * rows * n + fseg_slice_scratch(r->acquisition, (int)rows);
    return floats + 64;
}

static workspace workspace_cut(const render *r, float *part)
{
    workspace w;
    memset(&w, 0, sizeof w);
    const size_t n = (size_t)r->acquisition->columns;
    const int labels = r->scene->labels;
    fseg_canvas *c = &w.canvas;
    c->n = r->acquisition->columns;
    c->labels = labels;
    c->planes = r->planes;
    c->signals = r->signals[0];
    c->inverse_edge =
        1.0f / ((float)r->acquisition->point_spread * fmaxf(r->spacing[0], r->spacing[1]));
    w.sums = part;
    c->signal = w.sums + (size_t)r->planes * n;
    w.noise = c->signal + (size_t)r->planes * n;
    part = w.noise + 2 * n;
    for (int k = 0; k < labels; ++k, part += 2 * n) {
        w.weight[k] = part;
        c->weight[k] = part + n;
    }
    c->share = part;
    c->value = part + n;
    part += 2 * n;
    if (r->whole_slices) {
        const size_t rows = (size_t)(r->acquisition->rows + 2 * r->margin);
        w.slices = part;
        part += (size_t)r->planes * rows * n;
        w.finish = part;
        part += fseg_slice_scratch(r->acquisition, (int)rows);
    }
    w.line = part;
    return w;
}

/* Signal (shaded, not scaled) and shares of the labels of one row: w->sums, w->weight. */
static void render_row(const render *r, workspace *w, int slice, int row)
{
    const fseg_acquisition *a = r->acquisition;
    const int n = a->columns, labels = r->scene->labels;
    const size_t count = (size_t)n;
    const float x = -0.5f * r->spacing[0] * (float)(n - 1);
    const float y = r->spacing[1] * ((float)row - 0.5f * (float)(a->rows - 1));
    const float z = r->spacing[2] * ((float)slice - 0.5f * (float)(a->slices - 1));
    float origin[3], step[3];
    for (int d = 0; d < 3; ++d)
        step[d] = r->spacing[0] * r->direction[0][d];
    memset(w->sums, 0, (size_t)r->planes * count * sizeof(float));
    for (int k = 1; k < labels; ++k)
        memset(w->weight[k], 0, count * sizeof(float));
    for (int s = 0; s < a->slice_samples; ++s) {
        fseg_canvas *c = &w->canvas;
        memset(c->signal, 0, (size_t)r->planes * count * sizeof(float));
        for (int k = 1; k < labels; ++k)
            memset(c->weight[k], 0, count * sizeof(float));
        place(r, x, y, z + r->offset[s], origin);
        r->scene->paint(r->scene->subject, origin, step, c, w->line);
        for (size_t i = 0; i < (size_t)r->planes * count; ++i)
            w->sums[i] += r->weight[s] * c->signal[i];
        for (int k = 1; k < labels; ++k)
            for (size_t i = 0; i < count; ++i)
                w->weight[k][i] += r->weight[s] * c->weight[k][i];
    }
    for (size_t i = 0; i < (size_t)r->planes * count; ++i)
        w->sums[i] *= 1.0f / r->total;
    place(r, x, y, z, origin);
    shade_row(r, origin, step, n, w->line, w->noise, w->sums);
}

/* A voxel bears the label that covers more than half of it. */
static void write_labels(const render *r, const workspace *w, int slice, int row)
{
    if (!r->labels)
        return;
    const fseg_acquisition *a = r->acquisition;
    const int n = a->columns;
    uint8_t *out = r->labels + ((size_t)slice * (size_t)a->rows + (size_t)row) * (size_t)n;
    for (int i = 0; i < n; ++i) {
        out[i] = 0;
        for (int k = 1; k < r->scene->labels; ++k)
            if (w->weight[k][i] > 0.5f * r->total)
                out[i] = (uint8_t)k;
    }
}

static float *image_row(const render *r, int echo, int slice, int row)
{
    const fseg_acquisition *a = r->acquisition;
    const size_t slices = (size_t)echo * (size_t)a->slices + (size_t)slice;
    return r->images + (slices * (size_t)a->rows + (size_t)row) * (size_t)a->columns;
}

static void render_band(void *user, size_t piece)
{
    const render *r = user;
    const fseg_acquisition *a = r->acquisition;
    const size_t index = r->first + piece;
    const int slice = (int)(index / r->pieces_per_slice);
    const int band = (int)(index % r->pieces_per_slice);
    const int n = a->columns;
    workspace w = workspace_cut(r, r->scratch + piece * r->scratch_floats);
    const int last = (band + 1) * BAND_ROWS < a->rows ? (band + 1) * BAND_ROWS : a->rows;
    for (int row = band * BAND_ROWS; row < last; ++row) {
        render_row(r, &w, slice, row);
        for (int e = 0; e < r->planes; ++e) {
            float *signal = w.sums + (size_t)e * (size_t)n;
            add_rician_noise(r, e, slice, row, n, w.noise, signal);
            float *out = image_row(r, e, slice, row);
            for (int i = 0; i < n; ++i)
                out[i] = signal_scale * signal[i];
        }
        write_labels(r, &w, slice, row);
    }
}

static void render_slice(void *user, size_t piece)
{
    const render *r = user;
    const fseg_acquisition *a = r->acquisition;
    const int slice = (int)(r->first + piece), echoes = r->scene->signals->echoes;
    const int rows = a->rows + 2 * r->margin;
    const size_t n = (size_t)a->columns, pixels = (size_t)rows * n;
    workspace w = workspace_cut(r, r->scratch + piece * r->scratch_floats);
    for (int row = 0; row < rows; ++row) {
        render_row(r, &w, slice, row - r->margin);
        for (int p = 0; p < r->planes; ++p)
            for (size_t i = 0; i < n; ++i)
                w.slices[(size_t)p * pixels + (size_t)row * n + i] =
                    signal_scale * w.sums[(size_t)p * n + i];
        if (row >= r->margin && row < r->margin + a->rows)
            write_labels(r, &w, slice, row - r->margin);
    }
    for (int e = 0; e < echoes; ++e) {
        const int fat = r->planes > echoes;
        const fseg_slice_job job = {
            .acquisition = a,
            .rows = rows,
            .margin = r->margin,
            .water = w.slices + (size_t)e * pixels,
            .fat = fat ? w.slices + (size_t)(echoes + e) * pixels : NULL,
            .image = image_row(r, e, slice, 0),
            .labels = r->labels ? r->labels + (size_t)slice * (size_t)a->rows * n : NULL,
            .motion_seed = r->scene->seed,
            .noise_seed = r->noise_seed[e],
            .slice = slice,
            .sigma = (float)a->noise * 0.8f * signal_scale,
            .scratch = w.finish};
        fseg_slice_finish(&job);
    }
}

fseg_status fseg_scene_render(fseg_context *context, const fseg_scene *scene,
                              const fseg_acquisition *acquisition, float *images, uint8_t *labels,
                              const fseg_progress *progress, fseg_error *error)
{
    render *r = calloc(1, sizeof *r);
    if (!r)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a phantom");
    prepare(r, scene, acquisition);
    r->images = images;
    r->labels = labels;
    size_t line = fseg_lattice_scratch(scene->coil->field);
    const size_t painter = scene->scratch(scene->subject, acquisition->columns);
    line = painter > line ? painter : line;
    r->scratch_floats = workspace_floats(r, line);
    const int threads = fseg_context_threads(context);
    const size_t round = (r->whole_slices ? 1 : 2) * (size_t)(threads > 0 ? threads : 1);
    r->scratch = malloc(round * r->scratch_floats * sizeof *r->scratch);
    if (!r->scratch) {
        free(r);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a phantom");
    }
    const size_t total = r->pieces_per_slice * (size_t)acquisition->slices;
    fseg_status status = fseg_progress_report(progress, 0.0, "phantom");
    for (r->first = 0; r->first < total && status == FSEG_OK; r->first += round) {
        const size_t left = total - r->first;
        fseg_context_parallel(context, left < round ? left : round,
                              r->whole_slices ? render_slice : render_band, r);
        status = fseg_progress_report(progress, (double)(total - left) / (double)total, "phantom");
    }
    if (status == FSEG_OK)
        status = fseg_progress_report(progress, 1.0, "phantom");
    free(r->scratch);
    free(r);
    if (status != FSEG_OK)
        return fseg_error_set(error, status, "making the phantom was cancelled");
    return FSEG_OK;
}
