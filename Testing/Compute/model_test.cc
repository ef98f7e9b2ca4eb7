// Models: architecture limits, graph, weights.
#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <set>
#include <string>

#include "frugalseg/model.h"

namespace
{

TEST(Model, ReferenceNetworkHas2095216Parameters)
{
    const fseg_unet_config config = fseg_unet_default_config(1, 2);
    fseg_model *model = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
    EXPECT_EQ(2095216u, fseg_model_parameter_count(model));
    EXPECT_EQ(32, fseg_unet_size_multiple(&config));
    fseg_model_free(model);
}

TEST(Model, EncoderAndDecoderHaveTheDocumentedShares)
{
    const fseg_unet_config config = fseg_unet_default_config(1, 2);
    fseg_model *model = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
    size_t encoder = 0, decoder = 0;
    for (size_t i = 0; i < fseg_model_tensor_count(model); ++i) {
        const fseg_tensor *t = fseg_model_tensor(model, i);
        (strncmp(t->name, "enc", 3) == 0 ? encoder : decoder) += t->count;
    }
    EXPECT_EQ(885552u, encoder);
    EXPECT_EQ(1207280u + 2384u, decoder);
    fseg_model_free(model);
}

TEST(Model, TensorNamesAreUniqueAndFindable)
{
    const fseg_unet_config config = fseg_unet_default_config(3, 4);
    fseg_model *model = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
    std::set<std::string> names;
    for (size_t i = 0; i < fseg_model_tensor_count(model); ++i) {
        const fseg_tensor *t = fseg_model_tensor(model, i);
        EXPECT_TRUE(names.insert(t->name).second) << t->name;
        EXPECT_EQ(t, fseg_model_find(model, t->name));
    }
    EXPECT_EQ(nullptr, fseg_model_find(model, "enc9.conv1.weight"));
    const fseg_tensor *first = fseg_model_find(model, "enc1.conv1.weight");
    ASSERT_NE(nullptr, first);
    EXPECT_EQ(3u, first->shape[1]);
    fseg_model_free(model);
}

TEST(Model, NodesComeAfterTheirInputs)
{
    const fseg_unet_config config = fseg_unet_default_config(1, 2);
    fseg_model *model = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 1, &model, nullptr));
    for (size_t i = 0; i < fseg_model_node_count(model); ++i)
        for (int input : fseg_model_node(model, i)->inputs)
            EXPECT_LT(input, int(i));
    const fseg_node *last = fseg_model_node(model, fseg_model_node_count(model) - 1);
    EXPECT_EQ(2, last->channels);
    EXPECT_EQ(1, last->kernel);
    fseg_model_free(model);
}

TEST(Model, WeightsAreHeNormalAndReproducible)
{
    const fseg_unet_config config = fseg_unet_default_config(1, 2);
    fseg_model *a = nullptr, *b = nullptr, *other = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 5, &a, nullptr));
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 5, &b, nullptr));
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 6, &other, nullptr));
    const fseg_tensor *w = fseg_model_find(a, "enc5.conv1.weight");
    double square = 0;
    for (size_t i = 0; i < w->count; ++i)
        square += double(w->data[i]) * w->data[i];
    EXPECT_NEAR(std::sqrt(2.0 / (128 * 9)), std::sqrt(square / double(w->count)), 5e-4);
    EXPECT_EQ(0, memcmp(w->data, fseg_model_find(b, w->name)->data, w->count * sizeof(float)));
    EXPECT_NE(0, memcmp(w->data, fseg_model_find(other, w->name)->data, w->count * sizeof(float)));
    EXPECT_EQ(1.0f, fseg_model_find(a, "enc1.norm1.weight")->data[0]);
    EXPECT_EQ(0.0f, fseg_model_find(a, "enc1.norm1.bias")->data[0]);
    fseg_model_free(a);
    fseg_model_free(b);
    fseg_model_free(other);
}

TEST(Model, CloneIsIndependent)
{
    const fseg_unet_config config = fseg_unet_default_config(1, 2);
    fseg_model *a = nullptr, *b = nullptr;
    ASSERT_EQ(FSEG_OK, fseg_model_create(&config, 5, &a, nullptr));
    ASSERT_EQ(FSEG_OK, fseg_model_set_card(a, "{\"name\":\"x\"}", nullptr));
    ASSERT_EQ(FSEG_OK, fseg_model_clone(a, &b, nullptr));
    const float before = fseg_model_tensor(b, 0)->data[0];
    fseg_model_tensor(a, 0)->data[0] += 1;
    EXPECT_EQ(before, fseg_model_tensor(b, 0)->data[0]);
    EXPECT_STREQ(fseg_model_card(a), fseg_model_card(b));
    fseg_model_free(a);
    fseg_model_free(b);
}

TEST(Model, RefusesArchitecturesOutOfRange)
{
    auto refused = [](auto change) {
        fseg_unet_config config = fseg_unet_default_config(1, 2);
        change(config);
        fseg_model *model = nullptr;
        fseg_error error;
        const fseg_status status = fseg_model_create(&config, 1, &model, &error);
        fseg_model_free(model);
        return status == FSEG_ERROR_FILE_ARCHITECTURE && error.message[0] != '\0';
    };
    EXPECT_TRUE(refused([](fseg_unet_config &c) { c.in_channels = 0; }));
    EXPECT_TRUE(refused([](fseg_unet_config &c) { c.classes = 1; }));
    EXPECT_TRUE(refused([](fseg_unet_config &c) { c.levels = 9; }));
    EXPECT_TRUE(refused([](fseg_unet_config &c) { c.widths[2] = 62; }));
    EXPECT_TRUE(refused([](fseg_unet_config &c) { c.widths[0] = 2048; }));
    EXPECT_TRUE(refused([](fseg_unet_config &c) { c.group_size = 0; }));
    EXPECT_TRUE(refused([](fseg_unet_config &c) { c.norm_epsilon = NAN; }));
}

} // namespace
