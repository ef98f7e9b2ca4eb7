// The whole job with a real network (random weights): same mask in any memory order, cancel,
// warnings.
#include "ComputeTestHelpers.h"
#include "ImagingTestHelpers.h"

#include "frugalseg/sampler.h"
#include "frugalseg/session.h"
#include <algorithm>
#include <cstring>
#include <limits>

using namespace imaging_test;

namespace
{

Mask segment(fseg_context *context, const fseg_model *model, const fseg_volume &volume,
             fseg_segment_report *report = nullptr)
{
    fseg_mask *mask = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_segment_volume(context, model, &volume, nullptr, &mask, report, &error), FSEG_OK)
        << error.message;
    return Mask(mask);
}

bool warns(const fseg_segment_report &report, const char *part)
{
    for (int i = 0; i < report.warning_count; ++i) {
        if (std::strstr(report.warnings[i], part)) {
            return true;
        }
    }
    return false;
}

} // namespace

TEST(SegmentVolume, SameMaskHoweverTheVolumeLiesInMemory)
{
    const Context context = makeContext();
    for (const int contextSlices : {1, 3}) {
        const Model model = makeModel(contextSlices);
        const fseg_geometry geometry = makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}, {0.2, -0.1, 0.3});
        const Volume volume = makePhantom(geometry);
        const Mask truth = segment(context.get(), model.get(), *volume);
        const size_t marked = static_cast<size_t>(
            std::count(truth->voxels, truth->voxels + countOf(geometry), uint8_t{1}));
        ASSERT_GT(marked, 0u);
        ASSERT_LT(marked, countOf(geometry));
        for (const Arrangement &how : allArrangements()) {
            const Volume moved = rearrange(*volume, how);
            const Mask mask = segment(context.get(), model.get(), *moved);
            const std::vector<size_t> indices = rearrangedIndices(geometry, how);
            for (size_t i = 0; i < indices.size(); ++i) {
                ASSERT_EQ(mask->voxels[i], truth->voxels[indices[i]]);
            }
        }
    }
}

TEST(SegmentVolume, DoesWhatItsPartsDo)
{
    // Grid, stack of slices, session, mask by hand: the job must be the sum of its parts.
    const Context context = makeContext();
    const Model model = makeModel(3);
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    fseg_segment_report report{};
    const Mask mask = segment(context.get(), model.get(), *volume, &report);

    fseg_input_spec spec{};
    ASSERT_EQ(fseg_model_input_spec(model.get(), &spec, nullptr), FSEG_OK);
    fseg_network_grid *made = nullptr;
    ASSERT_EQ(fseg_network_grid_create(volume.get(), nullptr, &spec, 8, &made, nullptr), FSEG_OK);
    const Grid grid(made);
    fseg_session *session = nullptr;
    ASSERT_EQ(fseg_session_create(context.get(), model.get(), 1, made->height, made->width,
                                  &session, nullptr),
              FSEG_OK);
    const std::unique_ptr<fseg_session, FreeCompute> owner(session);
    const size_t plane = static_cast<size_t>(made->height) * static_cast<size_t>(made->width);
    std::vector<float> probabilities;
    for (int k = 0; k < made->depth; ++k) {
        std::vector<float> images(3 * plane), answer(2 * plane);
        fseg_stack_slices(made->slices, made->depth, made->height, made->width, k, 3,
                          images.data());
        ASSERT_EQ(
            fseg_session_probabilities(session, images.data(), 1, answer.data(), nullptr, nullptr),
            FSEG_OK);
        probabilities.insert(probabilities.end(), answer.begin() + static_cast<ptrdiff_t>(plane),
                             answer.end());
    }
    fseg_mask *expected = nullptr;
    ASSERT_EQ(
        fseg_network_grid_mask(made, probabilities.data(), spec.threshold, &expected, nullptr),
        FSEG_OK);
    const Mask byHand(expected);
    size_t different = 0;
    for (size_t i = 0; i < countOf(volume->geometry); ++i) {
        different += mask->voxels[i] != expected->voxels[i] ? 1 : 0;
    }
    EXPECT_EQ(different, 0u);
    EXPECT_DOUBLE_EQ(report.volume_ml, fseg_mask_volume_ml(expected));
    EXPECT_GT(report.network_bytes, 0u);
    EXPECT_GT(report.mean_entropy, 0.0);
    EXPECT_LE(report.mean_entropy, 1.0);
}

