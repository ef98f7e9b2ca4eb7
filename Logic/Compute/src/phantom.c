/**
 * @file phantom.c
 * Options, threads and image formation of the abdominal phantom.
 */
#include "frugalseg/phantom.h"

#include "phantom_internal.h"
#include "random_fill.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    THROUGH_SAMPLES = 4, /* across the thickness of a slice */
    BAND_ROWS = 16,      /* rows of one piece of work */
    SIDE_MAX = 2048,
    SLICES_MAX = 512
};
static const float signal_scale = 1000.0f;
static const float slice_fill = 0.85f; /* thickness over spacing: slices have gaps */

/* Streams of the seed: each purpose its own. */
static const uint64_t anatomy_stream = (uint64_t)0x50 << 56;
static const uint64_t tissue_stream = (uint64_t)0x51 << 56;
static const uint64_t field_stream = (uint64_t)0x52 << 56;
static const uint64_t noise_stream = (uint64_t)0x54 << 56;

fseg_phantom_options fseg_phantom_default_options(uint64_t seed)
{
    const fseg_phantom_options options = {
        .seed = seed,
        .columns = 256,
        .rows = 256,
        .slices = 30,
        .spacing_mm = {1.4, 1.4, 7.0},
        .noise = 0.015,
        .bias = 0.3,
        .contrast_variation = 0.3,
        .echo = 1.0,
    };
    return options;
}

