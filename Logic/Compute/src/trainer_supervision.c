/*
 * Deep supervision (Lee et al., AISTATS 2015; weights halved from level to level as in Isensee et
 * al., Nat Methods 2021): 1 x 1 heads on lower levels of the decoder learn the same labels, made
 * smaller, so that the levels below get a gradient that has not passed through those above.
 */
#include "frugalseg/loss.h"
#include "loss_sums.h"
#include "trainer_internal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int fseg_supervision_nodes(const fseg_model *model, const fseg_trainer_options *options,
                           int nodes[FSEG_SUPERVISIONS])
{
    int count = 0;
    for (int level = 1; level <= FSEG_SUPERVISIONS && options->deep_supervision > 0.0; ++level) {
        char name[FSEG_NAME_LENGTH];
        snprintf(name, sizeof name, "dec%d.norm2", level + 1);
        const int node = fseg_network_find_node(model, name);
        if (node >= 0)
            nodes[count++] = node;
    }
    return count;
}

static fseg_status create_one(fseg_trainer *trainer, int node, fseg_supervision *out,
                              fseg_error *error)
{
    const fseg_trainer_options *o = &trainer->options;
    const fseg_node *n = fseg_model_node(trainer->model, (size_t)node);
    const fseg_unet_config *config = fseg_model_config(trainer->model);
    *out = (fseg_supervision){.node = node,
                              .height = o->height >> n->level,
                              .width = o->width >> n->level,
                              .weight = 2.0 * o->deep_supervision / (double)(1 << n->level)};
    const fseg_head_config head = {.kind = FSEG_HEAD_RESTORING,
                                   .batch = trainer->share,
                                   .channels = n->channels,
                                   .height = out->height,
                                   .width = out->width,
                                   .image_channels = config->classes,
                                   .norm_epsilon = config->norm_epsilon,
                                   .seed = (uint64_t)n->level};
    const fseg_status status = fseg_head_create(&head, &out->head, error);
    if (status != FSEG_OK)
        return status;
    const size_t pixels = (size_t)trainer->share * (size_t)out->height * (size_t)out->width;
    out->features = calloc(pixels * (size_t)n->channels, sizeof(float));
    out->dlogits = calloc(pixels * (size_t)config->classes, sizeof(float));
    out->labels = calloc(pixels, 1);
    trainer->bytes += fseg_head_predict(&head) +
                      pixels * ((size_t)(n->channels + config->classes) * sizeof(float) + 1);
    return out->features && out->dlogits && out->labels
               ? FSEG_OK
               : fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                "not enough memory for deep supervision; use a smaller batch");
}

fseg_status fseg_supervision_create(fseg_trainer *trainer, const int *nodes, int count,
                                    fseg_error *error)
{
    fseg_status status = FSEG_OK;
    for (int k = 0; k < count && status == FSEG_OK; ++k)
        status = create_one(trainer, nodes[k], &trainer->supervisions[trainer->supervision_count++],
                            error);
    return status;
}

void fseg_supervision_free(fseg_trainer *trainer)
{
    for (int k = 0; k < trainer->supervision_count; ++k) {
        fseg_supervision *s = &trainer->supervisions[k];
        fseg_head_free(s->head);
        free(s->features);
        free(s->dlogits);
        free(s->labels);
    }
}

/* The most frequent label of each block; among equals the lowest. */
static void shrink_labels(const uint8_t *labels, int images, int height, int width,
                          const fseg_supervision *s)
{
    const int side = height / s->height;
    for (int n = 0; n < images; ++n)
        for (int y = 0; y < s->height; ++y)
            for (int x = 0; x < s->width; ++x) {
                int counts[FSEG_LOSS_CLASSES] = {0}, best = 0;
                for (int k = 0; k < side * side; ++k) {
                    const size_t row = (size_t)(n * height + y * side + k / side);
                    ++counts[labels[row * (size_t)width + (size_t)(x * side + k % side)]];
                }
                for (int c = 1; c < FSEG_LOSS_CLASSES; ++c)
                    best = counts[c] > counts[best] ? c : best;
                s->labels[((size_t)n * (size_t)s->height + (size_t)y) * (size_t)s->width +
                          (size_t)x] = (uint8_t)best;
            }
}

static fseg_status run_one(fseg_trainer *trainer, const uint8_t *labels, fseg_supervision *s,
                           double *loss, const float **dx)
{
    const fseg_trainer_options *o = &trainer->options;
    const int classes = trainer->model->config.classes;
    const size_t pixels = (size_t)s->height * (size_t)s->width;
    const float *logits;
    double own;
    fseg_network_read(trainer->network, s->node, s->features);
    fseg_status status = fseg_head_forward(s->head, trainer->context, s->features, &logits);
    if (status != FSEG_OK)
        return status;
    shrink_labels(labels, trainer->share, o->height, o->width, s);
    status = fseg_loss_parallel(trainer->context, &o->loss, logits, s->labels, trainer->share,
                                classes, pixels, &own, s->dlogits);
    if (status != FSEG_OK)
        return status;
    *loss += s->weight * own;
    for (size_t i = 0; i < (size_t)trainer->share * (size_t)classes * pixels; ++i)
        s->dlogits[i] *= (float)s->weight;
    return fseg_head_backward(s->head, trainer->context, s->features, s->dlogits, dx);
}

fseg_status fseg_supervision_run(fseg_trainer *trainer, const uint8_t *labels, double *loss,
                                 fseg_injection injections[FSEG_SUPERVISIONS])
{
    float *to = trainer->gradient + trainer->model->parameter_count;
    for (int k = 0; k < trainer->supervision_count; ++k) {
        fseg_supervision *s = &trainer->supervisions[k];
        const float *dx;
        const fseg_status status = run_one(trainer, labels, s, loss, &dx);
        if (status != FSEG_OK)
            return status;
        const size_t count = fseg_head_parameter_count(s->head);
        memcpy(to, fseg_head_gradient(s->head), count * sizeof(float));
        to += count;
        injections[k] = (fseg_injection){s->node, dx};
    }
    return FSEG_OK;
}
