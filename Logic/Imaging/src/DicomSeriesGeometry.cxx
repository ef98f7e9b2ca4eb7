/* The verdict on a series: one regular volume, or the reason why not. Only matrices are looked at,
 * never the names of planes. */
#include "DicomSeries.h"
#include "DicomText.h"
#include "Failure.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dcuid.h"
#include <algorithm>
#include <cmath>
#include <functional>
#include <set>

namespace frugalseg
{

namespace
{

constexpr double orientationTolerance = 1e-4; /**< per direction cosine */
constexpr double spacingTolerance = 0.01;     /**< relative */
constexpr double spacingToleranceMm = 0.05;
constexpr double samePositionMm = 0.01;
constexpr unsigned maximumMatrix = 8192;

/** Why a series is not one regular volume. */
struct Finding {
    fseg_verdict verdict = FSEG_VERDICT_OK;
    std::string id;
    std::string sentence;
};

Finding refused(const char *id, const std::string &sentence)
{
    return {FSEG_VERDICT_REFUSED, id, sentence};
}

double allowedDeviation(double spacing)
{
    return std::max(spacingTolerance * spacing, spacingToleranceMm);
}

bool close(const Vector3 &a, const Vector3 &b, double tolerance)
{
    return std::fabs(a[0] - b[0]) <= tolerance && std::fabs(a[1] - b[1]) <= tolerance &&
           std::fabs(a[2] - b[2]) <= tolerance;
}

/** The first slice that differs from slice 0 by `property`, or null. */
const SliceHeader *
firstDifferent(const std::vector<SliceHeader> &slices,
               const std::function<bool(const SliceHeader &, const SliceHeader &)> &same)
{
    for (const SliceHeader &slice : slices) {
        if (!same(slices.front(), slice)) {
            return &slice;
        }
    }
    return nullptr;
}

/** Kinds of objects that are no stack of single-frame MR or CT slices. */
Finding checkObject(const std::vector<SliceHeader> &slices)
{
    for (const SliceHeader &slice : slices) {
        if (slice.damaged) {
            return refused("damaged-file", "the file \"" + slice.name +
                                               "\" is incomplete or damaged; copy the series "
                                               "again");
        }
    }
    for (const SliceHeader &slice : slices) {
        const bool enhanced = slice.sopClass == UID_EnhancedMRImageStorage ||
                              slice.sopClass == UID_EnhancedCTImageStorage ||
                              slice.sopClass == UID_LegacyConvertedEnhancedMRImageStorage ||
                              slice.sopClass == UID_LegacyConvertedEnhancedCTImageStorage;
        if (enhanced || slice.frames != 1) {
            return refused("multi-frame", "the series has several frames per file, which is not "
                                          "supported; export it as one file per slice");
        }
        if (slice.sopClass != UID_MRImageStorage && slice.sopClass != UID_CTImageStorage) {
            return refused("unsupported-object",
                           "the series holds no MR or CT slices but objects of another kind (" +
                               (slice.modality.empty() ? "no modality" : slice.modality) + ")");
        }
        if (slice.imageType.find("MOSAIC") != std::string::npos) {
            return refused("mosaic", "each file is a mosaic of many slices; export the series as "
                                     "one file per slice");
        }
        if (slice.imageType.find("LOCALIZER") != std::string::npos) {
            return refused("localizer", "the series is a localizer (scout), not a volume");
        }
    }
    return {};
}

Finding checkPixels(const std::vector<SliceHeader> &slices)
{
    for (const SliceHeader &slice : slices) {
        if (!canDecode(slice.transferSyntax)) {
            return refused("unsupported-compression",
                           "the pixels are stored as " + transferSyntaxName(slice.transferSyntax) +
                               ", which cannot be decoded; export the series uncompressed");
        }
        const bool depth = (slice.bitsAllocated == 8 || slice.bitsAllocated == 16) &&
                           slice.bitsStored >= 1 && slice.bitsStored <= slice.bitsAllocated &&
                           slice.highBit < slice.bitsAllocated &&
                           slice.highBit + 1 >= slice.bitsStored && slice.pixelRepresentation <= 1;
        if (!depth || slice.samples != 1 || slice.photometric != "MONOCHROME2" ||
            slice.modalityTable) {
            return refused("unsupported-pixels",
                           "the pixels are not grey values of 8 to 16 bits with slope and "
                           "intercept; export the series as plain grey-scale images");
        }
        if (slice.rows > maximumMatrix || slice.columns > maximumMatrix) {
            return refused("matrix-too-large",
                           formatText("the matrix of %u x %u is larger than the limit of %u",
                                      slice.columns, slice.rows, maximumMatrix));
        }
    }
    return {};
}

Finding checkGeometryTags(const std::vector<SliceHeader> &slices)
{
    for (const SliceHeader &slice : slices) {
        if (!slice.hasPosition || !slice.hasOrientation || !slice.hasSpacing) {
            return refused("missing-geometry", "slices without position, orientation or pixel "
                                               "spacing cannot be placed in the patient");
        }
        const bool orthonormal = std::fabs(norm(slice.alongRow) - 1.0) < 1e-3 &&
                                 std::fabs(norm(slice.alongColumn) - 1.0) < 1e-3 &&
                                 std::fabs(dot(slice.alongRow, slice.alongColumn)) < 1e-3;
        if (!orthonormal) {
            return refused("invalid-orientation",
                           "the direction cosines of a slice are not two unit vectors at right "
                           "angles");
        }
    }
    return {};
}

Finding checkUniformity(const std::vector<SliceHeader> &slices)
{
    using Header = const SliceHeader &;
    if (firstDifferent(slices, [](Header a, Header b) {
            return close(a.alongRow, b.alongRow, orientationTolerance) &&
                   close(a.alongColumn, b.alongColumn, orientationTolerance);
        })) {
        return refused("mixed-orientation",
                       "the slices lie in different planes (as in a localizer); choose a series "
                       "of parallel slices");
    }
    if (firstDifferent(slices, [](Header a, Header b) {
            return a.rows == b.rows && a.columns == b.columns;
        })) {
        return refused("mixed-matrix", "the slices have different numbers of rows or columns");
    }
    if (firstDifferent(slices, [](Header a, Header b) {
            return std::fabs(a.rowSpacing - b.rowSpacing) <= 1e-4 * a.rowSpacing &&
                   std::fabs(a.columnSpacing - b.columnSpacing) <= 1e-4 * a.columnSpacing;
        })) {
        return refused("mixed-spacing", "the slices have different pixel spacings");
    }
    if (firstDifferent(slices, [](Header a, Header b) {
            return a.frameOfReference == b.frameOfReference && a.study == b.study &&
                   a.sopClass == b.sopClass && a.modality == b.modality;
        })) {
        return refused("mixed-frame-of-reference",
                       "the slices do not share one study and one frame of reference");
    }
    return {};
}

/** Several files at one place: several volumes in one series, or a stray copy. */
Finding checkDuplicates(const std::vector<SliceHeader> &slices, const std::vector<double> &places)
{
    std::vector<size_t> counts;
    bool copies = false;
    for (size_t i = 0; i < places.size();) {
        size_t next = i;
        std::set<std::string> instances, splits;
        while (next < places.size() && places[next] - places[i] <= samePositionMm) {
            instances.insert(slices[next].sopInstance);
            splits.insert(slices[next].split);
            ++next;
        }
        copies = copies || instances.size() < next - i;
        counts.push_back(next - i);
        i = next;
    }
    if (counts.size() == places.size()) {
        return {};
    }
    if (copies) {
        return refused("duplicate-instance", "the same slice is there twice; remove the copies");
    }
    const bool equal = std::all_of(counts.begin(), counts.end(),
                                   [&](size_t count) { return count == counts.front(); });
    if (equal && counts.size() > 1) {
        return {FSEG_VERDICT_AMBIGUOUS, "several-volumes",
                formatText("the series holds %zu volumes of %zu slices at the same place (echoes, "
                           "time points or b values); put one of them in a folder of its own",
                           counts.front(), counts.size())};
    }
    return refused("duplicate-position", "several slices lie at the same position; the series "
                                         "mixes volumes or has stray copies");
}

/** All slice origins must lie on one line along the normal. */
Finding checkShear(const std::vector<SliceHeader> &slices, const Vector3 &normal)
{
    const Vector3 &first = slices.front().position;
    for (const SliceHeader &slice : slices) {
        const Vector3 step = difference(slice.position, first);
        const Vector3 across = difference(step, scaled(normal, dot(step, normal)));
        if (norm(across) > std::max(spacingToleranceMm, 1e-3 * std::fabs(dot(step, normal)))) {
            return refused("sheared-stack",
                           "the slices are shifted against each other (tilted gantry, or slices "
                           "of several stacks)");
        }
    }
    return {};
}

Finding checkSteps(const std::vector<SliceHeader> &slices, const std::vector<double> &places)
{
    std::vector<double> steps;
    for (size_t i = 1; i < places.size(); ++i) {
        steps.push_back(places[i] - places[i - 1]);
    }
    std::vector<double> sorted = steps;
    std::sort(sorted.begin(), sorted.end());
    // The smaller middle value: with two steps, 3 and 6 mm, the gap is the 6.
    const double usual = sorted[(sorted.size() - 1) / 2];
    size_t gaps = 0;
    bool uneven = false;
    double largest = 0.0;
    for (const double step : steps) {
        if (std::fabs(step - usual) <= allowedDeviation(usual)) {
            continue;
        }
        const double multiple = std::round(step / usual);
        if (multiple >= 2.0 &&
            std::fabs(step - multiple * usual) <= multiple * allowedDeviation(usual)) {
            gaps += static_cast<size_t>(multiple) - 1;
            largest = std::max(largest, step);
        } else {
            uneven = true;
        }
    }
    if (uneven) {
        return refused("uneven-spacing",
                       formatText("the distance between slices varies from %.2f to %.2f mm; the "
                                  "series is no regular volume",
                                  sorted.front(), sorted.back()));
    }
    if (gaps > 0) {
        return refused("missing-slice",
                       formatText("%zu slice%s missing: the slices are %.2f mm apart, but one gap "
                                  "measures %.2f mm; copy the series again",
                                  gaps, gaps == 1 ? " is" : "s are", usual, largest));
    }
    // Every second slice gone leaves an even spacing, but the numbering and the header betray it.
    const double announced = slices.front().sliceStep;
    const double multiple = announced > 0.0 ? std::round(usual / announced) : 0.0;
    std::set<int> instanceNumbers;
    for (const SliceHeader &slice : slices) {
        instanceNumbers.insert(slice.instanceNumber);
    }
    const bool numberingGap =
        instanceNumbers.size() == slices.size() &&
        *instanceNumbers.rbegin() - *instanceNumbers.begin() >= static_cast<int>(slices.size());
    if (multiple >= 2.0 && numberingGap &&
        std::fabs(usual - multiple * announced) <= allowedDeviation(usual)) {
        return refused("missing-slice",
                       formatText("slices are missing: the header says that they are %.2f mm "
                                  "apart, but the positions are %.2f mm apart",
                                  announced, usual));
    }
    return {};
}

/** Slices sorted along the normal, and their places on it. */
std::vector<double> sortByPlace(std::vector<SliceHeader> &slices, const Vector3 &normal)
{
    std::stable_sort(slices.begin(), slices.end(), [&](const SliceHeader &a, const SliceHeader &b) {
        return dot(a.position, normal) < dot(b.position, normal);
    });
    std::vector<double> places;
    for (const SliceHeader &slice : slices) {
        places.push_back(dot(slice.position, normal));
    }
    return places;
}

fseg_geometry geometryOf(const std::vector<SliceHeader> &slices)
{
    const SliceHeader &first = slices.front();
    fseg_geometry geometry{};
    geometry.size[0] = first.columns;
    geometry.size[1] = first.rows;
    geometry.size[2] = slices.size();
    const Vector3 step = scaled(difference(slices.back().position, first.position),
                                1.0 / static_cast<double>(slices.size() - 1));
    setMatrixColumn(geometry, 0, scaled(first.alongRow, first.columnSpacing));
    setMatrixColumn(geometry, 1, scaled(first.alongColumn, first.rowSpacing));
    setMatrixColumn(geometry, 2, step);
    setMatrixColumn(geometry, 3, first.position);
    geometry.ijk_to_lps[3][3] = 1.0;
    return geometry;
}

Finding examine(Series &series)
{
    std::vector<SliceHeader> &slices = series.slices;
    for (const auto check : {checkObject, checkGeometryTags, checkUniformity, checkPixels}) {
        const Finding finding = check(slices);
        if (finding.verdict != FSEG_VERDICT_OK) {
            return finding;
        }
    }
    const Vector3 normal = cross(slices.front().alongRow, slices.front().alongColumn);
    const std::vector<double> places = sortByPlace(slices, normal);
    Finding finding = checkDuplicates(slices, places);
    if (finding.verdict != FSEG_VERDICT_OK) {
        return finding;
    }
    if (slices.size() < 2) {
        return refused("single-slice", "one slice is no volume; give the whole series");
    }
    finding = checkShear(slices, normal);
    if (finding.verdict == FSEG_VERDICT_OK) {
        finding = checkSteps(slices, places);
    }
    if (finding.verdict == FSEG_VERDICT_OK) {
        series.geometry = geometryOf(slices);
    }
    return finding;
}

/** Spacing for display: what is known even of a refused series. */
void describeSpacing(const Series &series, double spacing[3])
{
    if (series.info.verdict == FSEG_VERDICT_OK) {
        fseg_geometry_spacing(&series.geometry, spacing);
        return;
    }
    const SliceHeader &first = series.slices.front();
    spacing[0] = first.hasSpacing ? first.columnSpacing : 0.0;
    spacing[1] = first.hasSpacing ? first.rowSpacing : 0.0;
    spacing[2] = 0.0;
}

} // namespace

void judgeSeries(Series &series)
{
    fseg_series_info &info = series.info;
    const Finding finding = examine(series);
    // A damaged file may lack these tags; take them from a sound one when there is any.
    const auto sound = std::find_if(series.slices.begin(), series.slices.end(),
                                    [](const SliceHeader &slice) { return !slice.damaged; });
    const SliceHeader &sample = sound == series.slices.end() ? series.slices.front() : *sound;
    copyText(info.uid, sizeof info.uid, sample.series);
    copyText(info.description, sizeof info.description, sample.description);
    copyText(info.modality, sizeof info.modality, toUtf8(sample.modality, ""));
    copyText(info.body_part, sizeof info.body_part, toUtf8(sample.bodyPart, ""));
    copyText(info.protocol, sizeof info.protocol, sample.protocol);
    copyText(info.scan_options, sizeof info.scan_options, toUtf8(sample.scanOptions, ""));
    info.repetition_ms = sample.repetition;
    info.echo_ms = sample.echo;
    info.columns = sample.columns;
    info.rows = sample.rows;
    info.slices = series.slices.size();
    info.verdict = finding.verdict;
    copyText(info.reason_id, sizeof info.reason_id, finding.id);
    copyText(info.reason, sizeof info.reason, finding.sentence);
    describeSpacing(series, info.spacing_mm);
}

} // namespace frugalseg
