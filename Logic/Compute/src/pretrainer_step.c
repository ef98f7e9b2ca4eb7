/* One step of pretraining: the restoring branch, the common ends of both branches, the update. */
#include "optimizer.h"
#include "pretrainer_internal.h"
#include "sampler_internal.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t corrupt_stream = (uint64_t)0x52 << 56;
enum { RESTORING_DRAW = 2, RESTORING_VIEW = 8 }; /* apart from those of the contrast */

fseg_status fseg_branch_forward(fseg_pretrainer *p, fseg_branch *branch, const float **y)
{
    fseg_network_run(branch->network, branch->x, branch->images);
    fseg_network_read(branch->network, branch->node, branch->features);
    return fseg_head_forward(branch->head, p->context, branch->features, y);
}

fseg_status fseg_branch_backward(fseg_pretrainer *p, fseg_branch *branch)
{
    const float *dx;
    const fseg_status status =
        fseg_head_backward(branch->head, p->context, branch->features, branch->dy, &dx);
    if (status != FSEG_OK)
        return status;
    const fseg_injection injection = {branch->node, dx};
    fseg_network_backward_from(branch->network, &injection, 1, p->gradients);
    for (size_t i = 0; i < p->model->parameter_count; ++i)
        p->gradient[i] += p->branch_gradient[i];
    return FSEG_OK;
}

void fseg_pretrainer_note_culprit(fseg_pretrainer *p, const float *y, size_t images, size_t dim,
                                  size_t slices)
{
    for (size_t i = 0; i < images * dim && !p->has_culprit; ++i)
        if (!isfinite(y[i])) {
            p->culprit = p->choices[(size_t)p->rank * slices + i / dim % slices];
            p->has_culprit = 1;
        }
}

int fseg_pretrainer_culprit(const fseg_pretrainer *pretrainer, fseg_slice_choice *out)
{
    if (!pretrainer || !out || !pretrainer->has_culprit)
        return 0;
    *out = pretrainer->culprit;
    return 1;
}

typedef struct corrupt_job {
    fseg_pretrainer *p;
    int step;
    fseg_status *statuses;
} corrupt_job;

static void corrupt_image(void *user, size_t i)
{
    const corrupt_job *job = user;
    const fseg_pretrainer *p = job->p;
    const fseg_pretrainer_options *o = &p->options;
    const size_t pixels = (size_t)o->height * (size_t)o->width;
    const int channels = p->model->config.in_channels;
    const size_t place = (size_t)p->rank * (size_t)p->restoring.images + i; /* in the whole batch */
    fseg_random random =
        fseg_random_create(o->seed, corrupt_stream | (uint64_t)job->step << 20 | (uint64_t)place);
    job->statuses[i] =
        fseg_corrupt_apply(&o->corruption, &random, channels, o->height, o->width,
                           p->restoring.x + i * (size_t)channels * pixels, p->mask + i * pixels);
}

static fseg_status corrupt_batch(fseg_pretrainer *p, int step)
{
    const size_t images = (size_t)p->restoring.images;
    fseg_status *statuses = malloc(images * sizeof *statuses);
    if (!statuses)
        return FSEG_ERROR_OUT_OF_MEMORY;
    corrupt_job job = {p, step, statuses};
    fseg_context_parallel(p->context, images, corrupt_image, &job);
    fseg_status status = FSEG_OK;
    for (size_t i = 0; i < images && status == FSEG_OK; ++i)
        status = statuses[i];
    free(statuses);
    return status;
}

/* Pixels that the loss counts. */
static double counted_pixels(const fseg_pretrainer *p, size_t count)
{
    if (!p->options.corrupted_only)
        return (double)count;
    size_t corrupted = 0;
    for (size_t i = 0; i < count; ++i)
        corrupted += p->mask[i] != 0;
    return (double)corrupted;
}

/* What this rank does by itself before the loss is known everywhere. */
static fseg_status restore_share(fseg_pretrainer *p, const fseg_sampler *sampler, int step,
                                 double *loss)
{
    const fseg_pretrainer_options *o = &p->options;
    const int channels = p->model->config.in_channels;
    const size_t pixels = (size_t)o->height * (size_t)o->width;
    const size_t images = (size_t)p->restoring.images;
    const float *y;
    fseg_status status =
        fseg_sampler_augment(sampler, p->context, p->target, NULL, images, (size_t)p->rank * images,
                             &o->target_augment, step, RESTORING_VIEW, p->target, NULL);
    if (status == FSEG_OK) {
        memcpy(p->restoring.x, p->target, images * (size_t)channels * pixels * sizeof(float));
        status = corrupt_batch(p, step);
    }
    if (status == FSEG_OK)
        status = fseg_branch_forward(p, &p->restoring, &y);
    if (status == FSEG_OK)
        status = fseg_regression_f32(o->error, y, p->target, o->corrupted_only ? p->mask : NULL,
                                     p->restoring.images, channels, pixels, loss, p->restoring.dy);
    if (status == FSEG_ERROR_NOT_FINITE)
        fseg_pretrainer_note_culprit(p, y, images, (size_t)channels * pixels, images);
    return status;
}

