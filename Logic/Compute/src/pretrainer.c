/* Pretraining: options, plan, memory. */
#include "pretrainer_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Crop-and-resize, rotation, brightness and contrast: the ranges of docs/theory/pretraining.md. */
static fseg_augment_options view_defaults(void)
{
    fseg_augment_options a = fseg_augment_no_options();
    a.affine_probability = 1.0;
    a.rotation_degrees = 10.0;
    a.scale_low = 1.0;
    a.scale_high = 1.9;
    a.shear = 0.0;
    a.translation = 0.15;
    a.brightness_probability = 1.0;
    a.brightness = 0.3;
    a.contrast_probability = 1.0;
    a.contrast_low = 0.7;
    a.contrast_high = 1.3;
    return a;
}

static fseg_augment_options target_defaults(void)
{
    fseg_augment_options a = fseg_augment_no_options();
    a.affine_probability = 0.5;
    a.flip_horizontal_probability = 0.4;
    return a;
}

fseg_pretrainer_options fseg_pretrainer_default_options(fseg_pretrain_loss loss, int height,
                                                        int width, int steps)
{
    return (fseg_pretrainer_options){.loss = loss,
                                     .height = height,
                                     .width = width,
                                     .batch = 16,
                                     .corruption = fseg_corrupt_masked_patches(),
                                     .target_augment = target_defaults(),
                                     .error = FSEG_REGRESSION_SQUARED,
                                     .corrupted_only = 1,
                                     .variant = FSEG_VARIANT_PARTITION,
                                     .volumes = 3,
                                     .partitions = 4,
                                     .temperature = 0.1,
                                     .contrast_weight = 0.01,
                                     .view_augment = view_defaults(),
                                     .position_threshold = 0.1,
                                     .queries = 20,
                                     .ccl = fseg_ccl_default_options(),
                                     .learning_rate = 1e-3,
                                     .learning_rate_final = 0.01,
                                     .beta1 = 0.9,
                                     .beta2 = 0.999,
                                     .epsilon = 1e-8,
                                     .gradient_clip = 12.0,
                                     .steps = steps,
                                     .warmup_steps = steps / 20};
}

/* ---- checks and plan ---------------------------------------------------------------------------
 */

static const char *option_fault(const fseg_model *model, const fseg_pretrainer_options *o)
{
    const int multiple = fseg_unet_size_multiple(&model->config);
    if (o->loss < FSEG_PRETRAIN_REGRESSION || o->loss > FSEG_PRETRAIN_BOTH)
        return "the loss must be regression, contrastive or both";
    if (o->height < multiple || o->width < multiple || o->height % multiple || o->width % multiple)
        return "height and width must be multiples of what the network halves (2^(levels - 1))";
    if (!(o->learning_rate > 0.0) || !(o->learning_rate_final >= 0.0) || !(o->beta1 >= 0.0) ||
        !(o->beta1 < 1.0) || !(o->beta2 >= 0.0) || !(o->beta2 < 1.0) || !(o->epsilon > 0.0) ||
        !(o->weight_decay >= 0.0) || !(o->gradient_clip >= 0.0) || o->steps < 1 ||
        o->warmup_steps < 0)
        return "rates must be positive, moments below 1, steps at least 1";
    if ((o->loss & FSEG_PRETRAIN_REGRESSION) &&
        (o->batch < 1 || o->batch > 65536 ||
         (o->error != FSEG_REGRESSION_SQUARED && o->error != FSEG_REGRESSION_ABSOLUTE)))
        return "the regression batch must be 1 to 65536 and the error squared or absolute";
    if (!(o->loss & FSEG_PRETRAIN_CONTRASTIVE))
        return NULL;
    if (o->volumes < 1 || o->volumes > 4096 || o->partitions < 1 || o->partitions > 4096 ||
        !(o->temperature > 0.0) || !(o->contrast_weight >= 0.0))
        return "volumes and partitions must be 1 to 4096, temperature and weight positive";
    switch (o->variant) {
    case FSEG_VARIANT_PARTITION:
    case FSEG_VARIANT_PARTITION_PAIRS:
        return o->partitions >= 2 ? NULL : "contrast by partition needs at least 2 partitions";
    case FSEG_VARIANT_SIMCLR:
    case FSEG_VARIANT_POSITION:
        return fseg_pretrainer_slices(o) >= 2 ? NULL : "contrast needs at least 2 slices a batch";
    case FSEG_VARIANT_LOCAL:
        return model->config.levels >= 4 && o->height >= 12 && o->width >= 12
                   ? NULL
                   : "local contrast needs a network of at least 4 levels";
    case FSEG_VARIANT_CONSTRAINED:
        if (o->height % 4 || o->width % 4 || o->queries < 1 || o->queries > 65536 ||
            o->ccl.neighbours < 1)
            return "constrained contrast needs sides in multiples of 4, queries and neighbours";
        return !o->partial_decoder || model->config.levels >= 4
                   ? NULL
                   : "features of the partial decoder need a network of at least 4 levels";
    }
    return "the contrastive variant is unknown";
}

