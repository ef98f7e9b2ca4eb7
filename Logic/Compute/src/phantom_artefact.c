/**
 * @file phantom_artefact.c
 * What acquisition in k-space does to a slice. Formulas and sources: docs/theory/phantom.md.
 *
 * Phase encoding runs along the rows' direction (index y), readout along the columns' (x). Order:
 * fat lands shifted along x; the object folds along y; the lines of k-space see it moved; noise;
 * lines that were not acquired are zero; magnitude.
 */
#include "phantom_scene.h"

#include "fourier.h"
#include "random_fill.h"

#include <math.h>
#include <string.h>

static const float two_pi = 6.28318530717958647692f;
static const uint64_t noise_stream = (uint64_t)0x55 << 56;
static const uint64_t motion_stream = (uint64_t)0x56 << 56;

int fseg_artefacts_any(const fseg_artefacts *a)
{
    return a->ghost > 0.0 || a->chemical_shift > 0.0 || a->phase_fov > 0.0 ||
           (a->matrix > 0.0 && a->matrix < 1.0) || a->cross_talk > 0.0 || a->motion > 0.0;
}

/* Rows of the acquired field of view: a whole number whose transform is quick. */
static int acquired_rows(const fseg_acquisition *a)
{
    if (!(a->artefacts.phase_fov > 0.0 && a->artefacts.phase_fov < 1.0))
        return a->rows;
    int rows = (int)(a->artefacts.phase_fov * a->rows + 0.5);
    rows = rows > 1 ? rows : 1;
    for (;; --rows) {
        int rest = rows;
        for (int f = 2; f <= 5; ++f)
            while (rest % f == 0)
                rest /= f;
        if (rest == 1)
            return rows;
    }
}

size_t fseg_slice_scratch(const fseg_acquisition *a, int rows)
{
    const size_t n = (size_t)a->columns, most = (size_t)(rows > a->columns ? rows : a->columns);
    /* image and moving part, both complex; two tables; three lines; noise */
    return 4 * n * (size_t)rows + 4 * most + 6 * most + 2 * n + 256;
}

/* ---- In the image -------------------------------------------------------------------------- */

/* Fat resonates 3.5 ppm below water, so the readout puts it that many pixels aside. */
static void add_shifted_fat(const fseg_slice_job *job)
{
    const fseg_acquisition *a = job->acquisition;
    const int n = a->columns;
    const float shift =
        (float)(3.5e-6 * 42.577e6 * a->sequence.field_tesla / a->artefacts.chemical_shift);
    const int whole = (int)floorf(shift);
    const float part = shift - (float)whole;
    for (int y = 0; y < job->rows; ++y) {
        float *out = job->water + (size_t)y * (size_t)n;
        const float *fat = job->fat + (size_t)y * (size_t)n;
        for (int x = 0; x < n; ++x) {
            const int from = x - whole;
            const float near = from >= 0 && from < n ? fat[from] : 0.0f;
            const float far = from >= 1 && from <= n ? fat[from - 1] : 0.0f;
            out[x] += (1.0f - part) * near + part * far;
        }
    }
}

/* How much of the breathing each row makes: all at the front (top) of the body, none behind. */
static float breathing_share(float y, float rows)
{
    float t = (0.72f - y / rows) * (1.0f / 0.4f);
    t = t > 0.0f ? t : 0.0f;
    t = t < 1.0f ? t : 1.0f;
    return t * t * (3.0f - 2.0f * t);
}

/* Fold the rendered rows into the acquired ones: those that breathing moves and those that stay. */
static void fold(const fseg_slice_job *job, int acquired, fseg_complex *still, fseg_complex *moving)
{
    const fseg_acquisition *a = job->acquisition;
    const size_t n = (size_t)a->columns;
    const int top = (a->rows - acquired) / 2; /* of the acquired field, in the image */
    const int breathes = a->artefacts.ghost > 0.0;
    memset(still, 0, n * (size_t)acquired * sizeof *still);
    if (breathes)
        memset(moving, 0, n * (size_t)acquired * sizeof *moving);
    for (int row = 0; row < job->rows; ++row) {
        const int y = row - job->margin;
        int to = (y - top) % acquired;
        to += to < 0 ? acquired : 0;
        const float share = breathes ? breathing_share((float)y, (float)a->rows) : 0.0f;
        const float *in = job->water + (size_t)row * n;
        fseg_complex *out = still + (size_t)to * n, *move = moving + (size_t)to * n;
        for (size_t x = 0; x < n; ++x)
            out[x].re += (1.0f - share) * in[x];
        if (breathes)
            for (size_t x = 0; x < n; ++x)
                move[x].re += share * in[x];
    }
}

