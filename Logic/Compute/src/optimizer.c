#include "optimizer.h"
#include <math.h>
#include <string.h>

void fseg_adam_update(const fseg_adam *adam, double rate, float clip, int decays, size_t count,
                      float *values, const float *gradient, float *first_moment,
                      float *second_moment)
{
    const float b1 = (float)adam->beta1, b2 = (float)adam->beta2;
    const float step = (float)(rate / (1.0 - pow(adam->beta1, adam->step)));
    const float correction = (float)(1.0 / sqrt(1.0 - pow(adam->beta2, adam->step)));
    const float epsilon = (float)adam->epsilon;
    const float decay = decays ? (float)(1.0 - rate * adam->weight_decay) : 1.0f;
    for (size_t i = 0; i < count; ++i) {
        const float g = gradient[i] * clip;
        const float m = b1 * first_moment[i] + (1.0f - b1) * g;
        const float v = b2 * second_moment[i] + (1.0f - b2) * g * g;
        first_moment[i] = m;
        second_moment[i] = v;
        values[i] = values[i] * decay - step * m / (sqrtf(v) * correction + epsilon);
    }
}

double fseg_warmup_cosine(double peak, double final, int warmup, int steps, int step)
{
    if (step < warmup)
        return peak * (step + 1) / warmup;
    const int rest = steps - warmup;
    double t = rest > 1 ? (double)(step - warmup) / (rest - 1) : 0.0;
    t = t > 1.0 ? 1.0 : t;
    const double cosine = 0.5 * (1.0 + cos(3.14159265358979323846 * t));
    return peak * (final + (1.0 - final) * cosine);
}

enum { NORM_PARTS = 64, LANES = 8 };

typedef struct norm_job {
    const float *values;
    size_t count;
    double squares[NORM_PARTS];
} norm_job;

static void norm_part(void *user, size_t k)
{
    norm_job *job = user;
    const size_t end = job->count * (k + 1) / NORM_PARTS;
    size_t i = job->count * k / NORM_PARTS;
    double lanes[LANES] = {0};
    for (; i + LANES <= end; i += LANES)
        for (size_t l = 0; l < LANES; ++l)
            lanes[l] += (double)job->values[i + l] * (double)job->values[i + l];
    for (; i < end; ++i)
        lanes[0] += (double)job->values[i] * (double)job->values[i];
    job->squares[k] = 0.0;
    for (size_t l = 0; l < LANES; ++l)
        job->squares[k] += lanes[l];
}

double fseg_square_norm(fseg_context *context, const float *values, size_t count)
{
    norm_job job = {.values = values, .count = count};
    fseg_context_parallel(context, NORM_PARTS, norm_part, &job);
    double square = 0.0;
    for (size_t k = 0; k < NORM_PARTS; ++k)
        square += job.squares[k];
    return square;
}

int fseg_is_encoder(const fseg_tensor *tensor)
{
    return strncmp(tensor->name, "enc", 3) == 0;
}

int fseg_is_decoder(const fseg_tensor *tensor)
{
    return strncmp(tensor->name, "dec", 3) == 0;
}
