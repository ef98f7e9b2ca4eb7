/* The DICOM files of a ZIP archive, by libarchive. */
#include "ZipFolder.h"
#include "DicomHeader.h"
#include "Failure.h"
#include "FileDescriptor.h"
#include "Limits.h"

#include <archive.h>
#include <archive_entry.h>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

namespace frugalseg
{

namespace
{

namespace fs = std::filesystem;

constexpr const char *prefix = "frugalseg-zip-";
constexpr const char *lockName = ".lock";

/** Remove folders of ours whose process is gone. */
void removeLeftovers(const fs::path &parent)
{
    std::error_code code;
    for (fs::directory_iterator at(parent, code), end; !code && at != end; at.increment(code)) {
        const fs::path folder = at->path();
        struct stat status;
        if (folder.filename().string().rfind(prefix, 0) != 0 ||
            lstat(folder.c_str(), &status) != 0 || !S_ISDIR(status.st_mode) ||
            status.st_uid != geteuid()) {
            continue;
        }
        const FileDescriptor lock(
            open((folder / lockName).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
        if (lock.get() >= 0 && flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
            std::error_code ignored;
            fs::remove_all(folder, ignored);
        }
    }
}

[[noreturn]] void damaged(const std::string &path)
{
    throw Failure(FSEG_ERROR_BAD_INPUT, "the archive \"" + path +
                                            "\" is damaged or was not copied completely; copy it "
                                            "again or unpack it yourself");
}

struct FreeArchive {
    void operator()(archive *reader) const
    {
        archive_read_free(reader);
    }
};

/** One archive being unpacked. */
class Unpacking
{
  public:
    Unpacking(const std::string &path, const std::string &folder, const fseg_progress *progress)
        : path_(path), folder_(folder), progress_(progress), reader_(archive_read_new()),
          size_(static_cast<double>(fs::file_size(path)))
    {
        if (!reader_) {
            throw std::bad_alloc();
        }
        // Nothing but ZIP: an archive cannot choose which of libarchive's parsers it meets.
        archive_read_support_format_zip_seekable(reader_.get());
        if (archive_read_open_filename(reader_.get(), path.c_str(), 1 << 16) != ARCHIVE_OK) {
            damaged(path);
        }
    }

    std::vector<InputFile> run()
    {
        std::vector<InputFile> files;
        archive_entry *entry = nullptr;
        size_t entries = 0;
        for (;;) {
            const int result = archive_read_next_header(reader_.get(), &entry);
            if (result == ARCHIVE_EOF) {
                return files;
            }
            if (result < ARCHIVE_WARN || ++entries > limits::zipEntries) {
                damaged(path_);
            }
            reportProgress(progress_, 0.0, "unpacking the archive");
            if (archive_entry_filetype(entry) != AE_IFREG) {
                continue;
            }
            if (archive_entry_is_data_encrypted(entry) != 0) {
                throw Failure(FSEG_ERROR_UNSUPPORTED,
                              "the archive \"" + path_ +
                                  "\" is encrypted; unpack it yourself and give the folder");
            }
            const char *name = archive_entry_pathname(entry);
            const std::string target = folder_ + formatText("/%zu.dcm", entries);
            if (unpack(target)) {
                files.push_back({target, name ? name : formatText("entry %zu", entries)});
            }
        }
    }

  private:
    /** Write the entry's data; false, and no file, when it does not begin like DICOM. */
    bool unpack(const std::string &target)
    {
        unsigned char buffer[1 << 16];
        const size_t first = read(buffer, sizeof buffer);
        if (!beginsLikeDicom(buffer, first)) {
            return false;
        }
        const FileDescriptor file(
            open(target.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR));
        if (file.get() < 0) {
            throw systemFailure(errno, "cannot write", target);
        }
        for (size_t count = first; count > 0; count = read(buffer, sizeof buffer)) {
            size_t done = 0;
            while (done < count) {
                const ssize_t written = ::write(file.get(), buffer + done, count - done);
                if (written < 0) {
                    throw systemFailure(errno, "cannot unpack the archive into", folder_);
                }
                done += static_cast<size_t>(written);
            }
        }
        return true;
    }

    /** Up to `size` bytes of the entry, fewer at its end only. */
    size_t read(unsigned char *buffer, size_t size)
    {
        size_t done = 0;
        while (done < size) {
            const la_ssize_t got = archive_read_data(reader_.get(), buffer + done, size - done);
            if (got < 0) {
                damaged(path_);
            }
            if (got == 0) {
                break;
            }
            done += static_cast<size_t>(got);
        }
        unpacked_ += static_cast<double>(done);
        reportProgress(progress_, 0.0, "unpacking the archive");
        // Entries that share their bytes give more than DEFLATE can: a bomb.
        if (unpacked_ > limits::zipBytes || unpacked_ > limits::deflateRatio * size_) {
            throw Failure(FSEG_ERROR_BAD_INPUT,
                          "the archive \"" + path_ +
                              "\" unpacks to more than a study can be; it is damaged or malicious");
        }
        return done;
    }

    std::string path_, folder_;
    const fseg_progress *progress_;
    std::unique_ptr<archive, FreeArchive> reader_;
    double size_;
    double unpacked_ = 0.0;
};

} // namespace

TemporaryFolder::TemporaryFolder()
{
    std::error_code code;
    const fs::path parent = fs::temp_directory_path(code);
    if (code) {
        throw systemFailure(code.value(), "cannot find", "the folder for temporary files");
    }
    removeLeftovers(parent);
    std::string pattern = (parent / (std::string(prefix) + "XXXXXX")).string();
    if (!mkdtemp(pattern.data())) {
        throw systemFailure(errno, "cannot make a folder in", parent.string());
    }
    path_ = pattern;
    FileDescriptor lock(
        open((path_ + "/" + lockName).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, S_IRUSR));
    if (lock.get() < 0 || flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        const int problem = errno;
        fs::remove_all(path_, code);
        throw systemFailure(problem, "cannot write", path_);
    }
    lock_ = lock.release();
}

TemporaryFolder::~TemporaryFolder()
{
    std::error_code code;
    fs::remove_all(path_, code);
    close(lock_);
}

std::shared_ptr<TemporaryFolder> unpackZip(const std::string &path, const fseg_progress *progress,
                                           std::vector<InputFile> &files)
{
    auto folder = std::make_shared<TemporaryFolder>();
    files = Unpacking(path, folder->path(), progress).run();
    if (files.empty()) {
        throw Failure(FSEG_ERROR_BAD_INPUT, "the archive \"" + path + "\" holds no DICOM files");
    }
    return folder;
}

} // namespace frugalseg