/* ---- In k-space ---------------------------------------------------------------------------- */

/* Lines -count/2 .. count/2 around the centre are acquired. */
static int line_kept(int k, int n, double matrix)
{
    const int frequency = k <= n / 2 ? k : n - k;
    return !(matrix > 0.0 && matrix < 1.0) || 2.0 * frequency <= matrix * n;
}

/* Displacements (in rows) of the breathing part and of the whole body while line k is read. The
 * shots of a turbo spin echo are TR apart; line k belongs to shot k modulo their number. */
static void displacements(const fseg_slice_job *job, int acquired, int k, const float phase[2],
                          float *breath, float *jump)
{
    const fseg_acquisition *a = job->acquisition;
    const fseg_artefacts *f = &a->artefacts;
    const int train = a->sequence.kind == FSEG_SEQUENCE_SPIN_ECHO ? 1 : a->sequence.echo_train;
    const int shots = acquired / train > 1 ? acquired / train : 1;
    const int frequency = k <= acquired / 2 ? k : k - acquired;
    const int line = frequency + acquired / 2; /* 0 = most negative */
    const int shot = line % shots;
    const double period = f->ghost_period_ms > 0.0 ? f->ghost_period_ms : 4000.0;
    const double at = (double)shot * a->sequence.tr_ms / period;
    const float rows = 1.0f / (float)a->spacing_mm[1];
    *breath = (float)f->ghost * rows * sinf(two_pi * ((float)(at - floor(at)) + phase[0]));
    /* The body moves once, after a part of the shots. */
    *jump = (float)shot < phase[1] * (float)shots ? 0.0f : (float)f->motion * rows;
}

/* Phase encoding: each column by itself. */
static void along_phase(const fseg_slice_job *job, int acquired, const fseg_complex *table,
                        fseg_complex *still, const fseg_complex *moving, fseg_complex *lines)
{
    const fseg_acquisition *a = job->acquisition;
    const fseg_artefacts *f = &a->artefacts;
    const int n = a->columns, moves = f->ghost > 0.0 || f->motion > 0.0;
    fseg_complex *k_still = lines, *k_moving = lines + acquired;
    fseg_random random = fseg_random_create(job->motion_seed, motion_stream | (uint64_t)job->slice);
    const float phase[2] = {fseg_random_uniform(&random), fseg_random_range(&random, 0.3f, 0.7f)};
    for (int x = 0; x < n; ++x) {
        fseg_fourier(acquired, table, 0, still + x, (size_t)n, k_still);
        if (f->ghost > 0.0)
            fseg_fourier(acquired, table, 0, moving + x, (size_t)n, k_moving);
        for (int k = 0; k < acquired; ++k) {
            fseg_complex *s = &k_still[k];
            if (!line_kept(k, acquired, f->matrix)) {
                s->re = s->im = 0.0f;
                continue;
            }
            if (!moves)
                continue;
            float breath, jump;
            displacements(job, acquired, k, phase, &breath, &jump);
            const int frequency = k <= acquired / 2 ? k : k - acquired;
            const float turn = two_pi * (float)frequency / (float)acquired;
            if (f->ghost > 0.0) {
                const float c = cosf(turn * breath), d = -sinf(turn * breath);
                const fseg_complex m = k_moving[k];
                s->re += m.re * c - m.im * d;
                s->im += m.re * d + m.im * c;
            }
            if (jump != 0.0f) {
                const float c = cosf(turn * jump), d = -sinf(turn * jump);
                const fseg_complex whole = *s;
                s->re = whole.re * c - whole.im * d;
                s->im = whole.re * d + whole.im * c;
            }
        }
        /* Into a row of its own, then back into the column. */
        fseg_fourier(acquired, table, 1, k_still, 1, k_moving);
        for (int y = 0; y < acquired; ++y)
            still[(size_t)y * (size_t)n + (size_t)x] = k_moving[y];
    }
}

