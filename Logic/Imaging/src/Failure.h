/**
 * @file Failure.h
 * How the C++ inside reports failures to the C interface outside: one exception type, one guard.
 */
#ifndef FRUGALSEG_IMAGING_FAILURE_H
#define FRUGALSEG_IMAGING_FAILURE_H

#include "frugalseg/status.h"
#include <exception>
#include <string>

namespace frugalseg
{

/** A status and the sentence for the user. */
class Failure : public std::exception
{
  public:
    Failure(fseg_status status, std::string message);
    fseg_status status() const noexcept
    {
        return status_;
    }
    const char *what() const noexcept override
    {
        return message_.c_str();
    }

  private:
    fseg_status status_;
    std::string message_;
};

/** Failure of a system call on `path`: `code` is errno, `action` reads "cannot write". */
Failure systemFailure(int code, const std::string &action, const std::string &path);

/** Turn the exception in flight into a status; call it only from a catch block. */
fseg_status reportException(fseg_error *error) noexcept;

/** Run `body` so that no exception leaves the C interface. */
template <typename Body> fseg_status guard(fseg_error *error, Body &&body) noexcept
{
    try {
        if (error) {
            error->status = FSEG_OK;
            error->message[0] = '\0';
        }
        body();
        return FSEG_OK;
    } catch (...) {
        return reportException(error);
    }
}

/** Throw FSEG_ERROR_INVALID_ARGUMENT unless `condition` holds. */
void requireArgument(bool condition, const char *message);

/** Report progress; throws when the user cancelled. */
void reportProgress(const fseg_progress *progress, double fraction, const char *stage);

/** Format numbers and text as printf does. */
std::string formatText(const char *format, ...) __attribute__((format(printf, 1, 2)));

} // namespace frugalseg
#endif
