/* Named float tensors and text metadata in one file: the safetensors layout under the rules of
 * docs/file-format.md. Models and training checkpoints are both such files. */
#ifndef FSEG_MODEL_FILE_H
#define FSEG_MODEL_FILE_H

#include "frugalseg/model.h"

/* Metadata keys that every file of ours carries; the writer adds format and format_version. */
#define FSEG_METADATA_KIND "kind"                 /* "model", or what checkpoint.h says */
#define FSEG_METADATA_ARCHITECTURE "architecture" /* JSON text */
#define FSEG_METADATA_CARD "card"                 /* JSON text */
/* Checksum of everything else: fseg_content_hash. From format version 2 on it must be there. */
#define FSEG_METADATA_HASH "sha256"
#define FSEG_FORMAT_VERSION "2"

typedef struct fseg_metadata {
    const char *key;
    const char *value;
} fseg_metadata;

#define FSEG_METADATA_MOST 16

/* ---- the checksum ---- */

/* Where the bytes of tensor `index` (of the list that is hashed) come from: `count` values from
 * `first` on, as little-endian bytes into `bytes`. */
typedef fseg_status (*fseg_content_reader)(void *user, size_t index, size_t first, size_t count,
                                           unsigned char *bytes, fseg_error *error);
/* SHA-256 of the metadata but FSEG_METADATA_HASH and of all tensors, each sorted by name, so that a
 * program that orders the file otherwise keeps it valid. docs/file-format.md has the bytes. */
fseg_status fseg_content_hash(const fseg_metadata *metadata, size_t metadata_count,
                              const fseg_tensor *tensors, size_t tensor_count,
                              fseg_content_reader read, void *user, char hex[65],
                              fseg_error *error);

/* ---- writing ---- */

/* Write atomically (replacement.h) and read back: until the checksum of what is on the disk agrees,
 * the former file is kept as a backup, and returns when it does not. Names must be unique and not
 * "__metadata__", metadata at most FSEG_METADATA_MOST. Non-finite values: FSEG_ERROR_NOT_FINITE,
 * nothing is written. */
fseg_status fseg_tensor_file_write(const char *path, const fseg_metadata *metadata,
                                   size_t metadata_count, const fseg_tensor *tensors,
                                   size_t tensor_count, fseg_error *error);

/* The architecture as JSON text, malloc'ed; null when out of memory. */
char *fseg_architecture_to_json(const fseg_unet_config *config);
/* The reverse, range-checked; FSEG_ERROR_FILE_ARCHITECTURE. */
fseg_status fseg_architecture_from_json(const char *json, fseg_unet_config *out, fseg_error *error);

/* ---- reading ---- */

typedef struct fseg_tensor_file fseg_tensor_file;

/* Open and check everything that can be checked without the architecture: sizes, header, version,
 * table, offsets. Allocates in proportion to the header only. */
fseg_status fseg_tensor_file_open(const char *path, fseg_tensor_file **out, fseg_error *error);
void fseg_tensor_file_close(fseg_tensor_file *file);
/* Compare the content with the checksum: FSEG_ERROR_FILE_HASH when it differs. Files of version 1
 * have none and pass. */
fseg_status fseg_tensor_file_verify(const fseg_tensor_file *file, fseg_error *error);
/* Null when there is no such key. Belongs to the file. */
const char *fseg_tensor_file_metadata(const fseg_tensor_file *file, const char *key);
size_t fseg_tensor_file_count(const fseg_tensor_file *file);
/* Name, rank, shape and count of a tensor, in the order of the payload; data is null. */
const fseg_tensor *fseg_tensor_file_tensor(const fseg_tensor_file *file, size_t index);
/* Read the tensor `name` into `data` (null: only check); it must exist with exactly the rank and
 * shape of `expected` (FSEG_ERROR_FILE_SHAPE) and hold finite values (FSEG_ERROR_NOT_FINITE). */
fseg_status fseg_tensor_file_read(const fseg_tensor_file *file, const char *name,
                                  const fseg_tensor *expected, float *data, fseg_error *error);

#endif
