/* The volumes in one series: stacks, echoes, time points, b-values, image types.
 *
 * A series is divided only where it must be: at slices in different planes, and at slices that lie
 * at one place. By what those differ is asked in a fixed order (Split); a kind of value is used
 * only if it takes copies apart without taking the volume apart. */
#include "DicomSeries.h"
#include "DicomText.h"
#include "Failure.h"
#include "SliceOrder.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <set>

namespace frugalseg
{

namespace
{

using Slices = std::vector<SliceHeader>;

constexpr size_t mostStacks = 64;
constexpr size_t mostVolumes = 2048; /**< more are not listed */
constexpr size_t smallestStack = 3;  /**< fewer slices in a plane of their own are strays */
constexpr double sameLineMm = 0.5;   /**< origins of one stack, seen along its normal */
constexpr double rightAngle = 0.05;  /**< cosine below which normals count as perpendicular */

Vector3 normalOf(const SliceHeader &slice)
{
    return cross(slice.alongRow, slice.alongColumn);
}

bool placeable(const Slices &slices)
{
    return std::all_of(slices.begin(), slices.end(), [](const SliceHeader &slice) {
        return slice.fault == Fault::None && slice.hasPosition && slice.hasOrientation &&
               slice.hasSpacing;
    });
}

/** Slices whose `same` relation holds with the first of their part. */
template <typename Same> std::vector<Slices> cluster(const Slices &slices, Same same)
{
    std::vector<Slices> parts;
    for (const SliceHeader &slice : slices) {
        if (parts.size() > mostStacks) {
            return {slices}; // no stacks: every slice lies elsewhere
        }
        const auto part = std::find_if(parts.begin(), parts.end(), [&](const Slices &other) {
            return same(other.front(), slice);
        });
        if (part == parts.end()) {
            parts.push_back({slice});
        } else {
            part->push_back(slice);
        }
    }
    return parts;
}

bool eachIsStack(const std::vector<Slices> &parts)
{
    return parts.size() > 1 && std::all_of(parts.begin(), parts.end(), [](const Slices &part) {
               return part.size() >= smallestStack;
           });
}

/** Three planes at right angles are what a localizer looks like, whatever it calls itself. */
bool isLocalizer(const std::vector<Slices> &parts)
{
    const auto perpendicular = [](const Slices &a, const Slices &b) {
        return std::fabs(dot(normalOf(a.front()), normalOf(b.front()))) < rightAngle;
    };
    for (size_t a = 0; a < parts.size(); ++a) {
        for (size_t b = a + 1; b < parts.size(); ++b) {
            for (size_t c = b + 1; c < parts.size(); ++c) {
                if (perpendicular(parts[a], parts[b]) && perpendicular(parts[a], parts[c]) &&
                    perpendicular(parts[b], parts[c])) {
                    return true;
                }
            }
        }
    }
    return false;
}

bool onOneLine(const SliceHeader &a, const SliceHeader &b)
{
    const Vector3 normal = normalOf(a);
    const Vector3 step = difference(b.position, a.position);
    return norm(difference(step, scaled(normal, dot(step, normal)))) <= sameLineMm;
}

/** Stacks by their place: planes of different direction, or side by side. */
std::vector<Slices> splitByPlace(const Slices &slices)
{
    std::vector<Slices> planes = cluster(slices, sameOrientation);
    if (planes.size() > 1 && (!eachIsStack(planes) || isLocalizer(planes))) {
        return {slices}; // the verdict says what is wrong
    }
    std::vector<Slices> stacks;
    for (const Slices &plane : planes) {
        std::vector<Slices> lines = cluster(plane, onOneLine);
        if (eachIsStack(lines)) {
            stacks.insert(stacks.end(), lines.begin(), lines.end());
        } else {
            stacks.push_back(plane);
        }
    }
    return stacks;
}

/** How many slices share a place with one before them, and how many lie at the fullest place. */
struct Copies {
    size_t total = 0;
    size_t most = 1;
};

Copies copiesIn(const Slices &slices)
{
    Copies copies;
    const Vector3 normal = normalOf(slices.front());
    std::vector<double> places;
    for (const SliceHeader &slice : slices) {
        places.push_back(dot(slice.position, normal));
    }
    std::sort(places.begin(), places.end());
    for (size_t i = 0; i < places.size();) {
        size_t next = i + 1;
        while (next < places.size() && places[next] - places[i] <= samePositionMm) {
            ++next;
        }
        copies.total += next - i - 1;
        copies.most = std::max(copies.most, next - i);
        i = next;
    }
    return copies;
}

std::vector<Slices> partsBy(const Slices &slices, Split by)
{
    std::map<std::string, Slices> parts;
    for (const SliceHeader &slice : slices) {
        parts[slice.split(by)].push_back(slice);
    }
    std::vector<Slices> result;
    for (auto &part : parts) {
        result.push_back(std::move(part.second));
    }
    return result;
}

/** A value that differs from slice to slice (a time, a number) would take the volume itself apart:
 *  there may be little more parts than slices at one place. */
bool separates(const std::vector<Slices> &parts, const Copies &before)
{
    size_t left = 0;
    for (const Slices &part : parts) {
        left += copiesIn(part).total;
    }
    return parts.size() > 1 && parts.size() <= 2 * before.most && left < before.total;
}

/** Slices at one place in the order of their time: the first of every place is one volume, and so
 *  on. Only when every place has as many, all at times of their own. */
std::vector<Slices> splitByTime(Slices slices, const Copies &copies)
{
    const size_t most = copies.most;
    if (slices.size() % most != 0 || slices.size() - copies.total != slices.size() / most) {
        return {slices};
    }
    const Vector3 normal = normalOf(slices.front());
    std::stable_sort(slices.begin(), slices.end(), [&](const SliceHeader &a, const SliceHeader &b) {
        return dot(a.position, normal) < dot(b.position, normal);
    });
    std::vector<Slices> parts(most);
    for (size_t i = 0; i < slices.size(); i += most) {
        const auto begin = slices.begin() + static_cast<ptrdiff_t>(i);
        const auto end = begin + static_cast<ptrdiff_t>(most);
        std::sort(begin, end,
                  [](const SliceHeader &a, const SliceHeader &b) { return a.time < b.time; });
        for (size_t n = 0; n < most; ++n) {
            const bool distinct = begin[static_cast<ptrdiff_t>(n)].time >= 0.0 &&
                                  (n == 0 || begin[static_cast<ptrdiff_t>(n)].time >
                                                 begin[static_cast<ptrdiff_t>(n - 1)].time);
            if (!distinct) {
                return {slices};
            }
            parts[n].push_back(begin[static_cast<ptrdiff_t>(n)]);
            parts[n].back().split(Split::Temporal) = formatText("%zu", n + 1);
        }
    }
    return parts;
}

/** Take slices at one place apart, by one kind of value after the other. */
void splitByValues(const Slices &slices, size_t from, std::vector<Slices> &out)
{
    const Copies copies = copiesIn(slices);
    if (copies.total == 0) {
        out.push_back(slices);
        return;
    }
    for (size_t by = from; by < static_cast<size_t>(Split::Count); ++by) {
        const std::vector<Slices> parts = partsBy(slices, static_cast<Split>(by));
        if (separates(parts, copies)) {
            for (const Slices &part : parts) {
                splitByValues(part, by + 1, out);
            }
            return;
        }
    }
    for (Slices &part : splitByTime(slices, copies)) {
        out.push_back(std::move(part));
    }
}

/** Numbers by size, texts by letters, absent ones first. */
bool before(const std::string &a, const std::string &b)
{
    char *endA = nullptr;
    char *endB = nullptr;
    const double x = std::strtod(a.c_str(), &endA), y = std::strtod(b.c_str(), &endB);
    const bool numbers = !a.empty() && !b.empty() && *endA == '\0' && *endB == '\0';
    return numbers ? x < y : a < b;
}

bool volumeBefore(const Slices &a, const Slices &b)
{
    for (size_t by = 0; by < static_cast<size_t>(Split::Count); ++by) {
        const std::string &x = a.front().splits[by];
        const std::string &y = b.front().splits[by];
        if (before(x, y) || before(y, x)) {
            return before(x, y);
        }
    }
    return a.front().instanceNumber < b.front().instanceNumber;
}

/** Words for what is special about each volume: the kinds of values that tell them apart. */
class Labels
{
  public:
    explicit Labels(const std::vector<Slices> &volumes) : volumes_(volumes)
    {
        for (size_t by = 0; by < static_cast<size_t>(Split::Count); ++by) {
            std::set<std::string, decltype(&before)> values(&before);
            for (const Slices &volume : volumes) {
                values.insert(volume.front().splits[by]);
            }
            size_t rank = 0;
            for (const std::string &value : values) {
                ranks_[by][value] = ++rank;
            }
        }
        for (const Slices &volume : volumes) {
            for (const std::string &word : wordsOf(volume.front().split(Split::ImageType))) {
                ++uses_[word];
            }
        }
    }

