/* Execution of a planned network: weights in, forward, backward. */
#include "network_fast.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef fseg_step step;

static void pack_step(void *user, size_t i)
{
    const fseg_network *network = user;
    const step *s = &network->steps[i];
    if (s->node.op != FSEG_OP_CONV)
        return;
    const float *weight = network->model->tensors[s->node.weight].data;
    fseg_fast_pack(network, s, weight);
    if (s->bias)
        memcpy(s->bias, network->model->tensors[s->node.bias].data,
               (size_t)s->node.channels * sizeof(float));
}

void fseg_network_pack(fseg_network *network)
{
    fseg_context_parallel(network->context, network->step_count, pack_step, network);
}

/* ---- running ------------------------------------------------------------------------------- */

/* The tensor with only the images of the current batch. */
static fseg_blocked view(const fseg_network *network, const fseg_blocked *t)
{
    fseg_blocked v = *t;
    v.n = network->count;
    return v;
}

/* Source k of a convolution. */
static fseg_blocked source_view(const fseg_network *network, const step *s, int k)
{
    fseg_blocked v = view(network, &network->steps[s->sources[k]].out);
    if (k == 1 && network->no_skips)
        v.data = network->zeros;
    return v;
}

static void run_step(fseg_network *network, const step *s, const float *images)
{
    const fseg_tensor *tensors = network->model->tensors;
    fseg_context *context = network->context;
    if (s->method != FSEG_CONV_DIRECT) {
        fseg_fast_conv(network, s);
        if (s->needs_border) {
            const fseg_blocked y = view(network, &s->out);
            fseg_blocked_clear_borders(context, &y);
        }
        return;
    }
    if (s->is_view)
        return;
    const fseg_blocked out = view(network, &s->out);
    fseg_blocked in[2];
    if (s->node.op == FSEG_OP_CONV) {
        for (int k = 0; k < s->shape.source_count; ++k)
            in[k] = source_view(network, s, k);
    } else if (s->node.op != FSEG_OP_INPUT) {
        in[0] = view(network, &network->steps[s->node.inputs[0]].out);
    }
    switch (s->node.op) {
    case FSEG_OP_INPUT:
        fseg_blocked_pack(context, images, &out);
        break;
    case FSEG_OP_CONV:
        fseg_blocked_conv(context, &s->shape, in, s->packed, s->bias, &out,
                          s->norm_follows >= 0 ? network->conv_sums : NULL);
        break;
    case FSEG_OP_NORM_RELU:
        if (s->norm_map) {
            fseg_blocked_norm_map(context, in, s->node.groups, network->model->config.norm_epsilon,
                                  network->conv_sums,
                                  fseg_fast_sums_rows(&network->steps[s->node.inputs[0]]),
                                  tensors[s->node.weight].data, tensors[s->node.bias].data, s->mean,
                                  s->inverse_deviation, s->norm_map);
            return;
        }
        fseg_blocked_norm(
            context, in, s->node.groups, 1, network->model->config.norm_epsilon, network->conv_sums,
            fseg_fast_sums_rows(&network->steps[s->node.inputs[0]]), tensors[s->node.weight].data,
            tensors[s->node.bias].data, s->mean, s->inverse_deviation, network->map, &out);
        if (!network->training)
            return; /* in place: the border is the convolution's */
        break;
    case FSEG_OP_MAX_POOL:
        if (network->steps[s->node.inputs[0]].norm_map)
            fseg_fast_max_pool(network, s);
        else
            fseg_blocked_max_pool(context, in, &out);
        break;
    case FSEG_OP_UPSAMPLE:
        fseg_blocked_upsample(context, in, &out);
        break;
    case FSEG_OP_CONCAT:
        return;
    }
    /* In training the gradients of weights look at borders, too. */
    if (network->training ? s->node.op != FSEG_OP_CONV : s->needs_border)
        fseg_blocked_clear_borders(context, &out);
}

fseg_status fseg_network_forward(fseg_network *network, const float *images, int count,
                                 float *logits, const fseg_progress *progress, double first,
                                 double share)
{
    network->count = count;
    network->images = images;
    network->logits = logits;
    fseg_network_rewind(network);
    for (size_t i = 0; i < network->step_count; ++i) {
        run_step(network, &network->steps[i], images);
        const double done = (double)(i + 1) / (double)network->step_count;
        if (fseg_progress_report(progress, first + share * done, "network") != FSEG_OK)
            return FSEG_ERROR_CANCELLED;
    }
    const step *end = &network->steps[network->step_count - 1];
    if (end->method != FSEG_CONV_LAST) {
        const fseg_blocked out = view(network, &end->out);
        fseg_blocked_unpack(network->context, &out, logits);
    }
    return FSEG_OK;
}

static void back_conv(fseg_network *network, step *s, float *const *gradients)
{
    const fseg_blocked dy = view(network, &s->gradient);
    fseg_blocked in[2];
    for (int k = 0; k < s->shape.source_count; ++k) {
        step *source = &network->steps[s->sources[k]];
        in[k] = source_view(network, s, k);
        if (source->node.op == FSEG_OP_INPUT || (k == 1 && network->no_skips) ||
            s->sources[k] < network->first_trained)
            continue;
        const fseg_blocked dx = view(network, &source->gradient);
        fseg_fast_conv_back(network, s, k, &dy, source->has_gradient, &dx);
        source->has_gradient = 1;
    }
    fseg_blocked_conv_weight_grad(network->context, &s->shape, in, &dy, network->weight_scratch,
                                  gradients[s->node.weight]);
}

