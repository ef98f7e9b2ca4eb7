#include "onnx_graph.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Most ONNX nodes and constants that one node of ours becomes: GroupNorm and ReLU. */
enum { NODES_PER_NODE = 7, CONSTANTS_PER_NODE = 5 };

/* ---- arena ---- */

void *onnx_arena_allocate(onnx_arena *arena, size_t size)
{
    if (arena->failed) {
        return NULL;
    }
    if (arena->count == arena->room) {
        const size_t room = arena->room ? 2 * arena->room : 256;
        void **grown = realloc(arena->blocks, room * sizeof *grown);
        if (!grown) {
            arena->failed = true;
            return NULL;
        }
        arena->blocks = grown;
        arena->room = room;
    }
    void *block = calloc(1, size ? size : 1);
    if (!block) {
        arena->failed = true;
        return NULL;
    }
    return arena->blocks[arena->count++] = block;
}

char *onnx_arena_text(onnx_arena *arena, const char *text)
{
    const size_t size = strlen(text) + 1;
    char *copy = onnx_arena_allocate(arena, size);
    return copy ? memcpy(copy, text, size) : NULL;
}

void onnx_arena_free(onnx_arena *arena)
{
    for (size_t i = 0; i < arena->count; i++) {
        free(arena->blocks[i]);
    }
    free(arena->blocks);
    memset(arena, 0, sizeof *arena);
}

/* ---- builder: every function does nothing once an allocation has failed ---- */

typedef struct builder {
    const fseg_model *model;
    onnx_arena *arena;
    Onnx__GraphProto *graph;
} builder;

static Onnx__NodeProto *add_node(builder *b, const char *type, const char *output,
                                 const char *const *inputs, size_t count)
{
    Onnx__NodeProto *node = onnx_arena_allocate(b->arena, sizeof *node);
    char **names = onnx_arena_allocate(b->arena, (count + 1) * sizeof *names);
    Onnx__AttributeProto **attributes = onnx_arena_allocate(b->arena, 4 * sizeof *attributes);
    if (!node || !names || !attributes) {
        return NULL;
    }
    onnx__node_proto__init(node);
    for (size_t i = 0; i < count; i++) {
        names[i] = onnx_arena_text(b->arena, inputs[i]);
    }
    names[count] = onnx_arena_text(b->arena, output);
    node->op_type = onnx_arena_text(b->arena, type);
    if (b->arena->failed) {
        return NULL;
    }
    node->n_input = count;
    node->input = names;
    node->n_output = 1;
    node->output = names + count;
    node->name = names[count];
    node->attribute = attributes;
    b->graph->node[b->graph->n_node++] = node;
    return node;
}

static Onnx__AttributeProto *add_attribute(builder *b, Onnx__NodeProto *node, const char *name,
                                           Onnx__AttributeProto__AttributeType type)
{
    Onnx__AttributeProto *attribute = onnx_arena_allocate(b->arena, sizeof *attribute);
    char *copy = onnx_arena_text(b->arena, name);
    if (!node || !attribute || !copy) {
        return NULL;
    }
    onnx__attribute_proto__init(attribute);
    attribute->name = copy;
    attribute->has_type = 1;
    attribute->type = type;
    node->attribute[node->n_attribute++] = attribute;
    return attribute;
}

static void add_integers(builder *b, Onnx__NodeProto *node, const char *name, const int64_t *values,
                         size_t count)
{
    Onnx__AttributeProto *attribute =
        add_attribute(b, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INTS);
    int64_t *copy = onnx_arena_allocate(b->arena, count * sizeof *copy);
    if (attribute && copy) {
        memcpy(copy, values, count * sizeof *copy);
        attribute->n_ints = count;
        attribute->ints = copy;
    }
}

static void add_integer(builder *b, Onnx__NodeProto *node, const char *name, int64_t value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(b, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__INT);
    if (attribute) {
        attribute->has_i = 1;
        attribute->i = value;
    }
}

