#define _POSIX_C_SOURCE 200809L
#include "file_io.h"
#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <unistd.h>

/* One write or read call moves at most this much; Linux itself stops at 2 GiB. */
#define TRANSFER_LIMIT ((size_t)1 << 30)

fseg_status fseg_system_error(fseg_error *error, int code, const char *path, const char *verb)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        return fseg_error_set(error, FSEG_ERROR_NOT_FOUND,
                              "Cannot %s '%s': the file or its folder does not exist; check the "
                              "path.",
                              verb, path);
    case EACCES:
    case EPERM:
    case EROFS:
        return fseg_error_set(error, FSEG_ERROR_PERMISSION,
                              "Cannot %s '%s': permission denied; choose another place or ask for "
                              "access.",
                              verb, path);
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return fseg_error_set(error, FSEG_ERROR_NO_SPACE,
                              "Cannot %s '%s': the disk or quota is full; free some space and try "
                              "again.",
                              verb, path);
    case EISDIR:
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "Cannot %s '%s': it is a folder; give the name of a file.", verb,
                              path);
    case ENAMETOOLONG:
        return fseg_error_set(error, FSEG_ERROR_INVALID_ARGUMENT,
                              "Cannot %s '%s': the name is too long.", verb, path);
    case ENOMEM:
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "Cannot %s '%s': out of memory.",
                              verb, path);
    default:
        return fseg_error_set(error, FSEG_ERROR_IO,
                              "Cannot %s '%s': the system reports input/output error %d.", verb,
                              path, code);
    }
}

fseg_status fseg_file_reader_open(const char *path, fseg_file_reader *out, fseg_error *error)
{
    out->descriptor = -1;
    out->size = 0;
    /* O_NONBLOCK: opening a pipe must not wait for a writer. */
    const int descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (descriptor < 0) {
        return fseg_system_error(error, errno, path, "read");
    }
    struct stat info;
    if (fstat(descriptor, &info) != 0) {
        const int code = errno;
        close(descriptor);
        return fseg_system_error(error, code, path, "read");
    }
    if (!S_ISREG(info.st_mode)) {
        close(descriptor);
        return fseg_error_set(error, FSEG_ERROR_FILE_FORMAT,
                              "'%s' is %s, not a model file; give the path of a .fseg file.", path,
                              S_ISDIR(info.st_mode) ? "a folder" : "not a regular file");
    }
    out->descriptor = descriptor;
    out->size = (uint64_t)info.st_size;
    return FSEG_OK;
}

void fseg_file_reader_close(fseg_file_reader *reader)
{
    if (reader->descriptor >= 0) {
        close(reader->descriptor);
        reader->descriptor = -1;
    }
}

fseg_status fseg_file_reader_read(const fseg_file_reader *reader, uint64_t offset, void *buffer,
                                  size_t count, fseg_error *error)
{
    unsigned char *to = buffer;
    while (count > 0) {
        const size_t part = count < TRANSFER_LIMIT ? count : TRANSFER_LIMIT;
        const ssize_t got = pread(reader->descriptor, to, part, (off_t)offset);
        if (got < 0) {
            if (errno == EINTR) {
                continue;
            }
            return fseg_error_set(error, FSEG_ERROR_IO,
                                  "The model file cannot be read: the system reports input/output "
                                  "error %d.",
                                  errno);
        }
        if (got == 0) {
            return fseg_error_set(error, FSEG_ERROR_FILE_SHORT,
                                  "The model file became shorter while it was read; load it again "
                                  "when nothing else writes to it.");
        }
        to += got;
        offset += (uint64_t)got;
        count -= (size_t)got;
    }
    return FSEG_OK;
}
