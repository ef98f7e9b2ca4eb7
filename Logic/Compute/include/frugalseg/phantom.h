/**
 * @file phantom.h
 * Abdominal T2-weighted MR phantom with known truth, for demos, tests and training.
 *
 * Anatomy from smooth implicit shapes (torso, liver with lobes and vessels, gall bladder, spleen,
 * kidneys, stomach, spine, aorta, muscle, fat, bowel), varied by seed; tissue signal of a
 * fat-suppressed T2 turbo spin echo; partial volume, coil bias, Rician noise. Not a patient.
 */
#ifndef FRUGALSEG_PHANTOM_H
#define FRUGALSEG_PHANTOM_H

#include "context.h"
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct fseg_phantom_options {
    uint64_t seed;             /**< anatomy, contrast and noise */
    int columns, rows, slices; /**< default 256 x 256 x 30 */
    double spacing_mm[3];      /**< in plane x, y and between slices; default 1.4, 1.4, 7 */
    double noise;              /**< Rician sigma as a fraction of the bright signal; 0.015 */
    double bias;               /**< coil shading, exp(+-bias); 0.3 */
    double contrast_variation; /**< 0 = published tissue values, 1 = randomized widely */
    double echo; /**< 1; the echo time as a multiple of the sequence's. The same seed with other
                      echoes gives the echo images of one patient: all but TE and the noise alike */
} fseg_phantom_options;
/** An abdomen of 256 x 256 x 30 voxels, varied by the seed. */
fseg_phantom_options fseg_phantom_default_options(uint64_t seed);

/** Labels of the truth volume (the numbering of CHAOS). */
enum {
    FSEG_PHANTOM_LIVER = 1,
    FSEG_PHANTOM_RIGHT_KIDNEY = 2,
    FSEG_PHANTOM_LEFT_KIDNEY = 3,
    FSEG_PHANTOM_SPLEEN = 4
};

/**
 * Fill image [slices, rows, columns] (0 to about 1000) and labels of the same shape; both belong
 * to the caller. Axes: columns run to the patient's left, rows to posterior, slices to superior
 * (LPS). Same options, same bytes, for any thread count.
 */
fseg_status fseg_phantom_abdomen(fseg_context *context, const fseg_phantom_options *options,
                                 float *image, uint8_t *labels, const fseg_progress *progress,
                                 fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
