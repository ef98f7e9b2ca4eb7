/* The contrastive kernel in single precision. */
#define REAL float
#define CONTRAST_NAME(name) name##_f32
#include "contrast_body.h"
