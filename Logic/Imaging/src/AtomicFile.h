/**
 * @file AtomicFile.h
 * Files that appear complete or not at all.
 */
#ifndef FRUGALSEG_IMAGING_ATOMIC_FILE_H
#define FRUGALSEG_IMAGING_ATOMIC_FILE_H

#include "frugalseg/replacement.h"

#include <cstddef>
#include <string>

namespace frugalseg
{

/**
 * A temporary file beside `path` (frugalseg/replacement.h). Others write to temporary() by name;
 * commit() flushes it to the disk and renames it over `path`. Without commit the destructor removes
 * it, and an earlier file at `path` stays as it was. What write() wrote is read back by commit()
 * before the earlier file goes.
 */
class AtomicFile
{
  public:
    /** Creates the temporary file, so that a missing folder or permission shows at once; its name
     *  ends in `suffix`, for writers that choose the format by it. */
    AtomicFile(const std::string &path, const std::string &suffix);
    ~AtomicFile();
    AtomicFile(const AtomicFile &) = delete;
    AtomicFile &operator=(const AtomicFile &) = delete;

    std::string temporary() const
    {
        return fseg_replacement_path(file_);
    }
    /** Replace the temporary file's content. */
    void write(const void *bytes, size_t size);
    void commit();

    /**
     * A writer failed without saying why (image libraries drop the reason): find out by writing
     * `bytes` zero bytes to the temporary file, and throw the matching failure; with `fallback` as
     * its text when the system accepts the bytes.
     */
    [[noreturn]] void diagnose(size_t bytes, const std::string &fallback);

  private:
    std::string path_;
    fseg_replacement *file_ = nullptr;
    std::string digest_; /**< of what write() wrote */
};

/** Folder part of a path, "." when it has none. */
std::string folderOf(const std::string &path);
/** Flush a file or folder to the disk; throws on failure. */
void flushToDisk(const std::string &path);

} // namespace frugalseg
#endif
