/**
 * @file model_locate.h
 * Finding a model file by its name, the same way for every front end.
 */
#ifndef FRUGALSEG_MODEL_LOCATE_H
#define FRUGALSEG_MODEL_LOCATE_H

#include "status.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Longest path that fseg_model_locate gives, the terminating null included. */
#define FSEG_PATH_LENGTH 4096

/**
 * Path of the model that `name_or_path` means, written into `path` of `size` bytes
 * (FSEG_PATH_LENGTH always suffices). A file of exactly that path is taken first. A plain name
 * ("liver-t2", with or without ".fseg") is then looked up in
 *   1. the folders of the environment variable FRUGALSEG_MODEL_PATH, separated by colons;
 *   2. $XDG_DATA_HOME/frugalseg/models, by default ~/.local/share/frugalseg/models;
 *   3. share/frugalseg/models and Resources/Models beside, or in a folder above, the library and
 * the program that call this (an installation, a build tree, a source tree). The file is only found
 * here; fseg_model_load checks it.
 *
 * FSEG_ERROR_NOT_FOUND: no such file; the message says where it was sought.
 * FSEG_ERROR_INVALID_ARGUMENT: null or empty name, or `size` too small. On failure `path` is "".
 * Thread-safe as long as no thread changes the environment.
 */
fseg_status fseg_model_locate(const char *name_or_path, char *path, size_t size, fseg_error *error);

/** Where a folder of models comes from. */
typedef enum fseg_model_source {
    FSEG_MODEL_ENVIRONMENT = 0, /**< named by FRUGALSEG_MODEL_PATH */
    FSEG_MODEL_USER,            /**< the user's own */
    FSEG_MODEL_SHIPPED          /**< came with the program */
} fseg_model_source;

/**
 * The folders that fseg_model_locate looks into, in its order: `path` of `size` bytes
 * (FSEG_PATH_LENGTH always suffices) receives number `index`. The folders of the environment and
 * the user's need not exist; those of the program do. `source` may be null.
 *
 * FSEG_ERROR_NOT_FOUND: there are not that many folders. On failure `path` is "".
 * Thread-safe as long as no thread changes the environment.
 */
fseg_status fseg_model_folder(size_t index, char *path, size_t size, fseg_model_source *source,
                              fseg_error *error);

#ifdef __cplusplus
}
#endif
#endif