TEST(SegmentVolume, CanBeCancelledAtEveryReport)
{
    const Context context = makeContext();
    const Model model = makeModel(1);
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    struct Counter {
        int left;
        double last;
    };
    const auto callback = [](void *user, double fraction, const char *stage) {
        auto *counter = static_cast<Counter *>(user);
        EXPECT_GE(fraction, counter->last);
        EXPECT_LE(fraction, 1.0);
        EXPECT_NE(stage, nullptr);
        counter->last = fraction;
        return counter->left-- > 0 ? 0 : 1;
    };
    int reports = 0;
    for (int allowed = 0;; ++allowed) {
        Counter counter{allowed, 0.0};
        const fseg_progress progress{callback, &counter};
        fseg_mask *mask = nullptr;
        const fseg_status status = fseg_segment_volume(context.get(), model.get(), volume.get(),
                                                       &progress, &mask, nullptr, nullptr);
        if (status == FSEG_OK) {
            fseg_mask_free(mask);
            reports = allowed;
            break;
        }
        ASSERT_EQ(status, FSEG_ERROR_CANCELLED);
        ASSERT_EQ(mask, nullptr);
        ASSERT_LT(allowed, 10000);
    }
    EXPECT_GE(reports, 4);
}

TEST(SegmentVolume, WarnsOfAnotherModality)
{
    const Context context = makeContext();
    const Model model = makeModel(1);
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    fseg_segment_report report{};
    std::strcpy(volume->modality, "CT");
    segment(context.get(), model.get(), *volume, &report);
    EXPECT_TRUE(warns(report, "CT"));
    std::strcpy(volume->modality, "MR");
    segment(context.get(), model.get(), *volume, &report);
    EXPECT_FALSE(warns(report, "made for MR"));
}

TEST(SegmentVolume, WarnsOfImplausibleVolumeAndBorder)
{
    const Context context = makeContext();
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    fseg_segment_report report{};
    const Model large =
        makeModel(1, ",\"threshold\":0.0001,\"volume_ml_low\":0.1,\"volume_ml_high\":1");
    segment(context.get(), large.get(), *volume, &report);
    EXPECT_TRUE(warns(report, "above")) << report.volume_ml;
    EXPECT_TRUE(warns(report, "border"));
    const Model small = makeModel(1, ",\"volume_ml_low\":100000,\"volume_ml_high\":200000");
    segment(context.get(), small.get(), *volume, &report);
    EXPECT_TRUE(warns(report, "below"));
}

TEST(SegmentVolume, AnEmptyResultIsAnEmptyMaskAndAWarning)
{
    const Context context = makeContext();
    const Model model = makeModel(1, ",\"threshold\":0.9999999");
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    fseg_segment_report report{};
    const Mask mask = segment(context.get(), model.get(), *volume, &report);
    EXPECT_EQ(report.volume_ml, 0.0);
    EXPECT_TRUE(warns(report, "No liver"));
    EXPECT_EQ(std::count(mask->voxels, mask->voxels + countOf(mask->geometry), 1), 0);
}

TEST(SegmentVolume, BadImagesAreRefused)
{
    const Context context = makeContext();
    const Model model = makeModel(1);
    const Volume volume = makeVolume(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    fseg_mask *mask = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_segment_volume(context.get(), model.get(), volume.get(), nullptr, &mask, nullptr,
                                  &error),
              FSEG_ERROR_BAD_INPUT);
    EXPECT_NE(std::strstr(error.message, "constant"), nullptr);
    volume->voxels[100] = std::numeric_limits<float>::infinity();
    EXPECT_EQ(fseg_segment_volume(context.get(), model.get(), volume.get(), nullptr, &mask, nullptr,
                                  &error),
              FSEG_ERROR_NOT_FINITE);
    EXPECT_EQ(mask, nullptr);
}

TEST(SegmentVolume, EveryWarningHasAName)
{
    const Context context = makeContext();
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    std::strcpy(volume->modality, "CT");
    fseg_segment_report report{};
    const Model model = makeModel(1, ",\"threshold\":0.0001,\"volume_ml_high\":0.0004,"
                                     "\"entropy_high\":0,\"island_share\":0.5");
    segment(context.get(), model.get(), *volume, &report);
    std::vector<std::string> names;
    for (int i = 0; i < report.warning_count; ++i) {
        names.emplace_back(fseg_check_name(report.checks[i]));
    }
    EXPECT_EQ(names, (std::vector<std::string>{"modality", "border", "volume-high", "entropy"}));
    EXPECT_TRUE(warns(report, "0.000400 ml expected")); // never "0 ml"
    EXPECT_STREQ(fseg_check_name(static_cast<fseg_check>(99)), "");
}

