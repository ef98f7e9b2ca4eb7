/**
 * @file QueueFiles.h
 * Files and folders of the queue: private to their owner, and on the disk before anyone relies on
 * them. All throw NodeError.
 */
#ifndef FRUGALSEG_NODE_QUEUE_FILES_H
#define FRUGALSEG_NODE_QUEUE_FILES_H

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace frugalseg
{
namespace node
{

/** A file descriptor that is closed at the end of its scope. */
class Descriptor
{
  public:
    explicit Descriptor(int number = -1) : number_(number) {}
    ~Descriptor();
    Descriptor(const Descriptor &) = delete;
    Descriptor &operator=(const Descriptor &) = delete;
    Descriptor(Descriptor &&other) noexcept : number_(other.release()) {}
    Descriptor &operator=(Descriptor &&other) noexcept
    {
        std::swap(number_, other.number_);
        return *this;
    }
    int get() const
    {
        return number_;
    }
    int release()
    {
        const int number = number_;
        number_ = -1;
        return number;
    }

  private:
    int number_;
};

/** Holds the file at `path` locked against other processes; the system frees the lock of a process
 *  that ends, however it ends. */
class FileLock
{
  public:
    explicit FileLock(const std::string &path);

  private:
    Descriptor file_;
};

bool exists(const std::string &path);
/** Make a folder for its owner only; true when it is new. Its parent must exist. */
bool makeFolder(const std::string &path);
/** The same with its parents. */
void makeFolders(const std::string &path);
void flushToDisk(const std::string &path);
/** Open a folder to be flushed later, whatever it is called then. */
Descriptor openFolder(const std::string &path);
void flushToDisk(const Descriptor &file, const std::string &path);
/** Rename within one disk. */
void moveFile(const std::string &from, const std::string &to);
/** The same, and flush both parent folders. */
void moveDurably(const std::string &from, const std::string &to);
void removeFile(const std::string &path);
/** Remove a folder and all that is in it; symbolic links are not followed. */
void removeTree(const std::string &path);
/** Names in a folder, sorted, without those that begin with a dot; none when it is absent. */
std::vector<std::string> namesIn(const std::string &folder);
uint64_t bytesOf(const std::string &file);
/** Bytes of all files below a folder. */
uint64_t bytesBelow(const std::string &folder);
/** Bytes that the disk of `path` has free for us. */
uint64_t bytesFree(const std::string &path);
/** Seconds since the last change of a file or of the names in a folder; 0 for the future. */
double ageOf(const std::string &path);
/** Let a file count as just made. */
void touch(const std::string &path);
/** 32 hexadecimal digits that nobody can guess. */
std::string randomName();
std::string readText(const std::string &path, size_t limit);
/** Write a small file, whole or not at all. */
void writeText(const std::string &path, const std::string &text);
std::string parentOf(const std::string &path);

} // namespace node
} // namespace frugalseg
#endif
