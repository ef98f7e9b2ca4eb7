/*
 * The losses of loss.h in single precision on the threads of a context.
 *
 * Pixels are taken in parts of fixed length; each part has sums of its own, which are added in the
 * order of the parts, so that the result does not depend on threads. Within a part, blocks of
 * pixels are small arrays and every loop runs over one, so that the compiler makes vectors of them.
 * The probabilities are written where the gradient will be and become it in a second pass.
 */
#include "context_internal.h"
#include "loss_sums.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK = 64, PART = 4096, LANES = 16 };

typedef struct loss_job {
    const float *logits;
    const uint8_t *labels;
    float *p; /* probabilities, then the gradient */
    int classes;
    size_t pixels, parts; /* of one image */
    double *sums; /* per part: cross-entropy, wrong labels, then overlap, predicted, truth */
    const float *inside, *outside; /* d loss / d p for pixels of the class or not */
    float entropy;                 /* weight of the cross-entropy of one pixel */
} loss_job;

static size_t sums_of_part(int classes)
{
    return 2 + 3 * (size_t)classes;
}

/* exp(x) for x <= 0, 2 units in the last place, flushed at exp(-87); NaN stays NaN. The polynomial
 * is that of Cephes (S. Moshier, 1992): exp(r) on |r| <= ln 2 / 2, times 2^q. */
static void exp_block(float x[BLOCK])
{
    int bits[BLOCK];
    float scale[BLOCK];
    for (int i = 0; i < BLOCK; ++i) {
        const float v = x[i] < -87.0f ? -87.0f : x[i];
        const float finite = x[i] > -87.0f ? x[i] : -87.0f; /* for NaN, too */
        const int q = (int)(finite * 1.44269504f - 0.5f);
        const float n = (float)q;
        const float r = (v - n * 0.693359375f) + n * 2.12194440e-4f;
        float y = 1.9875691500e-4f;
        y = y * r + 1.3981999507e-3f;
        y = y * r + 8.3334519073e-3f;
        y = y * r + 4.1665795894e-2f;
        y = y * r + 1.6666665459e-1f;
        y = y * r + 5.0000001201e-1f;
        x[i] = y * r * r + r + 1.0f;
        bits[i] = (q + 127) << 23;
    }
    memcpy(scale, bits, sizeof scale);
    for (int i = 0; i < BLOCK; ++i)
        x[i] *= scale[i];
}

/* Sum of a block, always in the same order. */
static double sum_block(const float x[BLOCK])
{
    float lanes[LANES] = {0};
    for (int i = 0; i < BLOCK; i += LANES)
        for (int k = 0; k < LANES; ++k)
            lanes[k] += x[i + k];
    double sum = 0.0;
    for (int k = 0; k < LANES; ++k)
        sum += (double)lanes[k];
    return sum;
}

/* Sum of log x over a block of numbers from 1 to 64: logarithms of products of 16. */
static double sum_logs(const float x[BLOCK])
{
    double lanes[BLOCK / 16];
    for (int k = 0; k < BLOCK / 16; ++k)
        lanes[k] = 1.0;
    for (int i = 0; i < BLOCK; i += BLOCK / 16)
        for (int k = 0; k < BLOCK / 16; ++k)
            lanes[k] *= (double)x[i + k];
    double sum = 0.0;
    for (int k = 0; k < BLOCK / 16; ++k)
        sum += log(lanes[k]);
    return sum;
}

/* The `count` values of one class of a block; the rest of the block is `fill`. */
static void load_block(const float *from, size_t count, float fill, float to[BLOCK])
{
    memcpy(to, from, count * sizeof(float));
    for (size_t i = count; i < BLOCK; ++i)
        to[i] = fill;
}

/* Probabilities and sums of `count` pixels that begin at `at` of the logits' planes. */
static void forward_block(const loss_job *job, const float *logits, const uint8_t *labels, float *p,
                          size_t count, double *sums)
{
    const int classes = job->classes;
    float top[BLOCK], z[BLOCK], total[BLOCK] = {0}, right[BLOCK] = {0};
    int label[BLOCK], wrong = 0;
    for (size_t i = 0; i < BLOCK; ++i)
        label[i] = i < count ? labels[i] : -1;
    for (size_t i = 0; i < count; ++i)
        wrong |= label[i] >= classes;
    sums[1] += wrong;
    load_block(logits, count, 0.0f, top);
    for (int c = 1; c < classes; ++c) {
        load_block(logits + (size_t)c * job->pixels, count, 0.0f, z);
        for (int i = 0; i < BLOCK; ++i)
            top[i] = z[i] > top[i] ? z[i] : top[i];
    }
    for (int c = 0; c < classes; ++c) {
        load_block(logits + (size_t)c * job->pixels, count, 0.0f, z);
        for (int i = 0; i < BLOCK; ++i) {
            z[i] -= top[i];
            right[i] += label[i] == c ? z[i] : 0.0f; /* log of the right e^z */
        }
        exp_block(z);
        for (int i = 0; i < BLOCK; ++i)
            total[i] += z[i];
        memcpy(p + (size_t)c * job->pixels, z, count * sizeof(float));
    }
    for (size_t i = count; i < BLOCK; ++i)
        total[i] = 1.0f;
    sums[0] += sum_logs(total) - sum_block(right);
    double *overlap = sums + 2, *predicted = overlap + classes, *truth = predicted + classes;
    for (int c = 0; c < classes; ++c) {
        float hit[BLOCK], own[BLOCK];
        load_block(p + (size_t)c * job->pixels, count, 0.0f, z);
        for (int i = 0; i < BLOCK; ++i) {
            z[i] /= total[i];
            hit[i] = label[i] == c ? z[i] : 0.0f;
            own[i] = label[i] == c ? 1.0f : 0.0f;
        }
        predicted[c] += sum_block(z);
        overlap[c] += sum_block(hit);
        truth[c] += sum_block(own);
        memcpy(p + (size_t)c * job->pixels, z, count * sizeof(float));
    }
}

