/* Planning of a network: which tensors there are and what they need. */
#include "network_fast.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef fseg_step step;

float *fseg_network_take(fseg_network *network, size_t floats)
{
    /* A dry run gets something that is not null and never used. */
    float *p = network->dry ? (float *)(void *)network : fseg_aligned_zeros(floats);
    if (p)
        network->bytes += floats * sizeof(float);
    return p;
}

/* ---- planning ------------------------------------------------------------------------------ */

/* Whether every reader of node i is a 2 x 2 convolution, which can enlarge its input itself. */
static int is_folded_upsample(const fseg_model *model, size_t i)
{
    if (model->nodes[i].op != FSEG_OP_UPSAMPLE)
        return 0;
    for (size_t j = i + 1; j < model->node_count; ++j)
        for (int k = 0; k < 2; ++k)
            if (model->nodes[j].inputs[k] == (int)i &&
                (model->nodes[j].op != FSEG_OP_CONV || model->nodes[j].kernel != 2))
                return 0;
    return 1;
}

static void resolve_sources(fseg_network *network, step *s)
{
    const step *in = &network->steps[s->node.inputs[0]];
    s->shape.out_channels = s->node.channels;
    s->shape.kernel = s->node.kernel;
    s->shape.source_count = 1;
    s->sources[0] = s->node.inputs[0];
    if (in->node.op == FSEG_OP_CONCAT) {
        s->shape.source_count = 2;
        s->sources[0] = in->node.inputs[0];
        s->sources[1] = in->node.inputs[1];
    } else if (in->is_view) {
        s->shape.upsample = 1;
        s->sources[0] = in->node.inputs[0];
    }
    for (int i = 0; i < s->shape.source_count; ++i)
        s->shape.source_channels[i] = network->steps[s->sources[i]].node.channels;
}

/* Normalizations that readers do, borders that they need, scratch of convolutions. */
static fseg_status plan_deferral(fseg_network *network)
{
    size_t scratch = 0;
    for (size_t i = 0; i < network->step_count; ++i) {
        step *s = &network->steps[i];
        s->needs_border = fseg_fast_needs_border(network, i);
        if (s->node.op == FSEG_OP_NORM_RELU && fseg_fast_defers(network, i)) {
            s->norm_map =
                fseg_network_take(network, fseg_norm_map_floats(network->batch, s->node.channels));
            if (!s->norm_map)
                return FSEG_ERROR_OUT_OF_MEMORY;
        } else if (s->node.op == FSEG_OP_CONV) {
            const size_t need = fseg_fast_scratch(network, s);
            scratch = need > scratch ? need : scratch;
        }
    }
    network->tile_scratch = fseg_network_take(network, scratch);
    return network->tile_scratch ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
}

static fseg_status plan_steps(fseg_network *network)
{
    size_t map = 0, sums = 0, scratch = 0, conv_sums = 0;
    for (size_t i = 0; i < network->step_count; ++i) {
        step *s = &network->steps[i];
        s->node = network->model->nodes[i];
        s->norm_follows = -1;
        s->is_view = s->node.op == FSEG_OP_CONCAT || is_folded_upsample(network->model, i);
        s->out = (fseg_blocked){.n = network->batch,
                                .channels = s->node.channels,
                                .height = network->height >> s->node.level,
                                .width = network->width >> s->node.level,
                                .element_size = network->element_size};
        s->gradient = s->out;
        if (s->node.op == FSEG_OP_CONV && i + 1 == network->step_count)
            s->out.element_size = sizeof(float); /* logits */
        if (s->node.op == FSEG_OP_CONV) {
            resolve_sources(network, s);
            s->method = fseg_fast_method(network, s, i);
            s->packed = fseg_network_take(network, fseg_fast_packed_floats(s));
            if (!s->packed)
                return FSEG_ERROR_OUT_OF_MEMORY;
            if (s->node.bias >= 0) {
                s->bias =
                    fseg_network_take(network, fseg_blocked_blocks(s->node.channels) * FSEG_BLOCK);
                if (!s->bias)
                    return FSEG_ERROR_OUT_OF_MEMORY;
            }
            for (int k = 0; network->training && k < s->shape.source_count; ++k) {
                s->packed_back[k] = fseg_network_take(network, fseg_fast_packed_back_floats(s, k));
                if (!s->packed_back[k])
                    return FSEG_ERROR_OUT_OF_MEMORY;
            }
            const size_t need = fseg_conv_weight_grad_scratch(&s->shape, network->batch);
            scratch = need > scratch ? need : scratch;
            const size_t rows = fseg_fast_sums_rows(s) * 2 * FSEG_BLOCK * (size_t)network->batch *
                                fseg_blocked_blocks(s->node.channels);
            conv_sums = rows > conv_sums ? rows : conv_sums;
        } else if (s->node.op == FSEG_OP_NORM_RELU) {
            network->steps[s->node.inputs[0]].norm_follows = (int)i;
            const size_t statistics = (size_t)network->batch * (size_t)s->node.groups;
            s->mean = fseg_network_take(network, statistics);
            s->inverse_deviation = fseg_network_take(network, statistics);
            if (!s->mean || !s->inverse_deviation)
                return FSEG_ERROR_OUT_OF_MEMORY;
            const size_t m = fseg_norm_map_floats(network->batch, s->node.channels);
            const size_t d = fseg_norm_sums_doubles(network->batch, s->node.channels);
            map = m > map ? m : map;
            sums = d > sums ? d : sums;
        }
    }
    fseg_fast_drop_ends(network);
    if (plan_deferral(network) != FSEG_OK)
        return FSEG_ERROR_OUT_OF_MEMORY;
    network->map = fseg_network_take(network, map);
    network->conv_sums = fseg_network_take(network, conv_sums);
    if (!network->map || !network->conv_sums)
        return FSEG_ERROR_OUT_OF_MEMORY;
    if (network->training) {
        network->sums = (double *)(void *)fseg_network_take(network, 2 * sums);
        network->weight_scratch = fseg_network_take(network, scratch);
        if (!network->sums || !network->weight_scratch)
            return FSEG_ERROR_OUT_OF_MEMORY;
    }
    return FSEG_OK;
}

