/* Planning of a network: which tensors there are, where they lie, what they need. */
#include "network_fast.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef fseg_step step;

static float *take(fseg_network *network, size_t floats)
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
            s->norm_map = take(network, fseg_norm_map_floats(network->batch, s->node.channels));
            if (!s->norm_map)
                return FSEG_ERROR_OUT_OF_MEMORY;
        } else if (s->node.op == FSEG_OP_CONV) {
            const size_t need = fseg_fast_scratch(network, s);
            scratch = need > scratch ? need : scratch;
        }
    }
    network->tile_scratch = take(network, scratch);
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
            s->packed = take(network, fseg_fast_packed_floats(s));
            if (!s->packed)
                return FSEG_ERROR_OUT_OF_MEMORY;
            if (s->node.bias >= 0) {
                s->bias = take(network, fseg_blocked_blocks(s->node.channels) * FSEG_BLOCK);
                if (!s->bias)
                    return FSEG_ERROR_OUT_OF_MEMORY;
            }
            for (int k = 0; network->training && k < s->shape.source_count; ++k) {
                s->packed_back[k] = take(network, fseg_fast_packed_back_floats(s, k));
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
            s->mean = take(network, statistics);
            s->inverse_deviation = take(network, statistics);
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
    network->map = take(network, map);
    network->conv_sums = take(network, conv_sums);
    if (!network->map || !network->conv_sums)
        return FSEG_ERROR_OUT_OF_MEMORY;
    if (network->training) {
        network->sums = (double *)(void *)take(network, 2 * sums);
        network->weight_scratch = take(network, scratch);
        if (!network->sums || !network->weight_scratch)
            return FSEG_ERROR_OUT_OF_MEMORY;
    }
    return FSEG_OK;
}

/* Memory of a tensor, in floats. */
static size_t tensor_floats(const fseg_blocked *t)
{
    return fseg_blocked_elements(t->n, t->channels, t->height, t->width) * t->element_size /
           sizeof(float);
}

/* Training: every tensor has memory of its own, so borders stay zero for good. The gradient of a
 * convolution that feeds a NORM_RELU is computed in place of that node's gradient. */
static fseg_status allocate_training(fseg_network *network)
{
    for (size_t i = network->step_count; i-- > 0;) {
        step *s = &network->steps[i];
        if (s->is_view)
            continue;
        s->out.data = take(network, tensor_floats(&s->out));
        if (!s->out.data)
            return FSEG_ERROR_OUT_OF_MEMORY;
        if (s->node.op == FSEG_OP_INPUT)
            continue;
        if (s->norm_follows >= 0) {
            s->gradient.data = network->steps[s->norm_follows].gradient.data;
            continue;
        }
        s->gradient.data = take(network, tensor_floats(&s->gradient));
        if (!s->gradient.data)
            return FSEG_ERROR_OUT_OF_MEMORY;
    }
    size_t zeros = 0;
    for (size_t i = 0; network->no_skips && i < network->step_count; ++i)
        if (network->steps[i].shape.source_count == 2) {
            const size_t skip = tensor_floats(&network->steps[network->steps[i].sources[1]].out);
            zeros = skip > zeros ? skip : zeros;
        }
    if (zeros)
        network->zeros = take(network, zeros);
    if (zeros && !network->zeros)
        return FSEG_ERROR_OUT_OF_MEMORY;
    return FSEG_OK;
}

/* Last step that reads the tensor of step i; looks through views. */
static size_t last_use(const fseg_network *network, size_t i)
{
    size_t last = i;
    for (size_t j = i + 1; j < network->step_count; ++j)
        for (int k = 0; k < 2; ++k)
            if (network->steps[j].node.inputs[k] == (int)i) {
                const size_t use = network->steps[j].is_view ? last_use(network, j) : j;
                last = use > last ? use : last;
            }
    return last;
}

typedef struct interval {
    size_t offset, floats, first, last; /* place in the arena and steps of its life */
} interval;

/* Lowest place where `wanted` meets no living neighbour. */
static size_t find_place(const interval *taken, size_t count, const interval *wanted)
{
    size_t offset = 0;
    for (int moved = 1; moved;) {
        moved = 0;
        for (size_t i = 0; i < count; ++i) {
            const interval *t = &taken[i];
            const int alive = t->first <= wanted->last && wanted->first <= t->last;
            const int meets = t->offset < offset + wanted->floats && offset < t->offset + t->floats;
            if (alive && meets) {
                offset = t->offset + t->floats;
                moved = 1;
            }
        }
    }
    return offset;
}

/* Inference: one arena; NORM_RELU works in place, other tensors share memory when their lives do
 * not meet. */
static fseg_status allocate_inference(fseg_network *network)
{
    interval *taken = calloc(network->step_count, sizeof *taken);
    size_t *place = calloc(network->step_count, sizeof *place);
    size_t count = 0, total = 0;
    fseg_status status = taken && place ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; status == FSEG_OK && i < network->step_count; ++i) {
        step *s = &network->steps[i];
        if (s->is_view)
            continue;
        if (s->node.op == FSEG_OP_NORM_RELU) {
            place[i] = place[s->node.inputs[0]];
            continue;
        }
        interval want = {
            .floats = tensor_floats(&s->out), .first = i, .last = last_use(network, i)};
        if (s->norm_follows >= 0)
            want.last = last_use(network, (size_t)s->norm_follows);
        want.offset = find_place(taken, count, &want);
        taken[count++] = want;
        place[i] = want.offset;
        total = want.offset + want.floats > total ? want.offset + want.floats : total;
    }
    if (status == FSEG_OK) {
        network->arena = take(network, total);
        status = network->arena ? FSEG_OK : FSEG_ERROR_OUT_OF_MEMORY;
    }
    for (size_t i = 0; status == FSEG_OK && i < network->step_count; ++i)
        if (!network->steps[i].is_view)
            network->steps[i].out.data = network->arena + place[i];
    free(taken);
    free(place);
    return status;
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
    if (status == FSEG_OK)
        status = training ? allocate_training(network) : allocate_inference(network);
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
        if (network->training) {
            free(s->out.data);
            if (s->norm_follows < 0)
                free(s->gradient.data);
        }
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
