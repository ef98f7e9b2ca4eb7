#include "frugalseg/status.h"
#include <stdarg.h>
#include <stdio.h>

const char *fseg_status_text(fseg_status status)
{
    switch (status) {
    case FSEG_OK:
        return "ok";
    case FSEG_ERROR_INVALID_ARGUMENT:
        return "invalid argument";
    case FSEG_ERROR_OUT_OF_MEMORY:
        return "out of memory";
    case FSEG_ERROR_CANCELLED:
        return "cancelled";
    case FSEG_ERROR_UNSUPPORTED:
        return "not supported here";
    case FSEG_ERROR_NOT_FINITE:
        return "not a finite number";
    case FSEG_ERROR_NOT_FOUND:
        return "not found";
    case FSEG_ERROR_PERMISSION:
        return "permission denied";
    case FSEG_ERROR_NO_SPACE:
        return "no space left";
    case FSEG_ERROR_IO:
        return "input or output failed";
    case FSEG_ERROR_BAD_INPUT:
        return "unusable input";
    case FSEG_ERROR_REFUSED:
        return "refused";
    case FSEG_ERROR_AMBIGUOUS:
        return "ambiguous";
    case FSEG_ERROR_FILE_FORMAT:
        return "not a FrugalSeg model file";
    case FSEG_ERROR_FILE_SHORT:
        return "model file ends too early";
    case FSEG_ERROR_FILE_LONG:
        return "model file has trailing bytes";
    case FSEG_ERROR_FILE_OVERLAP:
        return "tensors of the model file overlap or leave holes";
    case FSEG_ERROR_FILE_OVERFLOW:
        return "a size in the model file is too large";
    case FSEG_ERROR_FILE_SHAPE:
        return "a tensor of the model file has the wrong shape or type";
    case FSEG_ERROR_FILE_ARCHITECTURE:
        return "the model file's architecture is unknown or out of range";
    case FSEG_ERROR_FILE_VERSION:
        return "the model file is of a newer version";
    case FSEG_ERROR_FILE_HASH:
        return "the file's content differs from its checksum";
    }
    return "unknown status";
}

fseg_status fseg_error_set(fseg_error *error, fseg_status status, const char *format, ...)
{
    if (error) {
        error->status = status;
        error->message[0] = '\0';
        if (status != FSEG_OK && format) {
            va_list args;
            va_start(args, format);
            vsnprintf(error->message, sizeof error->message, format, args);
            va_end(args);
        }
    }
    return status;
}

fseg_status fseg_progress_report(const fseg_progress *progress, double fraction, const char *stage)
{
    if (progress && progress->callback && progress->callback(progress->user, fraction, stage) != 0)
        return FSEG_ERROR_CANCELLED;
    return FSEG_OK;
}