/* d loss / d z_c = p_c (g_c - sum_k p_k g_k) + entropy (p_c - y_c), in place of p. */
static void gradient_block(const loss_job *job, const uint8_t *labels, float *p, size_t count)
{
    const int classes = job->classes;
    float mean[BLOCK] = {0}, z[BLOCK];
    int label[BLOCK];
    for (size_t i = 0; i < BLOCK; ++i)
        label[i] = i < count ? labels[i] : -1;
    for (int c = 0; c < classes; ++c) {
        const float inside = job->inside[c], outside = job->outside[c];
        load_block(p + (size_t)c * job->pixels, count, 0.0f, z);
        for (int i = 0; i < BLOCK; ++i)
            mean[i] += z[i] * (label[i] == c ? inside : outside);
    }
    const float entropy = job->entropy;
    for (int c = 0; c < classes; ++c) {
        const float inside = job->inside[c], outside = job->outside[c];
        load_block(p + (size_t)c * job->pixels, count, 0.0f, z);
        for (int i = 0; i < BLOCK; ++i) {
            const float g = label[i] == c ? inside : outside, y = label[i] == c ? 1.0f : 0.0f;
            z[i] = z[i] * (g - mean[i]) + entropy * (z[i] - y);
        }
        memcpy(p + (size_t)c * job->pixels, z, count * sizeof(float));
    }
}

/* Runs over the blocks of part `index`; the gradient when the job has `inside`, else the sums. */
static void run_part(void *user, size_t index)
{
    const loss_job *job = user;
    const size_t image = index / job->parts, first = index % job->parts * PART;
    const size_t end = first + PART < job->pixels ? first + PART : job->pixels;
    const size_t planes = image * (size_t)job->classes * job->pixels;
    double *sums = job->sums + index * sums_of_part(job->classes);
    for (size_t i = first; i < end; i += BLOCK) {
        const size_t count = end - i < BLOCK ? end - i : BLOCK;
        const uint8_t *labels = job->labels + image * job->pixels + i;
        if (job->inside)
            gradient_block(job, labels, job->p + planes + i, count);
        else
            forward_block(job, job->logits + planes + i, labels, job->p + planes + i, count, sums);
    }
}

/* Sums of all parts; whether every label is a class. */
static int collect(const loss_job *job, size_t parts, fseg_class_sums *all)
{
    double wrong = 0.0;
    *all = (fseg_class_sums){.cross_entropy = 0.0};
    for (size_t k = 0; k < parts; ++k) {
        const double *sums = job->sums + k * sums_of_part(job->classes);
        all->cross_entropy += sums[0];
        wrong += sums[1];
        for (int c = 0; c < job->classes; ++c) {
            all->overlap[c] += sums[2 + c];
            all->predicted[c] += sums[2 + job->classes + c];
            all->truth[c] += sums[2 + 2 * job->classes + c];
        }
    }
    return wrong == 0.0;
}

fseg_status fseg_loss_parallel(fseg_context *context, const fseg_loss_options *options,
                               const float *logits, const uint8_t *labels, int batch, int classes,
                               size_t pixels, double *loss, float *gradient)
{
    if (!options || !logits || !labels || !loss || !gradient || batch < 1 || classes < 2 ||
        classes > FSEG_LOSS_CLASSES || pixels < 1)
        return FSEG_ERROR_INVALID_ARGUMENT;
    loss_job job = {.logits = logits,
                    .labels = labels,
                    .p = gradient,
                    .classes = classes,
                    .pixels = pixels,
                    .parts = (pixels + PART - 1) / PART};
    const size_t parts = (size_t)batch * job.parts;
    fseg_communicator *communicator = fseg_context_communicator(context);
    job.sums = calloc(parts * sums_of_part(classes), sizeof *job.sums);
    fseg_status status =
        fseg_communicator_agree(communicator, job.sums ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY, NULL);
    if (status != FSEG_OK) {
        free(job.sums);
        return status;
    }
    fseg_context_parallel(context, parts, run_part, &job);
    fseg_class_sums sums;
    status = collect(&job, parts, &sums) ? FSEG_OK : FSEG_ERROR_INVALID_ARGUMENT;
    status = fseg_communicator_agree(communicator, status, NULL);
    /* Dice is that of the whole batch, of all processes. */
    if (status == FSEG_OK)
        status =
            fseg_communicator_sum_f64(communicator, (double *)&sums, sizeof sums / sizeof(double));
    double inside[FSEG_LOSS_CLASSES], outside[FSEG_LOSS_CLASSES];
    const double all =
        (double)batch * (double)pixels * (double)fseg_communicator_size(communicator);
    *loss = fseg_overlap_losses(options, &sums, classes, inside, outside) +
            options->cross_entropy_weight * sums.cross_entropy / all;
    if (status == FSEG_OK && !isfinite(*loss))
        status = FSEG_ERROR_NOT_FINITE;
    if (status == FSEG_OK) {
        float in[FSEG_LOSS_CLASSES], out[FSEG_LOSS_CLASSES];
        for (int c = 0; c < classes; ++c) {
            in[c] = (float)inside[c];
            out[c] = (float)outside[c];
        }
        job.inside = in;
        job.outside = out;
        job.entropy = (float)(options->cross_entropy_weight / all);
        fseg_context_parallel(context, parts, run_part, &job);
    }
    free(job.sums);
    return status;
}
