/* The network as an ONNX graph, in the message types that protobuf-c makes from onnx.proto. */
#ifndef FRUGALSEG_ONNX_GRAPH_H
#define FRUGALSEG_ONNX_GRAPH_H

#include "frugalseg/model.h"
#include <onnx.pb-c.h>
#include <stdbool.h>

#define ONNX_OPSET 13 /* the oldest with all that is used: any runtime since 2020 reads it */
#define ONNX_IR_VERSION 7

/* Memory of all messages, released at once. After a failed allocation everything goes on with
 * nulls and `failed` set. */
typedef struct onnx_arena {
    void **blocks;
    size_t count, room;
    bool failed;
} onnx_arena;

void *onnx_arena_allocate(onnx_arena *arena, size_t size);
char *onnx_arena_text(onnx_arena *arena, const char *text);
void onnx_arena_free(onnx_arena *arena);

/* Graph with input "image" [batch, C, height, width] and output "logits" [batch, K, height, width],
 * batch, height and width free (multiples of fseg_unet_size_multiple). Weights are referred to, not
 * copied: `model` must outlive the graph. Null when out of memory. */
Onnx__GraphProto *onnx_graph_build(const fseg_model *model, onnx_arena *arena);

#endif
