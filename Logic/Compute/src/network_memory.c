/*
 * Where the tensors of a planned network lie: one block of memory in which tensors share places
 * when their lives do not meet.
 *
 * Time runs over the steps. Inference: step i at time i, NORM_RELU in place. Training: forward at
 * i, backward at 2 S - i for S steps, and then
 *  - a convolution's output lives until the backward pass of the NORM_RELU that reads it;
 *  - a NORM_RELU's output lives twice: until its last reader has run forward, and from that
 * reader's backward pass to its first reader's; in between it is not stored, but computed again
 * from the convolution's output and the statistics (Chen et al., "Training deep nets with sublinear
 * memory cost", 2016, for the cheapest layers);
 *  - a gradient lives from the backward pass of its tensor's last reader to that of its own step.
 * The gradient of a convolution that feeds a NORM_RELU is computed in place of that node's
 * gradient.
 */
#include "network_internal.h"
#include <stdlib.h>

typedef fseg_step step;

enum {
    KEEP_STEPS = 4
}; /* a life may go on over so many steps before the end of the forward pass */

/* Memory of a tensor, in floats. */
static size_t tensor_floats(const fseg_blocked *t)
{
    return fseg_blocked_elements(t->n, t->channels, t->height, t->width) * t->element_size /
           sizeof(float);
}

/* Last and first step that reads the tensor of step i; looks through views. `i` when there is none.
 */
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

static size_t first_use(const fseg_network *network, size_t i)
{
    size_t first = network->step_count;
    for (size_t j = i + 1; j < network->step_count; ++j)
        for (int k = 0; k < 2; ++k)
            if (network->steps[j].node.inputs[k] == (int)i) {
                const size_t use = network->steps[j].is_view ? first_use(network, j) : j;
                first = use < first ? use : first;
            }
    return first < network->step_count ? first : i;
}

/* ---- placing -------------------------------------------------------------------------------- */

typedef struct life {
    size_t floats, first, last; /* first and last moment */
    void **place;               /* where to write the address */
    size_t offset;
} life;

typedef struct lives {
    life *all;
    size_t count;
} lives;

static void add_life(lives *l, size_t floats, size_t first, size_t last, void **place)
{
    l->all[l->count++] = (life){.floats = floats, .first = first, .last = last, .place = place};
}

/* Larger ones first; among equals the earlier ones. */
static int compare_lives(const void *a, const void *b)
{
    const life *x = a, *y = b;
    if (x->floats != y->floats)
        return x->floats < y->floats ? 1 : -1;
    if (x->first != y->first)
        return x->first > y->first ? 1 : -1;
    return x->place < y->place ? -1 : x->place > y->place;
}