static void add_float(builder *b, Onnx__NodeProto *node, const char *name, float value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(b, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__FLOAT);
    if (attribute) {
        attribute->has_f = 1;
        attribute->f = value;
    }
}

static void add_string(builder *b, Onnx__NodeProto *node, const char *name, const char *value)
{
    Onnx__AttributeProto *attribute =
        add_attribute(b, node, name, ONNX__ATTRIBUTE_PROTO__ATTRIBUTE_TYPE__STRING);
    char *copy = onnx_arena_text(b->arena, value);
    if (attribute && copy) {
        attribute->has_s = 1;
        attribute->s.len = strlen(copy);
        attribute->s.data = (uint8_t *)copy;
    }
}

static Onnx__TensorProto *add_constant(builder *b, const char *name, int32_t type,
                                       const size_t *shape, int rank)
{
    Onnx__TensorProto *tensor = onnx_arena_allocate(b->arena, sizeof *tensor);
    int64_t *dims = onnx_arena_allocate(b->arena, (size_t)rank * sizeof *dims);
    char *copy = onnx_arena_text(b->arena, name);
    if (!tensor || !dims || !copy) {
        return NULL;
    }
    onnx__tensor_proto__init(tensor);
    for (int i = 0; i < rank; i++) {
        dims[i] = (int64_t)shape[i];
    }
    tensor->n_dims = (size_t)rank;
    tensor->dims = dims;
    tensor->has_data_type = 1;
    tensor->data_type = type;
    tensor->name = copy;
    b->graph->initializer[b->graph->n_initializer++] = tensor;
    return tensor;
}

/* A constant that refers to `values`. */
static void add_floats(builder *b, const char *name, const size_t *shape, int rank, float *values,
                       size_t count)
{
    Onnx__TensorProto *tensor =
        add_constant(b, name, ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT, shape, rank);
    if (tensor) {
        tensor->n_float_data = count;
        tensor->float_data = values;
    }
}

static void add_filled(builder *b, const char *name, size_t count, float value)
{
    float *values = onnx_arena_allocate(b->arena, count * sizeof *values);
    if (values) {
        for (size_t i = 0; i < count; i++) {
            values[i] = value;
        }
        add_floats(b, name, &count, 1, values, count);
    }
}

static void add_shape(builder *b, const char *name, int64_t a, int64_t c, int64_t d)
{
    const size_t three = 3;
    int64_t *values = onnx_arena_allocate(b->arena, 3 * sizeof *values);
    Onnx__TensorProto *tensor =
        add_constant(b, name, ONNX__TENSOR_PROTO__DATA_TYPE__INT64, &three, 1);
    if (values && tensor) {
        values[0] = a;
        values[1] = c;
        values[2] = d;
        tensor->n_int64_data = 3;
        tensor->int64_data = values;
    }
}

/* ---- operators ---- */

static void convert_convolution(builder *b, const fseg_node *node, const char *input,
                                const char *output)
{
    const fseg_tensor *weight = fseg_model_tensor(b->model, (size_t)node->weight);
    add_floats(b, weight->name, weight->shape, 4, weight->data, weight->count);
    const char *inputs[3] = {input, weight->name, NULL};
    size_t count = 2;
    if (node->bias >= 0) {
        const fseg_tensor *bias = fseg_model_tensor(b->model, (size_t)node->bias);
        add_floats(b, bias->name, bias->shape, 1, bias->data, bias->count);
        inputs[count++] = bias->name;
    }
    Onnx__NodeProto *conv = add_node(b, "Conv", output, inputs, count);
    /* "Same": the odd row and column of an even kernel are added at bottom and right. */
    const int64_t before = (node->kernel - 1) / 2, after = node->kernel - 1 - before;
    const int64_t kernel[2] = {node->kernel, node->kernel};
    const int64_t pads[4] = {before, before, after, after};
    add_integers(b, conv, "kernel_shape", kernel, 2);
    add_integers(b, conv, "pads", pads, 4);
}

/* GroupNorm has no operator in this opset: instance normalization of [batch, groups, the rest],
 * then scale and shift per channel. */
