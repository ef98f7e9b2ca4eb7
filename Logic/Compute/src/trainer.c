/* Supervised training: one step = forward, loss, backward, clip, Adam update. */
#include "frugalseg/trainer.h"
#include "network.h"
#include "trainer_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

fseg_trainer_options fseg_trainer_default_options(int batch, int height, int width, int steps)
{
    fseg_trainer_options options = {.batch = batch,
                                    .height = height,
                                    .width = width,
                                    .loss = fseg_loss_default_options(),
                                    .learning_rate = 1e-3,
                                    .learning_rate_final = 0.01,
                                    .beta1 = 0.9,
                                    .beta2 = 0.999,
                                    .epsilon = 1e-8,
                                    .weight_decay = 0.0,
                                    .gradient_clip = 12.0,
                                    .steps = steps,
                                    .warmup_steps = steps / 20};
    return options;
}

static fseg_status check_options(const fseg_trainer_options *o, fseg_error *error)
{
    const int rates = o->learning_rate > 0.0 && o->learning_rate_final >= 0.0 && o->beta1 >= 0.0 &&
                      o->beta1 < 1.0 && o->beta2 >= 0.0 && o->beta2 < 1.0 && o->epsilon > 0.0 &&
                      o->weight_decay >= 0.0 && o->gradient_clip >= 0.0;
    if (!rates || o->steps < 1 || o->warmup_steps < 0)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "the training options are out of range: rates must be positive, "
                              "moments below 1, steps at least 1");
    return FSEG_OK;
}

fseg_status fseg_trainer_create(fseg_context *context, fseg_model *model,
                                const fseg_trainer_options *options, fseg_trainer **out,
                                fseg_error *error)
{
    if (!out)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "no place for the trainer given");
    *out = NULL;
    if (!context || !model || !options)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a trainer needs a context, a model and options");
    fseg_status status = check_options(options, error);
    if (status != FSEG_OK)
        return status;
    fseg_trainer *trainer = calloc(1, sizeof *trainer);
    if (!trainer)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a trainer");
    trainer->context = context;
    trainer->model = model;
    trainer->options = *options;
    status = fseg_network_create(context, model, options->batch, options->height, options->width, 1,
                                 &trainer->network, error);
    if (status != FSEG_OK) {
        fseg_trainer_free(trainer);
        return status;
    }
    const size_t count = model->parameter_count;
    const size_t logits = (size_t)options->batch * (size_t)model->config.classes *
                          (size_t)options->height * (size_t)options->width;
    trainer->gradient = calloc(count, sizeof(float));
    trainer->first_moment = calloc(count, sizeof(float));
    trainer->second_moment = calloc(count, sizeof(float));
    trainer->gradients = calloc(model->tensor_count, sizeof *trainer->gradients);
    trainer->logits = calloc(logits, sizeof(float));
    trainer->dlogits = calloc(logits, sizeof(float));
    if (!trainer->gradient || !trainer->first_moment || !trainer->second_moment ||
        !trainer->gradients || !trainer->logits || !trainer->dlogits) {
        fseg_trainer_free(trainer);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                              "not enough memory for a trainer; use a smaller batch");
    }
    trainer->bytes =
        fseg_network_memory(trainer->network) + (3 * count + 2 * logits) * sizeof(float);
    for (size_t i = 0; i < model->tensor_count; ++i)
        trainer->gradients[i] = trainer->gradient + (model->tensors[i].data - model->storage);
    *out = trainer;
    return FSEG_OK;
}

void fseg_trainer_free(fseg_trainer *trainer)
{
    if (!trainer)
        return;
    fseg_network_free(trainer->network);
    free(trainer->gradient);
    free(trainer->first_moment);
    free(trainer->second_moment);
    free(trainer->gradients);
    free(trainer->logits);
    free(trainer->dlogits);
    free(trainer);
}

size_t fseg_trainer_memory(const fseg_trainer *trainer)
{
    return trainer ? trainer->bytes : 0;
}

