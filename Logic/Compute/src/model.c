/* Architecture, graph and weights of a model. Network: docs/theory/network.md. */
#include "frugalseg/random.h"
#include "model_internal.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CHANNELS = 1024, MAX_IN_CHANNELS = 64, MAX_CLASSES = 64 };

fseg_unet_config fseg_unet_default_config(int in_channels, int classes)
{
    fseg_unet_config config = {.in_channels = in_channels,
                               .classes = classes,
                               .levels = 6,
                               .widths = {16, 32, 64, 128, 128, 128},
                               .group_size = 4,
                               .norm_epsilon = 1e-3f};
    return config;
}

int fseg_unet_size_multiple(const fseg_unet_config *config)
{
    return config ? 1 << (config->levels - 1) : 1;
}

fseg_status fseg_unet_config_check(const fseg_unet_config *config, fseg_error *error)
{
    if (!config)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "no architecture given");
    if (config->in_channels < 1 || config->in_channels > MAX_IN_CHANNELS)
        return fseg_error_set(error, FSEG_ERROR_FILE_ARCHITECTURE,
                              "the architecture has %d input channels; 1 to %d are possible",
                              config->in_channels, MAX_IN_CHANNELS);
    if (config->classes < 2 || config->classes > MAX_CLASSES)
        return fseg_error_set(error, FSEG_ERROR_FILE_ARCHITECTURE,
                              "the architecture has %d classes; 2 to %d are possible",
                              config->classes, MAX_CLASSES);
    if (config->levels < 2 || config->levels > FSEG_MAX_LEVELS)
        return fseg_error_set(error, FSEG_ERROR_FILE_ARCHITECTURE,
                              "the architecture has %d levels; 2 to %d are possible",
                              config->levels, FSEG_MAX_LEVELS);
    if (config->group_size < 1 || config->group_size > MAX_CHANNELS)
        return fseg_error_set(error, FSEG_ERROR_FILE_ARCHITECTURE,
                              "the architecture has GroupNorm groups of %d channels",
                              config->group_size);
    for (int i = 0; i < config->levels; ++i)
        if (config->widths[i] < 1 || config->widths[i] > MAX_CHANNELS ||
            config->widths[i] % config->group_size != 0)
            return fseg_error_set(error, FSEG_ERROR_FILE_ARCHITECTURE,
                                  "level %d of the architecture has %d channels; 1 to %d in "
                                  "multiples of %d are possible",
                                  i + 1, config->widths[i], MAX_CHANNELS, config->group_size);
    if (!(config->norm_epsilon > 0.0f && config->norm_epsilon < 1.0f))
        return fseg_error_set(error, FSEG_ERROR_FILE_ARCHITECTURE,
                              "the architecture's GroupNorm epsilon is outside 0 to 1");
    return FSEG_OK;
}

/* ---- graph builder ------------------------------------------------------------------------
 * Runs twice over the same description: without a model to count, with one to fill in. */
typedef struct builder {
    const fseg_unet_config *config;
    fseg_model *model; /* null while counting */
    size_t nodes, tensors, parameters;
} builder;

/* Names are short by construction: "dec8.upsample.weight" is the longest. */
__attribute__((format(printf, 2, 3))) static void set_name(char name[FSEG_NAME_LENGTH],
                                                           const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(name, FSEG_NAME_LENGTH, format, args);
    va_end(args);
}

static int add_tensor(builder *b, const char *prefix, const char *suffix, int rank, size_t s0,
                      size_t s1, size_t s2, size_t s3)
{
    const size_t shape[4] = {s0, s1, s2, s3};
    size_t count = 1;
    for (int i = 0; i < rank; ++i)
        count *= shape[i];
    if (b->model) {
        fseg_tensor *t = &b->model->tensors[b->tensors];
        set_name(t->name, "%s.%s", prefix, suffix);
        t->rank = rank;
        for (int i = 0; i < 4; ++i)
            t->shape[i] = i < rank ? shape[i] : 1;
        t->count = count;
        t->data = b->model->storage + b->parameters;
    }
    b->parameters += count;
    return (int)b->tensors++;
}

