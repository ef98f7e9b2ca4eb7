#include "softmax.h"
#include <math.h>

typedef struct softmax_job {
    float *z;
    int classes;
    size_t pixels;
} softmax_job;

static void softmax_image(void *user, size_t image)
{
    const softmax_job *job = user;
    const size_t pixels = job->pixels;
    float *z = job->z + image * (size_t)job->classes * pixels;
    for (size_t i = 0; i < pixels; ++i) {
        float top = z[i], sum = 0.0f;
        for (int c = 1; c < job->classes; ++c)
            top = z[(size_t)c * pixels + i] > top ? z[(size_t)c * pixels + i] : top;
        for (int c = 0; c < job->classes; ++c) {
            float *p = &z[(size_t)c * pixels + i];
            *p = expf(*p - top);
            sum += *p;
        }
        for (int c = 0; c < job->classes; ++c)
            z[(size_t)c * pixels + i] /= sum;
    }
}

void fseg_softmax_inplace(fseg_context *context, float *z, size_t count, int classes, size_t pixels)
{
    softmax_job job = {.z = z, .classes = classes, .pixels = pixels};
    fseg_context_parallel(context, count, softmax_image, &job);
}
