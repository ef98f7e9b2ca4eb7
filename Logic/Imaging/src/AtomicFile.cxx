/* Files that appear complete or not at all. */
#include "AtomicFile.h"
#include "Failure.h"
#include "FileDescriptor.h"
#include "FileHash.h"
#include "frugalseg/files.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace frugalseg
{

std::string folderOf(const std::string &path)
{
    const size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

void flushToDisk(const std::string &path)
{
    const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    // Some file systems cannot sync a folder (EINVAL); the rename is atomic all the same.
    if (file.get() < 0 || (fsync(file.get()) != 0 && errno != EINVAL)) {
        throw systemFailure(errno, "cannot write", path);
    }
}

AtomicFile::AtomicFile(const std::string &path, const std::string &suffix) : path_(path)
{
    struct stat existing;
    if (stat(path.c_str(), &existing) == 0 && !S_ISREG(existing.st_mode)) {
        throw Failure(FSEG_ERROR_IO,
                      "cannot write \"" + path + "\": something else than a file is there");
    }
    requireArgument(!path.empty() && path.back() != '/', "the name of the file to write is empty");
    fseg_error error{};
    if (fseg_replacement_open(path.c_str(), suffix.c_str(), &file_, &error) != FSEG_OK) {
        throw Failure(error.status, error.message);
    }
}

AtomicFile::~AtomicFile()
{
    fseg_replacement_undo(file_);
}

void AtomicFile::commit()
{
    fseg_error error{};
    if (fseg_replacement_put(file_, &error) != FSEG_OK) {
        throw Failure(error.status, error.message);
    }
    char found[65] = "";
    if (!digest_.empty() &&
        (fseg_file_sha256(path_.c_str(), found, nullptr) != FSEG_OK || digest_ != found)) {
        throw Failure(FSEG_ERROR_IO, "cannot write \"" + path_ +
                                         "\": it reads back otherwise, so the former file is kept; "
                                         "check the disk");
    }
    fseg_replacement_keep(file_);
    file_ = nullptr;
}

void AtomicFile::write(const void *bytes, size_t size)
{
    fseg_error error{};
    const int file = fseg_replacement_descriptor(file_);
    if (ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0) {
        throw systemFailure(errno, "cannot write", path_);
    }
    if (fseg_replacement_write(file_, bytes, size, &error) != FSEG_OK) {
        throw Failure(error.status, error.message);
    }
    digest_ = sha256Hex(bytes, size);
}

void AtomicFile::diagnose(size_t bytes, const std::string &fallback)
{
    const std::vector<char> zeros(1 << 16, '\0');
    fseg_error error{};
    const int file = fseg_replacement_descriptor(file_);
    if (ftruncate(file, 0) != 0 || lseek(file, 0, SEEK_SET) != 0) {
        throw systemFailure(errno, "cannot write", path_);
    }
    for (size_t done = 0; done < bytes; done += zeros.size()) {
        const size_t part = bytes - done < zeros.size() ? bytes - done : zeros.size();
        if (fseg_replacement_write(file_, zeros.data(), part, &error) != FSEG_OK) {
            throw Failure(error.status, error.message);
        }
    }
    if (fsync(file) != 0) {
        throw systemFailure(errno, "cannot write", path_);
    }
    throw Failure(FSEG_ERROR_IO, "cannot write \"" + path_ + "\": " + fallback);
}

} // namespace frugalseg

extern "C" fseg_status fseg_file_write(const char *path, const void *bytes, size_t size,
                                       fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(path && (bytes || size == 0), "path and bytes must not be null");
        frugalseg::AtomicFile file(path, "");
        file.write(bytes, size);
        file.commit();
    });
}