/* Readout: each row by itself. */
static void along_readout(const fseg_acquisition *a, int acquired, const fseg_complex *table,
                          fseg_complex *image, fseg_complex *line)
{
    const int n = a->columns;
    for (int y = 0; y < acquired; ++y) {
        fseg_complex *row = image + (size_t)y * (size_t)n;
        fseg_fourier(n, table, 0, row, 1, line);
        for (int k = 0; k < n; ++k)
            if (!line_kept(k, n, a->artefacts.matrix))
                line[k].re = line[k].im = 0.0f;
        fseg_fourier(n, table, 1, line, 1, row);
    }
}

static void add_noise(const fseg_slice_job *job, int acquired, fseg_complex *image, float *noise)
{
    const int n = job->acquisition->columns;
    if (!(job->sigma > 0.0f))
        return;
    for (int y = 0; y < acquired; ++y) {
        fseg_random random = fseg_random_create(
            job->noise_seed, noise_stream | (uint64_t)job->slice << 16 | (uint64_t)y);
        fseg_random_fill_normal(&random, 2 * (size_t)n, noise);
        fseg_complex *row = image + (size_t)y * (size_t)n;
        for (int x = 0; x < n; ++x) {
            row[x].re += job->sigma * noise[x];
            row[x].im += job->sigma * noise[n + x];
        }
    }
}

void fseg_slice_finish(const fseg_slice_job *job)
{
    const fseg_acquisition *a = job->acquisition;
    const fseg_artefacts *f = &a->artefacts;
    const size_t n = (size_t)a->columns, rows = (size_t)job->rows;
    const int acquired = acquired_rows(a), top = (a->rows - acquired) / 2;
    const size_t most = rows > n ? rows : n;
    fseg_complex *still = (fseg_complex *)job->scratch;
    fseg_complex *moving = still + n * rows;
    fseg_complex *phase_table = moving + n * rows, *read_table = phase_table + most;
    fseg_complex *lines = read_table + most;
    float *noise = (float *)(lines + 2 * most);

    if (job->fat)
        add_shifted_fat(job);
    fold(job, acquired, still, moving);
    const int truncated = f->matrix > 0.0 && f->matrix < 1.0;
    /* Truncation acts on the noise too; motion does not. */
    if (f->ghost > 0.0 || f->motion > 0.0) {
        fseg_acquisition full = *a;
        full.artefacts.matrix = 0.0;
        fseg_slice_job moved = *job;
        moved.acquisition = &full;
        fseg_fourier_prepare(acquired, phase_table);
        along_phase(&moved, acquired, phase_table, still, moving, lines);
    }
    add_noise(job, acquired, still, noise);
    if (truncated) {
        fseg_acquisition rest = *a;
        rest.artefacts.ghost = rest.artefacts.motion = 0.0;
        fseg_slice_job cut = *job;
        cut.acquisition = &rest;
        fseg_fourier_prepare(acquired, phase_table);
        fseg_fourier_prepare(a->columns, read_table);
        along_phase(&cut, acquired, phase_table, still, moving, lines);
        along_readout(a, acquired, read_table, still, lines);
    }
    /* Interleaved slices: every other one finds magnetization that its neighbours have used. */
    const float left = 1.0f - (job->slice % 2 ? (float)f->cross_talk : 0.0f);
    for (int y = 0; y < a->rows; ++y) {
        float *out = job->image + (size_t)y * n;
        const int from = y - top;
        if (from < 0 || from >= acquired) {
            memset(out, 0, n * sizeof *out);
            if (job->labels)
                memset(job->labels + (size_t)y * n, 0, n);
            continue;
        }
        const fseg_complex *in = still + (size_t)from * n;
        for (size_t x = 0; x < n; ++x)
            out[x] = left * sqrtf(in[x].re * in[x].re + in[x].im * in[x].im);
    }
}
