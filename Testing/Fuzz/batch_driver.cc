/* Runs many inputs through one fuzz target in one process (figures F1 to F3).
 *
 * Standard input: records of a 4-byte little-endian length and that many bytes. Standard output:
 * one line a record, "STATUS MICROSECONDS LARGEST_ALLOCATION"; first a line that names the build's
 * sanitizer. An input that takes more than 5 s of processor time, or a minute, ends the process
 * with code 124; a broken promise or a sanitizer's report ends it by itself. Who feeds it starts it
 * again behind that input. At the end: "peak KILOBYTES". */
#include "allocation.h"
#include "fuzz_target.h"

#include <chrono>
#include <csignal>
#include <cstdio>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

namespace
{

void tooLong(int)
{
    static const char text[] = "HANG: an input took more than 5 s of processor time or a minute\n";
    (void)!write(STDERR_FILENO, text, sizeof text - 1);
    _exit(124);
}

void setLimits(long processor_seconds, long wall_seconds)
{
    const itimerval processor = {{0, 0}, {processor_seconds, 0}},
                    wall = {{0, 0}, {wall_seconds, 0}};
    setitimer(ITIMER_PROF, &processor, nullptr);
    setitimer(ITIMER_REAL, &wall, nullptr);
}

const char *sanitizer()
{
#if defined(__SANITIZE_ADDRESS__)
    return "address,undefined";
#elif defined(__SANITIZE_THREAD__)
    return "thread";
#else
    return "none";
#endif
}

} // namespace

int main()
{
    std::signal(SIGPROF, tooLong);
    std::signal(SIGALRM, tooLong);
    std::printf("sanitizer %s\n", sanitizer());
    std::fflush(stdout);
    std::vector<uint8_t> input;
    unsigned char length[4];
    while (std::fread(length, 1, sizeof length, stdin) == sizeof length) {
        const size_t size = static_cast<size_t>(length[0]) | static_cast<size_t>(length[1]) << 8 |
                            static_cast<size_t>(length[2]) << 16 |
                            static_cast<size_t>(length[3]) << 24;
        input.resize(size);
        if (std::fread(input.data(), 1, size, stdin) != size) {
            break;
        }
        input.shrink_to_fit(); // so that reading behind the end shows
        const auto begin = std::chrono::steady_clock::now();
        fuzz::outcome = 0;
        allocation::reset();
        setLimits(5, 60);
        LLVMFuzzerTestOneInput(input.data(), size);
        setLimits(0, 0);
        const auto micro = std::chrono::duration_cast<std::chrono::microseconds>(
            std::chrono::steady_clock::now() - begin);
        std::printf("%d %lld %zu\n", fuzz::outcome, static_cast<long long>(micro.count()),
                    allocation::use().largest);
        std::fflush(stdout);
    }
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    std::printf("peak %ld\n", usage.ru_maxrss);
    return 0;
}