static fseg_status check_options(const fseg_phantom_options *o, fseg_error *error)
{
    if (o->columns < 1 || o->columns > SIDE_MAX || o->rows < 1 || o->rows > SIDE_MAX ||
        o->slices < 1 || o->slices > SLICES_MAX)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "phantom of %d x %d pixels and %d slices; choose 1 to %d pixels a "
                              "side and 1 to %d slices",
                              o->columns, o->rows, o->slices, SIDE_MAX, SLICES_MAX);
    for (int d = 0; d < 3; ++d)
        if (!(o->spacing_mm[d] >= 0.1 && o->spacing_mm[d] <= 100.0))
            return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                                  "phantom spacing of %g mm; choose 0.1 to 100 mm",
                                  o->spacing_mm[d]);
    if (!(o->noise >= 0.0 && o->noise <= 1.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "phantom noise %g; choose 0 to 1",
                              o->noise);
    if (!(o->bias >= 0.0 && o->bias <= 2.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "phantom bias %g; choose 0 to 2",
                              o->bias);
    if (!(o->echo >= 0.0 && o->echo <= 100.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "phantom echo %g; choose 0 to 100", o->echo);
    if (!(o->contrast_variation >= 0.0 && o->contrast_variation <= 1.0))
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "phantom contrast variation %g; choose 0 to 1",
                              o->contrast_variation);
    return FSEG_OK;
}

/* Everything that the threads share; read-only while they run. */
typedef struct phantom {
    fseg_phantom_options options;
    fseg_anatomy anatomy;
    fseg_fields fields;
    fseg_lattice coil; /* shading, patient space */
    float signals[FSEG_TISSUE_COUNT];
    uint64_t noise_seed; /* another one for each echo */
    float *scratch;      /* one part for each piece of a round of work */
    size_t scratch_floats;
    int bands; /* pieces per slice */
    size_t first;
    float *image;
    uint8_t *labels;
} phantom;

static void phantom_release(phantom *p)
{
    if (!p)
        return;
    for (int d = 0; d < 3; ++d)
        fseg_lattice_release(&p->fields.warp[d]);
    fseg_lattice_release(&p->fields.rough);
    fseg_lattice_release(&p->fields.fine);
    fseg_lattice_release(&p->coil);
    free(p->scratch);
    free(p);
}

static fseg_status phantom_prepare(phantom *p)
{
    const uint64_t seed = p->options.seed;
    fseg_random random = fseg_random_create(seed, anatomy_stream);
    fseg_anatomy_draw(&random, &p->anatomy);
    random = fseg_random_create(seed, tissue_stream);
    fseg_phantom_signals(&random, p->options.contrast_variation, p->options.echo, p->signals);
    random = fseg_random_create(seed, field_stream);
    /* The fields cover the body whatever the field of view is, so that the grid does not change
       the patient. */
    const float low[3] = {-190.0f, -170.0f, -190.0f}, high[3] = {190.0f, 170.0f, 170.0f};
    fseg_status status = FSEG_OK;
    for (int d = 0; d < 3 && status == FSEG_OK; ++d)
        status = fseg_lattice_create(&random, low, high, 42.0f, &p->fields.warp[d]);
    p->fields.warp_mm = 14.0f; /* of the control values: about 3 mm rms after the spline */
    if (status == FSEG_OK)
        status = fseg_lattice_create(&random, low, high, 12.0f, &p->fields.rough);
    if (status == FSEG_OK)
        status = fseg_lattice_create(&random, low, high, 4.0f, &p->fields.fine);
    if (status == FSEG_OK)
        status = fseg_lattice_create(&random, low, high, 110.0f, &p->coil);
    return status;
}

/* Coil shading of one row. The body array is brightest at the surface, front and back; on top of
   that a smooth random field. */
static void shade_row(const phantom *p, float x0, float dx, float y, float z, int n, float *line,
                      float *field, float *signal)
{
    const float bias = (float)p->options.bias;
    fseg_lattice_row(&p->coil, x0, dx, y, z, n, line, field);
    /* Sensitivity rises towards the surface and falls towards the ends of the coil. */
    const float v = y * (1.0f / 120.0f), w = z * (1.0f / 130.0f);
    for (int i = 0; i < n; ++i) {
        const float u = (x0 + (float)i * dx) * (1.0f / 160.0f);
        float coil = 0.9f * (u * u + v * v) - 0.3f - 0.9f * w * w + 2.2f * field[i];
        coil = coil < 1.0f ? coil : 1.0f;
        coil = coil > -1.5f ? coil : -1.5f;
        signal[i] *= expf(bias * coil);
    }
}

/* Magnitude of the complex signal with noise in both channels. */
static void add_rician_noise(const phantom *p, int slice, int row, int n, float *noise,
                             float *signal)
{
    const float sigma = (float)p->options.noise * 0.8f;
    if (!(sigma > 0.0f))
        return;
    fseg_random random =
        fseg_random_create(p->noise_seed, noise_stream | (uint64_t)slice << 16 | (uint64_t)row);
    fseg_random_fill_normal(&random, 2 * (size_t)n, noise);
    for (int i = 0; i < n; ++i) {
        const float real = signal[i] + sigma * noise[i], imaginary = sigma * noise[n + i];
        signal[i] = sqrtf(real * real + imaginary * imaginary);
    }
}

static void render_band(void *user, size_t piece)
{
    const phantom *p = user;
    const fseg_phantom_options *o = &p->options;
    const size_t index = p->first + piece;
    const int slice = (int)(index / (size_t)p->bands), band = (int)(index % (size_t)p->bands);
    const int n = o->columns;
    float *part = p->scratch + piece * p->scratch_floats;
    float *signal = part, *noise = part + n, *line = part + 3 * (size_t)n;
    float *weight[FSEG_PHANTOM_LABELS];
    for (int k = 0; k < FSEG_PHANTOM_LABELS; ++k)
        weight[k] = part + (size_t)(3 + k) * (size_t)n;
    line = part + (size_t)(3 + FSEG_PHANTOM_LABELS) * (size_t)n;

    const float dx = (float)o->spacing_mm[0], dy = (float)o->spacing_mm[1];
    const float dz = (float)o->spacing_mm[2];
    const float x0 = -0.5f * dx * (float)(n - 1);
    const float z = dz * ((float)slice - 0.5f * (float)(o->slices - 1));
    const fseg_painter painter = {&p->anatomy, &p->fields, p->signals, 1.35f * fmaxf(dx, dy)};
    const int last = (band + 1) * BAND_ROWS < o->rows ? (band + 1) * BAND_ROWS : o->rows;
    for (int row = band * BAND_ROWS; row < last; ++row) {
        const float y = dy * ((float)row - 0.5f * (float)(o->rows - 1));
        memset(signal, 0, (size_t)n * sizeof *signal);
        memset(weight[0], 0, (size_t)FSEG_PHANTOM_LABELS * (size_t)n * sizeof *signal);
        for (int s = 0; s < THROUGH_SAMPLES; ++s) {
            const float within = ((float)s + 0.5f) / (float)THROUGH_SAMPLES - 0.5f;
            fseg_painter_row(&painter, x0, dx, y, z + slice_fill * dz * within, n, line, signal,
                             weight);
        }
        for (int i = 0; i < n; ++i)
            signal[i] *= 1.0f / (float)THROUGH_SAMPLES;
        shade_row(p, x0, dx, y, z, n, line, noise, signal);
        add_rician_noise(p, slice, row, n, noise, signal);

        const size_t at = ((size_t)slice * (size_t)o->rows + (size_t)row) * (size_t)n;
        for (int i = 0; i < n; ++i) {
            p->image[at + (size_t)i] = signal_scale * signal[i];
            uint8_t label = 0;
            for (int k = 1; k < FSEG_PHANTOM_LABELS; ++k)
                if (weight[k][i] > 0.5f * (float)THROUGH_SAMPLES)
                    label = (uint8_t)k;
            p->labels[at + (size_t)i] = label;
        }
    }
}

fseg_status fseg_phantom_abdomen(fseg_context *context, const fseg_phantom_options *options,
                                 float *image, uint8_t *labels, const fseg_progress *progress,
                                 fseg_error *error)
{
    if (!context || !options || !image || !labels)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a phantom needs a context, options, an image and a label volume");
    fseg_status status = check_options(options, error);
    if (status != FSEG_OK)
        return status;
    phantom *p = calloc(1, sizeof *p);
    if (!p)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a phantom");
    p->options = *options;
    p->noise_seed = options->seed + ((uint64_t)llround(1000.0 * (options->echo - 1.0)) << 40);
    p->image = image;
    p->labels = labels;
    status = phantom_prepare(p);
    const int threads = fseg_context_threads(context);
    const size_t round = 2 * (size_t)(threads > 0 ? threads : 1);
    if (status == FSEG_OK) {
        const fseg_painter painter = {&p->anatomy, &p->fields, p->signals, 1.0f};
        size_t line = fseg_painter_scratch(&painter, options->columns);
        p->scratch_floats = (size_t)(3 + FSEG_PHANTOM_LABELS) * (size_t)options->columns + line +
                            fseg_lattice_scratch(&p->coil) + 128;
        p->scratch = malloc(round * p->scratch_floats * sizeof *p->scratch);
        if (!p->scratch)
            status = FSEG_ERROR_OUT_OF_MEMORY;
    }
    if (status != FSEG_OK) {
        phantom_release(p);
        return fseg_error_set(error, status, "not enough memory for a phantom");
    }

    p->bands = (options->rows + BAND_ROWS - 1) / BAND_ROWS;
    const size_t total = (size_t)p->bands * (size_t)options->slices;
    status = fseg_progress_report(progress, 0.0, "phantom");
    for (p->first = 0; p->first < total && status == FSEG_OK; p->first += round) {
        const size_t left = total - p->first;
        fseg_context_parallel(context, left < round ? left : round, render_band, p);
        status = fseg_progress_report(progress, (double)(total - left) / (double)total, "phantom");
    }
    if (status == FSEG_OK)
        status = fseg_progress_report(progress, 1.0, "phantom");
    phantom_release(p);
    if (status != FSEG_OK)
        return fseg_error_set(error, status, "making the phantom was cancelled");
    return FSEG_OK;
}
