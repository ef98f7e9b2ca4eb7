#include "network.h"
#include "blocked.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* What a node needs at run time. */
typedef struct step {
    fseg_node node;
    int is_view;           /* never computed: a concatenation, or an upsampling that the following
                              convolution does itself */
    fseg_blocked out;      /* data null for a view */
    fseg_blocked gradient; /* training only; shared with the input of a NORM_RELU */
    int has_gradient;      /* during a backward pass */
    /* convolution */
    fseg_conv_shape shape;
    int sources[2]; /* nodes behind the view, if there is one */
    float *packed, *packed_back[2], *bias;
    /* GroupNorm: statistics [batch * groups] */
    float *mean, *inverse_deviation;
    int norm_follows; /* index of the NORM_RELU that consumes this convolution, or -1 */
} step;

struct fseg_network {
    fseg_context *context;
    const fseg_model *model;
    const fseg_kernels *kernels; /* their element type is that of all tensors but the logits */
    int batch, height, width, training, count;
    step *steps;
    size_t step_count;
    float *arena;     /* one block behind all tensors of an inference network */
    float *map;       /* scratch of GroupNorm */
    float *conv_sums; /* statistics that a convolution leaves for the GroupNorm after it */
    double *sums;
    float *weight_scratch;
    size_t bytes;
};