static void convert_norm_relu(builder *b, const fseg_node *node, const char *input,
                              const char *output, float epsilon)
{
    enum { GROUPED, ONES, ZEROS, NORMALIZED, SHAPE, RESTORED, SCALED, SHIFTED, SPLIT, NAMES };
    static const char *const endings[NAMES] = {"grouped",    "ones",    "zeros",
                                               "normalized", "shape",   "restored",
                                               "scaled",     "shifted", "split"};
    char names[NAMES][FSEG_NAME_LENGTH + 16];
    for (int i = 0; i < NAMES; i++) {
        snprintf(names[i], sizeof names[i], "%s.%s", node->name, endings[i]);
    }
    const fseg_tensor *scale = fseg_model_tensor(b->model, (size_t)node->weight);
    const fseg_tensor *shift = fseg_model_tensor(b->model, (size_t)node->bias);
    const size_t per_channel[3] = {scale->count, 1, 1};
    add_floats(b, scale->name, per_channel, 3, scale->data, scale->count);
    add_floats(b, shift->name, per_channel, 3, shift->data, shift->count);
    add_shape(b, names[SPLIT], 0, node->groups, -1);
    add_filled(b, names[ONES], (size_t)node->groups, 1);
    add_filled(b, names[ZEROS], (size_t)node->groups, 0);
    add_node(b, "Reshape", names[GROUPED], (const char *[]){input, names[SPLIT]}, 2);
    Onnx__NodeProto *norm =
        add_node(b, "InstanceNormalization", names[NORMALIZED],
                 (const char *[]){names[GROUPED], names[ONES], names[ZEROS]}, 3);
    add_float(b, norm, "epsilon", epsilon);
    add_node(b, "Shape", names[SHAPE], &input, 1);
    add_node(b, "Reshape", names[RESTORED], (const char *[]){names[NORMALIZED], names[SHAPE]}, 2);
    add_node(b, "Mul", names[SCALED], (const char *[]){names[RESTORED], scale->name}, 2);
    add_node(b, "Add", names[SHIFTED], (const char *[]){names[SCALED], shift->name}, 2);
    add_node(b, "Relu", output, (const char *[]){names[SHIFTED]}, 1);
}

static void convert_max_pool(builder *b, const char *input, const char *output)
{
    const int64_t two[2] = {2, 2};
    Onnx__NodeProto *pool = add_node(b, "MaxPool", output, &input, 1);
    add_integers(b, pool, "kernel_shape", two, 2);
    add_integers(b, pool, "strides", two, 2);
}

static void convert_upsample(builder *b, const char *input, const char *output)
{
    static const float factors[4] = {1, 1, 2, 2};
    const size_t four = 4;
    char scales[FSEG_NAME_LENGTH + 16];
    snprintf(scales, sizeof scales, "%s.scales", output);
    float *values = onnx_arena_allocate(b->arena, sizeof factors);
    if (values) {
        memcpy(values, factors, sizeof factors);
        add_floats(b, scales, &four, 1, values, 4);
    }
    /* The empty name leaves out the region of interest. */
    Onnx__NodeProto *resize = add_node(b, "Resize", output, (const char *[]){input, "", scales}, 3);
    add_string(b, resize, "mode", "nearest");
    add_string(b, resize, "coordinate_transformation_mode", "asymmetric");
    add_string(b, resize, "nearest_mode", "floor");
}

static void convert_node(builder *b, size_t index, bool last)
{
    const fseg_node *node = fseg_model_node(b->model, index);
    const char *names[2] = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        if (node->inputs[i] >= 0) {
            const fseg_node *source = fseg_model_node(b->model, (size_t)node->inputs[i]);
            names[i] = source->op == FSEG_OP_INPUT ? "image" : source->name;
        }
    }
    const char *output = last ? "logits" : node->name;
    Onnx__NodeProto *concat;
    switch (node->op) {
    case FSEG_OP_INPUT:
        break;
    case FSEG_OP_CONV:
        convert_convolution(b, node, names[0], output);
        break;
    case FSEG_OP_NORM_RELU:
        convert_norm_relu(b, node, names[0], output, fseg_model_config(b->model)->norm_epsilon);
        break;
    case FSEG_OP_MAX_POOL:
        convert_max_pool(b, names[0], output);
        break;
    case FSEG_OP_UPSAMPLE:
        convert_upsample(b, names[0], output);
        break;
    case FSEG_OP_CONCAT:
        concat = add_node(b, "Concat", output, names, 2);
        add_integer(b, concat, "axis", 1);
        break;
    }
}

