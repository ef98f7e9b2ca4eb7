/* What must hold for every slice of a series by itself. */
#include "SliceChecks.h"
#include "DicomText.h"
#include "Failure.h"
#include "Limits.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dccodec.h"
#include "dcmtk/dcmdata/dcuid.h"
#include "dcmtk/dcmdata/dcxfer.h"
#include <algorithm>
#include <cmath>

namespace frugalseg
{

namespace
{

/** What the reading of a file found. */
Finding checkFile(const SliceHeader &slice)
{
    const std::string file = "the file \"" + slice.name + "\" ";
    switch (slice.fault) {
    case Fault::None:
        return {};
    case Fault::PixelsMissing:
        return refused(slice.fault, file + "holds fewer pixels than its header says; copy the "
                                           "series again");
    case Fault::HeaderTooLarge:
        return refused(slice.fault, file + "has a header of a size that no scanner writes; it is "
                                           "damaged or malicious");
    case Fault::FrameCount:
        return refused(slice.fault, file + "describes another number of frames than it says it "
                                           "has; export the series again");
    case Fault::MissingFunctionalGroups:
        return refused(slice.fault, file + "does not say where its frames lie (no functional "
                                           "groups); export the series again, one file per slice");
    default:
        return refused(Fault::DamagedFile, file + "is incomplete or damaged; copy the series "
                                                  "again");
    }
}

/** Kinds of objects that are no MR or CT slices. */
Finding checkKind(const SliceHeader &slice)
{
    const bool enhanced = isEnhanced(slice.sopClass);
    if (!enhanced && slice.sopClass != UID_MRImageStorage && slice.sopClass != UID_CTImageStorage) {
        return refused(Fault::UnsupportedObject,
                       "the series holds no MR or CT slices but objects of another kind (" +
                           (slice.modality.empty() ? "no modality" : toUtf8(slice.modality, "")) +
                           "); choose a series of images");
    }
    if (!enhanced && slice.frames != 1) {
        return refused(Fault::MultiFrame, "the series has several frames per file without saying "
                                          "where each lies; export it as one file per slice");
    }
    if (slice.mosaic) {
        return refused(Fault::Mosaic, "each file is a Siemens mosaic of many slices; export the "
                                      "series as one file per slice");
    }
    if (slice.imageType.find("LOCALIZER") != std::string::npos) {
        return refused(Fault::Localizer,
                       "the series is a localizer (scout), not a volume; choose another series");
    }
    return {};
}

/** Known to the project, plain, or decoded by a codec that this build of the toolkit has. */
bool isDecodable(const std::string &transferSyntax)
{
    const DcmXfer syntax(transferSyntax.c_str());
    const bool known = syntax.getXfer() != EXS_Unknown;
    return canDecode(transferSyntax) ||
           (known && (!syntax.usesEncapsulatedFormat() ||
                      DcmCodecList::canChangeCoding(syntax.getXfer(), EXS_LittleEndianExplicit)));
}

Finding checkPixelsOf(const SliceHeader &slice)
{
    if (!isDecodable(slice.transferSyntax)) {
        return refused(Fault::UnsupportedCompression,
                       "the pixels are stored as " + transferSyntaxName(slice.transferSyntax) +
                           ", which cannot be decoded; export the series uncompressed");
    }
    if (slice.samples != 1 ||
        (slice.photometric != "MONOCHROME1" && slice.photometric != "MONOCHROME2")) {
        return refused(Fault::ColourImage, "the pixels are colours, not grey values; choose the "
                                           "original series");
    }
    if (slice.modalityTable) {
        return refused(Fault::LookupTable, "the grey values need a lookup table, which is not "
                                           "supported; export the series with slope and intercept");
    }
    const bool depth = (slice.bitsAllocated == 8 || slice.bitsAllocated == 16) &&
                       slice.bitsStored >= 1 && slice.bitsStored <= slice.bitsAllocated &&
                       slice.highBit < slice.bitsAllocated &&
                       slice.highBit + 1 >= slice.bitsStored && slice.pixelRepresentation <= 1;
    if (!depth) {
        return refused(Fault::PixelDepth,
                       formatText("the pixels have %u bits, %u of them used, which is not "
                                  "supported; export the series with 8 to 16 bits",
                                  slice.bitsAllocated, slice.bitsStored));
    }
    if (!slice.rescaleValid) {
        return refused(Fault::InvalidRescale, "slope or intercept of the grey values is no usable "
                                              "number; export the series again");
    }
    if (slice.rows > limits::rowsOrColumns || slice.columns > limits::rowsOrColumns) {
        return refused(Fault::MatrixTooLarge,
                       formatText("the matrix of %u x %u is larger than the limit of %u; choose "
                                  "another series",
                                  slice.columns, slice.rows, limits::rowsOrColumns));
    }
    return {};
}

bool reasonable(const Vector3 &position)
{
    return std::all_of(position.begin(), position.end(), [](double value) {
        return std::isfinite(value) && std::fabs(value) <= limits::positionMm;
    });
}

Finding checkPlaneOf(const SliceHeader &slice)
{
    if (!slice.hasPosition) {
        return refused(Fault::MissingPosition, "slices without a position cannot be placed in the "
                                               "patient; export the series again");
    }
    if (!slice.hasOrientation) {
        return refused(Fault::MissingOrientation, "slices without an orientation cannot be placed "
                                                  "in the patient; export the series again");
    }
    if (!slice.hasSpacing) {
        return refused(Fault::MissingPixelSpacing, "the slices do not say how large a pixel is; "
                                                   "export the series again");
    }
    if (!reasonable(slice.position)) {
        return refused(Fault::InvalidPosition, "a slice lies more than 100 m from the scanner's "
                                               "centre; its position is damaged");
    }
    const double largest = std::max(slice.rowSpacing, slice.columnSpacing);
    if (!(std::min(slice.rowSpacing, slice.columnSpacing) > 1e-3) ||
        !(largest <= limits::pixelSpacingMm)) {
        return refused(
            Fault::InvalidPixelSpacing,
            formatText("pixels of %.4g x %.4g mm are impossible; export the series again",
                       slice.columnSpacing, slice.rowSpacing));
    }
    const bool orthonormal = std::fabs(norm(slice.alongRow) - 1.0) < 1e-3 &&
                             std::fabs(norm(slice.alongColumn) - 1.0) < 1e-3 &&
                             std::fabs(dot(slice.alongRow, slice.alongColumn)) < 1e-3;
    if (!orthonormal) {
        return refused(Fault::InvalidOrientation,
                       "the direction cosines of a slice are not two unit vectors at right "
                       "angles; export the series again");
    }
    return {};
}

} // namespace

Finding checkObject(const std::vector<SliceHeader> &slices)
{
    for (const auto check : {checkFile, checkKind}) {
        for (const SliceHeader &slice : slices) {
            Finding finding = check(slice);
            if (!finding.good()) {
                return finding;
            }
        }
    }
    return {};
}

Finding checkPlanes(const std::vector<SliceHeader> &slices)
{
    for (const SliceHeader &slice : slices) {
        Finding finding = checkPlaneOf(slice);
        if (!finding.good()) {
            return finding;
        }
    }
    return {};
}

Finding checkPixels(const std::vector<SliceHeader> &slices)
{
    double voxels = 0.0;
    for (const SliceHeader &slice : slices) {
        Finding finding = checkPixelsOf(slice);
        if (!finding.good()) {
            return finding;
        }
        voxels += static_cast<double>(slice.rows) * slice.columns;
    }
    if (voxels > limits::voxels) {
        return refused(Fault::VolumeTooLarge,
                       formatText("the volume has %.0f million voxels, more than the limit of %.0f "
                                  "million; choose another series",
                                  voxels / 1e6, limits::voxels / 1e6));
    }
    return {};
}

} // namespace frugalseg
