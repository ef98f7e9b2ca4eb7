#include "network_fast.h"
#include "blocked_tiles.h"

typedef fseg_step step;

/* ---- planning ------------------------------------------------------------------------------- */

/* Pixels of a batch from which transforming the weights anew in every training step pays: it costs
 * as much as is saved on some 200 pixels, and the weights take four times the memory. */
enum { LEAST_TRAINING_PIXELS = 1024 };

/*
 * Measured for every shape of the reference network from 8 x 8 to 256 x 256 (docs/performance.md):
 * Winograd is faster than the direct form everywhere, also with 16 channels. Only below a whole
 * tile does it need as many products, or more.
 */
fseg_conv_method fseg_fast_method(const fseg_network *network, const step *s, size_t index)
{
    const int training = network->training;
    const size_t pixels = (size_t)network->batch * (size_t)s->out.height * (size_t)s->out.width;
    if (network->direct || network->element_size != sizeof(float))
        return FSEG_CONV_DIRECT;
    if (s->shape.upsample)
        return FSEG_CONV_ENLARGE;
    if (s->shape.kernel == 3 && s->shape.source_channels[0] <= FSEG_FIRST_MOST_CHANNELS &&
        network->steps[s->sources[0]].node.op == FSEG_OP_INPUT)
        return training ? FSEG_CONV_DIRECT : FSEG_CONV_FIRST;
    if (s->shape.kernel == 3 && s->out.height >= 4 && s->out.width >= 4 &&
        (!training || pixels >= LEAST_TRAINING_PIXELS))
        return FSEG_CONV_WINOGRAD;
    if (!training && s->shape.kernel == 1 && s->shape.source_count == 1 &&
        index + 1 == network->step_count && s->shape.out_channels <= FSEG_LAST_MOST_CHANNELS)
        return FSEG_CONV_LAST;
    return FSEG_CONV_DIRECT;
}

/* Whether check holds for every reader of step i, behind views too. */
static int every_reader(const fseg_network *network, size_t i,
                        int (*check)(const fseg_network *network, const step *reader))
{
    for (size_t j = i + 1; j < network->step_count; ++j)
        for (int k = 0; k < 2; ++k) {
            const step *reader = &network->steps[j];
            if (reader->node.inputs[k] != (int)i)
                continue;
            const int is_view = reader->node.op == FSEG_OP_CONCAT ||
                                (reader->node.op == FSEG_OP_UPSAMPLE && reader->is_view);
            if (is_view ? !every_reader(network, j, check) : !check(network, reader))
                return 0;
        }
    return 1;
}

static int reads_image(const fseg_network *network, const step *reader)
{
    (void)network;
    return reader->method == FSEG_CONV_FIRST;
}

static int normalizes(const fseg_network *network, const step *reader)
{
    (void)network;
    return reader->node.op == FSEG_OP_MAX_POOL ||
           (reader->node.op == FSEG_OP_CONV && reader->method != FSEG_CONV_DIRECT &&
            reader->method != FSEG_CONV_FIRST);
}

static int ignores_border(const fseg_network *network, const step *reader)
{
    if (reader->node.op == FSEG_OP_NORM_RELU)
        return every_reader(network, (size_t)(reader - network->steps), ignores_border);
    return reader->node.op != FSEG_OP_CONV || reader->method != FSEG_CONV_DIRECT ||
           reader->shape.kernel == 1;
}

void fseg_fast_drop_ends(fseg_network *network)
{
    for (size_t i = 0; i < network->step_count; ++i) {
        step *s = &network->steps[i];
        if (s->node.op == FSEG_OP_INPUT)
            s->is_view = every_reader(network, i, reads_image);
        if (s->method == FSEG_CONV_LAST)
            s->is_view = 1;
    }
}

int fseg_fast_defers(const fseg_network *network, size_t i)
{
    return !network->training && network->element_size == sizeof(float) &&
           every_reader(network, i, normalizes);
}

int fseg_fast_needs_border(const fseg_network *network, size_t i)
{
    return !every_reader(network, i, ignores_border);
}

size_t fseg_fast_packed_floats(const step *s)
{
    switch (s->method) {
    case FSEG_CONV_WINOGRAD:
        return fseg_winograd_packed_floats(&s->shape);
    case FSEG_CONV_ENLARGE:
        return fseg_enlarge_packed_floats(&s->shape);
    case FSEG_CONV_FIRST:
        return fseg_first_packed_floats(&s->shape);
    case FSEG_CONV_LAST:
    case FSEG_CONV_DIRECT:
        break;
    }
    return fseg_conv_packed_floats(&s->shape);
}

size_t fseg_fast_packed_back_floats(const step *s, int source)
{
    return s->method == FSEG_CONV_WINOGRAD ? fseg_winograd_packed_back_floats(&s->shape, source)
                                           : fseg_conv_packed_back_floats(&s->shape, source);
}

static void pack_forward(const fseg_network *network, const step *s, const float *weight)
{
    switch (s->method) {
    case FSEG_CONV_WINOGRAD:
        fseg_winograd_pack(network->context, &s->shape, weight, s->packed);
        return;
    case FSEG_CONV_ENLARGE:
        fseg_enlarge_pack(&s->shape, weight, s->packed);
        return;
    case FSEG_CONV_FIRST:
        fseg_first_pack(&s->shape, weight, s->packed);
        return;
    case FSEG_CONV_LAST:
    case FSEG_CONV_DIRECT:
        break;
    }
    fseg_conv_pack(&s->shape, weight, s->packed);
    network->kernels->convert_weights(s->packed, fseg_conv_packed_floats(&s->shape));
}

