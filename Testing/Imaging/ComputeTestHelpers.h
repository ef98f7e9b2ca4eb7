/**
 * @file ComputeTestHelpers.h
 * Contexts and models for the tests of imaging.h.
 */
#ifndef FRUGALSEG_TESTING_COMPUTE_HELPERS_H
#define FRUGALSEG_TESTING_COMPUTE_HELPERS_H

#include "frugalseg/context.h"
#include "frugalseg/model.h"
#include "frugalseg/session.h"
#include <gtest/gtest.h>
#include <memory>
#include <string>

namespace imaging_test
{

struct FreeCompute {
    void operator()(fseg_context *context) const
    {
        fseg_context_free(context);
    }
    void operator()(fseg_model *model) const
    {
        fseg_model_free(model);
    }
    void operator()(fseg_session *session) const
    {
        fseg_session_free(session);
    }
};
using Context = std::unique_ptr<fseg_context, FreeCompute>;
using Model = std::unique_ptr<fseg_model, FreeCompute>;

inline Context makeContext()
{
    fseg_context_options options = fseg_context_default_options();
    options.threads = 2;
    fseg_context *context = nullptr;
    EXPECT_EQ(fseg_context_create(&options, &context, nullptr), FSEG_OK);
    return Context(context);
}

/** A small network with random weights: its answer is arbitrary, but depends on orientation. */
inline Model makeModel(int contextSlices, const std::string &more = "",
                       const std::string &name = "test-model")
{
    fseg_unet_config config = fseg_unet_default_config(contextSlices, 2);
    config.levels = 4;
    fseg_model *model = nullptr;
    EXPECT_EQ(fseg_model_create(&config, 5, &model, nullptr), FSEG_OK);
    const std::string card = "{\"name\":\"" + name +
                             "\",\"version\":\"1\",\"structure\":\"liver\","
                             "\"modality\":\"MR\",\"spacing_mm\":2.0,\"context_slices\":" +
                             std::to_string(contextSlices) + more + "}";
    fseg_error error{};
    EXPECT_EQ(fseg_model_set_card(model, card.c_str(), &error), FSEG_OK) << error.message;
    return Model(model);
}

} // namespace imaging_test
#endif
