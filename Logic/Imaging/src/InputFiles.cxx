/* The files of a scan, wherever they lie: in a folder, on a DICOM medium, in an archive. */
#include "InputFiles.h"
#include "DicomSeries.h"
#include "Failure.h"
#include "Limits.h"
#include "ZipFolder.h"

#include <algorithm>
#include <cctype>
#include <filesystem>
#include <fstream>

namespace frugalseg
{

namespace
{

namespace fs = std::filesystem;

std::string lower(std::string text)
{
    std::transform(text.begin(), text.end(), text.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    return text;
}

bool isDicomDirectory(const fs::path &path)
{
    return lower(path.filename().string()) == "dicomdir";
}

bool isZip(const std::string &path)
{
    std::ifstream file(path, std::ios::binary);
    char start[4] = {};
    file.read(start, sizeof start);
    return file.gcount() == 4 && start[0] == 'P' && start[1] == 'K' &&
           ((start[2] == 3 && start[3] == 4) || (start[2] == 5 && start[3] == 6));
}

/** Files of a folder tree, sorted, symbolic links to folders not followed. */
std::vector<fs::path> filesBelow(const std::string &folder, const fseg_progress *progress)
{
    std::error_code code;
    std::vector<fs::path> files;
    fs::recursive_directory_iterator walk(folder, code);
    if (code) {
        throw systemFailure(code.value(), "cannot read", folder);
    }
    while (walk != fs::recursive_directory_iterator()) {
        if (walk->is_regular_file(code)) {
            files.push_back(walk->path());
            if (files.size() % 256 == 0) {
                reportProgress(progress, 0.0, "looking for DICOM files");
            }
            if (files.size() > limits::files) {
                throw Failure(FSEG_ERROR_BAD_INPUT,
                              "\"" + folder +
                                  "\" holds more than a million files; give the folder "
                                  "of one study");
            }
        }
        walk.increment(code);
        if (code) {
            throw systemFailure(code.value(), "cannot read a folder below", folder);
        }
    }
    std::sort(files.begin(), files.end());
    return files;
}

InputFiles findInFolder(const std::string &folder, const fseg_progress *progress)
{
    InputFiles found;
    for (const fs::path &file : filesBelow(folder, progress)) {
        if (isDicomDirectory(file)) {
            readDicomDirectory(file.string(), file.parent_path().string(), nullptr, found.missing);
        } else {
            found.files.push_back({file.string(), file.lexically_relative(folder).string()});
        }
    }
    if (found.files.empty()) {
        throw Failure(FSEG_ERROR_BAD_INPUT, "\"" + folder +
                                                "\" is empty; give the "
                                                "folder that holds the DICOM files");
    }
    return found;
}

} // namespace

InputFiles findInputFiles(const std::string &path, const fseg_progress *progress)
{
    std::error_code code;
    const fs::file_status status = fs::status(path, code);
    if (!code && fs::is_directory(status)) {
        return findInFolder(path, progress);
    }
    if (code || !fs::is_regular_file(status)) {
        throw Failure(FSEG_ERROR_NOT_FOUND, "\"" + path +
                                                "\" is not a folder that exists; give the folder "
                                                "that holds the DICOM files");
    }
    InputFiles found;
    const fs::path file(path);
    if (isDicomDirectory(file)) {
        const std::string folder = file.has_parent_path() ? file.parent_path().string() : ".";
        readDicomDirectory(path, folder, &found.files, found.missing);
    } else if (isZip(path)) {
        found.unpacked = unpackZip(path, progress, found.files);
    } else if (looksLikeDicom(path)) {
        found.files.push_back({path, file.filename().string()});
    } else {
        throw Failure(FSEG_ERROR_BAD_INPUT, "\"" + path +
                                                "\" is no DICOM file, DICOMDIR or ZIP archive; "
                                                "give the folder that holds the DICOM files");
    }
    return found;
}

bool isDicomInput(const std::string &path)
{
    std::error_code code;
    const fs::file_status status = fs::status(path, code);
    if (code || !fs::is_regular_file(status)) {
        return !code && fs::is_directory(status);
    }
    try {
        return isDicomDirectory(path) || isZip(path) || looksLikeDicom(path);
    } catch (const Failure &) {
        return false;
    }
}

} // namespace frugalseg
