/* Softmax over the class axis, the last step of inference. */
#ifndef FSEG_SOFTMAX_H
#define FSEG_SOFTMAX_H

#include "frugalseg/context.h"

/* z [count, classes, pixels] becomes its softmax over classes; images in parallel. */
void fseg_softmax_inplace(fseg_context *context, float *z, size_t count, int classes,
                          size_t pixels);

#endif
