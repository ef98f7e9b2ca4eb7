/* Phantoms as an image and a label map in patient space. */
#ifndef FRUGALSEG_PHANTOM_VOLUME_H
#define FRUGALSEG_PHANTOM_VOLUME_H

#include "frugalseg/imaging.h"
#include "frugalseg/phantom.h"

/* Draws `scene` into image and labels of the grid that phantom_volume_render was given. */
typedef fseg_status phantom_renderer(const void *scene, float *image, uint8_t *labels,
                                     fseg_error *error);

/* An image and a label map on `geometry`, drawn and finished; both or, after a failure, none. */
fseg_status phantom_volume_render(const fseg_geometry *geometry, phantom_renderer *render,
                                  const void *scene, fseg_volume **volume, fseg_mask **labels,
                                  fseg_error *error);
/* Whole numbers, as a scanner stores them: DICOM and NIfTI then hold the same values; modality MR.
 */
void phantom_volume_finish(fseg_volume *volume);

/* The abdominal phantom. Both on the same grid, centred on the origin, axes along LPS; modality MR.
 */
fseg_status phantom_volume_create(fseg_context *context, const fseg_phantom_options *options,
                                  const fseg_progress *progress, fseg_volume **volume,
                                  fseg_mask **labels, fseg_error *error);

/* Phantom number `index` to train on: every other one with published tissue contrast, the rest
 * varied widely. */
fseg_phantom_options phantom_training_options(uint64_t seed, int index);

#endif
