/**
 * @file NodeError.h
 * How the C++ inside reports failures to the C interface outside.
 */
#ifndef FRUGALSEG_NODE_ERROR_H
#define FRUGALSEG_NODE_ERROR_H

#include "frugalseg/status.h"
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace frugalseg
{
namespace node
{

/** A status and the sentence for the user. */
class NodeError : public std::exception
{
  public:
    NodeError(fseg_status status, std::string message)
        : status_(status), message_(std::move(message))
    {
    }
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

/** The error of a system call on `path`; `code` is errno, `action` reads "cannot write". */
NodeError systemError(int code, const std::string &action, const std::string &path);

/** Throws what a C function reported, unless all is well. */
inline void check(fseg_status status, const fseg_error &error)
{
    if (status != FSEG_OK) {
        throw NodeError(status, error.message);
    }
}

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
    } catch (const NodeError &failure) {
        return fseg_error_set(error, failure.status(), "%s", failure.what());
    } catch (const std::bad_alloc &) {
        return fseg_error_set(error, FSEG_ERROR_OUT_OF_MEMORY, "not enough memory");
    } catch (const std::exception &exception) {
        return fseg_error_set(error, FSEG_ERROR_IO, "%s", exception.what());
    } catch (...) {
        return fseg_error_set(error, FSEG_ERROR_IO, "unknown failure");
    }
}

} // namespace node
} // namespace frugalseg
#endif
