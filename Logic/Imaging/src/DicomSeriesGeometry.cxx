/* The verdict on a series: one regular volume, or the reason why not. Only matrices are looked at,
 * never the names of planes. */
#include "DicomSeries.h"
#include "DicomText.h"
#include "Failure.h"
#include "SliceChecks.h"
#include "SliceOrder.h"

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
/** Largest shift of a slice that may be smoothed away with consent, in slice distances. */
constexpr double largestShift = 0.5;

Vector3 normalOf(const SliceHeader &slice)
{
    return cross(slice.alongRow, slice.alongColumn);
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

Finding checkUniformity(const std::vector<SliceHeader> &slices)
{
    using Header = const SliceHeader &;
    if (firstDifferent(slices, sameOrientation)) {
        return refused(Fault::MixedOrientation,
                       "the slices lie in different planes (as in a localizer); choose a series "
                       "of parallel slices");
    }
    if (firstDifferent(slices, [](Header a, Header b) {
            return a.rows == b.rows && a.columns == b.columns;
        })) {
        return refused(
            Fault::MixedMatrix,
            "the slices have different numbers of rows or columns; choose a series of one kind");
    }
    if (firstDifferent(slices, [](Header a, Header b) {
            return std::fabs(a.rowSpacing - b.rowSpacing) <= 1e-4 * a.rowSpacing &&
                   std::fabs(a.columnSpacing - b.columnSpacing) <= 1e-4 * a.columnSpacing;
        })) {
        return refused(Fault::MixedSpacing,
                       "the slices have different pixel spacings; choose a series of one kind");
    }
    if (firstDifferent(slices, [](Header a, Header b) {
            return a.frameOfReference == b.frameOfReference && a.study == b.study;
        })) {
        return refused(Fault::MixedFrameOfReference,
                       "the slices do not share one study and one frame of reference, so that "
                       "they cannot be placed beside each other; choose another series");
    }
    if (firstDifferent(slices, [](Header a, Header b) {
            return a.sopClass == b.sopClass && a.modality == b.modality;
        })) {
        return refused(Fault::MixedObject, "the series mixes images of different kinds under one "
                                           "number; choose another series");
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
        std::set<std::pair<std::string, unsigned>> instances;
        while (next < places.size() && places[next] - places[i] <= samePositionMm) {
            instances.insert({slices[next].sopInstance, slices[next].frame});
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
        return refused(Fault::DuplicateInstance,
                       "the same slice is there twice; remove the copies");
    }
    const bool equal = std::all_of(counts.begin(), counts.end(),
                                   [&](size_t count) { return count == counts.front(); });
    if (equal && counts.size() > 1) {
        return {FSEG_VERDICT_AMBIGUOUS, Fault::SeveralVolumes,
                formatText("the series holds %zu volumes of %zu slices at the same place, and the "
                           "files do not say which slice belongs to which; put one volume in a "
                           "folder of its own",
                           counts.front(), counts.size())};
    }
    return refused(Fault::DuplicatePosition,
                   "several slices lie at the same position; the series mixes volumes or has stray "
                   "copies: remove them");
}

/** How far the origin of a slice lies beside the line along the normal through the first one. */
Vector3 asideOf(const SliceHeader &slice, const SliceHeader &first, const Vector3 &normal)
{
    const Vector3 step = difference(slice.position, first.position);
    return difference(step, scaled(normal, dot(step, normal)));
}

/** All slice origins must lie on one line along the normal. */
Finding checkShear(const std::vector<SliceHeader> &slices, const std::vector<double> &places)
{
    const SliceHeader &first = slices.front();
    const SliceHeader &last = slices.back();
    const Vector3 normal = normalOf(first);
    const double length = places.back() - places.front();
    // A tilted gantry shifts every slice by the same amount against the one before.
    const Vector3 slope =
        length > 0.0 ? scaled(asideOf(last, first, normal), 1.0 / length) : Vector3{};
    bool straight = true, tilted = true;
    for (size_t i = 0; i < slices.size(); ++i) {
        const double along = places[i] - places.front();
        const Vector3 aside = asideOf(slices[i], first, normal);
        const double allowed = std::max(spacingToleranceMm, 1e-3 * along);
        straight = straight && norm(aside) <= allowed;
        tilted = tilted && norm(difference(aside, scaled(slope, along))) <= allowed;
    }
    if (straight) {
        return {};
    }
    if (tilted || std::fabs(first.tilt) > 0.1) {
        return refused(Fault::GantryTilt,
                       formatText("every slice is shifted against the one before (tilted gantry, "
                                  "%.1f degrees); such a volume has no right angles: resample it "
                                  "first",
                                  std::atan(norm(slope)) * 180.0 / std::acos(-1.0)));
    }
    return refused(Fault::ShearedStack, "the slices are shifted against each other in their plane; "
                                        "they are no stack: choose another series");
}

/** Distances between neighbours, and how far each slice lies from where even spacing would put it.
 */
struct Steps {
    std::vector<double> sorted;
    double usual =
        0.0; /**< the smaller middle value: with two steps, 3 and 6 mm, the gap is the 6 */
    double mean = 0.0;
    double largestShift = 0.0;
    size_t missing = 0;  /**< slices that whole multiples of the usual step leave out */
    double widest = 0.0; /**< of those gaps */
    bool uneven = false;

    explicit Steps(const std::vector<double> &places)
    {
        for (size_t i = 1; i < places.size(); ++i) {
            sorted.push_back(places[i] - places[i - 1]);
        }
        const std::vector<double> steps = sorted;
        std::sort(sorted.begin(), sorted.end());
        usual = sorted[(sorted.size() - 1) / 2];
        mean = (places.back() - places.front()) / static_cast<double>(steps.size());
        for (size_t i = 0; i < places.size(); ++i) {
            const double even = places.front() + mean * static_cast<double>(i);
            largestShift = std::max(largestShift, std::fabs(places[i] - even));
        }
        for (const double step : steps) {
            if (std::fabs(step - usual) <= allowedDeviation(usual)) {
                continue;
            }
            const double multiple = std::round(step / usual);
            if (multiple >= 2.0 &&
                std::fabs(step - multiple * usual) <= multiple * allowedDeviation(usual)) {
                missing += static_cast<size_t>(std::min(multiple, 1e6)) - 1;
                widest = std::max(widest, step);
            } else {
                uneven = true;
            }
        }
    }
};

/** Every second slice gone leaves an even spacing, but the numbering and the header betray it. */
bool everySecondMissing(const std::vector<SliceHeader> &slices, double usual)
{
    const double announced = slices.front().sliceStep;
    const double multiple = announced > 0.0 ? std::round(usual / announced) : 0.0;
    std::set<int> numbers;
    for (const SliceHeader &slice : slices) {
        numbers.insert(slice.instanceNumber);
    }
    const bool numberingGap =
        slices.front().frame == 0 && numbers.size() == slices.size() &&
        static_cast<long>(*numbers.rbegin()) - *numbers.begin() >= static_cast<long>(slices.size());
    return multiple >= 2.0 && numberingGap &&
           std::fabs(usual - multiple * announced) <= allowedDeviation(usual);
}

Finding checkSteps(const std::vector<SliceHeader> &slices, const std::vector<double> &places,
                   bool allowUneven)
{
    const Steps steps(places);
    if (steps.uneven && allowUneven && steps.largestShift <= largestShift * steps.mean) {
        return {FSEG_VERDICT_REGULARIZED, Fault::UnevenSpacing,
                formatText("slice distances from %.2f to %.2f mm were taken as %.3f mm, as "
                           "allowed; slices are shown up to %.2f mm beside their place",
                           steps.sorted.front(), steps.sorted.back(), steps.mean,
                           steps.largestShift)};
    }
    if (steps.uneven) {
        return refused(Fault::UnevenSpacing,
                       formatText("the distance between slices varies from %.2f to %.2f mm; the "
                                  "series is no regular volume%s",
                                  steps.sorted.front(), steps.sorted.back(),
                                  allowUneven ? ", and too irregular to be taken as one" : ""));
    }
    if (steps.missing > 0) {
        return refused(Fault::MissingSlice,
                       formatText("%zu slice%s missing: the slices are %.2f mm apart, but one gap "
                                  "measures %.2f mm; copy the series again",
                                  steps.missing, steps.missing == 1 ? " is" : "s are", steps.usual,
                                  steps.widest));
    }
    if (everySecondMissing(slices, steps.usual)) {
        return refused(Fault::MissingSlice,
                       formatText("slices are missing: the header says that they are %.2f mm "
                                  "apart, but the positions are %.2f mm apart; copy the series "
                                  "again",
                                  slices.front().sliceStep, steps.usual));
    }
    return {};
}

/** Distance to the next slice, for a slice that has no neighbour; 0 when its file does not say. */
double thicknessOf(const SliceHeader &slice)
{
    return slice.sliceStep > 0.0 ? slice.sliceStep : slice.thickness;
}

fseg_geometry geometryOf(const std::vector<SliceHeader> &slices)
{
    const SliceHeader &first = slices.front();
    fseg_geometry geometry{};
    geometry.size[0] = first.columns;
    geometry.size[1] = first.rows;
    geometry.size[2] = slices.size();
    const Vector3 step = slices.size() > 1
                             ? scaled(difference(slices.back().position, first.position),
                                      1.0 / static_cast<double>(slices.size() - 1))
                             : scaled(normalOf(first), thicknessOf(first));
    setMatrixColumn(geometry, 0, scaled(first.alongRow, first.columnSpacing));
    setMatrixColumn(geometry, 1, scaled(first.alongColumn, first.rowSpacing));
    setMatrixColumn(geometry, 2, step);
    setMatrixColumn(geometry, 3, first.position);
    geometry.ijk_to_lps[3][3] = 1.0;
    return geometry;
}

Finding examine(Series &series, const fseg_series_scan_options &options)
{
    std::vector<SliceHeader> &slices = series.slices;
    for (const auto check : {checkObject, checkPlanes, checkUniformity, checkPixels}) {
        Finding finding = check(slices);
        if (!finding.good()) {
            return finding;
        }
    }
    if (!series.missingFile.empty()) {
        return refused(Fault::MissingFile, "the DICOMDIR lists the file \"" + series.missingFile +
                                               "\", which is not there; copy the series again");
    }
    const std::vector<double> places = sortByPlace(slices);
    Finding finding = checkDuplicates(slices, places);
    if (!finding.good()) {
        return finding;
    }
    if (slices.size() == 1) {
        if (thicknessOf(slices.front()) <= 0.0) {
            return refused(Fault::SingleSlice,
                           "the series is one slice that does not say how thick "
                           "it is; give the whole series");
        }
    } else {
        finding = checkShear(slices, places);
        if (finding.good()) {
            finding = checkSteps(slices, places, options.allow_uneven != 0);
        }
    }
    if (finding.good()) {
        series.geometry = geometryOf(slices);
    }
    return finding;
}

/** Spacing for display: what is known even of a refused series. */
void describeSpacing(const Series &series, double spacing[3])
{
    if (fseg_verdict_usable(series.info.verdict)) {
        fseg_geometry_spacing(&series.geometry, spacing);
        return;
    }
    const SliceHeader &first = series.slices.front();
    spacing[0] = first.hasSpacing ? first.columnSpacing : 0.0;
    spacing[1] = first.hasSpacing ? first.rowSpacing : 0.0;
    spacing[2] = 0.0;
}

} // namespace

bool sameOrientation(const SliceHeader &a, const SliceHeader &b)
{
    return close(a.alongRow, b.alongRow, orientationTolerance) &&
           close(a.alongColumn, b.alongColumn, orientationTolerance);
}

std::vector<double> sortByPlace(std::vector<SliceHeader> &slices)
{
    const Vector3 normal = normalOf(slices.front());
    std::stable_sort(slices.begin(), slices.end(), [&](const SliceHeader &a, const SliceHeader &b) {
        return dot(a.position, normal) < dot(b.position, normal);
    });
    std::vector<double> places;
    for (const SliceHeader &slice : slices) {
        places.push_back(dot(slice.position, normal));
    }
    return places;
}

bool isRegular(std::vector<SliceHeader> slices)
{
    const std::vector<double> places = sortByPlace(slices);
    return slices.size() > 1 && checkShear(slices, places).good() &&
           checkSteps(slices, places, false).good();
}

void judgeSeries(Series &series, const fseg_series_scan_options &options)
{
    fseg_series_info &info = series.info;
    const Finding finding = examine(series, options);
    // A damaged file may lack these tags; take them from a sound one when there is any.
    const auto sound = std::find_if(series.slices.begin(), series.slices.end(),
                                    [](const SliceHeader &slice) { return !slice.damaged(); });
    const SliceHeader &sample = sound == series.slices.end() ? series.slices.front() : *sound;
    copyText(info.uid, sizeof info.uid, toUtf8(sample.series, ""));
    const bool several = info.volumes > 1;
    copyText(info.key, sizeof info.key,
             several ? formatText("%.64s#%zu", info.uid, info.volume) : std::string(info.uid));
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
    copyText(info.reason_id, sizeof info.reason_id, faultId(finding.fault));
    copyText(info.reason, sizeof info.reason, toUtf8(finding.sentence, ""));
    describeSpacing(series, info.spacing_mm);
}

void Series::requireUsable() const
{
    if (!fseg_verdict_usable(info.verdict)) {
        throw Failure(info.verdict == FSEG_VERDICT_AMBIGUOUS ? FSEG_ERROR_AMBIGUOUS
                                                             : FSEG_ERROR_REFUSED,
                      info.reason);
    }
}

} // namespace frugalseg