TEST(SegmentVolume, IslandsAndEntropyAreJudgedByTheCardsLimits)
{
    const Context context = makeContext();
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    // Fresh weights make islands at a threshold that is sought here.
    fseg_segment_report report{};
    std::string threshold;
    for (int percent = 50; percent < 95 && !warns(report, "several large islands"); ++percent) {
        report = fseg_segment_report{};
        threshold = ",\"threshold\":0." + std::to_string(percent);
        const Model strict =
            makeModel(1, threshold + ",\"island_share\":0.0001,\"entropy_high\":0.01");
        segment(context.get(), strict.get(), *volume, &report);
    }
    EXPECT_TRUE(warns(report, "several large islands"));
    EXPECT_TRUE(warns(report, "unsure"));
    const Model mild = makeModel(1, threshold + ",\"island_share\":1,\"entropy_high\":1");
    segment(context.get(), mild.get(), *volume, &report);
    EXPECT_GT(report.volume_ml, 0.0);
    EXPECT_FALSE(warns(report, "several large islands"));
    EXPECT_FALSE(warns(report, "unsure"));
}

TEST(SegmentVolume, ThresholdOfTheCallerReplacesTheCards)
{
    const Context context = makeContext();
    const Model model = makeModel(1);
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {1.5, 1.5, 7.0}));
    double last = 1e9;
    for (const double threshold : {0.001, 0.0, 0.9999999}) { // 0: the card's, 0.5
        fseg_segment_options options{};
        options.threshold = threshold;
        fseg_mask *mask = nullptr;
        fseg_segment_report report{};
        ASSERT_EQ(fseg_segment_volume_with(context.get(), model.get(), volume.get(), &options,
                                           nullptr, &mask, nullptr, &report, nullptr),
                  FSEG_OK);
        const Mask owner(mask);
        EXPECT_LT(report.volume_ml, last);
        last = report.volume_ml;
    }
    EXPECT_EQ(last, 0.0);
    fseg_segment_options bad{};
    bad.threshold = 1.0;
    fseg_mask *mask = nullptr;
    EXPECT_EQ(fseg_segment_volume_with(context.get(), model.get(), volume.get(), &bad, nullptr,
                                       &mask, nullptr, nullptr, nullptr),
              FSEG_ERROR_INVALID_ARGUMENT);
}

TEST(SegmentVolume, EntropyIsHighestWhereTheMaskEnds)
{
    // On a grid of the network's own spacing, a voxel's probability is that of the network: inside
    // the threshold it decides, so the entropy must reach 1 bit only near the border of the mask.
    const Context context = makeContext();
    const Model model = makeModel(1);
    const Volume volume = makePhantom(makeGeometry({40, 36, 6}, {2.0, 2.0, 7.0}, {0.2, -0.1, 0.3}));
    fseg_segment_options options{};
    options.entropy = 1;
    fseg_mask *mask = nullptr;
    fseg_volume *entropy = nullptr;
    ASSERT_EQ(fseg_segment_volume_with(context.get(), model.get(), volume.get(), &options, nullptr,
                                       &mask, &entropy, nullptr, nullptr),
              FSEG_OK);
    const Mask maskOwner(mask);
    const Volume entropyOwner(entropy);
    ASSERT_NE(entropy, nullptr);
    EXPECT_TRUE(fseg_geometry_equal(&entropy->geometry, &volume->geometry, 0.0));
    const size_t count = countOf(volume->geometry);
    EXPECT_GE(*std::min_element(entropy->voxels, entropy->voxels + count), 0.0F);
    EXPECT_LE(*std::max_element(entropy->voxels, entropy->voxels + count), 1.0F);
    double atEdge = 0.0, elsewhere = 0.0;
    size_t edges = 0, others = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
        const bool edge =
            mask->voxels[i] != mask->voxels[i - 1] || mask->voxels[i] != mask->voxels[i + 1];
        (edge ? atEdge : elsewhere) += static_cast<double>(entropy->voxels[i]);
        ++(edge ? edges : others);
    }
    ASSERT_GT(edges, 0u);
    EXPECT_GT(atEdge / static_cast<double>(edges), elsewhere / static_cast<double>(others));
    // Without a place for it there is no map.
    EXPECT_EQ(fseg_segment_volume_with(context.get(), model.get(), volume.get(), &options, nullptr,
                                       &mask, nullptr, nullptr, nullptr),
              FSEG_ERROR_INVALID_ARGUMENT);
}
