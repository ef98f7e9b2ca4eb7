/* The fast operators on plain tensors, as the table of operators offers them. */
#ifndef FSEG_OPERATORS_FAST_H
#define FSEG_OPERATORS_FAST_H

#include "reference.h"

#define FSEG_DECLARE_FAST(name)                                                                    \
    fseg_status fseg_##name##_forward_fast(fseg_context *, const fseg_operator_shape *,            \
                                           const fseg_operator_f32 *);                             \
    fseg_status fseg_##name##_backward_fast(fseg_context *, const fseg_operator_shape *,           \
                                            const fseg_operator_f32 *);
FSEG_OPERATOR_LIST(FSEG_DECLARE_FAST)
#undef FSEG_DECLARE_FAST

#endif