/* A float image [batch, channels, height, width] with only the channels fixed. */
static Onnx__ValueInfoProto *value_info(builder *b, const char *name, int channels)
{
    static const char *const free_names[4] = {"batch", NULL, "height", "width"};
    Onnx__ValueInfoProto *info = onnx_arena_allocate(b->arena, sizeof *info);
    Onnx__TypeProto *type = onnx_arena_allocate(b->arena, sizeof *type);
    Onnx__TypeProto__Tensor *tensor = onnx_arena_allocate(b->arena, sizeof *tensor);
    Onnx__TensorShapeProto *shape = onnx_arena_allocate(b->arena, sizeof *shape);
    Onnx__TensorShapeProto__Dimension **dims = onnx_arena_allocate(b->arena, 4 * sizeof *dims);
    if (!info || !type || !tensor || !shape || !dims) {
        return NULL;
    }
    onnx__value_info_proto__init(info);
    onnx__type_proto__init(type);
    onnx__type_proto__tensor__init(tensor);
    onnx__tensor_shape_proto__init(shape);
    for (int i = 0; i < 4; i++) {
        dims[i] = onnx_arena_allocate(b->arena, sizeof **dims);
        if (!dims[i]) {
            return NULL;
        }
        onnx__tensor_shape_proto__dimension__init(dims[i]);
        if (free_names[i]) {
            dims[i]->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_PARAM;
            dims[i]->dim_param = onnx_arena_text(b->arena, free_names[i]);
        } else {
            dims[i]->value_case = ONNX__TENSOR_SHAPE_PROTO__DIMENSION__VALUE_DIM_VALUE;
            dims[i]->dim_value = channels;
        }
    }
    shape->n_dim = 4;
    shape->dim = dims;
    tensor->has_elem_type = 1;
    tensor->elem_type = ONNX__TENSOR_PROTO__DATA_TYPE__FLOAT;
    tensor->shape = shape;
    type->value_case = ONNX__TYPE_PROTO__VALUE_TENSOR_TYPE;
    type->tensor_type = tensor;
    info->name = onnx_arena_text(b->arena, name);
    info->type = type;
    return info;
}

Onnx__GraphProto *onnx_graph_build(const fseg_model *model, onnx_arena *arena)
{
    const fseg_unet_config *config = fseg_model_config(model);
    const size_t count = fseg_model_node_count(model);
    Onnx__GraphProto *graph = onnx_arena_allocate(arena, sizeof *graph);
    Onnx__NodeProto **nodes = onnx_arena_allocate(arena, count * NODES_PER_NODE * sizeof *nodes);
    Onnx__TensorProto **constants =
        onnx_arena_allocate(arena, count * CONSTANTS_PER_NODE * sizeof *constants);
    Onnx__ValueInfoProto **ends = onnx_arena_allocate(arena, 2 * sizeof *ends);
    if (!graph || !nodes || !constants || !ends) {
        return NULL;
    }
    onnx__graph_proto__init(graph);
    graph->node = nodes;
    graph->initializer = constants;
    builder b = {model, arena, graph};
    for (size_t i = 0; i < count; i++) {
        convert_node(&b, i, i + 1 == count);
    }
    ends[0] = value_info(&b, "image", config->in_channels);
    ends[1] = value_info(&b, "logits", config->classes);
    graph->name = onnx_arena_text(arena, "unet");
    graph->n_input = graph->n_output = 1;
    graph->input = ends;
    graph->output = ends + 1;
    return arena->failed ? NULL : graph;
}
