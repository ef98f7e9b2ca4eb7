/* Declarations of the reference operators in both precisions; see operators.h for what they do. */
#ifndef FSEG_REFERENCE_H
#define FSEG_REFERENCE_H

#include "frugalseg/operators.h"

/* Every operator of the table by name; one list, so that none can be forgotten. */
#define FSEG_OPERATOR_LIST(X)                                                                      \
    X(conv3x3)                                                                                     \
    X(conv2x2)                                                                                     \
    X(conv1x1)                                                                                     \
    X(upsample2_conv2x2)                                                                           \
    X(group_norm)                                                                                  \
    X(group_norm_relu)                                                                             \
    X(relu)                                                                                        \
    X(max_pool2)                                                                                   \
    X(upsample2)                                                                                   \
    X(concat)                                                                                      \
    X(softmax)                                                                                     \
    X(dense)

#define FSEG_DECLARE_REFERENCE(name)                                                               \
    void fseg_##name##_forward_f32(const fseg_operator_shape *, const fseg_operator_f32 *);        \
    void fseg_##name##_backward_f32(const fseg_operator_shape *, const fseg_operator_f32 *);       \
    void fseg_##name##_forward_f64(const fseg_operator_shape *, const fseg_operator_f64 *);        \
    void fseg_##name##_backward_f64(const fseg_operator_shape *, const fseg_operator_f64 *);
FSEG_OPERATOR_LIST(FSEG_DECLARE_REFERENCE)
#undef FSEG_DECLARE_REFERENCE

#endif
