/* Finding the DICOM image series of an input and the volumes in them. */
#include "DeflatedFile.h"
#include "DicomSeries.h"
#include "Failure.h"
#include "InputFiles.h"
#include "ZipFolder.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dcuid.h"
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>

namespace
{

using frugalseg::InputFile;
using frugalseg::InputFiles;
using frugalseg::Series;
using frugalseg::SliceHeader;

/** Everything found so far, by SeriesInstanceUID. */
struct Found {
    std::map<std::string, std::vector<SliceHeader>> bySeries;
    std::vector<SliceHeader> orphans; /**< damaged files that do not tell their series */
};

/** Damaged files whose series cannot be told cast doubt on every series of their folder. */
void assignOrphans(Found &found)
{
    const auto folderOf = [](const SliceHeader &slice) {
        return std::filesystem::path(slice.path).parent_path();
    };
    for (const SliceHeader &orphan : found.orphans) {
        for (auto &entry : found.bySeries) {
            const bool neighbour = std::any_of(
                entry.second.begin(), entry.second.end(),
                [&](const SliceHeader &slice) { return folderOf(slice) == folderOf(orphan); });
            if (neighbour) {
                entry.second.push_back(orphan);
            }
        }
    }
}

/** The headers of one file. One that the toolkit cannot inflate is inflated into `unpacked`, which
 * is made when it is needed. */
std::vector<SliceHeader> readFile(const InputFile &file,
                                  std::shared_ptr<frugalseg::TemporaryFolder> &unpacked,
                                  size_t number)
{
    std::vector<SliceHeader> headers = frugalseg::readSliceHeaders(file.path);
    const bool deflated =
        headers.size() == 1 && headers.front().damaged() &&
        headers.front().transferSyntax == UID_DeflatedExplicitVRLittleEndianTransferSyntax;
    if (deflated) {
        if (!unpacked) {
            unpacked = std::make_shared<frugalseg::TemporaryFolder>();
        }
        const std::string target =
            unpacked->path() + frugalseg::formatText("/inflated-%zu.dcm", number);
        if (frugalseg::inflateDicomFile(file.path, target)) {
            headers = frugalseg::readSliceHeaders(target);
        }
    }
    return headers;
}

Found readHeaders(InputFiles &input, const fseg_progress *progress)
{
    const std::vector<InputFile> &files = input.files;
    Found found;
    for (size_t i = 0; i < files.size(); ++i) {
        frugalseg::reportProgress(progress,
                                  static_cast<double>(i) / static_cast<double>(files.size()),
                                  "reading DICOM headers");
        for (SliceHeader &header : readFile(files[i], input.unpacked, i)) {
            header.name = files[i].name;
            if (header.series.empty()) {
                found.orphans.push_back(std::move(header));
            } else {
                found.bySeries[header.series].push_back(std::move(header));
            }
        }
    }
    assignOrphans(found);
    return found;
}

std::unique_ptr<fseg_series_list> scan(const std::string &path,
                                       const fseg_series_scan_options &options,
                                       const fseg_progress *progress)
{
    frugalseg::prepareToolkit();
    InputFiles input = frugalseg::findInputFiles(path, progress);
    Found found = readHeaders(input, progress);
    if (found.bySeries.empty()) {
        throw frugalseg::Failure(
            FSEG_ERROR_BAD_INPUT,
            found.orphans.empty() ? "\"" + path + "\" holds no DICOM images"
                                  : "\"" + path + "\" holds no readable DICOM images; the file \"" +
                                        found.orphans.front().name + "\" is damaged or incomplete");
    }
    auto list = std::make_unique<fseg_series_list>();
    list->unpacked = input.unpacked;
    for (auto &entry : found.bySeries) {
        const auto missing = input.missing.find(entry.first);
        for (Series &volume : frugalseg::splitIntoVolumes(std::move(entry.second))) {
            volume.missingFile = missing == input.missing.end() ? "" : missing->second;
            frugalseg::judgeSeries(volume, options);
            list->series.push_back(std::move(volume));
        }
    }
    return list;
}

} // namespace

extern "C" {

const char *fseg_verdict_name(fseg_verdict verdict)
{
    switch (verdict) {
    case FSEG_VERDICT_OK:
        return "ok";
    case FSEG_VERDICT_AMBIGUOUS:
        return "ambiguous";
    case FSEG_VERDICT_REFUSED:
        return "refused";
    case FSEG_VERDICT_REGULARIZED:
        return "ok-regularized";
    }
    return "unknown";
}

int fseg_verdict_usable(fseg_verdict verdict)
{
    return verdict == FSEG_VERDICT_OK || verdict == FSEG_VERDICT_REGULARIZED;
}

int fseg_series_is_dicom_input(const char *path)
{
    return path && frugalseg::isDicomInput(path) ? 1 : 0;
}

fseg_status fseg_series_list_scan(const char *folder, const fseg_progress *progress,
                                  fseg_series_list **out, fseg_error *error)
{
    return fseg_series_list_scan_with(folder, nullptr, progress, out, error);
}

fseg_status fseg_series_list_scan_with(const char *path, const fseg_series_scan_options *options,
                                       const fseg_progress *progress, fseg_series_list **out,
                                       fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(path && out, "path and out must not be null");
        *out = nullptr;
        const fseg_series_scan_options strict{};
        *out = scan(path, options ? *options : strict, progress).release();
    });
}

void fseg_series_list_free(fseg_series_list *list)
{
    delete list;
}

size_t fseg_series_list_count(const fseg_series_list *list)
{
    return list ? list->series.size() : 0;
}

const fseg_series_info *fseg_series_list_info(const fseg_series_list *list, size_t index)
{
    return list && index < list->series.size() ? &list->series[index].info : nullptr;
}

} // extern "C"
