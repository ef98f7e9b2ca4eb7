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

/* Bytes of the UTF-8 character at `text`; 0 when there is none (RFC 3629, section 4), -1 when the
 * text ends within one. */
static int character_length(const unsigned char *text)
{
    const int length = text[0] < 0x80                      ? 1
                       : text[0] >= 0xc2 && text[0] < 0xe0 ? 2
                       : text[0] >= 0xe0 && text[0] < 0xf0 ? 3
                       : text[0] >= 0xf0 && text[0] < 0xf5 ? 4
                                                           : 0;
    for (int i = 1; i < length; ++i) {
        if (text[i] == '\0')
            return -1;
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    const unsigned char second = length > 1 ? text[1] : 0;
    if ((text[0] == 0xe0 && second < 0xa0) || (text[0] == 0xed && second > 0x9f) ||
        (text[0] == 0xf0 && second < 0x90) || (text[0] == 0xf4 && second > 0x8f))
        return 0;
    return length;
}

/* Names and texts of damaged files come into messages: what is no UTF-8 becomes '?', and a
 * character that was cut at the end of the room goes (`cut`). */
static void make_utf8(char *message, int cut)
{
    unsigned char *text = (unsigned char *)message;
    while (*text) {
        const int length = character_length(text);
        if (length > 0) {
            text += length;
        } else if (length < 0 && cut) {
            *text = '\0';
        } else {
            *text++ = '?';
        }
    }
}

fseg_status fseg_error_set(fseg_error *error, fseg_status status, const char *format, ...)
{
    if (error) {
        error->status = status;
        error->message[0] = '\0';
        if (status != FSEG_OK && format) {
            va_list args;
            va_start(args, format);
            const int length = vsnprintf(error->message, sizeof error->message, format, args);
            va_end(args);
            make_utf8(error->message, length >= (int)sizeof error->message);
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
