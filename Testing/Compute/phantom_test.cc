// Behaviour of the abdominal phantom.
#include "compute_context.h"
#include "frugalseg/phantom.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace
{

struct Tissue {
    double count = 0.0, mean = 0.0, sd = 0.0;
    std::array<double, 3> centroid{}; // column, row, slice
};

struct Phantom {
    fseg_phantom_options options;
    std::vector<float> image;
    std::vector<uint8_t> labels;

    explicit Phantom(const fseg_phantom_options &o) : options(o)
    {
        image.resize(voxels());
        labels.resize(voxels());
    }
    size_t voxels() const
    {
        return static_cast<size_t>(options.columns) * static_cast<size_t>(options.rows) *
               static_cast<size_t>(options.slices);
    }
    fseg_status make(fseg_context *context)
    {
        fseg_error error{};
        return fseg_phantom_abdomen(context, &options, image.data(), labels.data(), nullptr,
                                    &error);
    }
    double millilitres(int label) const
    {
        return tissue(label).count * options.spacing_mm[0] * options.spacing_mm[1] *
               options.spacing_mm[2] / 1000.0;
    }
    Tissue tissue(int label) const
    {
        Tissue t;
        double square = 0.0;
        size_t i = 0;
        for (int k = 0; k < options.slices; ++k)
            for (int y = 0; y < options.rows; ++y)
                for (int x = 0; x < options.columns; ++x, ++i) {
                    if (labels[i] != label)
                        continue;
                    t.count += 1.0;
                    t.mean += static_cast<double>(image[i]);
                    square += static_cast<double>(image[i]) * static_cast<double>(image[i]);
                    t.centroid[0] += x;
                    t.centroid[1] += y;
                    t.centroid[2] += k;
                }
        if (t.count > 0.0) {
            t.mean /= t.count;
            t.sd = std::sqrt(std::fmax(0.0, square / t.count - t.mean * t.mean));
            for (double &c : t.centroid)
                c /= t.count;
        }
        return t;
    }
    // Number of pieces of a label whose voxels share faces.
    int components(int label) const
    {
        const int w = options.columns, h = options.rows, d = options.slices;
        std::vector<uint8_t> open(voxels());
        for (size_t i = 0; i < open.size(); ++i)
            open[i] = labels[i] == label;
        int pieces = 0;
        std::vector<size_t> stack;
        for (size_t start = 0; start < open.size(); ++start) {
            if (!open[start])
                continue;
            ++pieces;
            open[start] = 0;
            stack.push_back(start);
            while (!stack.empty()) {
                const size_t i = stack.back();
                stack.pop_back();
                const int x = static_cast<int>(i) % w, y = static_cast<int>(i) / w % h;
                const int z = static_cast<int>(i) / (w * h);
                const int steps[6][3] = {{1, 0, 0},  {-1, 0, 0}, {0, 1, 0},
                                         {0, -1, 0}, {0, 0, 1},  {0, 0, -1}};
                for (const auto &s : steps) {
                    const int nx = x + s[0], ny = y + s[1], nz = z + s[2];
                    if (nx < 0 || ny < 0 || nz < 0 || nx >= w || ny >= h || nz >= d)
                        continue;
                    const size_t j = (static_cast<size_t>(nz) * static_cast<size_t>(h) +
                                      static_cast<size_t>(ny)) *
                                         static_cast<size_t>(w) +
                                     static_cast<size_t>(nx);
                    if (open[j]) {
                        open[j] = 0;
                        stack.push_back(j);
                    }
                }
            }
        }
        return pieces;
    }
};

// The default field of view on a grid with fewer voxels.
fseg_phantom_options coarse(uint64_t seed)
{
    fseg_phantom_options o = fseg_phantom_default_options(seed);
    o.columns = o.rows = 112;
    o.slices = 21;
    o.spacing_mm[0] = o.spacing_mm[1] = 3.2;
    o.spacing_mm[2] = 10.0;
    return o;
}

TEST(Phantom, TheLiverIsOnePieceOfAnAdultsVolume)
{
    Context context = makeContext(2);
    double smallest = 1e9, largest = 0.0;
    for (uint64_t seed = 0; seed < 20; ++seed) {
        Phantom p(coarse(seed));
        ASSERT_EQ(p.make(context.get()), FSEG_OK);
        const double ml = p.millilitres(FSEG_PHANTOM_LIVER);
        EXPECT_GT(ml, 1000.0) << "seed " << seed;
        EXPECT_LT(ml, 2000.0) << "seed " << seed;
        EXPECT_EQ(p.components(FSEG_PHANTOM_LIVER), 1) << "seed " << seed;
        smallest = std::min(smallest, ml);
        largest = std::max(largest, ml);
    }
    EXPECT_GT(largest - smallest, 300.0); // patients differ
}

TEST(Phantom, OrgansLieWhereTheyBelong)
{
    Context context = makeContext(2);
    for (uint64_t seed = 0; seed < 8; ++seed) {
        Phantom p(coarse(seed));
        ASSERT_EQ(p.make(context.get()), FSEG_OK);
        const Tissue liver = p.tissue(FSEG_PHANTOM_LIVER), spleen = p.tissue(FSEG_PHANTOM_SPLEEN);
        const Tissue right = p.tissue(FSEG_PHANTOM_RIGHT_KIDNEY);
        const Tissue left = p.tissue(FSEG_PHANTOM_LEFT_KIDNEY);
        const double middle = 0.5 * (p.options.columns - 1);
        // Columns run to the patient's left, rows to posterior, slices to superior.
        EXPECT_LT(liver.centroid[0], middle - 10.0);
        EXPECT_GT(spleen.centroid[0], middle + 15.0);
        EXPECT_LT(right.centroid[0], middle - 8.0);
        EXPECT_GT(left.centroid[0], middle + 8.0);
        EXPECT_GT(right.centroid[1], liver.centroid[1]);
        EXPECT_GT(spleen.centroid[1], liver.centroid[1]);
        EXPECT_LT(right.centroid[2], liver.centroid[2]);
        EXPECT_LT(left.centroid[2], spleen.centroid[2]);
        for (int label : {FSEG_PHANTOM_RIGHT_KIDNEY, FSEG_PHANTOM_LEFT_KIDNEY}) {
            EXPECT_GT(p.millilitres(label), 70.0) << "seed " << seed;
            EXPECT_LT(p.millilitres(label), 350.0) << "seed " << seed;
        }
        EXPECT_GT(p.millilitres(FSEG_PHANTOM_SPLEEN), 50.0) << "seed " << seed;
        EXPECT_LT(p.millilitres(FSEG_PHANTOM_SPLEEN), 600.0) << "seed " << seed;
        for (uint8_t label : p.labels)
            ASSERT_LE(label, FSEG_PHANTOM_SPLEEN);
    }
}

TEST(Phantom, ImageAndTruthAgree)
{
    Context context = makeContext(2);
    for (uint64_t seed = 0; seed < 8; ++seed) {
        fseg_phantom_options o = coarse(seed);
        o.contrast_variation = o.bias = 0.0;
        Phantom p(o);
        ASSERT_EQ(p.make(context.get()), FSEG_OK);
        const Tissue liver = p.tissue(FSEG_PHANTOM_LIVER), spleen = p.tissue(FSEG_PHANTOM_SPLEEN);
        const Tissue kidney = p.tissue(FSEG_PHANTOM_RIGHT_KIDNEY);
        // T2 with fat suppression: spleen and kidney nearly twice as bright as the liver.
        EXPECT_NEAR(spleen.mean / liver.mean, 1.65, 0.25) << "seed " << seed;
        EXPECT_NEAR(kidney.mean / liver.mean, 1.85, 0.3) << "seed " << seed;
        // Each is homogeneous compared with that, as it would not be if masks were misplaced.
        EXPECT_LT(liver.sd, 0.25 * liver.mean) << "seed " << seed;
        EXPECT_LT(spleen.sd, 0.25 * spleen.mean) << "seed " << seed;
    }
}

TEST(Phantom, TheContrastVariesWidelyWhenAskedTo)
{
    Context context = makeContext(2);
    auto ratios = [&](double variation) {
        double low = 1e9, high = 0.0;
        for (uint64_t seed = 0; seed < 24; ++seed) {
            fseg_phantom_options o = coarse(seed);
            o.columns = o.rows = 64;
            o.spacing_mm[0] = o.spacing_mm[1] = 5.6;
            o.contrast_variation = variation;
            o.bias = 0.0;
            Phantom p(o);
            EXPECT_EQ(p.make(context.get()), FSEG_OK);
            const double ratio =
                p.tissue(FSEG_PHANTOM_SPLEEN).mean / p.tissue(FSEG_PHANTOM_LIVER).mean;
            low = std::min(low, ratio);
            high = std::max(high, ratio);
        }
        return high / low;
    };
    EXPECT_LT(ratios(0.0), 1.5);
    EXPECT_GT(ratios(1.0), 2.5); // from nearly equal to a nearly black liver
}

TEST(Phantom, TheSameOptionsGiveTheSameBytesForAnyThreadCount)
{
    Phantom one(coarse(3)), two(coarse(3)), other(coarse(4));
    ASSERT_EQ(one.make(makeContext(1).get()), FSEG_OK);
    ASSERT_EQ(two.make(makeContext(2).get()), FSEG_OK);
    ASSERT_EQ(other.make(makeContext(2).get()), FSEG_OK);
    EXPECT_EQ(one.image, two.image);
    EXPECT_EQ(one.labels, two.labels);
    EXPECT_NE(one.labels, other.labels);
}

TEST(Phantom, ThePatientDoesNotDependOnTheGrid)
{
    Context context = makeContext(2);
    Phantom a(coarse(5));
    fseg_phantom_options fine = coarse(5);
    fine.columns = 224;
    fine.spacing_mm[0] = 1.6;
    Phantom b(fine);
    ASSERT_EQ(a.make(context.get()), FSEG_OK);
    ASSERT_EQ(b.make(context.get()), FSEG_OK);
    const double ml = a.millilitres(FSEG_PHANTOM_LIVER);
    EXPECT_NEAR(b.millilitres(FSEG_PHANTOM_LIVER), ml, 0.02 * ml);
}

TEST(Phantom, NoiseIsRicianOfTheGivenStrength)
{
    fseg_phantom_options o = coarse(6);
    o.noise = 0.05;
    Phantom noisy(o);
    o.noise = 0.0;
    Phantom clean(o);
    Context context = makeContext(2);
    ASSERT_EQ(noisy.make(context.get()), FSEG_OK);
    ASSERT_EQ(clean.make(context.get()), FSEG_OK);
    EXPECT_EQ(noisy.labels, clean.labels);
    // The corners hold air only: there the magnitude has a Rayleigh distribution.
    double mean = 0.0, square = 0.0, count = 0.0;
    for (int k = 0; k < o.slices; ++k)
        for (int y = 0; y < 8; ++y)
            for (int x = 0; x < o.columns; ++x) {
                const size_t i = (static_cast<size_t>(k) * static_cast<size_t>(o.rows) +
                                  static_cast<size_t>(y)) *
                                     static_cast<size_t>(o.columns) +
                                 static_cast<size_t>(x);
                ASSERT_EQ(clean.image[i], 0.0f);
                const double v = static_cast<double>(noisy.image[i]);
                mean += v;
                square += v * v;
                count += 1.0;
            }
    mean /= count;
    const double sigma = std::sqrt(0.5 * square / count);
    EXPECT_NEAR(mean / sigma, std::sqrt(M_PI / 2.0), 0.02);
    EXPECT_NEAR(sigma, 0.05 * 800.0, 2.0); // bright tissue is about 800
    for (float v : noisy.image) {
        ASSERT_TRUE(std::isfinite(v));
        ASSERT_GE(v, 0.0f);
        ASSERT_LT(v, 3000.0f);
    }
}

TEST(Phantom, OddGridsWork)
{
    Context context = makeContext(2);
    const int grids[][3] = {{1, 1, 1}, {7, 3, 2}, {33, 70, 5}, {64, 1, 3}};
    const double spacings[][3] = {{0.1, 0.1, 0.1}, {100.0, 100.0, 100.0}, {5.0, 2.0, 30.0}};
    for (const auto &grid : grids)
        for (const auto &spacing : spacings) {
            fseg_phantom_options o = fseg_phantom_default_options(1);
            o.columns = grid[0];
            o.rows = grid[1];
            o.slices = grid[2];
            std::copy(spacing, spacing + 3, o.spacing_mm);
            Phantom p(o);
            ASSERT_EQ(p.make(context.get()), FSEG_OK);
            for (float v : p.image)
                ASSERT_TRUE(std::isfinite(v));
        }
}

TEST(Phantom, ItReportsProgressAndCanBeCancelled)
{
    struct Log {
        std::vector<double> fractions;
        size_t stopAfter;
    };
    auto callback = [](void *user, double fraction, const char *) {
        Log *log = static_cast<Log *>(user);
        log->fractions.push_back(fraction);
        return log->fractions.size() >= log->stopAfter ? 1 : 0;
    };
    Context context = makeContext(2);
    Phantom p(coarse(7));
    Log log{{}, 1000000};
    fseg_progress progress{callback, &log};
    fseg_error error{};
    ASSERT_EQ(fseg_phantom_abdomen(context.get(), &p.options, p.image.data(), p.labels.data(),
                                   &progress, &error),
              FSEG_OK);
    ASSERT_GT(log.fractions.size(), 10u);
    EXPECT_EQ(log.fractions.back(), 1.0);
    for (size_t i = 1; i < log.fractions.size(); ++i)
        EXPECT_GE(log.fractions[i], log.fractions[i - 1]);

    log = Log{{}, 3};
    EXPECT_EQ(fseg_phantom_abdomen(context.get(), &p.options, p.image.data(), p.labels.data(),
                                   &progress, &error),
              FSEG_ERROR_CANCELLED);
    EXPECT_EQ(log.fractions.size(), 3u);
}

TEST(Phantom, BadArgumentsAreRefusedWithASentence)
{
    Context context = makeContext(1);
    Phantom p(coarse(8));
    fseg_error error{};
    auto make = [&](fseg_context *c, const fseg_phantom_options *o, float *image, uint8_t *labels) {
        error.message[0] = '\0';
        return fseg_phantom_abdomen(c, o, image, labels, nullptr, &error);
    };
    const fseg_status bad = FSEG_ERROR_INVALID_ARGUMENT;
    float *image = p.image.data();
    uint8_t *labels = p.labels.data();
    EXPECT_EQ(make(nullptr, &p.options, image, labels), bad);
    EXPECT_EQ(make(context.get(), nullptr, image, labels), bad);
    EXPECT_EQ(make(context.get(), &p.options, nullptr, labels), bad);
    EXPECT_EQ(make(context.get(), &p.options, image, nullptr), bad);

    std::vector<fseg_phantom_options> wrong(8, p.options);
    wrong[0].columns = 0;
    wrong[1].rows = -3;
    wrong[2].slices = 1 << 30;
    wrong[3].spacing_mm[2] = 0.0;
    wrong[4].spacing_mm[0] = std::numeric_limits<double>::quiet_NaN();
    wrong[5].noise = -0.1;
    wrong[6].bias = std::numeric_limits<double>::infinity();
    wrong[7].contrast_variation = 2.0;
    for (size_t i = 0; i < wrong.size(); ++i) {
        EXPECT_EQ(make(context.get(), &wrong[i], image, labels), bad) << i;
        EXPECT_NE(std::string(error.message), "") << i;
    }
}

} // namespace