static void plan_node(const fseg_model *model, const fseg_pretrainer_options *o, const char *name,
                      fseg_branch_plan *plan)
{
    const int node = fseg_network_find_node(model, name);
    const fseg_node *n = &model->nodes[node];
    plan->scope.last = node;
    plan->head.batch = plan->images;
    plan->head.channels = n->channels;
    plan->head.height = o->height >> n->level;
    plan->head.width = o->width >> n->level;
    plan->head.image_channels = model->config.in_channels;
    plan->head.norm_epsilon = model->config.norm_epsilon;
    plan->x_count = (size_t)plan->images * (size_t)model->config.in_channels * (size_t)o->height *
                    (size_t)o->width;
    plan->feature_count = (size_t)plan->images * (size_t)n->channels * (size_t)plan->head.height *
                          (size_t)plan->head.width;
}

static fseg_branch_plan plan_restoring(const fseg_model *model, const fseg_pretrainer_options *o,
                                       int ranks)
{
    fseg_branch_plan plan = {.images = o->batch / ranks,
                             .scope = {.no_skips = o->no_skips, .precision = o->precision}};
    plan.head.kind = FSEG_HEAD_RESTORING;
    plan.head.seed = o->seed;
    plan_node(model, o, "dec1.norm2", &plan);
    return plan;
}

static fseg_branch_plan plan_contrast(const fseg_model *model, const fseg_pretrainer_options *o,
                                      int ranks)
{
    static const int views[] = {2, 3, 4, 2, 2, 1};
    fseg_branch_plan plan = {.images = fseg_pretrainer_slices(o) / ranks * views[o->variant],
                             .scope.precision = o->precision};
    char name[FSEG_NAME_LENGTH];
    plan.head.kind = o->flatten_head ? FSEG_HEAD_FLATTENED : FSEG_HEAD_POOLED;
    snprintf(name, sizeof name, "enc%d.norm2", model->config.levels);
    if (o->variant == FSEG_VARIANT_LOCAL) {
        plan.head.kind = FSEG_HEAD_REGIONS;
        snprintf(name, sizeof name, "dec3.norm2");
    } else if (o->variant == FSEG_VARIANT_CONSTRAINED) {
        plan.head.kind = FSEG_HEAD_LOCAL;
        snprintf(name, sizeof name, o->partial_decoder ? "dec3.norm2" : "dec1.norm2");
    }
    plan.head.seed = o->seed + 1;
    plan_node(model, o, name, &plan);
    return plan;
}

static size_t head_output(const fseg_branch_plan *plan)
{
    const size_t pixels = (size_t)plan->head.height * (size_t)plan->head.width;
    switch (plan->head.kind) {
    case FSEG_HEAD_LOCAL:
        return (size_t)plan->images * 64 * pixels;
    case FSEG_HEAD_REGIONS:
        return (size_t)plan->images * FSEG_LOCAL_REGIONS * 128;
    case FSEG_HEAD_RESTORING:
        return (size_t)plan->images * (size_t)plan->head.image_channels * pixels;
    default:
        return (size_t)plan->images * 128;
    }
}

static size_t branch_bytes(const fseg_model *model, const fseg_pretrainer_options *o,
                           const fseg_branch_plan *plan)
{
    return fseg_network_predict(model, plan->images, o->height, o->width, &plan->scope) +
           fseg_head_predict(&plan->head) +
           (plan->x_count + plan->feature_count + head_output(plan)) * sizeof(float);
}