/* Lowest place where life i meets no living neighbour among those before it. */
static size_t find_place(const life *all, size_t i)
{
    const life *wanted = &all[i];
    size_t offset = 0;
    for (int moved = 1; moved;) {
        moved = 0;
        for (size_t k = 0; k < i; ++k) {
            const life *t = &all[k];
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

static fseg_status place_lives(fseg_network *network, lives *l)
{
    size_t total = 0;
    qsort(l->all, l->count, sizeof *l->all, compare_lives);
    for (size_t i = 0; i < l->count; ++i) {
        l->all[i].offset = find_place(l->all, i);
        const size_t end = l->all[i].offset + l->all[i].floats;
        total = end > total ? end : total;
    }
    network->arena = fseg_network_take(network, total);
    if (!network->arena)
        return FSEG_ERROR_OUT_OF_MEMORY;
    for (size_t i = 0; i < l->count; ++i)
        *l->all[i].place = network->arena + l->all[i].offset;
    return FSEG_OK;
}

/* ---- inference ------------------------------------------------------------------------------ */

static void inference_lives(fseg_network *network, lives *l)
{
    for (size_t i = 0; i < network->step_count; ++i) {
        step *s = &network->steps[i];
        if (s->is_view || s->node.op == FSEG_OP_NORM_RELU)
            continue;
        const size_t read = s->norm_follows >= 0 ? (size_t)s->norm_follows : i;
        add_life(l, tensor_floats(&s->out), i, last_use(network, read), &s->out.data);
    }
}

/* NORM_RELU works in place. */
static void share_in_place(fseg_network *network)
{
    for (size_t i = 0; i < network->step_count; ++i) {
        step *s = &network->steps[i];
        if (!s->is_view && s->node.op == FSEG_OP_NORM_RELU)
            s->out.data = network->steps[s->node.inputs[0]].out.data;
    }
}

/* ---- training ------------------------------------------------------------------------------- */

static void tensor_lives(fseg_network *network, size_t i, lives *l)
{
    step *s = &network->steps[i];
    const size_t end = 2 * network->step_count, floats = tensor_floats(&s->out);
    const size_t first = first_use(network, i), last = last_use(network, i);
    if (s->node.op == FSEG_OP_CONV && s->norm_follows < 0 && last == i) {
        add_life(l, floats, i, i, &s->place[0]); /* logits: read before the backward pass */
    } else if (s->node.op == FSEG_OP_NORM_RELU && last == i) {
        add_life(l, floats, i, i, &s->place[0]); /* features, read in the same way */
    } else if (!s->keep && s->node.op == FSEG_OP_NORM_RELU &&
               last + KEEP_STEPS < network->step_count) {
        add_life(l, floats, i, last, &s->place[0]);
        add_life(l, floats, end - last, end - first, &s->place[1]);
        s->revived_by = (int)last;
    } else {
        add_life(l, floats, i, end - first, &s->place[0]);
    }
}

static void training_lives(fseg_network *network, lives *l)
{
    const size_t end = 2 * network->step_count;
    for (size_t i = 0; i < network->step_count; ++i) {
        step *s = &network->steps[i];
        s->revived_by = -1;
        s->gradient_by = (int)last_use(network, i);
        if (s->is_view)
            continue;
        tensor_lives(network, i, l);
        if (s->node.op == FSEG_OP_INPUT || s->norm_follows >= 0)
            continue;
        const size_t own = s->node.op == FSEG_OP_NORM_RELU ? (size_t)s->node.inputs[0] : i;
        add_life(l, tensor_floats(&s->gradient), end - (size_t)s->gradient_by, end - own,
                 &s->gradient.data);
    }
}

static fseg_status finish_training(fseg_network *network)
{
    size_t zeros = 0;
    for (size_t i = 0; i < network->step_count; ++i) {
        step *s = &network->steps[i];
        if (!s->place[1])
            s->place[1] = s->place[0];
        if (s->norm_follows >= 0)
            s->gradient.data = network->steps[s->norm_follows].gradient.data;
        if (network->no_skips && s->shape.source_count == 2) {
            const size_t skip = tensor_floats(&network->steps[s->sources[1]].out);
            zeros = skip > zeros ? skip : zeros;
        }
    }
    if (zeros)
        network->zeros = fseg_network_take(network, zeros);
    return zeros && !network->zeros ? FSEG_ERROR_OUT_OF_MEMORY : FSEG_OK;
}

fseg_status fseg_network_place(fseg_network *network)
{
    lives l = {.all = calloc(3 * network->step_count, sizeof *l.all)};
    if (!l.all)
        return FSEG_ERROR_OUT_OF_MEMORY;
    if (network->training)
        training_lives(network, &l);
    else
        inference_lives(network, &l);
    fseg_status status = place_lives(network, &l);
    free(l.all);
    if (status != FSEG_OK)
        return status;
    if (network->training)
        return finish_training(network);
    share_in_place(network);
    return FSEG_OK;
}

void fseg_network_rewind(fseg_network *network)
{
    for (size_t i = 0; network->training && i < network->step_count; ++i)
        network->steps[i].out.data = network->steps[i].place[0];
}

static fseg_blocked current(const fseg_network *network, const fseg_blocked *t)
{
    fseg_blocked v = *t;
    v.n = network->count;
    return v;
}

void fseg_network_revive(fseg_network *network, int i)
{
    for (size_t j = 0; j < network->step_count; ++j) {
        step *s = &network->steps[j];
        if (s->revived_by == i) {
            const fseg_tensor *tensors = network->model->tensors;
            const fseg_blocked x = current(network, &network->steps[s->node.inputs[0]].out);
            s->out.data = s->place[1];
            const fseg_blocked y = current(network, &s->out);
            fseg_blocked_norm_again(network->context, &x, s->node.groups, 1,
                                    tensors[s->node.weight].data, tensors[s->node.bias].data,
                                    s->mean, s->inverse_deviation, network->map, &y);
            fseg_blocked_clear_borders(network->context, &y);
        }
        if (s->gradient_by == i && s->gradient.data && s->norm_follows < 0) {
            const fseg_blocked g = current(network, &s->gradient);
            fseg_blocked_clear_borders(network->context, &g);
        }
    }
}
