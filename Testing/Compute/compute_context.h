/// A context of the C library that frees itself.
#ifndef FRUGALSEG_TESTING_COMPUTE_CONTEXT_H
#define FRUGALSEG_TESTING_COMPUTE_CONTEXT_H

#include "frugalseg/context.h"
#include <gtest/gtest.h>
#include <memory>

using Context = std::unique_ptr<fseg_context, decltype(&fseg_context_free)>;

inline Context makeContext(int threads)
{
    fseg_context_options options = fseg_context_default_options();
    options.threads = threads;
    fseg_context *context = nullptr;
    EXPECT_EQ(fseg_context_create(&options, &context, nullptr), FSEG_OK);
    return Context(context, fseg_context_free);
}

#endif