static int add_node(builder *b, const char *name, fseg_op op, int in0, int in1, int channels,
                    int level)
{
    if (b->model) {
        fseg_node *n = &b->model->nodes[b->nodes];
        set_name(n->name, "%s", name);
        n->op = op;
        n->inputs[0] = in0;
        n->inputs[1] = in1;
        n->channels = channels;
        n->level = level;
        n->kernel = 0;
        n->weight = n->bias = -1;
        n->groups = 0;
    }
    return (int)b->nodes++;
}

static int add_conv(builder *b, const char *name, int in, int in_channels, int channels, int level,
                    int kernel, int has_bias)
{
    const int node = add_node(b, name, FSEG_OP_CONV, in, -1, channels, level);
    const size_t k = (size_t)kernel;
    const int weight =
        add_tensor(b, name, "weight", 4, (size_t)channels, (size_t)in_channels, k, k);
    const int bias = has_bias ? add_tensor(b, name, "bias", 1, (size_t)channels, 0, 0, 0) : -1;
    if (b->model) {
        b->model->nodes[node].kernel = kernel;
        b->model->nodes[node].weight = weight;
        b->model->nodes[node].bias = bias;
    }
    return node;
}

static int add_norm(builder *b, const char *name, int in, int channels, int level)
{
    const int node = add_node(b, name, FSEG_OP_NORM_RELU, in, -1, channels, level);
    const int scale = add_tensor(b, name, "weight", 1, (size_t)channels, 0, 0, 0);
    const int shift = add_tensor(b, name, "bias", 1, (size_t)channels, 0, 0, 0);
    if (b->model) {
        b->model->nodes[node].weight = scale;
        b->model->nodes[node].bias = shift;
        b->model->nodes[node].groups = channels / b->config->group_size;
    }
    return node;
}

/* (convolution 3x3, GroupNorm, ReLU) twice */
static int add_block(builder *b, const char *stage, int in, int in_channels, int channels,
                     int level)
{
    char name[FSEG_NAME_LENGTH];
    for (int i = 1; i <= 2; ++i) {
        set_name(name, "%s.conv%d", stage, i);
        in = add_conv(b, name, in, i == 1 ? in_channels : channels, channels, level, 3, 1);
        set_name(name, "%s.norm%d", stage, i);
        in = add_norm(b, name, in, channels, level);
    }
    return in;
}

static void build_unet(builder *b)
{
    const fseg_unet_config *c = b->config;
    char name[FSEG_NAME_LENGTH];
    int skip[FSEG_MAX_LEVELS];
    int x = add_node(b, "input", FSEG_OP_INPUT, -1, -1, c->in_channels, 0);
    int channels = c->in_channels;
    for (int level = 0; level < c->levels; ++level) {
        if (level > 0) {
            set_name(name, "pool%d", level);
            x = add_node(b, name, FSEG_OP_MAX_POOL, x, -1, channels, level);
        }
        set_name(name, "enc%d", level + 1);
        x = add_block(b, name, x, channels, c->widths[level], level);
        channels = c->widths[level];
        skip[level] = x;
    }
    for (int level = c->levels - 2; level >= 0; --level) {
        const int width = c->widths[level];
        set_name(name, "dec%d.upsample", level + 1);
        x = add_node(b, name, FSEG_OP_UPSAMPLE, x, -1, channels, level);
        set_name(name, "dec%d.up", level + 1);
        x = add_conv(b, name, x, channels, width, level, 2, 1);
        set_name(name, "dec%d.upnorm", level + 1);
        x = add_norm(b, name, x, width, level);
        set_name(name, "dec%d.concat", level + 1);
        x = add_node(b, name, FSEG_OP_CONCAT, x, skip[level], 2 * width, level);
        set_name(name, "dec%d", level + 1);
        x = add_block(b, name, x, 2 * width, width, level);
        channels = width;
    }
    x = add_conv(b, "head.conv1", x, channels, channels, 0, 3, 1);
    x = add_norm(b, "head.norm1", x, channels, 0);
    add_conv(b, "head.conv2", x, channels, c->classes, 0, 1, 0);
}

size_t fseg_unet_config_parameter_count(const fseg_unet_config *config)
{
    builder b = {.config = config};
    build_unet(&b);
    return b.parameters;
}