fseg_status fseg_pretrainer_restoring(fseg_pretrainer *p, const fseg_sampler *sampler, int step,
                                      double *loss)
{
    const fseg_pretrainer_options *o = &p->options;
    const size_t pixels = (size_t)p->restoring.images * (size_t)o->height * (size_t)o->width;
    double scale;
    fseg_status status =
        fseg_sampler_choose(sampler, step, RESTORING_DRAW, o->batch, 1, p->choices);
    status = fseg_communicator_agree(p->communicator, status, NULL);
    if (status == FSEG_OK)
        status = fseg_sampler_windows(sampler, p->context, p->choices, (size_t)o->batch, p->target,
                                      NULL);
    if (status != FSEG_OK)
        return status;
    status = restore_share(p, sampler, step, loss);
    status = fseg_pretrainer_shared_mean(p, status, counted_pixels(p, pixels), loss, &scale);
    if (status != FSEG_OK)
        return status;
    const size_t values = pixels * (size_t)p->model->config.in_channels;
    for (size_t i = 0; scale != 1.0 && i < values; ++i)
        p->restoring.dy[i] *= (float)scale;
    return fseg_branch_backward(p, &p->restoring);
}

/* ---- step ------------------------------------------------------------------------------------ */

static fseg_status check_sampler(const fseg_pretrainer *p, const fseg_sampler *sampler,
                                 fseg_error *error)
{
    const fseg_sampler_options *o = &sampler->options;
    if (o->height != p->options.height || o->width != p->options.width ||
        o->context_slices != p->model->config.in_channels)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "the sampler gives %d x %d x %d images, pretraining is set to "
                              "%d x %d x %d; use the same sizes",
                              o->context_slices, o->height, o->width, p->model->config.in_channels,
                              p->options.height, p->options.width);
    if (sampler->count == 0)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "the sampler holds no subject; add at least one");
    return FSEG_OK;
}

fseg_status fseg_pretrainer_evaluate(fseg_pretrainer *pretrainer, const fseg_sampler *sampler,
                                     int step, fseg_pretrain_losses *losses, fseg_error *error)
{
    fseg_pretrainer *p = pretrainer;
    if (!p || !sampler || !losses || step < 0)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "pretraining needs a pretrainer, a sampler, a step and a place for "
                              "the losses");
    fseg_status status = check_sampler(p, sampler, error);
    if (status != FSEG_OK)
        return status;
    *losses = (fseg_pretrain_losses){0};
    p->has_culprit = 0;
    memset(p->gradient, 0, p->model->parameter_count * sizeof(float));
    const double weight = p->options.loss == FSEG_PRETRAIN_BOTH ? p->options.contrast_weight : 1.0;
    if (p->restoring.network)
        status = fseg_pretrainer_restoring(p, sampler, step, &losses->regression);
    int at_fault;
    status = fseg_communicator_agree(p->communicator, status, &at_fault);
    if (p->contrast.network && status == FSEG_OK) {
        status = fseg_pretrainer_contrast(p, sampler, step, weight, &losses->contrast);
        status = fseg_communicator_agree(p->communicator, status, &at_fault);
    }
    if (status == FSEG_OK)
        status = fseg_pretrainer_sum_gradients(p);
    else if (status == FSEG_ERROR_NOT_FINITE)
        fseg_pretrainer_share_culprit(p);
    losses->total = losses->regression + weight * losses->contrast;
    if (status == FSEG_ERROR_NOT_FINITE)
        return fseg_error_set(error, status,
                              "the pretraining loss is not a finite number at step %d; lower the "
                              "learning rate",
                              step);
    if (status != FSEG_OK && p->ranks > 1)
        return fseg_error_set(error, status,
                              "step %d of pretraining failed in process %d of %d: %s", step,
                              at_fault + 1, p->ranks, fseg_status_text(status));
    if (status != FSEG_OK)
        return fseg_error_set(error, status, "step %d of pretraining failed: %s", step,
                              fseg_status_text(status));
    return FSEG_OK;
}

