#include "network_fast.h"
#include "blocked_tiles.h"

typedef fseg_step step;

/* ---- planning ------------------------------------------------------------------------------- */

/*
 * Measured for every shape of the reference network from 8 x 8 to 256 x 256 (docs/performance.md):
 * Winograd is faster than the direct form everywhere, also with 16 channels. Only below a whole
 * tile does it need as many products, or more.
 */
fseg_conv_method fseg_fast_method(const fseg_network *network, const step *s, size_t index)
{
    if (network->training || network->kernels->element_size != sizeof(float))
        return FSEG_CONV_DIRECT;
    if (s->shape.upsample)
        return FSEG_CONV_ENLARGE;
    if (s->shape.kernel == 3 && network->steps[s->sources[0]].node.op == FSEG_OP_INPUT)
        return s->shape.source_channels[0] <= FSEG_FIRST_MOST_CHANNELS ? FSEG_CONV_FIRST
                                                                       : FSEG_CONV_WINOGRAD;
    if (s->shape.kernel == 3 && s->out.height >= 4 && s->out.width >= 4)
        return FSEG_CONV_WINOGRAD;
    if (s->shape.kernel == 1 && s->shape.source_count == 1 && index + 1 == network->step_count &&
        s->shape.out_channels <= FSEG_LAST_MOST_CHANNELS)
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
    return !network->training && network->kernels->element_size == sizeof(float) &&
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

void fseg_fast_pack(const step *s, const float *weight)
{
    switch (s->method) {
    case FSEG_CONV_WINOGRAD:
        fseg_winograd_pack(&s->shape, weight, s->packed);
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
}

size_t fseg_fast_scratch(const fseg_network *network, const step *s)
{
    switch (s->method) {
    case FSEG_CONV_WINOGRAD:
        return fseg_winograd_scratch(network->context, &s->shape, network->batch, s->out.height,
                                     s->out.width);
    case FSEG_CONV_ENLARGE:
        return fseg_enlarge_scratch(network->context, &s->shape, network->batch, s->out.height / 2,
                                    s->out.width / 2);
    case FSEG_CONV_FIRST:
        return fseg_first_scratch(network->context, &s->shape, s->out.width);
    case FSEG_CONV_LAST:
    case FSEG_CONV_DIRECT:
        break;
    }
    return 0;
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

/* The tensor of a step with the images of the current batch, and its deferred normalization. */
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
