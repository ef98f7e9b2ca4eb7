/**
 * @file files.h
 * Small durable files, and fingerprints that recognise an image without naming it.
 *
 * The rules of imaging.h: thread-safe on different objects, paths are UTF-8.
 */
#ifndef FRUGALSEG_FILES_H
#define FRUGALSEG_FILES_H

#include "frugalseg/imaging.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Write `size` bytes as a file, whole or not at all: temporary file in the same folder, flush,
 *  fsync, rename, fsync of the folder. On failure an earlier file at `path` is unchanged. */
fseg_status fseg_file_write(const char *path, const void *bytes, size_t size, fseg_error *error);

/** SHA-256 of `salt` and `text` as 64 hex digits and a null. Nobody who lacks the salt can find out
 *  the text by trying likely ones. */
fseg_status fseg_text_sha256(const char *salt, const char *text, char hex[65], fseg_error *error);

/** The same of an image: of its size and voxels in standard orientation, so that readers which
 *  disagree about the order of slices, or round the geometry, get the same. */
fseg_status fseg_volume_sha256(const char *salt, const fseg_volume *volume, char hex[65],
                               fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