    std::string of(const Slices &volume) const
    {
        std::string label;
        std::vector<const SliceHeader *> alike;
        for (const Slices &other : volumes_) {
            alike.push_back(&other.front());
        }
        for (size_t by = 0; by < ranks_.size() && alike.size() > 1; ++by) {
            const std::string &value = volume.front().splits[by];
            const auto other =
                std::remove_if(alike.begin(), alike.end(), [&](const SliceHeader *slice) {
                    return slice->splits[by] != value;
                });
            if (other != alike.end()) {
                alike.erase(other, alike.end());
                label += (label.empty() ? "" : ", ") +
                         word(static_cast<Split>(by), volume.front(), ranks_[by].at(value));
            }
        }
        return label;
    }

  private:
    static std::set<std::string> wordsOf(const std::string &type)
    {
        std::set<std::string> words;
        std::string word;
        for (const char c : type + "|") {
            if (c == '\\' || c == '|') {
                words.insert(word);
                word.clear();
            } else {
                word += c;
            }
        }
        words.erase("");
        return words;
    }

    /** The parts of an image type that not all volumes share: "M", "P", "W". */
    std::string typeWord(const std::string &type) const
    {
        std::string label;
        for (const std::string &word : wordsOf(type)) {
            if (uses_.at(word) < volumes_.size()) {
                label += (label.empty() ? "" : " ") + word;
            }
        }
        return "type " + (label.empty() ? std::string("other") : label);
    }

