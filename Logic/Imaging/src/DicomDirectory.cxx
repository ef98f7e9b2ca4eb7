/* DICOMDIR: the list of files on a DICOM medium (DICOM PS3.3 annex F). */
#include "DicomAttributes.h"
#include "DicomSeries.h"
#include "Failure.h"
#include "InputFiles.h"
#include "Limits.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dctk.h"
#include <algorithm>
#include <cctype>
#include <filesystem>

namespace frugalseg
{

namespace
{

namespace fs = std::filesystem;

[[noreturn]] void unusable(const std::string &path)
{
    throw Failure(FSEG_ERROR_BAD_INPUT,
                  "\"" + path +
                      "\" is damaged; give the folder that holds the DICOM files instead");
}

/** The components of a ReferencedFileID; empty when one of them could lead out of the folder. */
std::vector<std::string> componentsOf(const std::string &fileId)
{
    std::vector<std::string> parts(1);
    for (const char c : fileId) {
        if (c == '\\') {
            parts.emplace_back();
        } else {
            parts.back() += c;
        }
    }
    for (std::string &part : parts) {
        while (!part.empty() && part.back() == ' ') {
            part.pop_back();
        }
        if (part.empty() || part == "." || part == ".." || part.find('/') != std::string::npos ||
            part.find('\0') != std::string::npos) {
            return {};
        }
    }
    return parts;
}

/** The file on this system, "" when it is not there. Media are often copied with small letters. */
std::string locate(const std::string &folder, const std::vector<std::string> &parts)
{
    fs::path exact(folder), small(folder);
    for (const std::string &part : parts) {
        std::string lower = part;
        std::transform(lower.begin(), lower.end(), lower.begin(),
                       [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
        exact /= part;
        small /= lower;
    }
    std::error_code code;
    const fs::path root = fs::weakly_canonical(folder, code);
    for (const fs::path &path : {exact, small}) {
        const fs::path real = fs::canonical(path, code);
        if (code || !fs::is_regular_file(real, code)) {
            continue;
        }
        const fs::path relative = real.lexically_relative(root);
        // A link on the medium must not lead out of it either.
        if (!relative.empty() && *relative.begin() != "..") {
            return path.string();
        }
    }
    return "";
}

} // namespace

void readDicomDirectory(const std::string &path, const std::string &folder,
                        std::vector<InputFile> *files, std::map<std::string, std::string> &missing)
{
    std::error_code code;
    if (static_cast<double>(fs::file_size(path, code)) > limits::directoryBytes || code) {
        unusable(path);
    }
    DcmFileFormat file;
    if (file.loadFile(OFFilename(path.c_str()), EXS_Unknown, EGL_noChange, limits::valueInMemory)
            .bad()) {
        if (files) {
            unusable(path);
        }
        return; // beside the files themselves it is not needed
    }
    DcmElement *element = nullptr;
    if (file.getDataset()->findAndGetElement(DCM_DirectoryRecordSequence, element).bad() ||
        !element || element->ident() != EVR_SQ) {
        if (files) {
            unusable(path);
        }
        return;
    }
    // Records lie in the order of a walk through the tree in all but contrived files; each image is
    // counted to the series before it.
    std::string series;
    std::map<std::string, std::string> absent;
    std::map<std::string, size_t> present;
    auto *records = static_cast<DcmSequenceOfItems *>(element);
    DcmObject *object = nullptr;
    while ((object = records->nextInContainer(object)) != nullptr) {
        auto &record = *static_cast<DcmItem *>(object);
        const std::string type = attributeText(record, DCM_DirectoryRecordType);
        if (type == "SERIES") {
            series = attributeText(record, DCM_SeriesInstanceUID);
        }
        const std::string fileId = attributeTexts(record, DCM_ReferencedFileID);
        if (type != "IMAGE" || fileId.empty()) {
            continue;
        }
        const std::vector<std::string> parts = componentsOf(fileId);
        const std::string found = parts.empty() ? "" : locate(folder, parts);
        std::string name = fileId;
        std::replace(name.begin(), name.end(), '\\', '/');
        if (found.empty()) {
            absent.insert({series, name});
            continue;
        }
        ++present[series];
        if (files) {
            files->push_back({found, name});
        }
    }
    // A series of which nothing was copied is not asked for.
    for (const auto &entry : absent) {
        if (present[entry.first] > 0) {
            missing.insert(entry);
        }
    }
    if (files && files->empty()) {
        throw Failure(FSEG_ERROR_BAD_INPUT, "\"" + path +
                                                "\" lists no image that is there; give the folder "
                                                "that holds the DICOM files");
    }
}

} // namespace frugalseg
