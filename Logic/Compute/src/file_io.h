/* Files: checked reading and atomic replacement. The one place of Compute that speaks POSIX. */
#ifndef FSEG_FILE_IO_H
#define FSEG_FILE_IO_H

#include "frugalseg/status.h"
#include <stdint.h>

/* A regular file open for reading. */
typedef struct fseg_file_reader {
    int descriptor;
    uint64_t size; /* when it was opened */
} fseg_file_reader;

/* Missing: FSEG_ERROR_NOT_FOUND; denied: FSEG_ERROR_PERMISSION; a folder, pipe or device:
 * FSEG_ERROR_FILE_FORMAT. Never waits for a pipe's other end. */
fseg_status fseg_file_reader_open(const char *path, fseg_file_reader *out, fseg_error *error);
void fseg_file_reader_close(fseg_file_reader *reader);
/* Exactly `count` bytes from `offset`; FSEG_ERROR_FILE_SHORT when the file ends before. */
fseg_status fseg_file_reader_read(const fseg_file_reader *reader, uint64_t offset, void *buffer,
                                  size_t count, fseg_error *error);

/* A new file beside `path`, which takes its place on commit and vanishes on discard. */
typedef struct fseg_file_writer {
    int descriptor;
    char *path;      /* of the result */
    char *temporary; /* in the same folder */
} fseg_file_writer;

fseg_status fseg_file_writer_open(const char *path, fseg_file_writer *out, fseg_error *error);
fseg_status fseg_file_writer_write(fseg_file_writer *writer, const void *buffer, size_t count,
                                   fseg_error *error);
/* fsync, rename over `path`, fsync of the folder. The writer is closed either way; on failure an
 * earlier file at `path` is unchanged and the temporary file is gone. */
fseg_status fseg_file_writer_commit(fseg_file_writer *writer, fseg_error *error);
/* Remove the temporary file. Harmless after commit. */
void fseg_file_writer_discard(fseg_file_writer *writer);

#endif
