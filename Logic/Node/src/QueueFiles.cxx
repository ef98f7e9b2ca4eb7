/* Files and folders of the queue. */
#include "QueueFiles.h"

#include "NodeError.h"
#include "frugalseg/files.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <memory>
#include <random>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace frugalseg
{
namespace node
{

NodeError systemError(int code, const std::string &action, const std::string &path)
{
    const std::string what = action + " '" + path + "': ";
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        return NodeError(FSEG_ERROR_NOT_FOUND, what + "there is no such file or folder.");
    case EACCES:
    case EPERM:
    case EROFS:
        return NodeError(FSEG_ERROR_PERMISSION, what + "permission denied.");
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return NodeError(FSEG_ERROR_NO_SPACE, what + "the disk is full; free some space.");
    case ENOMEM:
        return NodeError(FSEG_ERROR_OUT_OF_MEMORY, what + "out of memory.");
    default:
        return NodeError(FSEG_ERROR_IO, what + std::strerror(code) + ".");
    }
}

Descriptor::~Descriptor()
{
    if (number_ >= 0) {
        close(number_);
    }
}

FileLock::FileLock(const std::string &path)
    : file_(open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600))
{
    if (file_.get() < 0) {
        throw systemError(errno, "cannot open", path);
    }
    while (flock(file_.get(), LOCK_EX) != 0) {
        if (errno != EINTR) {
            throw systemError(errno, "cannot lock", path);
        }
    }
}

bool exists(const std::string &path)
{
    struct stat info;
    return lstat(path.c_str(), &info) == 0;
}

std::string parentOf(const std::string &path)
{
    const size_t slash = path.find_last_of('/');
    if (slash == std::string::npos) {
        return ".";
    }
    return slash == 0 ? "/" : path.substr(0, slash);
}

bool makeFolder(const std::string &path)
{
    if (mkdir(path.c_str(), 0700) == 0) {
        return true;
    }
    const int code = errno;
    struct stat info;
    if (code == EEXIST && stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) {
        return false;
    }
    throw systemError(code, "cannot make the folder", path);
}

void makeFolders(const std::string &path)
{
    const std::string parent = parentOf(path);
    if (!exists(parent)) {
        makeFolders(parent);
    }
    if (makeFolder(path)) {
        flushToDisk(parent);
    }
}

Descriptor openFolder(const std::string &path)
{
    Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.get() < 0) {
        throw systemError(errno, "cannot open", path);
    }
    return file;
}

void flushToDisk(const Descriptor &file, const std::string &path)
{
    // EINVAL: a file system that has nothing to flush in folders.
    if (fsync(file.get()) != 0 && errno != EINVAL) {
        throw systemError(errno, "cannot write", path);
    }
}

void flushToDisk(const std::string &path)
{
    flushToDisk(openFolder(path), path);
}

void moveFile(const std::string &from, const std::string &to)
{
    if (rename(from.c_str(), to.c_str()) != 0) {
        throw systemError(errno, "cannot move", from);
    }
}

void moveDurably(const std::string &from, const std::string &to)
{
    moveFile(from, to);
    flushToDisk(parentOf(to));
    flushToDisk(parentOf(from));
}

void removeFile(const std::string &path)
{
    if (unlink(path.c_str()) != 0 && errno != ENOENT) {
        throw systemError(errno, "cannot remove", path);
    }
}

void removeTree(const std::string &path)
{
    const auto removeEntry = [](const char *name, const struct stat *, int, struct FTW *) {
        return std::remove(name);
    };
    if (nftw(path.c_str(), removeEntry, 16, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT) {
        throw systemError(errno, "cannot remove", path);
    }
}

std::vector<std::string> namesIn(const std::string &folder)
{
    std::vector<std::string> names;
    const std::unique_ptr<DIR, int (*)(DIR *)> directory(opendir(folder.c_str()), closedir);
    if (!directory) {
        if (errno == ENOENT) {
            return names;
        }
        throw systemError(errno, "cannot read", folder);
    }
    while (const dirent *entry = readdir(directory.get())) {
        if (entry->d_name[0] != '.') {
            names.emplace_back(entry->d_name);
        }
    }
    std::sort(names.begin(), names.end());
    return names;
}

uint64_t bytesOf(const std::string &file)
{
    struct stat info;
    if (stat(file.c_str(), &info) != 0) {
        throw systemError(errno, "cannot read", file);
    }
    return static_cast<uint64_t>(info.st_size);
}

uint64_t bytesBelow(const std::string &folder)
{
    uint64_t bytes = 0;
    for (const std::string &name : namesIn(folder)) {
        const std::string path = folder + "/" + name;
        struct stat info;
        if (lstat(path.c_str(), &info) != 0) {
            continue; // has moved on meanwhile
        }
        bytes += S_ISDIR(info.st_mode) ? bytesBelow(path) : static_cast<uint64_t>(info.st_size);
    }
    return bytes;
}

uint64_t bytesFree(const std::string &path)
{
    struct statvfs info;
    if (statvfs(path.c_str(), &info) != 0) {
        throw systemError(errno, "cannot read", path);
    }
    return static_cast<uint64_t>(info.f_bavail) * info.f_frsize;
}

double ageOf(const std::string &path)
{
    struct stat info;
    struct timespec now;
    if (stat(path.c_str(), &info) != 0 || clock_gettime(CLOCK_REALTIME, &now) != 0) {
        return 0.0;
    }
    const double age = static_cast<double>(now.tv_sec - info.st_mtim.tv_sec) +
                       1e-9 * static_cast<double>(now.tv_nsec - info.st_mtim.tv_nsec);
    return age > 0.0 ? age : 0.0;
}

void touch(const std::string &path)
{
    if (utimensat(AT_FDCWD, path.c_str(), nullptr, 0) != 0) {
        throw systemError(errno, "cannot write", path);
    }
}

std::string randomName()
{
    std::random_device source;
    char text[33];
    for (int i = 0; i < 4; ++i) {
        std::snprintf(text + 8 * i, sizeof text - 8 * static_cast<size_t>(i), "%08x", source());
    }
    return text;
}

std::string readText(const std::string &path, size_t limit)
{
    const std::unique_ptr<std::FILE, int (*)(std::FILE *)> file(std::fopen(path.c_str(), "rbe"),
                                                                std::fclose);
    if (!file) {
        throw systemError(errno, "cannot read", path);
    }
    std::string text(limit, '\0');
    text.resize(std::fread(&text[0], 1, limit, file.get()));
    return text;
}

void writeText(const std::string &path, const std::string &text)
{
    fseg_error error;
    check(fseg_file_write(path.c_str(), text.data(), text.size(), &error), error);
}

} // namespace node
} // namespace frugalseg
