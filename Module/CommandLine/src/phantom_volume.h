/* The abdominal phantom as an image and a label map in patient space. */
#ifndef FRUGALSEG_PHANTOM_VOLUME_H
#define FRUGALSEG_PHANTOM_VOLUME_H

#include "frugalseg/imaging.h"
#include "frugalseg/phantom.h"

/* Both on the same grid, centred on the origin, axes along LPS; modality MR. */
fseg_status phantom_volume_create(fseg_context *context, const fseg_phantom_options *options,
                                  const fseg_progress *progress, fseg_volume **volume,
                                  fseg_mask **labels, fseg_error *error);

/* Phantom number `index` to train on: every other one with published tissue contrast, the rest
 * varied widely. */
fseg_phantom_options phantom_training_options(uint64_t seed, int index);

#endif