    std::string word(Split by, const SliceHeader &slice, size_t rank) const
    {
        const std::string &value = slice.split(by);
        switch (by) {
        case Split::Stack:
            return formatText("stack %zu", rank);
        case Split::ImageType:
            return typeWord(value);
        case Split::Echo:
            return slice.echo > 0.0 ? formatText("echo %zu, TE %.4g ms", rank, slice.echo)
                                    : formatText("echo %zu", rank);
        case Split::BValue:
            return value.empty() ? "no b-value" : "b " + value;
        case Split::Direction:
            return formatText("direction %zu", rank);
        case Split::Inversion:
            return value.empty() ? "no inversion"
                                 : formatText("TI %.4g ms", std::strtod(value.c_str(), nullptr));
        case Split::Temporal:
            return formatText("time %zu", rank);
        case Split::Acquisition:
            return formatText("acquisition %zu", rank);
        default:
            return formatText("part %zu", rank);
        }
    }

    const std::vector<Slices> &volumes_;
    std::array<std::map<std::string, size_t>, static_cast<size_t>(Split::Count)> ranks_;
    std::map<std::string, size_t> uses_; /**< in how many volumes a word of the image type is */
};

std::vector<Slices> stacksOf(const Slices &slices)
{
    std::vector<Slices> stacks;
    for (const Slices &stated : partsBy(slices, Split::Stack)) {
        for (const Slices &stack : splitByPlace(stated)) {
            stacks.push_back(stack);
        }
    }
    return stacks;
}

/** StackID divides only when that is needed: some scanners number every slice of a volume as a
 *  stack of its own. */
std::vector<Slices> usefulStacks(const Slices &slices)
{
    std::vector<Slices> whole = splitByPlace(slices);
    std::vector<Slices> stated = stacksOf(slices);
    if (stated.size() <= whole.size() || !eachIsStack(stated)) {
        return whole;
    }
    const bool onePlane = whole.size() == 1 && sameOrientation(slices.front(), slices.back());
    const bool copies = copiesIn(slices).total > 0;
    return onePlane && !copies && isRegular(slices) ? whole : stated;
}

/** As the files number stacks or, where they do not, slices. */
bool stackBefore(const Slices &a, const Slices &b)
{
    const std::string &x = a.front().split(Split::Stack);
    const std::string &y = b.front().split(Split::Stack);
    if (before(x, y) || before(y, x)) {
        return before(x, y);
    }
    const auto first = [](const Slices &slices) {
        return std::min_element(slices.begin(), slices.end(),
                                [](const SliceHeader &c, const SliceHeader &d) {
                                    return c.instanceNumber < d.instanceNumber;
                                })
            ->instanceNumber;
    };
    return first(a) < first(b);
}

} // namespace

std::vector<Series> splitIntoVolumes(std::vector<SliceHeader> slices)
{
    std::vector<Slices> volumes;
    if (!placeable(slices)) {
        volumes.push_back(std::move(slices));
    } else {
        std::vector<Slices> stacks = usefulStacks(slices);
        std::stable_sort(stacks.begin(), stacks.end(), stackBefore);
        for (size_t i = 0; i < stacks.size(); ++i) {
            for (SliceHeader &slice : stacks[i]) {
                slice.split(Split::Stack) =
                    stacks.size() > 1 ? formatText("%zu", i + 1) : std::string();
            }
            splitByValues(stacks[i], static_cast<size_t>(Split::ImageType), volumes);
        }
    }
    if (volumes.size() > mostVolumes) {
        Slices all;
        for (Slices &volume : volumes) {
            all.insert(all.end(), volume.begin(), volume.end());
        }
        volumes = {all};
    }
    std::stable_sort(volumes.begin(), volumes.end(), volumeBefore);
    const Labels labels(volumes);
    std::vector<Series> result(volumes.size());
    for (size_t i = 0; i < volumes.size(); ++i) {
        fseg_series_info &info = result[i].info;
        info.volume = i + 1;
        info.volumes = volumes.size();
        copyText(info.label, sizeof info.label, labels.of(volumes[i]));
    }
    for (size_t i = 0; i < volumes.size(); ++i) {
        result[i].slices = std::move(volumes[i]);
    }
    return result;
}

} // namespace frugalseg