fseg_status fseg_model_create_empty(const fseg_unet_config *config, fseg_model **out,
                                    fseg_error *error)
{
    if (!out)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "no place for the model given");
    *out = NULL;
    const fseg_status status = fseg_unet_config_check(config, error);
    if (status != FSEG_OK)
        return status;
    builder count = {.config = config};
    build_unet(&count);
    fseg_model *model = calloc(1, sizeof *model);
    if (model) {
        model->config = *config;
        model->tensors = calloc(count.tensors, sizeof *model->tensors);
        model->storage = calloc(count.parameters, sizeof *model->storage);
        model->nodes = calloc(count.nodes, sizeof *model->nodes);
    }
    if (!model || !model->tensors || !model->storage || !model->nodes) {
        fseg_model_free(model);
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                              "not enough memory for a model of %zu parameters", count.parameters);
    }
    model->tensor_count = count.tensors;
    model->parameter_count = count.parameters;
    model->node_count = count.nodes;
    builder fill = {.config = &model->config, .model = model};
    build_unet(&fill);
    *out = model;
    return FSEG_OK;
}

fseg_status fseg_model_create(const fseg_unet_config *config, uint64_t seed, fseg_model **out,
                              fseg_error *error)
{
    const fseg_status status = fseg_model_create_empty(config, out, error);
    if (status != FSEG_OK)
        return status;
    fseg_model *model = *out;
    for (size_t i = 0; i < model->tensor_count; ++i) {
        fseg_tensor *t = &model->tensors[i];
        if (t->rank == 4) { /* He et al. 2015: normal with variance 2 / fan-in */
            fseg_random random = fseg_random_create(seed, i);
            const double fan_in = (double)(t->shape[1] * t->shape[2] * t->shape[3]);
            const float sigma = (float)sqrt(2.0 / fan_in);
            for (size_t j = 0; j < t->count; ++j)
                t->data[j] = sigma * fseg_random_normal(&random);
        }
    }
    for (size_t i = 0; i < model->node_count; ++i)
        if (model->nodes[i].op == FSEG_OP_NORM_RELU) {
            fseg_tensor *scale = &model->tensors[model->nodes[i].weight];
            for (size_t j = 0; j < scale->count; ++j)
                scale->data[j] = 1.0f;
        }
    return FSEG_OK;
}

fseg_status fseg_model_clone(const fseg_model *model, fseg_model **out, fseg_error *error)
{
    if (!model)
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT, "no model to copy given");
    fseg_status status = fseg_model_create_empty(&model->config, out, error);
    if (status != FSEG_OK)
        return status;
    memcpy((*out)->storage, model->storage, model->parameter_count * sizeof(float));
    if (model->card) {
        (*out)->card = malloc(strlen(model->card) + 1);
        if (!(*out)->card) {
            fseg_model_free(*out);
            *out = NULL;
            return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                                  "not enough memory to copy the model card");
        }
        strcpy((*out)->card, model->card);
    }
    return FSEG_OK;
}

void fseg_model_free(fseg_model *model)
{
    if (!model)
        return;
    free(model->tensors);
    free(model->storage);
    free(model->nodes);
    free(model->card);
    free(model);
}

const fseg_unet_config *fseg_model_config(const fseg_model *model)
{
    return model ? &model->config : NULL;
}

size_t fseg_model_tensor_count(const fseg_model *model)
{
    return model ? model->tensor_count : 0;
}

const fseg_tensor *fseg_model_tensor(const fseg_model *model, size_t index)
{
    return model && index < model->tensor_count ? &model->tensors[index] : NULL;
}

const fseg_tensor *fseg_model_find(const fseg_model *model, const char *name)
{
    for (size_t i = 0; model && name && i < model->tensor_count; ++i)
        if (strcmp(model->tensors[i].name, name) == 0)
            return &model->tensors[i];
    return NULL;
}

size_t fseg_model_parameter_count(const fseg_model *model)
{
    return model ? model->parameter_count : 0;
}

size_t fseg_model_node_count(const fseg_model *model)
{
    return model ? model->node_count : 0;
}

const fseg_node *fseg_model_node(const fseg_model *model, size_t index)
{
    return model && index < model->node_count ? &model->nodes[index] : NULL;
}