/* Why the batches cannot be cut into equal shares, or null. */
static const char *share_fault(const fseg_pretrainer_options *o, int ranks)
{
    if ((o->loss & FSEG_PRETRAIN_REGRESSION) && o->batch % ranks)
        return "the number of processes must divide the regression batch";
    if ((o->loss & FSEG_PRETRAIN_CONTRASTIVE) && fseg_pretrainer_slices(o) % ranks)
        return "the number of processes must divide volumes x partitions";
    return NULL;
}

size_t fseg_pretrainer_predict_memory(const fseg_model *model,
                                      const fseg_pretrainer_options *options)
{
    return fseg_pretrainer_predict_share(model, options, 1);
}

size_t fseg_pretrainer_predict_share(const fseg_model *model,
                                     const fseg_pretrainer_options *options, int ranks)
{
    if (!model || !options || ranks < 1 || option_fault(model, options) ||
        share_fault(options, ranks))
        return 0;
    size_t bytes = 4 * model->parameter_count * sizeof(float);
    if (options->loss & FSEG_PRETRAIN_REGRESSION) {
        const fseg_branch_plan plan = plan_restoring(model, options, ranks);
        bytes += branch_bytes(model, options, &plan) + plan.x_count * sizeof(float) +
                 (size_t)plan.images * (size_t)options->height * (size_t)options->width;
    }
    if (options->loss & FSEG_PRETRAIN_CONTRASTIVE) {
        const fseg_branch_plan plan = plan_contrast(model, options, ranks);
        bytes += branch_bytes(model, options, &plan) +
                 (size_t)(fseg_pretrainer_slices(options) / ranks) * (size_t)options->height *
                     (size_t)options->width *
                     ((size_t)model->config.in_channels * sizeof(float) + 1);
    }
    return bytes;
}

/* ---- create and free ------------------------------------------------------------------------- */

static fseg_status create_branch(fseg_pretrainer *p, const fseg_branch_plan *plan,
                                 fseg_branch *branch, fseg_error *error)
{
    const fseg_pretrainer_options *o = &p->options;
    branch->images = plan->images;
    branch->node = plan->scope.last;
    fseg_status status = fseg_head_create(&plan->head, &branch->head, error);
    if (status == FSEG_OK)
        status = fseg_network_create_scope(p->context, p->model, plan->images, o->height, o->width,
                                           &plan->scope, &branch->network, error);
    if (status != FSEG_OK)
        return status;
    if (o->freeze_encoder)
        fseg_network_freeze_encoder(branch->network);
    branch->x = calloc(plan->x_count, sizeof(float));
    branch->features = calloc(plan->feature_count, sizeof(float));
    branch->dy = calloc(head_output(plan), sizeof(float));
    return branch->x && branch->features && branch->dy ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
}

static fseg_status create_all(fseg_pretrainer *p, fseg_error *error)
{
    const fseg_pretrainer_options *o = &p->options;
    const size_t pixels = (size_t)o->height * (size_t)o->width;
    size_t choices = 1;
    fseg_status status = FSEG_OK;
    if (o->loss & FSEG_PRETRAIN_REGRESSION) {
        const fseg_branch_plan plan = plan_restoring(p->model, o, p->ranks);
        status = create_branch(p, &plan, &p->restoring, error);
        p->target = calloc(plan.x_count, sizeof(float));
        p->mask = calloc((size_t)plan.images * pixels, 1);
        choices = (size_t)o->batch;
        if (!p->target || !p->mask)
            status = FSEG_ERROR_OUT_OF_MEMORY;
    }
    if (status == FSEG_OK && (o->loss & FSEG_PRETRAIN_CONTRASTIVE)) {
        const fseg_branch_plan plan = plan_contrast(p->model, o, p->ranks);
        const size_t slices = (size_t)fseg_pretrainer_slices(o);
        const size_t own = (size_t)fseg_pretrainer_own_slices(p);
        status = create_branch(p, &plan, &p->contrast, error);
        p->labels = calloc(own * pixels, 1);
        p->windows = calloc(own * (size_t)p->model->config.in_channels * pixels, sizeof(float));
        p->positions = calloc(slices, sizeof *p->positions);
        choices = slices > choices ? slices : choices;
        if (!p->labels || !p->windows || !p->positions)
            status = FSEG_ERROR_OUT_OF_MEMORY;
    }
    if (status != FSEG_OK)
        return status;
    const fseg_model *model = p->model;
    const size_t values = fseg_pretrainer_value_count(p);
    p->choices = calloc(choices, sizeof *p->choices);
    p->gradient = calloc(model->parameter_count, sizeof(float));
    p->branch_gradient = calloc(model->parameter_count, sizeof(float));
    p->gradients = calloc(model->tensor_count, sizeof *p->gradients);
    p->first_moment = calloc(values, sizeof(float));
    p->second_moment = calloc(values, sizeof(float));
    if (!p->choices || !p->gradient || !p->branch_gradient || !p->gradients || !p->first_moment ||
        !p->second_moment)
        return FSEG_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < model->tensor_count; ++i)
        p->gradients[i] = p->branch_gradient + (model->tensors[i].data - model->storage);
    p->bytes = fseg_pretrainer_predict_share(model, o, p->ranks);
    return FSEG_OK;
}

