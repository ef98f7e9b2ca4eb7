/* Supervised training: one step = forward, loss, backward, clip, Adam update. */
#include "frugalseg/trainer.h"
#include "network.h"
#include "optimizer.h"
#include "trainer_internal.h"
#include <math.h>
#include <stdio.h>
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
                                    .warmup_steps = steps / 20,
                                    .encoder_rate_factor = 1.0,
                                    .freeze_encoder = 0,
                                    .precision = FSEG_PRECISION_FLOAT32};
    return options;
}

static fseg_status check_options(const fseg_trainer_options *o, fseg_error *error)
{
    const int rates = o->learning_rate > 0.0 && o->learning_rate_final >= 0.0 && o->beta1 >= 0.0 &&
                      o->beta1 < 1.0 && o->beta2 >= 0.0 && o->beta2 < 1.0 && o->epsilon > 0.0 &&
                      o->weight_decay >= 0.0 && o->gradient_clip >= 0.0 &&
                      o->average_decay >= 0.0 && o->average_decay < 1.0 &&
                      o->deep_supervision >= 0.0 && o->deep_supervision <= 10.0;
    if (!rates || o->steps < 1 || o->warmup_steps < 0)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "the training options are out of range: rates must be positive, "
                              "moments and the decay of the average below 1, steps at least 1");
    return FSEG_OK;
}

/* The list of the model's tensors and the heads'. */
static int list_tensors(fseg_trainer *trainer)
{
    const fseg_model *model = trainer->model;
    trainer->tensor_count = model->tensor_count;
    for (int k = 0; k < trainer->supervision_count; ++k)
        trainer->tensor_count += fseg_head_tensor_count(trainer->supervisions[k].head);
    trainer->tensors = calloc(trainer->tensor_count, sizeof *trainer->tensors);
    if (!trainer->tensors)
        return 0;
    memcpy(trainer->tensors, model->tensors, model->tensor_count * sizeof *model->tensors);
    fseg_tensor *to = trainer->tensors + model->tensor_count;
    for (int k = 0; k < trainer->supervision_count; ++k)
        for (size_t i = 0; i < fseg_head_tensor_count(trainer->supervisions[k].head); ++i) {
            *to = *fseg_head_tensor(trainer->supervisions[k].head, i);
            snprintf(to->name, sizeof to->name, "supervision%d.%s", k + 1,
                     to->rank == 1 ? "bias" : "weight");
            ++to;
        }
    for (size_t i = 0; i < trainer->tensor_count; ++i)
        trainer->parameter_count += trainer->tensors[i].count;
    return 1;
}

