// How unsure a model is about an image: entropy and disagreement between views.
#include "ComputeTestHelpers.h"
#include "ImagingTestHelpers.h"

#include <algorithm>

using namespace imaging_test;

namespace
{

constexpr unsigned allViews =
    FSEG_VIEW_FLIP_COLUMNS | FSEG_VIEW_FLIP_ROWS | FSEG_VIEW_SMALLER | FSEG_VIEW_LARGER;

fseg_uncertainty uncertainty(fseg_context *context, const fseg_model *model,
                             const fseg_volume &volume, unsigned views)
{
    fseg_uncertainty result{};
    fseg_error error{};
    EXPECT_EQ(fseg_imaging_uncertainty(context, model, &volume, views, nullptr, &result, &error),
              FSEG_OK)
        << error.message;
    return result;
}

/** An image that is its own mirror image: the network must see the same from both sides. */
Volume symmetric(const fseg_geometry &geometry)
{
    Volume volume = makePhantom(geometry);
    const size_t columns = geometry.size[0];
    for (size_t row = 0; row < geometry.size[1] * geometry.size[2]; ++row) {
        float *at = volume->voxels + row * columns;
        for (size_t i = 0; i < columns / 2; ++i) {
            at[columns - 1 - i] = at[i];
        }
    }
    return volume;
}

} // namespace

TEST(Uncertainty, EntropyAndVolumeAreThoseOfThePlainRun)
{
    const Context context = makeContext();
    const Model model = makeModel(1);
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    fseg_segment_report report{};
    fseg_mask *mask = nullptr;
    ASSERT_EQ(fseg_segment_volume(context.get(), model.get(), volume.get(), nullptr, &mask, &report,
                                  nullptr),
              FSEG_OK);
    const Mask owner(mask);
    const fseg_uncertainty plain = uncertainty(context.get(), model.get(), *volume, 0);
    EXPECT_DOUBLE_EQ(plain.mean_entropy, report.mean_entropy);
    EXPECT_DOUBLE_EQ(plain.volume_ml, report.volume_ml);
    EXPECT_EQ(plain.disagreement, 0.0);
}

TEST(Uncertainty, DisagreementIsTheMeanOverTheViews)
{
    const Context context = makeContext();
    const Model model = makeModel(1);
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    double sum = 0.0;
    for (const unsigned view :
         {FSEG_VIEW_FLIP_COLUMNS, FSEG_VIEW_FLIP_ROWS, FSEG_VIEW_SMALLER, FSEG_VIEW_LARGER}) {
        const double one = uncertainty(context.get(), model.get(), *volume, view).disagreement;
        EXPECT_GT(one, 0.0); // random weights are sensitive to each
        EXPECT_LT(one, 1.0);
        sum += one;
    }
    EXPECT_NEAR(uncertainty(context.get(), model.get(), *volume, allViews).disagreement, sum / 4.0,
                1e-12);
}

TEST(Uncertainty, TheMirroredAnswerOfAMirrorImageIsTheAnswerMirrored)
{
    // 64 columns of 2 mm fill the network's grid without padding, so that mirroring is exact: the
    // disagreement is then 1 - Dice between the mask and its own mirror image.
    const Context context = makeContext();
    const Model model = makeModel(1);
    const Volume volume = symmetric(makeGeometry({64, 32, 4}, {2.0, 2.0, 7.0}));
    fseg_mask *mask = nullptr;
    ASSERT_EQ(fseg_segment_volume(context.get(), model.get(), volume.get(), nullptr, &mask, nullptr,
                                  nullptr),
              FSEG_OK);
    const Mask owner(mask);
    size_t marked = 0, both = 0;
    for (size_t at = 0; at < countOf(volume->geometry); ++at) {
        const size_t column = at % 64, mirrored = at - column + 63 - column;
        marked += mask->voxels[at];
        both += mask->voxels[at] && mask->voxels[mirrored] ? 1 : 0;
    }
    ASSERT_GT(marked, 0u);
    EXPECT_NEAR(
        uncertainty(context.get(), model.get(), *volume, FSEG_VIEW_FLIP_COLUMNS).disagreement,
        1.0 - static_cast<double>(both) / static_cast<double>(marked), 1e-12);
}

TEST(Uncertainty, FindingNothingCountsAsFullyUnsure)
{
    const Context context = makeContext();
    const Model model = makeModel(1, ",\"threshold\":0.9999999");
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    const fseg_uncertainty result = uncertainty(context.get(), model.get(), *volume, allViews);
    EXPECT_EQ(result.mean_entropy, 1.0);
    EXPECT_EQ(result.disagreement, 1.0);
    EXPECT_EQ(result.volume_ml, 0.0);
}

TEST(Uncertainty, ProgressGrowsOverAllViewsAndCancelStops)
{
    const Context context = makeContext();
    const Model model = makeModel(1);
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    struct Watch {
        double last;
        double stopAt;
    } watch{0.0, 2.0};
    const fseg_progress progress{[](void *user, double fraction, const char *) {
                                     auto *seen = static_cast<Watch *>(user);
                                     EXPECT_GE(fraction, seen->last);
                                     seen->last = fraction;
                                     return fraction >= seen->stopAt ? 1 : 0;
                                 },
                                 &watch};
    fseg_uncertainty result{};
    ASSERT_EQ(fseg_imaging_uncertainty(context.get(), model.get(), volume.get(), allViews,
                                       &progress, &result, nullptr),
              FSEG_OK);
    EXPECT_EQ(watch.last, 1.0);
    watch = {0.0, 0.5};
    EXPECT_EQ(fseg_imaging_uncertainty(context.get(), model.get(), volume.get(), allViews,
                                       &progress, &result, nullptr),
              FSEG_ERROR_CANCELLED);
    EXPECT_EQ(fseg_imaging_uncertainty(context.get(), model.get(), volume.get(), 16, nullptr,
                                       &result, nullptr),
              FSEG_ERROR_INVALID_ARGUMENT);
}
