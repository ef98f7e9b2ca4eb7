/* The contrastive kernel in double precision. */
#define REAL double
#define CONTRAST_NAME(name) name##_f64
#include "contrast_body.h"
