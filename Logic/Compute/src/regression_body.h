/* The regression loss for one floating-point type: the including file defines REAL and
 * REGRESSION_NAME. */
#include "frugalseg/regression.h"
#include <math.h>

fseg_status REGRESSION_NAME(fseg_regression_error kind, const REAL *prediction, const REAL *target,
                            const uint8_t *mask, int batch, int channels, size_t pixels,
                            double *loss, REAL *gradient)
{
    if (!prediction || !target || !loss || batch < 1 || channels < 1 || pixels < 1 ||
        (kind != FSEG_REGRESSION_SQUARED && kind != FSEG_REGRESSION_ABSOLUTE))
        return FSEG_ERROR_INVALID_ARGUMENT;
    size_t counted = (size_t)batch * pixels;
    if (mask) {
        const size_t all = counted;
        counted = 0;
        for (size_t i = 0; i < all; ++i)
            counted += mask[i] != 0;
    }
    const double share = counted ? 1.0 / ((double)counted * channels) : 0.0;
    double sum = 0.0;
    for (size_t n = 0; n < (size_t)batch; ++n)
        for (size_t c = 0; c < (size_t)channels; ++c)
            for (size_t i = 0; i < pixels; ++i) {
                const size_t at = (n * (size_t)channels + c) * pixels + i;
                const int inside = !mask || mask[n * pixels + i];
                const double d = inside ? (double)prediction[at] - (double)target[at] : 0.0;
                sum += kind == FSEG_REGRESSION_SQUARED ? d * d : fabs(d);
                if (gradient)
                    gradient[at] = (REAL)(share * (kind == FSEG_REGRESSION_SQUARED ? 2.0 * d
                                                   : d > 0.0                       ? 1.0
                                                   : d < 0.0                       ? -1.0
                                                                                   : 0.0));
            }
    *loss = share * sum;
    return isfinite(*loss) ? FSEG_OK : FSEG_ERROR_NOT_FINITE;
}