/* Memory for the gradients, the moments and the average. */
static fseg_status reserve(fseg_trainer *trainer, fseg_error *error)
{
    const fseg_trainer_options *options = &trainer->options;
    const fseg_model *model = trainer->model;
    const size_t logits = (size_t)trainer->share * (size_t)model->config.classes *
                          (size_t)options->height * (size_t)options->width;
    int complete = list_tensors(trainer);
    const size_t count = trainer->parameter_count;
    trainer->gradient = calloc(count, sizeof(float));
    trainer->first_moment = calloc(count, sizeof(float));
    trainer->second_moment = calloc(count, sizeof(float));
    trainer->gradients = calloc(trainer->tensor_count, sizeof *trainer->gradients);
    trainer->logits = calloc(logits, sizeof(float));
    trainer->dlogits = calloc(logits, sizeof(float));
    complete = complete && trainer->gradient && trainer->first_moment && trainer->second_moment &&
               trainer->gradients && trainer->logits && trainer->dlogits;
    trainer->bytes +=
        fseg_network_memory(trainer->network) + (3 * count + 2 * logits) * sizeof(float);
    if (options->average_decay > 0.0) {
        trainer->average = calloc(count, sizeof(float)); /* of heads: zeros */
        trainer->bytes += count * sizeof(float);
        complete = complete && trainer->average;
    }
    if (!complete)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                              "not enough memory for a trainer; use a smaller batch");
    if (trainer->average)
        memcpy(trainer->average, model->storage, model->parameter_count * sizeof(float));
    float *gradient = trainer->gradient;
    for (size_t i = 0; i < trainer->tensor_count; ++i) {
        trainer->gradients[i] = gradient;
        gradient += trainer->tensors[i].count;
    }
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
    const int processes = fseg_communicator_size(fseg_context_communicator(context));
    if (options->batch % processes)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "%d processes cannot divide a batch of %d; choose a multiple",
                              processes, options->batch);
    fseg_trainer *trainer = calloc(1, sizeof *trainer);
    if (!trainer)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a trainer");
    trainer->context = context;
    trainer->communicator = fseg_context_communicator(context);
    trainer->share = options->batch / fseg_communicator_size(trainer->communicator);
    trainer->model = model;
    trainer->options = *options;
    fseg_network_scope scope = {.last = (int)model->node_count - 1,
                                .direct = options->direct_convolution,
                                .precision = options->precision};
    scope.keep_count = fseg_supervision_nodes(model, options, scope.keep);
    status = fseg_network_create_scope(context, model, trainer->share, options->height,
                                       options->width, &scope, &trainer->network, error);
    if (status == FSEG_OK)
        status = fseg_supervision_create(trainer, scope.keep, scope.keep_count, error);
    if (status == FSEG_OK)
        status = reserve(trainer, error);
    if (status != FSEG_OK) {
        fseg_trainer_free(trainer);
        return status;
    }
    if (options->freeze_encoder)
        fseg_network_freeze_encoder(trainer->network);
    *out = trainer;
    return FSEG_OK;
}

void fseg_trainer_free(fseg_trainer *trainer)
{
    if (!trainer)
        return;
    fseg_network_free(trainer->network);
    fseg_supervision_free(trainer);
    free(trainer->tensors);
    free(trainer->average);
    free(trainer->gradient);
    free(trainer->first_moment);
    free(trainer->second_moment);
    free(trainer->gradients);
    free(trainer->logits);
    free(trainer->dlogits);
    free(trainer->best);
    free(trainer);
}

size_t fseg_trainer_memory(const fseg_trainer *trainer)
{
    return trainer ? trainer->bytes : 0;
}

double fseg_trainer_learning_rate(const fseg_trainer_options *options, int step)
{
    return fseg_warmup_cosine(options->learning_rate, options->learning_rate_final,
                              options->warmup_steps, options->steps, step);
}

void fseg_trainer_set_progress(fseg_trainer *trainer, const fseg_progress *progress)
{
    if (!trainer)
        return;
    trainer->progress = progress ? *progress : (fseg_progress){.callback = NULL};
    fseg_network_set_progress(trainer->network, progress);
}

static fseg_status cancelled(fseg_error *error)
{
    return fseg_error_set(error, FSEG_ERROR_CANCELLED,
                          "the training step was cancelled; the weights are as before");
}

fseg_status fseg_trainer_gradients(fseg_trainer *trainer, const float *images,
                                   const uint8_t *labels, double *loss, fseg_error *error)
{
    if (!trainer || !images || !labels || !loss)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "training needs a trainer, images, labels and a place for the loss");
    const fseg_trainer_options *o = &trainer->options;
    /* Whoever is asked to stop stops all. */
    fseg_status status = fseg_network_forward(trainer->network, images, trainer->share,
                                              trainer->logits, &trainer->progress, 0.0, 0.33);
    if (fseg_communicator_agree(trainer->communicator, status, NULL) != FSEG_OK)
        return cancelled(error);
    status = fseg_loss_parallel(trainer->context, &o->loss, trainer->logits, labels, trainer->share,
                                trainer->model->config.classes,
                                (size_t)o->height * (size_t)o->width, loss, trainer->dlogits);
    fseg_injection injections[1 + FSEG_SUPERVISIONS] = {
        {(int)trainer->model->node_count - 1, trainer->dlogits}};
    if (status == FSEG_OK)
        status = fseg_supervision_run(trainer, labels, loss, injections + 1);
    if (status == FSEG_ERROR_OUT_OF_MEMORY)
        return fseg_error_set(error, status, "not enough memory for a training step");
    if (status == FSEG_ERROR_NOT_FINITE)
        return fseg_error_set(error, status,
                              "the loss is not a finite number at step %d; lower the learning rate",
                              trainer->done);
    if (status != FSEG_OK)
        return fseg_error_set(error, status, "a label value is outside the model's %d classes",
                              trainer->model->config.classes);
    fseg_network_backward_from(trainer->network, injections, 1 + trainer->supervision_count,
                               trainer->gradients);
    status = fseg_network_cancelled(trainer->network) ? FSEG_ERROR_CANCELLED : FSEG_OK;
    if (fseg_communicator_agree(trainer->communicator, status, NULL) != FSEG_OK)
        return cancelled(error);
    status = fseg_communicator_sum_f32(trainer->communicator, trainer->gradient,
                                       trainer->parameter_count);
    return status == FSEG_OK
               ? FSEG_OK
               : fseg_error_set(error, status, "the processes could not exchange their gradients");
}

