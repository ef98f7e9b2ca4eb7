/* The regression loss in double precision. */
#define REAL double
#define REGRESSION_NAME fseg_regression_f64
#include "regression_body.h"