static float *take(fseg_network *network, size_t floats)
{
    float *p = fseg_aligned_zeros(floats);
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
                                .element_size = i + 1 == network->step_count
                                                    ? sizeof(float)
                                                    : network->kernels->element_size};
        s->gradient = s->out;
        if (s->node.op == FSEG_OP_CONV) {
            resolve_sources(network, s);
            s->packed = take(network, fseg_conv_packed_floats(&s->shape));
            if (!s->packed)
                return FSEG_ERROR_OUT_OF_MEMORY;
            if (s->node.bias >= 0) {
                s->bias = take(network, fseg_blocked_blocks(s->node.channels) * FSEG_BLOCK);
                if (!s->bias)
                    return FSEG_ERROR_OUT_OF_MEMORY;
            }
            for (int k = 0; network->training && k < s->shape.source_count; ++k) {
                s->packed_back[k] = take(network, fseg_conv_packed_back_floats(&s->shape, k));
                if (!s->packed_back[k])
                    return FSEG_ERROR_OUT_OF_MEMORY;
            }
            const size_t need = fseg_conv_weight_grad_scratch(&s->shape, network->batch);
            scratch = need > scratch ? need : scratch;
            const size_t rows = fseg_conv_sums_rows(&s->shape, s->out.height) * 2 * FSEG_BLOCK *
                                (size_t)network->batch * fseg_blocked_blocks(s->node.channels);
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
static size_t out_floats(const step *s)
{
    const size_t elements =
        fseg_blocked_elements(s->out.n, s->out.channels, s->out.height, s->out.width);
    return elements * s->out.element_size / sizeof(float);
}

/* Training: every tensor has memory of its own, so borders stay zero for good. The gradient of a
 * convolution that feeds a NORM_RELU is computed in place of that node's gradient. */
static fseg_status allocate_training(fseg_network *network)
{
    for (size_t i = network->step_count; i-- > 0;) {
        step *s = &network->steps[i];
        if (s->is_view)
            continue;
        s->out.data = take(network, out_floats(s));
        if (!s->out.data)
            return FSEG_ERROR_OUT_OF_MEMORY;
        if (s->node.op == FSEG_OP_INPUT)
            continue;
        if (s->norm_follows >= 0) {
            s->gradient.data = network->steps[s->norm_follows].gradient.data;
            continue;
        }
        s->gradient.data = take(network, out_floats(s));
        if (!s->gradient.data)
            return FSEG_ERROR_OUT_OF_MEMORY;
    }
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
        interval want = {.floats = out_floats(s), .first = i, .last = last_use(network, i)};
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

fseg_status fseg_network_create(fseg_context *context, const fseg_model *model, int batch,
                                int height, int width, int training, fseg_network **out,
                                fseg_error *error)
{
    *out = NULL;
    const int multiple = fseg_unet_size_multiple(&model->config);
    if (batch < 1 || height < multiple || width < multiple || height % multiple ||
        width % multiple || height > 16384 || width > 16384 || batch > 65536)
        return fseg_error_set(
            error, FSEG_ERROR_INVALID_ARGUMENT,
            "a batch of %d images of %d x %d cannot be run; height and width must "
            "be multiples of %d",
            batch, height, width, multiple);
    fseg_network *network = calloc(1, sizeof *network);
    if (network)
        network->steps = calloc(model->node_count, sizeof *network->steps);
    if (!network || !network->steps) {
        fseg_network_free(network);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for the network");
    }
    network->context = context;
    network->model = model;
    network->batch = batch;
    network->height = height;
    network->width = width;
    network->training = training;
    network->kernels =
        training ? fseg_context_kernels(context) : fseg_context_inference_kernels(context);
    network->step_count = model->node_count;
    fseg_status status = plan_steps(network);
    if (status == FSEG_OK)
        status = training ? allocate_training(network) : allocate_inference(network);
    if (status != FSEG_OK) {
        fseg_network_free(network);
        return fseg_error_set(error, status,
                              "not enough memory to run a batch of %d images of %d x %d; use a "
                              "smaller batch",
                              batch, height, width);
    }
    fseg_network_pack(network);
    *out = network;
    return FSEG_OK;
}

void fseg_network_free(fseg_network *network)
{
    if (!network)
        return;
    for (size_t i = 0; network->steps && i < network->step_count; ++i) {
        step *s = &network->steps[i];
        free(s->packed);
        free(s->packed_back[0]);
        free(s->packed_back[1]);
        free(s->bias);
        free(s->mean);
        free(s->inverse_deviation);
        if (network->training) {
            free(s->out.data);
            if (s->norm_follows < 0)
                free(s->gradient.data);
        }
    }
    free(network->steps);
    free(network->arena);
    free(network->map);
    free(network->conv_sums);
    free(network->sums);
    free(network->weight_scratch);
    free(network);
}

size_t fseg_network_memory(const fseg_network *network)
{
    return network->bytes;
}

static void pack_step(void *user, size_t i)
{
    const fseg_network *network = user;
    const step *s = &network->steps[i];
    if (s->node.op != FSEG_OP_CONV)
        return;
    const float *weight = network->model->tensors[s->node.weight].data;
    fseg_conv_pack(&s->shape, weight, s->packed);
    network->kernels->convert_weights(s->packed, fseg_conv_packed_floats(&s->shape));
    for (int k = 0; k < s->shape.source_count; ++k)
        if (s->packed_back[k])
            fseg_conv_pack_back(&s->shape, k, weight, s->packed_back[k]);
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

static void run_step(fseg_network *network, const step *s, const float *images)
{
    const fseg_tensor *tensors = network->model->tensors;
    fseg_context *context = network->context;
    if (s->is_view)
        return;
    const fseg_blocked out = view(network, &s->out);
    fseg_blocked in[2];
    if (s->node.op == FSEG_OP_CONV) {
        for (int k = 0; k < s->shape.source_count; ++k)
            in[k] = view(network, &network->steps[s->sources[k]].out);
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
        fseg_blocked_norm(context, in, s->node.groups, 1, network->model->config.norm_epsilon,
                          network->conv_sums,
                          fseg_conv_sums_rows(&network->steps[s->node.inputs[0]].shape, out.height),
                          tensors[s->node.weight].data, tensors[s->node.bias].data, s->mean,
                          s->inverse_deviation, network->map, &out);
        return; /* in place in inference: the border is the convolution's */
    case FSEG_OP_MAX_POOL:
        fseg_blocked_max_pool(context, in, &out);
        break;
    case FSEG_OP_UPSAMPLE:
        fseg_blocked_upsample(context, in, &out);
        break;
    case FSEG_OP_CONCAT:
        return;
    }
    if (!network->training)
        fseg_blocked_clear_borders(context, &out);
}

fseg_status fseg_network_forward(fseg_network *network, const float *images, int count,
                                 float *logits, const fseg_progress *progress, double first,
                                 double share)
{
    network->count = count;
    for (size_t i = 0; i < network->step_count; ++i) {
        run_step(network, &network->steps[i], images);
        const double done = (double)(i + 1) / (double)network->step_count;
        if (fseg_progress_report(progress, first + share * done, "network") != FSEG_OK)
            return FSEG_ERROR_CANCELLED;
    }
    const fseg_blocked out = view(network, &network->steps[network->step_count - 1].out);
    fseg_blocked_unpack(network->context, &out, logits);
    return FSEG_OK;
}

static void back_conv(fseg_network *network, step *s, float *const *gradients)
{
    const fseg_blocked dy = view(network, &s->gradient);
    fseg_blocked in[2];
    for (int k = 0; k < s->shape.source_count; ++k) {
        step *source = &network->steps[s->sources[k]];
        in[k] = view(network, &source->out);
        if (source->node.op == FSEG_OP_INPUT)
            continue;
        const fseg_blocked dx = view(network, &source->gradient);
        fseg_blocked_conv_back(network->context, &s->shape, &dy, s->packed_back[k],
                               source->has_gradient, &dx);
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
                   sizeof(float));
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

void fseg_network_backward(fseg_network *network, const float *dlogits, float *const *gradients)
{
    for (size_t i = 0; i < network->step_count; ++i)
        network->steps[i].has_gradient = 0;
    step *last = &network->steps[network->step_count - 1];
    const fseg_blocked dy = view(network, &last->gradient);
    fseg_blocked_pack(network->context, dlogits, &dy);
    last->has_gradient = 1;
    for (size_t i = network->step_count; i-- > 0;)
        back_step(network, &network->steps[i], gradients);
}
