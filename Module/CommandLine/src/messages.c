/* Messages to people (stderr) and to programs (JSON on stdout). */
#include "program.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

int program_exit_code(fseg_status status)
{
    switch (status) {
    case FSEG_OK:
        return EXIT_OK;
    case FSEG_ERROR_CANCELLED:
        return EXIT_INTERRUPTED;
    case FSEG_ERROR_REFUSED:
    case FSEG_ERROR_AMBIGUOUS:
        return EXIT_REFUSED;
    case FSEG_ERROR_INVALID_ARGUMENT:
        return EXIT_USAGE;
    case FSEG_ERROR_OUT_OF_MEMORY:
        return EXIT_INTERNAL;
    default:
        return EXIT_BAD_INPUT;
    }
}

const char *program_status_key(fseg_status status)
{
    switch (status) {
    case FSEG_OK:
        return "ok";
    case FSEG_ERROR_INVALID_ARGUMENT:
        return "invalid-argument";
    case FSEG_ERROR_OUT_OF_MEMORY:
        return "out-of-memory";
    case FSEG_ERROR_CANCELLED:
        return "interrupted";
    case FSEG_ERROR_UNSUPPORTED:
        return "unsupported";
    case FSEG_ERROR_NOT_FINITE:
        return "not-finite";
    case FSEG_ERROR_NOT_FOUND:
        return "not-found";
    case FSEG_ERROR_PERMISSION:
        return "permission";
    case FSEG_ERROR_NO_SPACE:
        return "no-space";
    case FSEG_ERROR_IO:
        return "io";
    case FSEG_ERROR_BAD_INPUT:
        return "bad-input";
    case FSEG_ERROR_REFUSED:
        return "refused";
    case FSEG_ERROR_AMBIGUOUS:
        return "ambiguous";
    case FSEG_ERROR_FILE_FORMAT:
        return "model-format";
    case FSEG_ERROR_FILE_SHORT:
        return "model-short";
    case FSEG_ERROR_FILE_LONG:
        return "model-long";
    case FSEG_ERROR_FILE_OVERLAP:
        return "model-overlap";
    case FSEG_ERROR_FILE_OVERFLOW:
        return "model-overflow";
    case FSEG_ERROR_FILE_SHAPE:
        return "model-shape";
    case FSEG_ERROR_FILE_ARCHITECTURE:
        return "model-architecture";
    case FSEG_ERROR_FILE_VERSION:
        return "model-version";
    case FSEG_ERROR_FILE_HASH:
        return "model-checksum";
    }
    return "unknown";
}

static void report(bool json, int code, const char *key, const char *message)
{
    fprintf(stderr, "frugalseg: %s\n", message);
    if (json) {
        program_print_json(json_pack("{s:{s:s, s:i, s:s}}", "error", "status", key, "exit_code",
                                     code, "message", message));
    }
}

int program_fail(const program_common *common, fseg_status status, const char *message)
{
    const int code = program_exit_code(status);
    if (status == FSEG_ERROR_CANCELLED) {
        message = "Interrupted; nothing was left half-written.";
    }
    report(common->json, code, program_status_key(status),
           message && message[0] ? message : fseg_status_text(status));
    return code;
}

int program_fail_error(const program_common *common, const fseg_error *error)
{
    return program_fail(common, error->status, error->message);
}

int program_usage(const program_command *command, const program_common *common, const char *format,
                  ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    report(common->json, EXIT_USAGE, "usage", message);
    fprintf(stderr, "Try 'frugalseg %s --help'.\n", command->name);
    return EXIT_USAGE;
}

void program_warn(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("frugalseg: warning: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

int program_print_json(json_t *object)
{
    char *text = object ? json_dumps(object, JSON_INDENT(2) | JSON_REAL_PRECISION(10)) : NULL;
    json_decref(object);
    if (!text) {
        fputs("frugalseg: out of memory\n", stderr);
        return EXIT_INTERNAL;
    }
    const bool written = puts(text) >= 0 && fflush(stdout) == 0;
    free(text);
    if (!written) {
        fputs("frugalseg: Standard output cannot be written; is the disk full?\n", stderr);
        return EXIT_BAD_INPUT;
    }
    return EXIT_OK;
}

json_t *program_json_number(double value)
{
    return isfinite(value) ? json_real(value) : json_null();
}