enum { ADAM_PARTS = 64 };

typedef struct adam_job {
    fseg_trainer *trainer;
    fseg_adam adam;
    double rate;
    float clip;
} adam_job;

/* The part of the parameters that begins at k / ADAM_PARTS of them. Decoupled weight decay acts on
 * convolution weights only, not on biases and GroupNorm. */
static void adam_part(void *user, size_t k)
{
    const adam_job *job = user;
    fseg_trainer *trainer = job->trainer;
    const fseg_trainer_options *o = &trainer->options;
    const size_t begin = trainer->parameter_count * k / ADAM_PARTS;
    const size_t end = trainer->parameter_count * (k + 1) / ADAM_PARTS;
    for (size_t i = 0; i < trainer->tensor_count; ++i) {
        const fseg_tensor *t = &trainer->tensors[i];
        const size_t offset = (size_t)(trainer->gradients[i] - trainer->gradient);
        const size_t first = offset > begin ? offset : begin;
        const size_t last = offset + t->count < end ? offset + t->count : end;
        if (first >= last || (o->freeze_encoder && fseg_is_encoder(t)))
            continue;
        const double rate = fseg_is_encoder(t) ? job->rate * o->encoder_rate_factor : job->rate;
        fseg_adam_update(&job->adam, rate, job->clip, t->rank == 4, last - first,
                         t->data + (first - offset), trainer->gradient + first,
                         trainer->first_moment + first, trainer->second_moment + first);
    }
}

static void adam_update(fseg_trainer *trainer, float clip)
{
    const fseg_trainer_options *o = &trainer->options;
    adam_job job = {.trainer = trainer,
                    .adam = {o->beta1, o->beta2, o->epsilon, o->weight_decay, trainer->done + 1},
                    .rate = fseg_trainer_learning_rate(o, trainer->done),
                    .clip = clip};
    fseg_context_parallel(trainer->context, ADAM_PARTS, adam_part, &job);
}

fseg_status fseg_trainer_step(fseg_trainer *trainer, const float *images, const uint8_t *labels,
                              double *loss, fseg_error *error)
{
    const fseg_status status = fseg_trainer_gradients(trainer, images, labels, loss, error);
    if (status != FSEG_OK)
        return status;
    const fseg_model *model = trainer->model;
    for (size_t k = 0; trainer->options.freeze_encoder && k < model->tensor_count; ++k)
        if (fseg_is_encoder(&model->tensors[k])) /* does not count for clipping */
            memset(trainer->gradients[k], 0, model->tensors[k].count * sizeof(float));
    const double square =
        fseg_square_norm(trainer->context, trainer->gradient, trainer->parameter_count);
    if (!isfinite(square))
        return fseg_error_set(error, FSEG_ERROR_NOT_FINITE,
                              "the gradient is not a finite number at step %d; lower the learning "
                              "rate",
                              trainer->done);
    const double norm = sqrt(square), limit = trainer->options.gradient_clip;
    adam_update(trainer, limit > 0.0 && norm > limit ? (float)(limit / norm) : 1.0f);
    ++trainer->done;
    fseg_average_update(trainer);
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