static void zero_gradient(fseg_network *network, step *s)
{
    if (!s->has_gradient)
        memset(s->gradient.data, 0,
               fseg_blocked_elements(network->count, s->out.channels, s->out.height, s->out.width) *
                   s->gradient.element_size);
    s->has_gradient = 1;
}

static void back_step(fseg_network *network, step *s, float *const *gradients)
{
    const fseg_tensor *tensors = network->model->tensors;
    const fseg_node *node = &s->node;
    if (node->op == FSEG_OP_INPUT || s->is_view)
        return; /* convolutions pass gradients to the tensors behind a view themselves */
    step *source = &network->steps[node->inputs[0]];
    const fseg_blocked dy = view(network, &s->gradient), dx = view(network, &source->gradient);
    const fseg_blocked x = view(network, &source->out);
    switch (node->op) {
    case FSEG_OP_CONV:
        back_conv(network, s, gradients);
        break;
    case FSEG_OP_NORM_RELU:
        fseg_blocked_norm_back(network->context, &x, &dy, node->groups, 1,
                               tensors[node->weight].data, tensors[node->bias].data, s->mean,
                               s->inverse_deviation, network->sums, network->map, &dx,
                               gradients[node->weight], gradients[node->bias],
                               source->node.bias >= 0 ? gradients[source->node.bias] : NULL);
        source->has_gradient = 1;
        break;
    case FSEG_OP_MAX_POOL:
        zero_gradient(network, source);
        fseg_blocked_max_pool_back(network->context, &x, &dy, &dx);
        break;
    case FSEG_OP_UPSAMPLE:
        fseg_blocked_upsample_back(network->context, &dy, &dx);
        source->has_gradient = 1;
        break;
    case FSEG_OP_INPUT:
    case FSEG_OP_CONCAT:
        break;
    }
}

void fseg_network_run(fseg_network *network, const float *images, int count)
{
    network->count = count;
    fseg_network_rewind(network);
    for (size_t i = 0; i < network->step_count; ++i)
        run_step(network, &network->steps[i], images);
}

void fseg_network_read(fseg_network *network, int node, float *features)
{
    const fseg_blocked out = view(network, &network->steps[node].out);
    fseg_blocked_unpack(network->context, &out, features);
}

/* A node that no gradient reached gives none to its weights. */
static void skip_step(fseg_network *network, const step *s, float *const *gradients)
{
    const int tensors[2] = {s->node.weight, s->node.bias};
    for (int k = 0; k < 2; ++k)
        if (tensors[k] >= 0)
            memset(gradients[tensors[k]], 0,
                   network->model->tensors[tensors[k]].count * sizeof(float));
}

/* Gradients from outside, as soon as the memory of theirs is free: before the backward pass of
 * their node's last reader, or of the node itself. */
static void inject(fseg_network *network, const fseg_injection *injections, int count, int i)
{
    for (int k = 0; k < count; ++k) {
        step *s = &network->steps[injections[k].node];
        if (s->gradient_by != i)
            continue;
        const fseg_blocked dy = view(network, &s->gradient);
        fseg_blocked_pack(network->context, injections[k].gradient, &dy);
        s->has_gradient = 1;
    }
}

void fseg_network_backward_from(fseg_network *network, const fseg_injection *injections,
                                int injection_count, float *const *gradients)
{
    network->cancelled = 0;
    for (size_t i = 0; i < network->step_count; ++i)
        network->steps[i].has_gradient = 0;
    for (size_t i = network->step_count; i < network->model->node_count; ++i) {
        const step outside = {.node = network->model->nodes[i]};
        skip_step(network, &outside, gradients);
    }
    for (size_t i = network->step_count; i-- > 0;) {
        step *s = &network->steps[i];
        inject(network, injections, injection_count, (int)i);
        if ((int)i >= network->first_trained)
            fseg_network_revive(network, (int)i);
        if ((s->has_gradient || s->is_view) && (int)i >= network->first_trained)
            back_step(network, s, gradients);
        else
            skip_step(network, s, gradients);
        /* A backward pass costs about twice a forward pass. */
        const double left = (double)i / (double)network->step_count;
        if (fseg_progress_report(&network->progress, 1.0 - 0.67 * left, "training") != FSEG_OK) {
            network->cancelled = 1;
            return;
        }
    }
}

void fseg_network_backward(fseg_network *network, const float *dlogits, float *const *gradients)
{
    const fseg_injection all = {(int)network->step_count - 1, dlogits};
    fseg_network_backward_from(network, &all, 1, gradients);
}

void fseg_network_freeze_encoder(fseg_network *network)
{
    for (size_t i = 0; i < network->step_count; ++i)
        if (strncmp(network->steps[i].node.name, "enc", 3) == 0)
            network->first_trained = (int)i + 1;
}

void fseg_network_set_progress(fseg_network *network, const fseg_progress *progress)
{
    network->progress = progress ? *progress : (fseg_progress){.callback = NULL};
}

int fseg_network_cancelled(const fseg_network *network)
{
    return network->cancelled;
}
