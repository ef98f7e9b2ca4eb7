#include "allocation.h"

#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <new>

/* The sanitizers export their own allocator under these names; without them it is glibc's. */
#ifdef FRUGALSEG_SANITIZED
#define REAL(name) __interceptor_##name
#else
#define REAL(name) __libc_##name
#endif
extern "C" {
void *REAL(malloc)(size_t);
void *REAL(calloc)(size_t, size_t);
void *REAL(realloc)(void *, size_t);
void *REAL(memalign)(size_t, size_t);
void REAL(free)(void *);
}

namespace allocation
{

namespace
{

std::atomic<size_t> largest{0}, requests{0};
thread_local size_t toFail = 0;
thread_local bool hasFailed = false;

/** Counts a request; false: it must fail. */
bool permit(size_t bytes)
{
    requests.fetch_add(1, std::memory_order_relaxed);
    size_t seen = largest.load(std::memory_order_relaxed);
    while (bytes > seen && !largest.compare_exchange_weak(seen, bytes)) {
    }
    if (toFail > 0 && --toFail == 0) {
        hasFailed = true;
        errno = ENOMEM;
        return false;
    }
    return true;
}

} // namespace

Use use()
{
    return {largest, requests};
}

void reset()
{
    largest = 0;
    requests = 0;
}

void failAt(size_t nth)
{
    hasFailed = false;
    toFail = nth;
}

bool failed()
{
    return hasFailed;
}

} // namespace allocation

extern "C" {

void *malloc(size_t size)
{
    return allocation::permit(size) ? REAL(malloc)(size) : nullptr;
}

void *calloc(size_t count, size_t size)
{
    return allocation::permit(count * size) ? REAL(calloc)(count, size) : nullptr;
}

void *realloc(void *old, size_t size)
{
    return allocation::permit(size) ? REAL(realloc)(old, size) : nullptr;
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return allocation::permit(size) ? REAL(memalign)(alignment, size) : nullptr;
}

void *memalign(size_t alignment, size_t size)
{
    return aligned_alloc(alignment, size);
}

int posix_memalign(void **out, size_t alignment, size_t size)
{
    void *got = aligned_alloc(alignment, size);
    if (!got) {
        return ENOMEM;
    }
    *out = got;
    return 0;
}

void free(void *pointer)
{
    REAL(free)(pointer);
}

} // extern "C"

void *operator new(size_t size)
{
    void *got = malloc(size ? size : 1);
    if (!got) {
        throw std::bad_alloc();
    }
    return got;
}

void *operator new(size_t size, const std::nothrow_t &) noexcept
{
    return malloc(size ? size : 1);
}

void *operator new[](size_t size)
{
    return operator new(size);
}

void *operator new[](size_t size, const std::nothrow_t &) noexcept
{
    return malloc(size ? size : 1);
}

void operator delete(void *pointer) noexcept
{
    free(pointer);
}

void operator delete[](void *pointer) noexcept
{
    free(pointer);
}

void operator delete(void *pointer, size_t) noexcept
{
    free(pointer);
}

void operator delete[](void *pointer, size_t) noexcept
{
    free(pointer);
}

void operator delete(void *pointer, const std::nothrow_t &) noexcept
{
    free(pointer);
}

void operator delete[](void *pointer, const std::nothrow_t &) noexcept
{
    free(pointer);
}
