/* The moving average of the weights (Polyak & Juditsky 1992; warm-up as in TensorFlow's
 * ExponentialMovingAverage). */
#include "trainer_internal.h"
#include <string.h>

enum { PARTS = 64 };

typedef struct part_job {
    fseg_trainer *trainer;
    float decay;
} part_job;

static void update_part(void *user, size_t k)
{
    const part_job *job = user;
    const size_t count = job->trainer->model->parameter_count, end = count * (k + 1) / PARTS;
    const float *weights = job->trainer->model->storage;
    for (size_t i = count * k / PARTS; i < end; ++i)
        job->trainer->average[i] += (1.0f - job->decay) * (weights[i] - job->trainer->average[i]);
}

void fseg_average_update(fseg_trainer *trainer)
{
    if (!trainer->average)
        return;
    const double step = (double)trainer->done, young = (1.0 + step) / (10.0 + step);
    const double decay = trainer->options.average_decay;
    part_job job = {trainer, (float)(young < decay ? young : decay)};
    fseg_context_parallel(trainer->context, PARTS, update_part, &job);
}

static void swap_part(void *user, size_t k)
{
    const part_job *job = user;
    const size_t count = job->trainer->model->parameter_count, end = count * (k + 1) / PARTS;
    float *weights = job->trainer->model->storage;
    for (size_t i = count * k / PARTS; i < end; ++i) {
        const float weight = weights[i];
        weights[i] = job->trainer->average[i];
        job->trainer->average[i] = weight;
    }
}

void fseg_trainer_show_average(fseg_trainer *trainer, int show)
{
    if (!trainer || !trainer->average || !show == !trainer->average_shown)
        return;
    part_job job = {trainer, 0.0f};
    fseg_context_parallel(trainer->context, PARTS, swap_part, &job);
    trainer->average_shown = !trainer->average_shown;
}

void fseg_trainer_use_average(fseg_trainer *trainer)
{
    if (!trainer || !trainer->average)
        return;
    fseg_trainer_show_average(trainer, 0);
    memcpy(trainer->model->storage, trainer->average,
           trainer->model->parameter_count * sizeof(float));
    fseg_network_pack(trainer->network);
}
