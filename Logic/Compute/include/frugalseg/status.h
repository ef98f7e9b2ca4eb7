/**
 * @file status.h
 * Status codes and error texts of the FrugalSeg compute library.
 *
 * Every fallible call returns an fseg_status and optionally fills an fseg_error with one clear
 * sentence that says what is wrong and what to do. The library never prints, exits, aborts, sets
 * errno on purpose or asserts on the caller's input. An fseg_error belongs to the caller; there is
 * no hidden per-thread or process-wide error state.
 */
#ifndef FRUGALSEG_STATUS_H
#define FRUGALSEG_STATUS_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum fseg_status {
    FSEG_OK = 0,
    FSEG_ERROR_INVALID_ARGUMENT, /**< a parameter is null, out of range or inconsistent */
    FSEG_ERROR_OUT_OF_MEMORY,    /**< an allocation failed; nothing was changed */
    FSEG_ERROR_CANCELLED,        /**< the progress callback asked to stop */
    FSEG_ERROR_UNSUPPORTED,      /**< valid, but this build or machine cannot do it */
    FSEG_ERROR_NOT_FINITE,       /**< input, loss or result holds NaN or infinity */
    FSEG_ERROR_NOT_FOUND,        /**< the file, folder or named thing does not exist */
    FSEG_ERROR_PERMISSION,       /**< the system denies reading or writing there */
    FSEG_ERROR_NO_SPACE,         /**< the disk or quota is full; the old file is unchanged */
    FSEG_ERROR_IO,               /**< any other failure to read or write */
    FSEG_ERROR_BAD_INPUT,        /**< an image, label or series cannot be used as it is */
    FSEG_ERROR_REFUSED,          /**< input understood, and refused for safety (geometry) */
    FSEG_ERROR_AMBIGUOUS,        /**< several candidates; the caller must choose one */
    /* Model file (docs/file-format.md): each kind of damage has its own status. */
    FSEG_ERROR_FILE_FORMAT,       /**< not a FrugalSeg model: foreign content or broken header */
    FSEG_ERROR_FILE_SHORT,        /**< the file ends before the header or tensors do */
    FSEG_ERROR_FILE_LONG,         /**< bytes follow the last tensor */
    FSEG_ERROR_FILE_OVERLAP,      /**< tensors overlap or leave holes */
    FSEG_ERROR_FILE_OVERFLOW,     /**< a size or product exceeds what can be addressed */
    FSEG_ERROR_FILE_SHAPE,        /**< a tensor's shape or type contradicts the architecture */
    FSEG_ERROR_FILE_ARCHITECTURE, /**< the architecture is missing, unknown or out of range */
    FSEG_ERROR_FILE_VERSION,      /**< written by a newer, incompatible version */
    FSEG_ERROR_FILE_HASH          /**< the content is not what the checksum inside says */
} fseg_status;

/** Optional detail of a failure. `message` is always null-terminated; empty on success. */
typedef struct fseg_error {
    fseg_status status;
    char message[512];
} fseg_error;

/** Short constant text of a status, never null ("out of memory"). Thread-safe. */
const char *fseg_status_text(fseg_status status);

/**
 * Fill `error` (may be null) with `status` and a printf-style message, and return `status`, so
 * that failing code reads `return fseg_error_set(error, FSEG_ERROR_..., "...")`. Thread-safe.
 */
fseg_status fseg_error_set(fseg_error *error, fseg_status status, const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 3, 4)))
#endif
    ;

/**
 * Progress and cancellation of a long call. `callback` receives the fraction done (0 to 1) and a
 * short constant stage name; it returns 0 to go on, anything else to cancel. It is called on the
 * calling thread, at most 50 ms apart. A null pointer or null callback means: no reports.
 */
typedef struct fseg_progress {
    int (*callback)(void *user, double fraction, const char *stage);
    void *user;
} fseg_progress;

/** Report to `progress` (may be null); returns FSEG_OK or FSEG_ERROR_CANCELLED. */
fseg_status fseg_progress_report(const fseg_progress *progress, double fraction, const char *stage);

#ifdef __cplusplus
}
#endif
#endif
