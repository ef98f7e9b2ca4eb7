/* Files: checked reading. With replacement.c the one place of Compute that speaks POSIX. */
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

/* The status and sentence for a failed system call with errno `code`; `verb`: "read", "write". */
fseg_status fseg_system_error(fseg_error *error, int code, const char *path, const char *verb);

#endif