fseg_status fseg_pretrainer_create(fseg_context *context, fseg_model *model,
                                   const fseg_pretrainer_options *options, fseg_pretrainer **out,
                                   fseg_error *error)
{
    if (!out)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "no place for the pretrainer given");
    *out = NULL;
    if (!context || !model || !options)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "a pretrainer needs a context, a model and options");
    fseg_communicator *communicator = fseg_context_communicator(context);
    const int ranks = fseg_communicator_size(communicator);
    const char *fault = option_fault(model, options);
    if (!fault)
        fault = share_fault(options, ranks);
    if (fault)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "pretraining cannot start: %s",
                              fault);
    fseg_pretrainer *p = calloc(1, sizeof *p);
    if (!p)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                              "not enough memory for a pretrainer");
    p->context = context;
    p->communicator = communicator;
    p->ranks = ranks;
    p->rank = fseg_communicator_rank(communicator);
    p->model = model;
    p->options = *options;
    fseg_status status = create_all(p, error);
    if (status == FSEG_ERROR_OUT_OF_MEMORY)
        fseg_error_set(error, status,
                       "pretraining needs %zu MiB, which are not there; use smaller batches",
                       fseg_pretrainer_predict_share(model, options, ranks) >> 20);
    if (status != FSEG_OK) {
        fseg_pretrainer_free(p);
        return status;
    }
    *out = p;
    return FSEG_OK;
}

static void free_branch(fseg_branch *branch)
{
    fseg_network_free(branch->network);
    fseg_head_free(branch->head);
    free(branch->x);
    free(branch->features);
    free(branch->dy);
}

void fseg_pretrainer_free(fseg_pretrainer *pretrainer)
{
    if (!pretrainer)
        return;
    free_branch(&pretrainer->restoring);
    free_branch(&pretrainer->contrast);
    free(pretrainer->target);
    free(pretrainer->mask);
    free(pretrainer->windows);
    free(pretrainer->labels);
    free(pretrainer->choices);
    free(pretrainer->positions);
    free(pretrainer->gradient);
    free(pretrainer->branch_gradient);
    free(pretrainer->gradients);
    free(pretrainer->first_moment);
    free(pretrainer->second_moment);
    free(pretrainer);
}

size_t fseg_pretrainer_value_count(const fseg_pretrainer *p)
{
    return p->model->parameter_count + fseg_head_parameter_count(p->restoring.head) +
           fseg_head_parameter_count(p->contrast.head);
}

int fseg_pretrainer_steps_done(const fseg_pretrainer *pretrainer)
{
    return pretrainer ? pretrainer->done : 0;
}

size_t fseg_pretrainer_memory(const fseg_pretrainer *pretrainer)
{
    return pretrainer ? pretrainer->bytes : 0;
}

const float *fseg_pretrainer_gradient(const fseg_pretrainer *pretrainer, size_t index)
{
    if (!pretrainer || index >= pretrainer->model->tensor_count)
        return NULL;
    const fseg_model *model = pretrainer->model;
    return pretrainer->gradient + (model->tensors[index].data - model->storage);
}
