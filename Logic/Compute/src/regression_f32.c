/* The regression loss in single precision. */
#define REAL float
#define REGRESSION_NAME fseg_regression_f32
#include "regression_body.h"
