/* Files that appear complete or not at all. */
#include "AtomicFile.h"
#include "Failure.h"
#include "frugalseg/files.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <vector>

namespace frugalseg
{

namespace
{

class Descriptor
{
  public:
    explicit Descriptor(int value) : value_(value) {}
    ~Descriptor()
    {
        if (value_ >= 0) {
            close(value_);
        }
    }
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;
    int get() const
    {
        return value_;
    }

  private:
    int value_;
};

} // namespace

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
    const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
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
    const size_t slash = path.find_last_of('/');
    const std::string name = slash == std::string::npos ? path : path.substr(slash + 1);
    requireArgument(!name.empty(), "the name of the file to write is empty");
    std::string pattern = folderOf(path) + "/." + name + ".XXXXXX" + suffix;
    std::vector<char> buffer(pattern.begin(), pattern.end());
    buffer.push_back('\0');
    const Descriptor file(mkostemps(buffer.data(), static_cast<int>(suffix.size()), O_CLOEXEC));
    if (file.get() < 0) {
        throw systemFailure(errno, "cannot write", path);
    }
    temporary_ = buffer.data();
    // mkstemp makes the file private; give it the rights that an ordinary new file has.
    const mode_t mask = umask(0);
    umask(mask);
    if (fchmod(file.get(), 0666 & ~mask) != 0) {
        const int code = errno;
        unlink(temporary_.c_str());
        throw systemFailure(code, "cannot write", path);
    }
}

AtomicFile::~AtomicFile()
{
    if (!committed_) {
        unlink(temporary_.c_str());
    }
}

void AtomicFile::commit()
{
    flushToDisk(temporary_);
    if (rename(temporary_.c_str(), path_.c_str()) != 0) {
        throw systemFailure(errno, "cannot write", path_);
    }
    committed_ = true;
    flushToDisk(folderOf(path_));
}

void AtomicFile::write(const void *bytes, size_t size)
{
    const Descriptor file(open(temporary_.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    if (file.get() < 0) {
        throw systemFailure(errno, "cannot write", path_);
    }
    const char *from = static_cast<const char *>(bytes);
    for (size_t done = 0; done < size;) {
        const ssize_t written = ::write(file.get(), from + done, size - done);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            throw systemFailure(errno, "cannot write", path_);
        }
        done += static_cast<size_t>(written);
    }
}

void AtomicFile::diagnose(size_t bytes, const std::string &fallback)
{
    const Descriptor file(open(temporary_.c_str(), O_WRONLY | O_TRUNC | O_CLOEXEC));
    if (file.get() < 0) {
        throw systemFailure(errno, "cannot write", path_);
    }
    const std::vector<char> zeros(1 << 16, '\0');
    for (size_t done = 0; done < bytes;) {
        const size_t part = bytes - done < zeros.size() ? bytes - done : zeros.size();
        const ssize_t written = ::write(file.get(), zeros.data(), part);
        if (written < 0 && errno == EINTR) {
            continue;
        }
        if (written <= 0) {
            throw systemFailure(errno, "cannot write", path_);
        }
        done += static_cast<size_t>(written);
    }
    if (fsync(file.get()) != 0) {
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
