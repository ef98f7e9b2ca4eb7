/* How the C++ inside reports failures to the C interface outside. */
#include "Failure.h"

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <itkMacro.h>
#include <new>
#include <system_error>

namespace frugalseg
{

Failure::Failure(fseg_status status, std::string message)
    : status_(status), message_(std::move(message))
{
}

Failure systemFailure(int code, const std::string &action, const std::string &path)
{
    switch (code) {
    case ENOENT:
    case ENOTDIR:
        return Failure(FSEG_ERROR_NOT_FOUND,
                       action + " \"" + path + "\": there is no such file or folder");
    case EACCES:
    case EPERM:
    case EROFS:
        return Failure(FSEG_ERROR_PERMISSION, action + " \"" + path + "\": permission denied");
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return Failure(FSEG_ERROR_NO_SPACE,
                       action + " \"" + path + "\": the disk is full; free some space and retry");
    case ENOMEM:
        return Failure(FSEG_ERROR_OUT_OF_MEMORY, action + " \"" + path + "\": out of memory");
    default:
        return Failure(FSEG_ERROR_IO,
                       action + " \"" + path + "\": " + std::generic_category().message(code));
    }
}

fseg_status reportException(fseg_error *error) noexcept
{
    try {
        throw;
    } catch (const Failure &failure) {
        return fseg_error_set(error, failure.status(), "%s", failure.what());
    } catch (const std::bad_alloc &) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY,
                              "not enough memory for this image; close other programs and retry");
    } catch (const itk::ExceptionObject &exception) {
        return fseg_error_set(error, FSEG_ERROR_IO, "%s", exception.GetDescription());
    } catch (const std::exception &exception) {
        return fseg_error_set(error, FSEG_ERROR_IO, "%s", exception.what());
    } catch (...) {
        return fseg_error_set(error, FSEG_ERROR_IO, "unknown failure");
    }
}

void requireArgument(bool condition, const char *message)
{
    if (!condition) {
        throw Failure(FSEG_ERROR_INVALID_ARGUMENT, message);
    }
}

void reportProgress(const fseg_progress *progress, double fraction, const char *stage)
{
    if (fseg_progress_report(progress, fraction, stage) != FSEG_OK) {
        throw Failure(FSEG_ERROR_CANCELLED, "cancelled");
    }
}

std::string formatText(const char *format, ...)
{
    char buffer[1024];
    va_list arguments;
    va_start(arguments, format);
    std::vsnprintf(buffer, sizeof buffer, format, arguments);
    va_end(arguments);
    return buffer;
}

} // namespace frugalseg