static int sizes_possible(const fseg_model *model, int batch, int height, int width)
{
    const int multiple = fseg_unet_size_multiple(&model->config);
    return batch >= 1 && height >= multiple && width >= multiple && height % multiple == 0 &&
           width % multiple == 0 && height <= 16384 && width <= 16384 && batch <= 65536;
}

/* Everything but the packed weights; null when there is no memory. */
static fseg_network *plan(fseg_context *context, const fseg_model *model, int batch, int height,
                          int width, int training, const fseg_network_scope *scope, int dry)
{
    fseg_network *network = calloc(1, sizeof *network);
    if (network)
        network->steps = calloc(model->node_count, sizeof *network->steps);
    if (!network || !network->steps) {
        fseg_network_free(network);
        return NULL;
    }
    network->context = context;
    network->model = model;
    network->batch = batch;
    network->height = height;
    network->width = width;
    network->training = training;
    network->dry = dry;
    network->no_skips = scope->no_skips;
    network->direct = scope->direct;
    if (!training)
        network->kernels = fseg_context_inference_kernels(context);
    else if (scope->precision == FSEG_PRECISION_BFLOAT16)
        network->kernels = fseg_context_bfloat16_kernels(context);
    else
        network->kernels = fseg_context_kernels(context);
    /* A prediction of memory has no context, and kernels only for float. */
    network->element_size = network->kernels ? network->kernels->element_size : sizeof(uint16_t);
    network->step_count = (size_t)scope->last + 1;
    fseg_status status = plan_steps(network);
    for (int k = 0; k < scope->keep_count; ++k)
        network->steps[scope->keep[k]].keep = 1;
    if (status == FSEG_OK)
        status = fseg_network_place(network);
    if (status == FSEG_OK)
        return network;
    fseg_network_free(network);
    return NULL;
}

static fseg_status create(fseg_context *context, const fseg_model *model, int batch, int height,
                          int width, int training, const fseg_network_scope *scope,
                          fseg_network **out, fseg_error *error)
{
    *out = NULL;
    if (!sizes_possible(model, batch, height, width))
        return fseg_error_set(
            error, FSEG_ERROR_INVALID_ARGUMENT,
            "a batch of %d images of %d x %d cannot be run; height and width must "
            "be multiples of %d",
            batch, height, width, fseg_unet_size_multiple(&model->config));
    if (training) {
        const fseg_status status = fseg_context_check_precision(context, scope->precision, error);
        if (status != FSEG_OK)
            return status;
    }
    *out = plan(context, model, batch, height, width, training, scope, 0);
    if (!*out)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                              "not enough memory to run a batch of %d images of %d x %d; use a "
                              "smaller batch",
                              batch, height, width);
    fseg_network_pack(*out);
    return FSEG_OK;
}

fseg_status fseg_network_create(fseg_context *context, const fseg_model *model, int batch,
                                int height, int width, int training, fseg_network **out,
                                fseg_error *error)
{
    const fseg_network_scope all = {.last = (int)model->node_count - 1};
    return create(context, model, batch, height, width, training, &all, out, error);
}

int fseg_network_find_node(const fseg_model *model, const char *name)
{
    for (size_t i = 0; i < model->node_count; ++i)
        if (strcmp(model->nodes[i].name, name) == 0)
            return (int)i;
    return -1;
}

fseg_status fseg_network_create_scope(fseg_context *context, const fseg_model *model, int batch,
                                      int height, int width, const fseg_network_scope *scope,
                                      fseg_network **out, fseg_error *error)
{
    return create(context, model, batch, height, width, 1, scope, out, error);
}

size_t fseg_network_predict(const fseg_model *model, int batch, int height, int width,
                            const fseg_network_scope *scope)
{
    if (!sizes_possible(model, batch, height, width))
        return 0;
    fseg_network *network = plan(NULL, model, batch, height, width, 1, scope, 1);
    const size_t bytes = network ? network->bytes : 0;
    fseg_network_free(network);
    return bytes;
}

size_t fseg_network_predict_inference(const fseg_model *model, int batch, int height, int width)
{
    if (!sizes_possible(model, batch, height, width))
        return 0;
    const fseg_network_scope all = {.last = (int)model->node_count - 1};
    fseg_network *network = plan(NULL, model, batch, height, width, 0, &all, 1);
    const size_t bytes = network ? network->bytes : 0;
    fseg_network_free(network);
    return bytes;
}

void fseg_network_free(fseg_network *network)
{
    if (!network)
        return;
    for (size_t i = 0; network->steps && !network->dry && i < network->step_count; ++i) {
        step *s = &network->steps[i];
        free(s->packed);
        free(s->packed_back[0]);
        free(s->packed_back[1]);
        free(s->bias);
        free(s->mean);
        free(s->inverse_deviation);
        free(s->norm_map);
    }
    if (!network->dry) {
        free(network->arena);
        free(network->map);
        free(network->tile_scratch);
        free(network->conv_sums);
        free(network->sums);
        free(network->weight_scratch);
        free(network->zeros);
    }
    free(network->steps);
    free(network);
}

size_t fseg_network_memory(const fseg_network *network)
{
    return network->bytes;
}