double fseg_trainer_learning_rate(const fseg_trainer_options *options, int step)
{
    if (step < options->warmup_steps)
        return options->learning_rate * (step + 1) / options->warmup_steps;
    const int rest = options->steps - options->warmup_steps;
    double t = rest > 1 ? (double)(step - options->warmup_steps) / (rest - 1) : 0.0;
    t = t > 1.0 ? 1.0 : t;
    const double cosine = 0.5 * (1.0 + cos(3.14159265358979323846 * t));
    const double low = options->learning_rate_final;
    return options->learning_rate * (low + (1.0 - low) * cosine);
}

fseg_status fseg_trainer_gradients(fseg_trainer *trainer, const float *images,
                                   const uint8_t *labels, double *loss, fseg_error *error)
{
    if (!trainer || !images || !labels || !loss)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "training needs a trainer, images, labels and a place for the loss");
    const fseg_trainer_options *o = &trainer->options;
    fseg_network_forward(trainer->network, images, o->batch, trainer->logits, NULL, 0.0, 1.0);
    const fseg_status status =
        fseg_loss_f32(&o->loss, trainer->logits, labels, o->batch, trainer->model->config.classes,
                      (size_t)o->height * (size_t)o->width, loss, trainer->dlogits);
    if (status == FSEG_ERROR_NOT_FINITE)
        return fseg_error_set(error, status,
                              "the loss is not a finite number at step %d; lower the learning rate",
                              trainer->done);
    if (status != FSEG_OK)
        return fseg_error_set(error, status, "a label value is outside the model's %d classes",
                              trainer->model->config.classes);
    fseg_network_backward(trainer->network, trainer->dlogits, trainer->gradients);
    return FSEG_OK;
}

/* Decoupled weight decay acts on convolution weights only, not on biases and GroupNorm. */
static void adam_update(fseg_trainer *trainer, float clip)
{
    const fseg_trainer_options *o = &trainer->options;
    fseg_model *model = trainer->model;
    const int t = trainer->done + 1;
    const double rate = fseg_trainer_learning_rate(o, trainer->done);
    const float b1 = (float)o->beta1, b2 = (float)o->beta2;
    const float step = (float)(rate / (1.0 - pow(o->beta1, t)));
    const float correction = (float)(1.0 / sqrt(1.0 - pow(o->beta2, t)));
    const float epsilon = (float)o->epsilon;
    for (size_t k = 0; k < model->tensor_count; ++k) {
        const fseg_tensor *tensor = &model->tensors[k];
        const size_t first = (size_t)(tensor->data - model->storage);
        const float decay = tensor->rank == 4 ? (float)(1.0 - rate * o->weight_decay) : 1.0f;
        for (size_t i = first; i < first + tensor->count; ++i) {
            const float g = trainer->gradient[i] * clip;
            const float m = b1 * trainer->first_moment[i] + (1.0f - b1) * g;
            const float v = b2 * trainer->second_moment[i] + (1.0f - b2) * g * g;
            trainer->first_moment[i] = m;
            trainer->second_moment[i] = v;
            model->storage[i] =
                model->storage[i] * decay - step * m / (sqrtf(v) * correction + epsilon);
        }
    }
}

fseg_status fseg_trainer_step(fseg_trainer *trainer, const float *images, const uint8_t *labels,
                              double *loss, fseg_error *error)
{
    const fseg_status status = fseg_trainer_gradients(trainer, images, labels, loss, error);
    if (status != FSEG_OK)
        return status;
    double square = 0.0;
    for (size_t i = 0; i < trainer->model->parameter_count; ++i)
        square += (double)trainer->gradient[i] * (double)trainer->gradient[i];
    if (!isfinite(square))
        return fseg_error_set(error, FSEG_ERROR_NOT_FINITE,
                              "the gradient is not a finite number at step %d; lower the learning "
                              "rate",
                              trainer->done);
    const double norm = sqrt(square), limit = trainer->options.gradient_clip;
    adam_update(trainer, limit > 0.0 && norm > limit ? (float)(limit / norm) : 1.0f);
    ++trainer->done;
    fseg_network_pack(trainer->network);
    return FSEG_OK;
}

const float *fseg_trainer_gradient(const fseg_trainer *trainer, size_t index)
{
    return trainer && index < trainer->model->tensor_count ? trainer->gradients[index] : NULL;
}

int fseg_trainer_steps_done(const fseg_trainer *trainer)
{
    return trainer ? trainer->done : 0;
}
