/* Reference operators in float. */
#define REAL float
#define TENSORS fseg_operator_f32
#define R(name) fseg_##name##_f32
#include "reference_body.h"
