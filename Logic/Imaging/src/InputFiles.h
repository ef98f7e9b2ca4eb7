/**
 * @file InputFiles.h
 * The files of a scan, wherever they lie: in a folder, on a DICOM medium, in an archive.
 */
#ifndef FRUGALSEG_IMAGING_INPUT_FILES_H
#define FRUGALSEG_IMAGING_INPUT_FILES_H

#include "frugalseg/context.h"
#include <map>
#include <memory>
#include <string>
#include <vector>

namespace frugalseg
{

class TemporaryFolder;

struct InputFile {
    std::string path;
    std::string name; /**< below the folder or in the archive, for messages */
};

struct InputFiles {
    std::vector<InputFile> files;
    /** Series whose DICOMDIR lists a file that is not there: UID -> the file's name. */
    std::map<std::string, std::string> missing;
    std::shared_ptr<TemporaryFolder> unpacked; /**< keeps the files of an archive */
};

/** What `path` names: a folder (searched recursively), a DICOMDIR, a ZIP archive or one DICOM file.
 *  Throws when it is none of them or cannot be read. */
InputFiles findInputFiles(const std::string &path, const fseg_progress *progress);

/** Whether `path` is one of them. Never throws. */
bool isDicomInput(const std::string &path);

/** Read a DICOMDIR: the images that it lists and that are there go to `files` (unless null), the
 *  first missing one of each series to `missing`. Nothing outside `folder` is touched. */
void readDicomDirectory(const std::string &path, const std::string &folder,
                        std::vector<InputFile> *files, std::map<std::string, std::string> &missing);

} // namespace frugalseg
#endif
