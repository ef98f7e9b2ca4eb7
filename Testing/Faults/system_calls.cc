#include "system_calls.h"

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

namespace
{

std::atomic<size_t> toFail{0};
std::atomic<int> with{EIO};
std::atomic<const char *> which{nullptr};

bool permit(const char *name)
{
    size_t left = toFail.load();
    while (left > 0 && !toFail.compare_exchange_weak(left, left - 1)) {
    }
    if (left != 1) {
        return true;
    }
    which = name;
    errno = with;
    return false;
}

template <typename Function> Function *next(const char *name)
{
    return reinterpret_cast<Function *>(dlsym(RTLD_NEXT, name));
}

int openWith(const char *name, const char *path, int flags, mode_t mode)
{
    static auto *const real = next<int(const char *, int, ...)>("open");
    const bool writing = (flags & O_ACCMODE) != O_RDONLY;
    return writing && !permit(name) ? -1 : real(path, flags, mode);
}

} // namespace

namespace system_calls
{

void failAt(size_t nth, int code)
{
    which = nullptr;
    with = code;
    toFail = nth;
}

const char *failed()
{
    return which;
}

} // namespace system_calls

extern "C" {

int open(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return openWith("open", path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
    va_list arguments;
    va_start(arguments, flags);
    const mode_t mode = flags & O_CREAT ? va_arg(arguments, mode_t) : 0;
    va_end(arguments);
    return openWith("open64", path, flags, mode);
}

ssize_t write(int descriptor, const void *bytes, size_t count)
{
    static auto *const real = next<ssize_t(int, const void *, size_t)>("write");
    // Standard output and error are the tests' own.
    return descriptor > 2 && !permit("write") ? -1 : real(descriptor, bytes, count);
}

int fsync(int descriptor)
{
    static auto *const real = next<int(int)>("fsync");
    return permit("fsync") ? real(descriptor) : -1;
}

int rename(const char *from, const char *to)
{
    static auto *const real = next<int(const char *, const char *)>("rename");
    return permit("rename") ? real(from, to) : -1;
}

int link(const char *from, const char *to)
{
    static auto *const real = next<int(const char *, const char *)>("link");
    return permit("link") ? real(from, to) : -1;
}

int fchmod(int descriptor, mode_t mode)
{
    static auto *const real = next<int(int, mode_t)>("fchmod");
    return permit("fchmod") ? real(descriptor, mode) : -1;
}

int ftruncate(int descriptor, off_t size)
{
    static auto *const real = next<int(int, off_t)>("ftruncate");
    return permit("ftruncate") ? real(descriptor, size) : -1;
}

int mkdir(const char *path, mode_t mode)
{
    static auto *const real = next<int(const char *, mode_t)>("mkdir");
    return permit("mkdir") ? real(path, mode) : -1;
}

int mkostemps(char *pattern, int suffix, int flags)
{
    static auto *const real = next<int(char *, int, int)>("mkostemps");
    return permit("mkostemps") ? real(pattern, suffix, flags) : -1;
}

} // extern "C"
