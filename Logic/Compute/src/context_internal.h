/* What the library's own files need of a context. */
#ifndef FSEG_CONTEXT_INTERNAL_H
#define FSEG_CONTEXT_INTERNAL_H

#include "frugalseg/context.h"
#include "tile_kernels.h"

/* A null context means: portable kernels on the calling thread. */
const fseg_kernels *fseg_context_kernels(const fseg_context *context);
/* Those on bfloat16 tensors; null when the context's family has none. */
const fseg_kernels *fseg_context_bfloat16_kernels(const fseg_context *context);
/* The kernels for inference: bfloat16 ones when the context asks for them. */
const fseg_kernels *fseg_context_inference_kernels(const fseg_context *context);
/* Threads of a context that is created without saying how many. */
int fseg_context_usual_threads(void);
/* The kernels of convolution by tiles, in single precision. */
const fseg_tile_kernels *fseg_context_tile_kernels(const fseg_context *context);

#endif
