/**
 * @file Faults.h
 * Lets every allocation and every call that writes files fail once, one after the other.
 */
#ifndef FRUGALSEG_TESTING_FAULTS_H
#define FRUGALSEG_TESTING_FAULTS_H

#include "allocation.h"
#include "frugalseg/status.h"
#include "system_calls.h"
#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <iterator>
#include <string>
#include <unistd.h>

namespace faults
{

constexpr size_t mostFaults = 20000;

/** Run `body` again and again with its 1st, 2nd, ... allocation failing, until it needs no more.
 *  It must report FSEG_ERROR_OUT_OF_MEMORY with a sentence, or do without the memory and succeed.
 *  The sanitizers of the build see leaks and what is used after a failure. `step`: every how manyth
 *  allocation fails; `check` is called after each run, with whether it succeeded. Returns how many
 *  failed.
 *
 *  One exception: jansson calls a number or text for which it finds no room "invalid token", so a
 *  lack of memory inside of it may be told as a damaged file. `mayBlameTheFile` permits that. */
inline size_t everyAllocation(const std::function<fseg_status(fseg_error *)> &body, size_t step = 1,
                              const std::function<void(bool)> &check = nullptr,
                              bool mayBlameTheFile = false)
{
    fseg_error error{};
    EXPECT_EQ(body(&error), FSEG_OK) << error.message; // also: what is made once and kept
    size_t count = 0;
    for (size_t n = 1; n < mostFaults; n += step, ++count) {
        error = fseg_error{};
        allocation::failAt(n);
        const fseg_status status = body(&error);
        const bool failed = allocation::failed();
        allocation::failAt(0);
        if (!failed) {
            EXPECT_EQ(status, FSEG_OK) << error.message;
            return count;
        }
        if (status != FSEG_OK) {
            EXPECT_TRUE(status == FSEG_ERROR_OUT_OF_MEMORY || mayBlameTheFile)
                << "allocation " << n << " gave " << status << ": " << error.message;
            EXPECT_EQ(error.status, status) << "allocation " << n;
            EXPECT_NE(error.message[0], '\0') << "allocation " << n;
        }
        if (check) {
            check(status == FSEG_OK);
        }
        if (::testing::Test::HasFailure()) {
            ADD_FAILURE() << "when allocation " << n << " failed";
            return count;
        }
    }
    ADD_FAILURE() << "the function never comes to an end";
    return count;
}

/** Run `save` with its 1st, 2nd, ... writing call failing with ENOSPC and with EIO. `check` is
 * called after each run, with whether it succeeded: the old file or the new one must be there,
 * whole. */
inline size_t everyWrite(const std::function<fseg_status(fseg_error *)> &save,
                         const std::function<void(bool)> &check)
{
    size_t count = 0;
    for (const int code : {ENOSPC, EIO}) {
        for (size_t n = 1; n < mostFaults; ++n, ++count) {
            fseg_error error{};
            system_calls::failAt(n, code);
            const fseg_status status = save(&error);
            const char *where = system_calls::failed();
            system_calls::failAt(0, 0);
            if (!where) {
                EXPECT_EQ(status, FSEG_OK) << error.message;
                break;
            }
            if (status != FSEG_OK) {
                EXPECT_TRUE(status == (code == ENOSPC ? FSEG_ERROR_NO_SPACE : FSEG_ERROR_IO))
                    << where << " gave " << status << ": " << error.message;
                EXPECT_NE(error.message[0], '\0') << where;
            }
            check(status == FSEG_OK);
            if (::testing::Test::HasFailure()) {
                ADD_FAILURE() << "when call " << n << ", " << where << ", failed";
                return count;
            }
        }
    }
    return count;
}

/** A temporary folder, removed with its content. */
class Folder
{
  public:
    Folder()
    {
        // In memory where there is such a file system: hundreds of saves are flushed to the disk.
        const std::string parent = access("/dev/shm", W_OK) == 0
                                       ? "/dev/shm"
                                       : std::filesystem::temp_directory_path().string();
        path_ = parent + "/fseg-faults-XXXXXX";
        EXPECT_NE(mkdtemp(path_.data()), nullptr);
    }
    ~Folder()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    std::string operator/(const std::string &name) const
    {
        return path_ + "/" + name;
    }
    /** Names of all that lies in it. */
    std::string entries() const
    {
        std::string names;
        for (const auto &entry : std::filesystem::directory_iterator(path_)) {
            names += entry.path().filename().string() + " ";
        }
        return names;
    }

  private:
    std::string path_;
};

inline std::string bytesOf(const std::string &path)
{
    std::ifstream in(path, std::ios::binary);
    return std::string(std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>());
}

} // namespace faults
#endif
