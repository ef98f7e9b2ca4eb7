/* A DICOM Segmentation of ours, read back to be corrected. */
#include "DicomAttributes.h"
#include "DicomSeries.h"
#include "Failure.h"
#include "Geometry.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

namespace frugalseg
{

namespace
{

constexpr double tolerance = 0.01; /* mm */
constexpr Uint32 maximumValueInMemory = 1U << 20;

[[noreturn]] void refuse(const std::string &why)
{
    throw Failure(FSEG_ERROR_BAD_INPUT, why);
}

/** The first item of a sequence; a missing one is a damaged file. */
DcmItem &itemOf(DcmItem &parent, const DcmTagKey &sequence, long index = 0)
{
    DcmItem *item = nullptr;
    if (parent.findAndGetSequenceItem(sequence, item, index).bad() || !item) {
        refuse("the DICOM segmentation is incomplete; it cannot be opened");
    }
    return *item;
}

template <size_t N> void copyText(char (&out)[N], const std::string &text)
{
    std::snprintf(out, N, "%s", text.c_str());
}

void load(const std::string &path, DcmFileFormat &file)
{
    prepareToolkit();
    const OFCondition condition =
        file.loadFile(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange, maximumValueInMemory);
    if (condition.bad()) {
        refuse("\"" + path + "\" is not a DICOM file that can be read");
    }
    const std::string kind = attributeText(*file.getDataset(), DCM_SOPClassUID);
    if (kind != UID_SegmentationStorage) {
        refuse("\"" + path + "\" is no DICOM segmentation");
    }
}

std::string structureOf(DcmItem &segment)
{
    const std::string code =
        attributeText(itemOf(segment, DCM_SegmentedPropertyTypeCodeSequence), DCM_CodeValue);
    if (code == "10200004") {
        return "liver";
    }
    if (code == "41216001") {
        return "prostate";
    }
    refuse("the DICOM segmentation shows neither liver nor prostate; open it with Slicer's own "
           "reader");
}

fseg_seg_content contentOf(DcmDataset &data)
{
    fseg_seg_content content{};
    copyText(content.instance_uid, attributeText(data, DCM_SOPInstanceUID));
    copyText(content.series_uid, attributeText(data, DCM_SeriesInstanceUID));
    DcmItem *more = nullptr;
    DcmItem &segment = itemOf(data, DCM_SegmentSequence);
    if (data.findAndGetSequenceItem(DCM_SegmentSequence, more, 1).good() && more) {
        refuse("the DICOM segmentation has several segments; open it with Slicer's own reader");
    }
    copyText(content.structure, structureOf(segment));
    content.edited = attributeText(segment, DCM_SegmentAlgorithmType) == "SEMIAUTOMATIC" ? 1 : 0;
    DcmItem &equipment = itemOf(data, DCM_ContributingEquipmentSequence);
    if (attributeText(equipment, DCM_Manufacturer) != "FrugalSeg") {
        refuse("the DICOM segmentation was not written by FrugalSeg; open it with Slicer's own "
               "reader");
    }
    DcmItem &algorithm = itemOf(segment, DCM_SegmentationAlgorithmIdentificationSequence);
    copyText(content.model_name, attributeText(algorithm, DCM_AlgorithmName));
    copyText(content.model_version, attributeText(algorithm, DCM_AlgorithmVersion));
    copyText(content.model_sha256, attributeText(equipment, DCM_DeviceSerialNumber));
    copyText(content.source_series_uid,
             attributeText(itemOf(data, DCM_ReferencedSeriesSequence), DCM_SeriesInstanceUID));
    return content;
}

Vector3 vectorOf(DcmItem &item, const DcmTagKey &tag)
{
    Vector3 value{};
    if (!attributeNumbers(item, tag, value.data(), 3)) {
        refuse("the DICOM segmentation does not say where its frames lie");
    }
    return value;
}

/** Directions of rows and columns and pixel size must be those of the grid. */
void requireSamePlane(DcmDataset &data, const fseg_geometry &grid)
{
    DcmItem &shared = itemOf(data, DCM_SharedFunctionalGroupsSequence);
    double directions[6], spacing[2];
    if (!attributeNumbers(itemOf(shared, DCM_PlaneOrientationSequence), DCM_ImageOrientationPatient,
                          directions, 6) ||
        !attributeNumbers(itemOf(shared, DCM_PixelMeasuresSequence), DCM_PixelSpacing, spacing,
                          2)) {
        refuse("the DICOM segmentation does not say where its frames lie");
    }
    const double columns = attributeUnsigned(data, DCM_Columns, 0);
    const double rows = attributeUnsigned(data, DCM_Rows, 0);
    bool same =
        columns == static_cast<double>(grid.size[0]) && rows == static_cast<double>(grid.size[1]);
    for (size_t i = 0; i < 3 && same; ++i) {
        // Over the whole width and height, so that small errors do not add up.
        const double right = directions[i] * spacing[1] - grid.ijk_to_lps[i][0];
        const double down = directions[3 + i] * spacing[0] - grid.ijk_to_lps[i][1];
        same = std::fabs(right) * columns < tolerance && std::fabs(down) * rows < tolerance;
    }
    if (!same) {
        refuse("the DICOM segmentation lies on another grid than the volume; load the series that "
               "it was made for");
    }
}

/** Slice of the grid at a frame's position. */
size_t sliceOf(const fseg_geometry &grid, const Vector3 &position)
{
    const Vector3 step = matrixColumn(grid, 2);
    const Vector3 offset = difference(position, matrixColumn(grid, 3));
    const double k = std::round(dot(offset, step) / dot(step, step));
    const bool inside = k >= 0.0 && k < static_cast<double>(grid.size[2]);
    if (!inside || norm(difference(offset, scaled(step, k))) > tolerance) {
        refuse("the DICOM segmentation lies on another grid than the volume; load the series that "
               "it was made for");
    }
    return static_cast<size_t>(k);
}

MaskPointer readMask(DcmDataset &data, const fseg_geometry &grid)
{
    if (attributeText(data, DCM_SegmentationType) != "BINARY") {
        refuse("the DICOM segmentation is not of the type BINARY");
    }
    requireSamePlane(data, grid);
    const long frames = std::atol(attributeText(data, DCM_NumberOfFrames).c_str());
    const size_t plane = grid.size[0] * grid.size[1];
    const Uint8 *bits = nullptr;
    unsigned long bytes = 0;
    if (frames < 1 || frames > 65535 ||
        data.findAndGetUint8Array(DCM_PixelData, bits, &bytes).bad() || !bits ||
        bytes < (static_cast<size_t>(frames) * plane + 7) / 8) {
        refuse("the DICOM segmentation has fewer voxels than it says; the file is damaged");
    }
    MaskPointer mask = newMask(grid);
    for (long frame = 0; frame < frames; ++frame) {
        DcmItem &group = itemOf(data, DCM_PerFrameFunctionalGroupsSequence, frame);
        const Vector3 position =
            vectorOf(itemOf(group, DCM_PlanePositionSequence), DCM_ImagePositionPatient);
        uint8_t *slice = mask->voxels + plane * sliceOf(grid, position);
        // Bits of all frames lie one behind the other, the lowest of each byte first.
        const size_t first = static_cast<size_t>(frame) * plane;
        for (size_t i = 0; i < plane; ++i) {
            const size_t at = first + i;
            slice[i] = static_cast<uint8_t>((bits[at / 8] >> (at % 8)) & 1);
        }
    }
    return mask;
}

} // namespace

} // namespace frugalseg

extern "C" {

fseg_status fseg_seg_identify(const char *path, fseg_seg_content *out, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(path && out, "path and out must not be null");
        DcmFileFormat file;
        frugalseg::load(path, file);
        *out = frugalseg::contentOf(*file.getDataset());
    });
}

fseg_status fseg_seg_read(const char *path, const fseg_geometry *grid, fseg_mask **out,
                          fseg_seg_content *content, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(path && grid && out, "path, grid and out must not be null");
        *out = nullptr;
        frugalseg::requireGeometry(*grid);
        DcmFileFormat file;
        frugalseg::load(path, file);
        const fseg_seg_content found = frugalseg::contentOf(*file.getDataset());
        *out = frugalseg::readMask(*file.getDataset(), *grid).release();
        if (content) {
            *content = found;
        }
    });
}

} // extern "C"
