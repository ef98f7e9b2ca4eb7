// Contexts: threads, kernel families, parallel loops.
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "frugalseg/context.h"

namespace
{

TEST(Context, ParallelVisitsEveryIndexOnceForAnyThreadCount)
{
    for (int threads : {1, 2, 3, 7}) {
        const fseg_context_options options = {threads, FSEG_ISA_AUTO};
        fseg_context *context = nullptr;
        ASSERT_EQ(FSEG_OK, fseg_context_create(&options, &context, nullptr));
        EXPECT_EQ(threads, fseg_context_threads(context));
        for (size_t count : {size_t(0), size_t(1), size_t(5), size_t(1000)}) {
            std::vector<std::atomic<int>> visits(count);
            fseg_context_parallel(
                context, count,
                [](void *user, size_t i) {
                    ++(*static_cast<std::vector<std::atomic<int>> *>(user))[i];
                },
                &visits);
            for (auto &v : visits)
                EXPECT_EQ(1, v.load());
        }
        fseg_context_free(context);
    }
}

TEST(Context, RefusesImpossibleThreadCounts)
{
    for (int threads : {-1, 257}) {
        const fseg_context_options options = {threads, FSEG_ISA_AUTO};
        fseg_context *context = nullptr;
        fseg_error error;
        EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_context_create(&options, &context, &error));
        EXPECT_EQ(nullptr, context);
        EXPECT_STRNE("", error.message);
    }
}

TEST(Context, EnvironmentChoosesTheKernelFamily)
{
    fseg_context *context = nullptr;
    setenv("FSEG_ISA", "portable", 1);
    ASSERT_EQ(FSEG_OK, fseg_context_create(nullptr, &context, nullptr));
    EXPECT_EQ(FSEG_ISA_PORTABLE, fseg_context_isa(context));
    fseg_context_free(context);
    setenv("FSEG_ISA", "sse9", 1);
    fseg_error error;
    EXPECT_EQ(FSEG_ERROR_INVALID_ARGUMENT, fseg_context_create(nullptr, &context, &error));
    EXPECT_NE(nullptr, strstr(error.message, "sse9"));
    unsetenv("FSEG_ISA");
}

TEST(Context, PortableKernelsAreAlwaysAvailable)
{
    EXPECT_TRUE(fseg_isa_available(FSEG_ISA_PORTABLE));
    EXPECT_STREQ("portable", fseg_isa_name(FSEG_ISA_PORTABLE));
}

TEST(Status, EveryStatusHasAText)
{
    for (int s = FSEG_OK; s <= FSEG_ERROR_FILE_HASH; ++s)
        EXPECT_STRNE("unknown status", fseg_status_text(fseg_status(s)));
    EXPECT_STREQ("unknown status", fseg_status_text(fseg_status(999)));
}

TEST(Status, LongMessagesAreCutAndTerminated)
{
    fseg_error error;
    const std::string text(2000, 'x');
    fseg_error_set(&error, FSEG_ERROR_IO, "%s", text.c_str());
    EXPECT_EQ(sizeof error.message - 1, strlen(error.message));
}

} // namespace
