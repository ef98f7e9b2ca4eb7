/* Reference operators in double. */
#define REAL double
#define TENSORS fseg_operator_f64
#define R(name) fseg_##name##_f64
#include "reference_body.h"