void fseg_fast_pack(const fseg_network *network, const step *s, const float *weight)
{
    pack_forward(network, s, weight);
    for (int k = 0; k < s->shape.source_count; ++k) {
        if (!s->packed_back[k])
            continue;
        if (s->method == FSEG_CONV_WINOGRAD) {
            fseg_winograd_pack_back(network->context, &s->shape, k, weight, s->packed_back[k]);
            continue;
        }
        fseg_conv_pack_back(&s->shape, k, weight, s->packed_back[k]);
        network->kernels->convert_weights(s->packed_back[k],
                                          fseg_conv_packed_back_floats(&s->shape, k));
    }
}

/* Of one thread. */
static size_t slot_floats(const fseg_network *network, const step *s)
{
    const int n = network->batch, height = s->out.height, width = s->out.width;
    switch (s->method) {
    case FSEG_CONV_WINOGRAD: {
        size_t most = fseg_winograd_slot_floats(&s->shape, n, height, width);
        for (int k = 0; network->training && k < s->shape.source_count; ++k) {
            const size_t back = fseg_winograd_back_slot_floats(&s->shape, k, n, height, width);
            most = back > most ? back : most;
        }
        return most;
    }
    case FSEG_CONV_ENLARGE:
        return fseg_enlarge_slot_floats(&s->shape, height / 2, width / 2);
    case FSEG_CONV_FIRST:
        return fseg_first_slot_floats(&s->shape, width);
    case FSEG_CONV_LAST:
    case FSEG_CONV_DIRECT:
        break;
    }
    return 0;
}

size_t fseg_fast_scratch(const fseg_network *network, const step *s)
{
    /* A prediction of memory assumes a context with the usual number of threads. */
    const int threads =
        network->dry ? fseg_context_usual_threads() : fseg_context_threads(network->context);
    return slot_floats(network, s) * (size_t)threads;
}

size_t fseg_fast_sums_rows(const step *s)
{
    switch (s->method) {
    case FSEG_CONV_WINOGRAD:
        return fseg_winograd_sums_rows(s->out.height);
    case FSEG_CONV_ENLARGE:
        return (size_t)s->out.height / 2;
    case FSEG_CONV_FIRST:
    case FSEG_CONV_LAST:
    case FSEG_CONV_DIRECT:
        break;
    }
    return fseg_conv_sums_rows(&s->shape, s->out.height);
}

/* ---- running -------------------------------------------------------------------------------- */

/* The tensor of step `index` with the images of the current batch, and its deferred normalization.
 */
static fseg_normed source(const fseg_network *network, int index)
{
    const step *s = &network->steps[index];
    fseg_normed normed = {.x = s->out, .scale = s->norm_map};
    normed.x.n = network->count;
    if (normed.scale)
        normed.shift = normed.scale +
                       (size_t)network->count * fseg_blocked_blocks(s->out.channels) * FSEG_BLOCK;
    return normed;
}

void fseg_fast_conv(fseg_network *network, const step *s)
{
    fseg_context *context = network->context;
    float *sums = s->norm_follows >= 0 ? network->conv_sums : NULL,
          *scratch = network->tile_scratch;
    fseg_blocked out = s->out;
    out.n = network->count;
    fseg_normed in[2];
    for (int k = 0; k < s->shape.source_count; ++k)
        in[k] = source(network, s->sources[k]);
    if (s->shape.source_count == 2 && network->no_skips)
        in[1].x.data = network->zeros;
    switch (s->method) {
    case FSEG_CONV_WINOGRAD:
        fseg_blocked_winograd(context, &s->shape, in, s->packed, s->bias, &out, sums, scratch);
        break;
    case FSEG_CONV_ENLARGE:
        fseg_blocked_enlarge(context, &s->shape, in, s->packed, s->bias, &out, sums, scratch);
        break;
    case FSEG_CONV_FIRST:
        fseg_blocked_first(context, &s->shape, network->images, s->packed, s->bias, &out, sums,
                           scratch);
        break;
    case FSEG_CONV_LAST:
        fseg_blocked_last(context, &s->shape, in, s->packed, s->bias, network->logits);
        break;
    case FSEG_CONV_DIRECT:
        break;
    }
}

void fseg_fast_max_pool(fseg_network *network, const step *s)
{
    const fseg_normed in = source(network, s->node.inputs[0]);
    fseg_blocked out = s->out;
    out.n = network->count;
    fseg_blocked_normed_max_pool(network->context, &in, &out);
}

void fseg_fast_conv_back(fseg_network *network, const step *s, int k, const fseg_blocked *dy,
                         int accumulate, const fseg_blocked *dx)
{
    if (s->method == FSEG_CONV_WINOGRAD)
        fseg_blocked_winograd_back(network->context, &s->shape, k, dy, s->packed_back[k],
                                   accumulate, dx, network->tile_scratch);
    else
        fseg_blocked_conv_back(network->context, &s->shape, dy, s->packed_back[k], accumulate, dx);
}
