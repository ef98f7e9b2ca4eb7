/* Declarations of the reference operators in both precisions; see operators.h for what they do. */
#ifndef FSEG_REFERENCE_H
#define FSEG_REFERENCE_H

#include "frugalseg/operators.h"

/* Every operator of the table by name; one list, so that none can be forgotten. */
#define FSEG_OPERATOR_LIST(X)                                                                      \
    X(conv3x3)                                                                                     \
    X(conv3x3_winograd)                                                                            \
    X(conv2x2)                                                                                     \
    X(conv1x1)                                                                                     \
    X(upsample2_conv2x2)                                                                           \
    X(upsample2_conv2x2_nested)                                                                    \
    X(group_norm)                                                                                  \
    X(group_norm_relu)                                                                             \
    X(relu)                                                                                        \
    X(max_pool2)                                                                                   \
    X(upsample2)                                                                                   \
    X(concat)                                                                                      \
    X(softmax)                                                                                     \
    X(dense)

/* Other ways to the same result have the same reference. */
#define fseg_conv3x3_winograd_forward_f32 fseg_conv3x3_forward_f32
#define fseg_conv3x3_winograd_forward_f64 fseg_conv3x3_forward_f64
#define fseg_conv3x3_winograd_backward_f32 fseg_conv3x3_backward_f32
#define fseg_conv3x3_winograd_backward_f64 fseg_conv3x3_backward_f64
#define fseg_upsample2_conv2x2_nested_forward_f32 fseg_upsample2_conv2x2_forward_f32
#define fseg_upsample2_conv2x2_nested_forward_f64 fseg_upsample2_conv2x2_forward_f64
#define fseg_upsample2_conv2x2_nested_backward_f32 fseg_upsample2_conv2x2_backward_f32
#define fseg_upsample2_conv2x2_nested_backward_f64 fseg_upsample2_conv2x2_backward_f64

#define FSEG_DECLARE_REFERENCE(name)                                                               \
    void fseg_##name##_forward_f32(const fseg_operator_shape *, const fseg_operator_f32 *);        \
    void fseg_##name##_backward_f32(const fseg_operator_shape *, const fseg_operator_f32 *);       \
    void fseg_##name##_forward_f64(const fseg_operator_shape *, const fseg_operator_f64 *);        \
    void fseg_##name##_backward_f64(const fseg_operator_shape *, const fseg_operator_f64 *);
FSEG_OPERATOR_LIST(FSEG_DECLARE_REFERENCE)
#undef FSEG_DECLARE_REFERENCE

#endif
