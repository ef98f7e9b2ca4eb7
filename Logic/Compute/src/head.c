#include "head.h"
#include "frugalseg/contrast.h"
#include "frugalseg/operators.h"
#include "frugalseg/random.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LAYERS_MAX = 6, TENSORS_MAX = 8, REGION_SIDE = 3 };
enum { POOLED_HIDDEN = 128, FLATTENED_HIDDEN = 1024, DIM = 128, LOCAL_CHANNELS = 64 };
enum { LOCAL_GROUPS = 16 };

/* An operator of the table, or one of two of our own (op null). */
typedef struct layer {
    const fseg_operator *op;
    enum { TABLE, POOL, REGIONS } kind;
    fseg_operator_shape shape;
    size_t x_count, y_count;
    int weight, bias; /* tensors; -1 = none */
    float *y, *dx;
} layer;

struct fseg_head {
    fseg_head_config config;
    layer layers[LAYERS_MAX];
    int layer_count;
    fseg_tensor tensors[TENSORS_MAX];
    size_t tensor_count, parameter_count;
    float *storage, *gradient;
    float *no_bias, *unused; /* zeros for absent biases, and a place for their gradients */
    size_t most_bias;
    size_t output_count, output_dim;
    size_t bytes;
};

/* ---- description ----------------------------------------------------------------------------- */

static const fseg_operator *find_operator(const char *name)
{
    size_t count;
    const fseg_operator *table = fseg_operators(&count);
    for (size_t i = 0; i < count; ++i)
        if (strcmp(table[i].name, name) == 0)
            return &table[i];
    return NULL;
}

static int add_tensor(fseg_head *head, const char *suffix, int rank, size_t s0, size_t s1)
{
    static const char *const kinds[] = {"pooled", "flattened", "local", "regions", "restoring"};
    fseg_tensor *t = &head->tensors[head->tensor_count];
    snprintf(t->name, sizeof t->name, "pretrain.%s.%d.%s", kinds[head->config.kind],
             head->layer_count + 1, suffix);
    t->rank = rank;
    t->shape[0] = s0;
    t->shape[1] = rank > 1 ? s1 : 1;
    t->shape[2] = t->shape[3] = 1;
    t->count = s0 * t->shape[1];
    head->parameter_count += t->count;
    return (int)head->tensor_count++;
}

static void add_operator(fseg_head *head, const char *name, fseg_operator_shape shape, int has_bias)
{
    layer *l = &head->layers[head->layer_count];
    l->op = find_operator(name);
    l->kind = TABLE;
    l->shape = shape;
    const fseg_operator_sizes sizes = l->op->sizes(&shape);
    l->x_count = sizes.x;
    l->y_count = sizes.y;
    l->weight = l->bias = -1;
    if (sizes.weight) {
        const int norm = strcmp(name, "group_norm_relu") == 0;
        const size_t rows = norm ? sizes.weight : (size_t)shape.out_channels;
        l->weight = add_tensor(head, "weight", norm ? 1 : 2, rows, sizes.weight / rows);
        if (has_bias)
            l->bias = add_tensor(head, "bias", 1, sizes.bias, 1);
        head->most_bias = sizes.bias > head->most_bias ? sizes.bias : head->most_bias;
    }
    ++head->layer_count;
}

static void add_own(fseg_head *head, int kind, fseg_operator_shape shape, size_t x_count,
                    size_t y_count)
{
    layer *l = &head->layers[head->layer_count++];
    *l = (layer){.shape = shape, .x_count = x_count, .y_count = y_count, .weight = -1, .bias = -1};
    l->kind = kind == POOL ? POOL : REGIONS;
}

