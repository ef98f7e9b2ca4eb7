/**
 * @file ZipFolder.h
 * The DICOM files of a ZIP archive, unpacked into a private temporary folder.
 */
#ifndef FRUGALSEG_IMAGING_ZIP_FOLDER_H
#define FRUGALSEG_IMAGING_ZIP_FOLDER_H

#include "InputFiles.h"
#include <memory>
#include <string>
#include <vector>

namespace frugalseg
{

/**
 * A folder that only this user can read, removed with its content at the end. It is locked while
 * it is used; folders that a killed process left behind are recognised by their free lock and
 * removed when the next one is made.
 */
class TemporaryFolder
{
  public:
    TemporaryFolder();
    ~TemporaryFolder();
    TemporaryFolder(const TemporaryFolder &) = delete;
    TemporaryFolder &operator=(const TemporaryFolder &) = delete;
    const std::string &path() const
    {
        return path_;
    }

  private:
    std::string path_;
    int lock_ = -1;
};

/** Unpack what looks like DICOM, under names of our own. Throws when the archive is damaged,
 *  encrypted, or unpacks to more than the limits or the disk allow. */
std::shared_ptr<TemporaryFolder> unpackZip(const std::string &path, const fseg_progress *progress,
                                           std::vector<InputFile> &files);

} // namespace frugalseg
#endif