/* Moments of a head lie behind those of the model and of the heads before it. */
static void update_head(fseg_pretrainer *p, fseg_head *head, size_t first, const fseg_adam *adam,
                        double rate, float clip)
{
    for (size_t k = 0; k < fseg_head_tensor_count(head); ++k) {
        const fseg_tensor *t = fseg_head_tensor(head, k);
        const size_t at = (size_t)(t->data - fseg_head_storage(head));
        fseg_adam_update(adam, rate, clip, t->rank == 2, t->count, t->data,
                         fseg_head_gradient(head) + at, p->first_moment + first + at,
                         p->second_moment + first + at);
    }
}

static void update(fseg_pretrainer *p, float clip)
{
    const fseg_pretrainer_options *o = &p->options;
    fseg_model *model = p->model;
    const fseg_adam adam = {o->beta1, o->beta2, o->epsilon, o->weight_decay, p->done + 1};
    const double rate = fseg_warmup_cosine(o->learning_rate, o->learning_rate_final,
                                           o->warmup_steps, o->steps, p->done);
    for (size_t k = 0; k < model->tensor_count; ++k) {
        const fseg_tensor *t = &model->tensors[k];
        const size_t first = (size_t)(t->data - model->storage);
        if (o->freeze_encoder && fseg_is_encoder(t))
            continue;
        fseg_adam_update(&adam, rate, clip, t->rank == 4, t->count, t->data, p->gradient + first,
                         p->first_moment + first, p->second_moment + first);
    }
    const size_t restoring = fseg_head_parameter_count(p->restoring.head);
    if (p->restoring.head)
        update_head(p, p->restoring.head, model->parameter_count, &adam, rate, clip);
    if (p->contrast.head)
        update_head(p, p->contrast.head, model->parameter_count + restoring, &adam, rate, clip);
}

static double square_norm(fseg_pretrainer *p)
{
    double square = fseg_square_norm(p->context, p->gradient, p->model->parameter_count);
    fseg_head *const heads[2] = {p->restoring.head, p->contrast.head};
    for (int i = 0; i < 2; ++i)
        if (heads[i])
            square += fseg_square_norm(p->context, fseg_head_gradient(heads[i]),
                                       fseg_head_parameter_count(heads[i]));
    return square;
}

fseg_status fseg_pretrainer_step(fseg_pretrainer *pretrainer, const fseg_sampler *sampler,
                                 fseg_pretrain_losses *losses, fseg_error *error)
{
    fseg_pretrainer *p = pretrainer;
    const fseg_status status = fseg_pretrainer_evaluate(p, sampler, p ? p->done : 0, losses, error);
    if (status != FSEG_OK)
        return status;
    const fseg_model *model = p->model;
    for (size_t k = 0; p->options.freeze_encoder && k < model->tensor_count; ++k)
        if (fseg_is_encoder(&model->tensors[k])) /* does not count for clipping */
            memset(p->gradient + (model->tensors[k].data - model->storage), 0,
                   model->tensors[k].count * sizeof(float));
    const double norm = sqrt(square_norm(p)), limit = p->options.gradient_clip;
    if (!isfinite(norm))
        return fseg_error_set(error, FSEG_ERROR_NOT_FINITE,
                              "the gradient is not a finite number at step %d of pretraining; "
                              "lower the learning rate",
                              p->done);
    update(p, limit > 0.0 && norm > limit ? (float)(limit / norm) : 1.0f);
    ++p->done;
    if (p->restoring.network)
        fseg_network_pack(p->restoring.network);
    if (p->contrast.network)
        fseg_network_pack(p->contrast.network);
    return FSEG_OK;
}

fseg_status fseg_pretrainer_reconstruct(fseg_pretrainer *pretrainer, const float *images,
                                        float *restored, fseg_error *error)
{
    fseg_pretrainer *p = pretrainer;
    if (p && p->ranks > 1)
        return fseg_error_set(error, FSEG_ERROR_UNSUPPORTED,
                              "images are restored by one process; load the model in one");
    if (!p || !images || !restored || !p->restoring.network)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "restoring images needs a pretrainer with a regression loss, images "
                              "and a place for the result");
    const size_t count = (size_t)p->options.batch * fseg_head_output_dim(p->restoring.head);
    const float *y;
    memcpy(p->restoring.x, images, count * sizeof(float));
    const fseg_status status = fseg_branch_forward(p, &p->restoring, &y);
    if (status != FSEG_OK)
        return fseg_error_set(error, status, "not enough memory to restore images");
    memcpy(restored, y, count * sizeof(float));
    return FSEG_OK;
}
