/**
 * @file enhanced.h
 * Volumes as an Enhanced MR object: one file of many frames, for phantoms and tests.
 *
 * The rules of imaging.h: thread-safe on different objects, paths are UTF-8.
 */
#ifndef FRUGALSEG_ENHANCED_H
#define FRUGALSEG_ENHANCED_H

#include "frugalseg/imaging.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One of the volumes of an enhanced object. All zero besides `volume`: nothing is said of it. */
typedef struct fseg_enhanced_volume {
    const fseg_volume *volume; /**< stays the caller's; all volumes of a file have the same numbers
                                    of rows and columns */
    double echo_ms;            /**< EffectiveEchoTime, 0 = not said */
    double repetition_ms;      /**< RepetitionTime, 0 = not said; written when all volumes say it */
    int temporal_position;     /**< TemporalPositionIndex from 1, 0 = not a time series */
    int diffusion;             /**< not 0: `b_value` counts */
    double b_value; /**< DiffusionBValue in s/mm2; above 0 it is written as a trace image */
} fseg_enhanced_volume;

/** In which order the frames lie in the file; their positions say where they belong. */
typedef enum fseg_frame_order {
    FSEG_FRAMES_IN_ORDER = 0, /**< volume after volume, slice after slice */
    FSEG_FRAMES_REVERSED,
    FSEG_FRAMES_SHUFFLED /**< all frames of all volumes mixed, as the seed decides */
} fseg_frame_order;

/**
 * Write `count` volumes as one Enhanced MR Image into `folder` (created; must be empty or absent),
 * file IM0001.dcm. Volumes on one grid share a stack (StackID), others get one of their own. Values
 * are stored as by fseg_series_write, with slope and intercept of their own in every frame. Nothing
 * remains after a failure. Volumes of different matrices, or more than 65535 frames:
 * FSEG_ERROR_INVALID_ARGUMENT; slices not at right angles: FSEG_ERROR_UNSUPPORTED. Form: DICOM
 * PS3.3 A.36.2.
 */
fseg_status fseg_series_write_enhanced(const fseg_enhanced_volume *volumes, size_t count,
                                       const fseg_series_write_options *options,
                                       fseg_frame_order order, const char *folder,
                                       fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
