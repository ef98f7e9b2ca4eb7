/* The choice of a series, and of a volume in it, by the user or by there being only one. */
#include "DicomSeries.h"
#include "DicomText.h"
#include "Failure.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <set>

namespace
{

using frugalseg::Failure;
using frugalseg::formatText;

constexpr size_t longestMessage = 500;

/** What the user named: a series ("" = any) and a volume (0 = any). */
struct Wish {
    std::string uid;
    size_t volume = 0;
};

/** "1.2.3" or "1.2.3#2". */
Wish wishOf(const char *uid, size_t volume)
{
    Wish wish{uid ? uid : "", volume};
    const size_t mark = wish.uid.find('#');
    if (mark == std::string::npos) {
        return wish;
    }
    char *end = nullptr;
    const unsigned long number = std::strtoul(wish.uid.c_str() + mark + 1, &end, 10);
    frugalseg::requireArgument(number > 0 && *end == '\0',
                               "behind # in a series' name there must be the number of a volume");
    frugalseg::requireArgument(volume == 0 || volume == number,
                               "two different volumes were asked for");
    wish.volume = number;
    wish.uid.erase(mark);
    return wish;
}

/** How a message names a series: UID, description, slices. */
std::string seriesWords(const fseg_series_info &info)
{
    return formatText("%s (\"%s\", %zu slices)", info.uid, info.description, info.slices);
}

std::string volumeWords(const fseg_series_info &info)
{
    return formatText("%zu (%s, %zu slices)", info.volume, info.label, info.slices);
}

std::string listed(std::string message, const fseg_series_list &list,
                   const std::vector<size_t> &entries,
                   std::string (*words)(const fseg_series_info &))
{
    for (size_t i = 0; i < entries.size(); ++i) {
        const std::string entry = (i ? "; " : "") + words(list.series[entries[i]].info);
        if (message.size() + entry.size() > longestMessage) {
            return message + " ...";
        }
        message += entry;
    }
    return message;
}

std::vector<size_t> matching(const fseg_series_list &list, const Wish &wish)
{
    std::vector<size_t> found;
    bool series = false;
    size_t volumes = 0;
    for (size_t i = 0; i < list.series.size(); ++i) {
        const fseg_series_info &info = list.series[i].info;
        if (!wish.uid.empty() && wish.uid != info.uid) {
            continue;
        }
        series = true;
        volumes = std::max(volumes, info.volumes);
        if (wish.volume == 0 || wish.volume == info.volume) {
            found.push_back(i);
        }
    }
    if (!series) {
        throw Failure(FSEG_ERROR_NOT_FOUND, "there is no series with the UID " + wish.uid);
    }
    if (found.empty()) {
        throw Failure(FSEG_ERROR_NOT_FOUND, formatText("there is no volume %zu; the series has %zu",
                                                       wish.volume, volumes));
    }
    return found;
}

[[noreturn]] void refuseAll(const fseg_series_list &list, const std::vector<size_t> &found)
{
    const fseg_series_info &first = list.series[found.front()].info;
    throw Failure(
        first.verdict == FSEG_VERDICT_AMBIGUOUS && found.size() == 1 ? FSEG_ERROR_AMBIGUOUS
                                                                     : FSEG_ERROR_REFUSED,
        found.size() == 1 ? std::string(first.reason)
                          : formatText("none of the %zu series can be used; the first: %s",
                                       found.size(), first.reason));
}

size_t choose(const fseg_series_list &list, const Wish &wish)
{
    const std::vector<size_t> found = matching(list, wish);
    if (!wish.uid.empty() && found.size() == 1) {
        return found.front(); // reading it says what is wrong, if anything
    }
    std::vector<size_t> good;
    std::set<std::string> uids;
    for (const size_t i : found) {
        if (fseg_verdict_usable(list.series[i].info.verdict)) {
            good.push_back(i);
            uids.insert(list.series[i].info.uid);
        }
    }
    if (good.empty()) {
        refuseAll(list, found);
    }
    // Of a series with several volumes of which one is usable, the user still decides.
    const bool alone =
        good.size() == 1 && (wish.volume != 0 || list.series[good.front()].info.volumes == 1);
    if (alone) {
        return good.front();
    }
    if (uids.size() == 1) {
        throw Failure(
            FSEG_ERROR_AMBIGUOUS,
            listed(formatText("the series holds %zu volumes; choose one by its number (--volume): ",
                              list.series[good.front()].info.volumes),
                   list, good, volumeWords));
    }
    // One entry for each series.
    std::vector<size_t> firsts;
    for (const size_t i : good) {
        if (firsts.empty() ||
            std::strcmp(list.series[firsts.back()].info.uid, list.series[i].info.uid) != 0) {
            firsts.push_back(i);
        }
    }
    throw Failure(
        FSEG_ERROR_AMBIGUOUS,
        listed(formatText("there are %zu usable series; choose one by its UID: ", firsts.size()),
               list, firsts, seriesWords));
}

} // namespace

extern "C" {

fseg_status fseg_series_list_choose(const fseg_series_list *list, const char *uid, size_t *index,
                                    fseg_error *error)
{
    return fseg_series_list_choose_volume(list, uid, 0, index, error);
}

fseg_status fseg_series_list_choose_volume(const fseg_series_list *list, const char *uid,
                                           size_t volume, size_t *index, fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(list && index, "list and index must not be null");
        *index = choose(*list, wishOf(uid, volume));
    });
}

} // extern "C"