static void describe(fseg_head *head)
{
    const fseg_head_config *c = &head->config;
    fseg_operator_shape s = {.n = c->batch,
                             .channels = c->channels,
                             .height = c->height,
                             .width = c->width,
                             .groups = LOCAL_GROUPS,
                             .epsilon = (double)c->norm_epsilon};
    const size_t n = (size_t)c->batch, pixels = (size_t)c->height * (size_t)c->width;
    head->output_count = n;
    head->output_dim = DIM;
    switch (c->kind) {
    case FSEG_HEAD_POOLED:
    case FSEG_HEAD_FLATTENED:
        if (c->kind == FSEG_HEAD_POOLED) {
            add_own(head, POOL, s, n * (size_t)c->channels * pixels, n * (size_t)c->channels);
            s.height = s.width = 1;
        }
        s.out_channels = c->kind == FSEG_HEAD_POOLED ? POOLED_HIDDEN : FLATTENED_HIDDEN;
        add_operator(head, "dense", s, 0);
        s.channels = s.out_channels;
        s.height = s.width = 1;
        add_operator(head, "relu", s, 0);
        s.out_channels = DIM;
        add_operator(head, "dense", s, 0);
        break;
    case FSEG_HEAD_LOCAL:
    case FSEG_HEAD_REGIONS:
        s.out_channels = LOCAL_CHANNELS;
        add_operator(head, "conv1x1", s, 0);
        s.channels = LOCAL_CHANNELS;
        add_operator(head, "group_norm_relu", s, 1);
        add_operator(head, "conv1x1", s, 0);
        head->output_dim = LOCAL_CHANNELS * pixels; /* a map for each image */
        if (c->kind == FSEG_HEAD_LOCAL)
            break;
        add_own(head, REGIONS, s, n * LOCAL_CHANNELS * pixels,
                n * FSEG_LOCAL_REGIONS * LOCAL_CHANNELS * REGION_SIDE * REGION_SIDE);
        s.n = c->batch * FSEG_LOCAL_REGIONS;
        s.channels = LOCAL_CHANNELS * REGION_SIDE * REGION_SIDE;
        s.height = s.width = 1;
        s.out_channels = DIM;
        add_operator(head, "dense", s, 0);
        head->output_count = n * FSEG_LOCAL_REGIONS;
        head->output_dim = DIM;
        break;
    case FSEG_HEAD_RESTORING:
        s.out_channels = c->image_channels;
        add_operator(head, "conv1x1", s, 1);
        head->output_dim = (size_t)c->image_channels * pixels;
        break;
    }
    for (int i = 0; i < head->layer_count; ++i)
        head->bytes += (head->layers[i].x_count + head->layers[i].y_count) * sizeof(float);
    head->bytes += 2 * (head->parameter_count + head->most_bias) * sizeof(float);
}

size_t fseg_head_predict(const fseg_head_config *config)
{
    fseg_head head = {.config = *config};
    describe(&head);
    return head.bytes;
}

/* ---- memory ---------------------------------------------------------------------------------- */

static void initialize(fseg_head *head)
{
    for (int i = 0; i < head->layer_count; ++i) {
        const layer *l = &head->layers[i];
        if (l->weight < 0)
            continue;
        const fseg_tensor *t = &head->tensors[l->weight];
        fseg_random random =
            fseg_random_create(head->config.seed, (uint64_t)0x48 << 56 | (uint64_t)i);
        const float sigma = (float)sqrt(2.0 / (double)t->shape[1]);
        for (size_t k = 0; k < t->count; ++k)
            t->data[k] = t->rank == 2 ? sigma * fseg_random_normal(&random) : 1.0f;
    }
}

fseg_status fseg_head_create(const fseg_head_config *config, fseg_head **out, fseg_error *error)
{
    *out = NULL;
    fseg_head *head = calloc(1, sizeof *head);
    if (!head)
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory for a head");
    head->config = *config;
    describe(head);
    head->storage = calloc(head->parameter_count, sizeof(float));
    head->gradient = calloc(head->parameter_count, sizeof(float));
    head->no_bias = calloc(head->most_bias, sizeof(float));
    head->unused = calloc(head->most_bias, sizeof(float));
    int complete = head->storage && head->gradient && head->no_bias && head->unused;
    for (int i = 0; i < head->layer_count; ++i) {
        head->layers[i].y = calloc(head->layers[i].y_count, sizeof(float));
        head->layers[i].dx = calloc(head->layers[i].x_count, sizeof(float));
        complete = complete && head->layers[i].y && head->layers[i].dx;
    }
    if (!complete) {
        fseg_head_free(head);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                              "not enough memory for a pretraining head; use a smaller batch");
    }
    float *data = head->storage;
    for (size_t i = 0; i < head->tensor_count; ++i) {
        head->tensors[i].data = data;
        data += head->tensors[i].count;
    }
    initialize(head);
    *out = head;
    return FSEG_OK;
}

void fseg_head_free(fseg_head *head)
{
    if (!head)
        return;
    for (int i = 0; i < head->layer_count; ++i) {
        free(head->layers[i].y);
        free(head->layers[i].dx);
    }
    free(head->storage);
    free(head->gradient);
    free(head->no_bias);
    free(head->unused);
    free(head);
}

size_t fseg_head_output_count(const fseg_head *head)
{
    return head->output_count;
}

size_t fseg_head_output_dim(const fseg_head *head)
{
    return head->output_dim;
}

size_t fseg_head_tensor_count(const fseg_head *head)
{
    return head ? head->tensor_count : 0;
}

