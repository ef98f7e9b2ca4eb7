/**
 * @file SeriesFaults.h
 * Everything that can be wrong with a series, each with a stable identifier. docs/user/messages.md
 * explains them; a test compares the two.
 */
#ifndef FRUGALSEG_IMAGING_SERIES_FAULTS_H
#define FRUGALSEG_IMAGING_SERIES_FAULTS_H

#include "frugalseg/imaging.h"
#include <string>

namespace frugalseg
{

enum class Fault {
    None,
    // the files
    DamagedFile,
    PixelsMissing,
    HeaderTooLarge,
    MissingFile,
    DuplicateInstance,
    // the kind of object
    UnsupportedObject,
    MultiFrame,
    Mosaic,
    Localizer,
    MixedObject,
    // pixels
    UnsupportedCompression,
    ColourImage,
    PixelDepth,
    LookupTable,
    InvalidRescale,
    MatrixTooLarge,
    VolumeTooLarge,
    // functional groups of enhanced objects
    FrameCount,
    MissingFunctionalGroups,
    // place of each slice
    MissingPosition,
    MissingOrientation,
    MissingPixelSpacing,
    InvalidPosition,
    InvalidOrientation,
    InvalidPixelSpacing,
    // how the slices fit together
    MixedOrientation,
    MixedMatrix,
    MixedSpacing,
    MixedFrameOfReference,
    DuplicatePosition,
    SeveralVolumes,
    SingleSlice,
    GantryTilt,
    ShearedStack,
    UnevenSpacing,
    MissingSlice,
    Count
};

/** "missing-slice"; "" for Fault::None. */
const char *faultId(Fault fault);

/** What was found; Fault::None is a regular volume. */
struct Finding {
    fseg_verdict verdict = FSEG_VERDICT_OK;
    Fault fault = Fault::None;
    std::string sentence;

    bool good() const
    {
        return verdict == FSEG_VERDICT_OK || verdict == FSEG_VERDICT_REGULARIZED;
    }
};

Finding refused(Fault fault, const std::string &sentence);

} // namespace frugalseg
#endif