const fseg_tensor *fseg_head_tensor(const fseg_head *head, size_t index)
{
    return &head->tensors[index];
}

size_t fseg_head_parameter_count(const fseg_head *head)
{
    return head ? head->parameter_count : 0;
}

float *fseg_head_storage(fseg_head *head)
{
    return head->storage;
}

float *fseg_head_gradient(fseg_head *head)
{
    return head->gradient;
}

/* ---- running --------------------------------------------------------------------------------- */

static void pool_forward(const layer *l, const float *x)
{
    const size_t pixels = (size_t)l->shape.height * (size_t)l->shape.width;
    for (size_t i = 0; i < l->y_count; ++i) {
        float sum = 0.0f;
        for (size_t k = 0; k < pixels; ++k)
            sum += x[i * pixels + k];
        l->y[i] = sum / (float)pixels;
    }
}

static void pool_backward(const layer *l, const float *dy)
{
    const size_t pixels = (size_t)l->shape.height * (size_t)l->shape.width;
    for (size_t i = 0; i < l->y_count; ++i)
        for (size_t k = 0; k < pixels; ++k)
            l->dx[i * pixels + k] = dy[i] / (float)pixels;
}

/* Walk over the regions: y[n][region][channel][3][3] from the maps, or its gradient back. */
static void walk_regions(const layer *l, const float *x, const float *dy)
{
    const int height = l->shape.height, width = l->shape.width;
    const size_t pixels = (size_t)height * (size_t)width;
    size_t at = 0;
    for (int n = 0; n < l->shape.n; ++n)
        for (int r = 0; r < FSEG_LOCAL_REGIONS; ++r) {
            int y0, x0;
            fseg_local_region(r, height, width, &y0, &x0);
            for (int c = 0; c < LOCAL_CHANNELS; ++c)
                for (int k = 0; k < REGION_SIDE * REGION_SIDE; ++k) {
                    const size_t from = (size_t)(n * LOCAL_CHANNELS + c) * pixels +
                                        (size_t)(y0 + k / REGION_SIDE) * (size_t)width +
                                        (size_t)(x0 + k % REGION_SIDE);
                    if (x)
                        l->y[at] = x[from];
                    else
                        l->dx[from] += dy[at];
                    ++at;
                }
        }
}

static fseg_operator_f32 tensors_of(const fseg_head *head, const layer *l, const float *x)
{
    const fseg_tensor *t = head->tensors;
    const ptrdiff_t weight = l->weight >= 0 ? t[l->weight].data - head->storage : 0;
    const ptrdiff_t bias = l->bias >= 0 ? t[l->bias].data - head->storage : 0;
    return (fseg_operator_f32){.x = x,
                               .weight = l->weight >= 0 ? head->storage + weight : NULL,
                               .bias = l->bias >= 0 ? head->storage + bias : head->no_bias,
                               .y = l->y,
                               .dx = l->dx,
                               .dweight = l->weight >= 0 ? head->gradient + weight : NULL,
                               .dbias = l->bias >= 0 ? head->gradient + bias : head->unused};
}

fseg_status fseg_head_forward(fseg_head *head, fseg_context *context, const float *x,
                              const float **y)
{
    for (int i = 0; i < head->layer_count; ++i) {
        const layer *l = &head->layers[i];
        if (l->kind == POOL) {
            pool_forward(l, x);
        } else if (l->kind == REGIONS) {
            walk_regions(l, x, NULL);
        } else {
            const fseg_operator_f32 t = tensors_of(head, l, x);
            const fseg_status status = l->op->forward_fast(context, &l->shape, &t);
            if (status != FSEG_OK)
                return status;
        }
        x = l->y;
    }
    *y = x;
    return FSEG_OK;
}

fseg_status fseg_head_backward(fseg_head *head, fseg_context *context, const float *x,
                               const float *dy, const float **dx)
{
    for (int i = head->layer_count; i-- > 0;) {
        const layer *l = &head->layers[i];
        if (l->kind == POOL) {
            pool_backward(l, dy);
        } else if (l->kind == REGIONS) {
            memset(l->dx, 0, l->x_count * sizeof(float));
            walk_regions(l, NULL, dy);
        } else {
            fseg_operator_f32 t = tensors_of(head, l, i > 0 ? head->layers[i - 1].y : x);
            t.dy = dy;
            const fseg_status status = l->op->backward_fast(context, &l->shape, &t);
            if (status != FSEG_OK)
                return status;
        }
        dy = l->dx;
    }
    *dx = dy;
    return FSEG_OK;
}
