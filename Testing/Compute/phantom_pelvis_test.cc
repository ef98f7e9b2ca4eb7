// Behaviour of the pelvic phantom: the patient, the placed label map, the scan.
#include "compute_context.h"
#include "frugalseg/phantom_pelvis.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace
{

using Pelvis = std::unique_ptr<fseg_pelvis, decltype(&fseg_pelvis_free)>;

/// A label map of a gland from formulas: half axes in mm, zones by a plane behind the middle.
struct Map {
    std::vector<uint8_t> labels;
    fseg_pelvis_map map{};

    Map(double pixel, double slice, double rx, double ry, double rz)
    {
        map.size[0] = map.size[1] = static_cast<int>(110 / pixel);
        map.size[2] = static_cast<int>(100 / slice);
        const double spacing[3] = {pixel, pixel, slice};
        for (int d = 0; d < 3; ++d) {
            map.ijk_to_lps[d][d] = spacing[d];
            map.ijk_to_lps[d][3] = -0.5 * (map.size[d] - 1) * spacing[d];
        }
        map.ijk_to_lps[3][3] = 1;
        paint([&](double x, double y, double z) {
            const double r = x * x / (rx * rx) + y * y / (ry * ry) + z * z / (rz * rz);
            return r > 1 ? 0 : y > 0.3 * ry ? FSEG_PELVIS_PERIPHERAL : FSEG_PELVIS_TRANSITION;
        });
    }
    void paint(const std::function<int(double, double, double)> &label)
    {
        labels.clear();
        for (int k = 0; k < map.size[2]; ++k) {
            for (int j = 0; j < map.size[1]; ++j) {
                for (int i = 0; i < map.size[0]; ++i) {
                    const double at[3] = {double(i), double(j), double(k)};
                    double lps[3];
                    for (int d = 0; d < 3; ++d) {
                        lps[d] = map.ijk_to_lps[d][d] * at[d] + map.ijk_to_lps[d][3];
                    }
                    labels.push_back(static_cast<uint8_t>(label(lps[0], lps[1], lps[2])));
                }
            }
        }
        map.labels = labels.data();
    }
    double millilitres() const
    {
        const auto count = std::count_if(labels.begin(), labels.end(), [](int l) { return l > 0; });
        return static_cast<double>(count) * map.ijk_to_lps[0][0] * map.ijk_to_lps[1][1] *
               map.ijk_to_lps[2][2] / 1000;
    }
    std::string refusal() const
    {
        fseg_error error{};
        return fseg_pelvis_map_check(&map, &error) == FSEG_OK ? "" : error.message;
    }
};

Pelvis makePelvis(uint64_t seed, const fseg_pelvis_map *map = nullptr, double variation = 0)
{
    fseg_pelvis *pelvis = nullptr;
    fseg_error error{};
    EXPECT_EQ(fseg_pelvis_create(seed, map, variation, &pelvis, &error), FSEG_OK) << error.message;
    return Pelvis(pelvis, fseg_pelvis_free);
}

struct Scan {
    fseg_pelvis_scan scan;
    std::vector<float> image;
    std::vector<uint8_t> labels;

    Scan(const Pelvis &pelvis, const fseg_pelvis_scan &s, int threads = 2) : scan(s)
    {
        image.resize(count());
        labels.resize(count());
        const Context context = makeContext(threads);
        fseg_error error{};
        EXPECT_EQ(fseg_pelvis_render(pelvis.get(), context.get(), &scan, image.data(),
                                     labels.data(), nullptr, &error),
                  FSEG_OK)
            << error.message;
    }
    size_t count() const
    {
        return static_cast<size_t>(scan.columns) * static_cast<size_t>(scan.rows) *
               static_cast<size_t>(scan.slices);
    }
    size_t voxels(int label) const // 0: any
    {
        return static_cast<size_t>(std::count_if(
            labels.begin(), labels.end(), [&](int l) { return label == 0 ? l > 0 : l == label; }));
    }
    double millilitres() const
    {
        double cell = 1;
        for (int a = 0; a < 3; ++a) {
            double square = 0;
            for (int d = 0; d < 3; ++d) {
                square += scan.ijk_to_lps[d][a] * scan.ijk_to_lps[d][a];
            }
            cell *= std::sqrt(square);
        }
        return static_cast<double>(voxels(0)) * cell / 1000;
    }
    double mean(int label) const
    {
        double sum = 0;
        for (size_t i = 0; i < image.size(); ++i) {
            sum += labels[i] == label ? static_cast<double>(image[i]) : 0.0;
        }
        return sum / static_cast<double>(voxels(label));
    }
};

fseg_pelvis_scan smallScan(fseg_pelvis_plane plane = FSEG_PELVIS_AXIAL, double slice = 3.0)
{
    fseg_pelvis_scan scan =
        fseg_pelvis_default_scan(5, plane, 72, static_cast<int>(75 / slice), 1.2, slice, 0);
    scan.contrast_variation = 0;
    return scan;
}

TEST(PelvicPhantom, PatientsVaryWithinThePublishedRangeOfVolumes)
{
    double sum = 0, smallest = 1e9, largest = 0;
    const int patients = 16;
    for (int seed = 1; seed <= patients; ++seed) {
        const fseg_pelvis_gland gland = fseg_pelvis_describe(makePelvis(uint64_t(seed)).get());
        EXPECT_GT(gland.gland_ml, 12) << seed;
        EXPECT_LT(gland.gland_ml, 220) << seed;
        EXPECT_GT(gland.transition_ml, 0.08 * gland.gland_ml) << seed;
        EXPECT_LT(gland.transition_ml, gland.gland_ml) << seed;
        sum += gland.gland_ml;
        smallest = std::min(smallest, gland.gland_ml);
        largest = std::max(largest, gland.gland_ml);
    }
    EXPECT_GT(sum / patients, 30);
    EXPECT_LT(sum / patients, 75);
    EXPECT_GT(largest, 2 * smallest);
}

TEST(PelvicPhantom, SamePatientAndScanGiveTheSameBytesForAnyNumberOfThreads)
{
    const Pelvis pelvis = makePelvis(3);
    const fseg_pelvis_scan s = smallScan();
    const Scan one(pelvis, s, 1), three(makePelvis(3), s, 3), other(makePelvis(4), s, 1);
    EXPECT_EQ(one.image, three.image);
    EXPECT_EQ(one.labels, three.labels);
    EXPECT_NE(one.labels, other.labels);
}

TEST(PelvicPhantom, AllPlanesShowTheSameGland)
{
    const Pelvis pelvis = makePelvis(6);
    const double described = fseg_pelvis_describe(pelvis.get()).gland_ml;
    for (const fseg_pelvis_plane plane :
         {FSEG_PELVIS_AXIAL, FSEG_PELVIS_CORONAL, FSEG_PELVIS_SAGITTAL}) {
        const Scan scan(pelvis, smallScan(plane));
        EXPECT_NEAR(scan.millilitres(), described, 0.04 * described) << plane;
        // The same grid in the same place holds the gland in the middle.
        const size_t n = static_cast<size_t>(scan.scan.columns);
        EXPECT_GT(
            scan.labels[n * n * static_cast<size_t>(scan.scan.slices / 2) + n * n / 2 + n / 2], 0)
            << plane;
    }
}

TEST(PelvicPhantom, PublishedTissuesGiveTheOrderOfSignalsOfAT2Image)
{
    fseg_pelvis_scan s = smallScan();
    s.bias = 0;
    const Scan scan(makePelvis(2), s);
    EXPECT_GT(scan.mean(FSEG_PELVIS_PERIPHERAL), 1.2 * scan.mean(FSEG_PELVIS_TRANSITION));
    // Muscle is dark and fluid brighter than everything else.
    std::vector<float> sorted(scan.image);
    std::sort(sorted.begin(), sorted.end());
    EXPECT_GT(sorted[sorted.size() - 20], 1.2 * scan.mean(FSEG_PELVIS_PERIPHERAL));
    EXPECT_LT(sorted[sorted.size() / 10], 0.5 * scan.mean(FSEG_PELVIS_TRANSITION));
}

TEST(PelvicPhantom, WholeGlandIsOneLabel)
{
    fseg_pelvis_scan s = smallScan();
    const Pelvis pelvis = makePelvis(2);
    const Scan zones(pelvis, s);
    s.whole_gland = 1;
    const Scan whole(pelvis, s);
    EXPECT_EQ(whole.voxels(1), zones.voxels(0));
    EXPECT_EQ(whole.voxels(2), 0U);
    EXPECT_EQ(whole.image, zones.image);
}

TEST(PelvicPhantom, RandomScansHoldTheWholeGland)
{
    for (uint64_t seed = 1; seed <= 2; ++seed) {
        const Pelvis pelvis = makePelvis(seed);
        const Scan scan(pelvis, fseg_pelvis_random_scan(seed));
        EXPECT_GT(scan.millilitres(), 0.8 * fseg_pelvis_describe(pelvis.get()).gland_ml) << seed;
    }
}

TEST(PelvicMap, AGivenGlandKeepsVolumeAndShape)
{
    const Map given(0.6, 3.6, 26, 18, 22);
    const Pelvis pelvis = makePelvis(9, &given.map);
    EXPECT_NEAR(fseg_pelvis_describe(pelvis.get()).gland_ml, given.millilitres(),
                0.04 * given.millilitres());
    fseg_pelvis_scan s = smallScan();
    s.columns = given.map.size[0];
    s.rows = given.map.size[1];
    s.slices = given.map.size[2];
    std::memcpy(s.ijk_to_lps, given.map.ijk_to_lps, sizeof s.ijk_to_lps);
    const Scan scan(pelvis, s);
    double both[3] = {0}, all[3] = {0};
    for (size_t i = 0; i < scan.count(); ++i) {
        for (int zone = 0; zone < 3; ++zone) {
            const bool a = zone ? scan.labels[i] == zone : scan.labels[i] > 0;
            const bool b = zone ? given.labels[i] == zone : given.labels[i] > 0;
            both[zone] += a && b;
            all[zone] += a + b;
        }
    }
    EXPECT_GT(2 * both[0] / all[0], 0.95);
    EXPECT_GT(2 * both[1] / all[1], 0.88);
    EXPECT_GT(2 * both[2] / all[2], 0.88);
}

TEST(PelvicMap, ThickSlicesAreJoinedSmoothly)
{
    const Map thick(0.8, 5.5, 24, 18, 24);
    const Scan scan(makePelvis(9, &thick.map), smallScan(FSEG_PELVIS_AXIAL, 1.0));
    std::vector<double> areas;
    const size_t plane =
        static_cast<size_t>(scan.scan.columns) * static_cast<size_t>(scan.scan.rows);
    for (size_t k = 0; k < static_cast<size_t>(scan.scan.slices); ++k) {
        const auto *first = scan.labels.data() + k * plane;
        areas.push_back(
            static_cast<double>(std::count_if(first, first + plane, [](int l) { return l > 0; })));
    }
    const double most = *std::max_element(areas.begin(), areas.end());
    const auto peak = std::max_element(areas.begin(), areas.end()) - areas.begin();
    for (ptrdiff_t k = 1; k < static_cast<ptrdiff_t>(areas.size()); ++k) {
        // Blocks of 5.5 mm would change by up to a third of the area at once.
        EXPECT_LT(std::fabs(areas[size_t(k)] - areas[size_t(k) - 1]), 0.2 * most) << k;
        if (k < peak - 2) {
            EXPECT_GE(areas[size_t(k)], areas[size_t(k) - 1] - 0.02 * most) << k;
        }
    }
}

TEST(PelvicMap, NeighboursMakeRoom)
{
    // The lowest urine (by far the brightest) lies higher over a taller gland, never inside it.
    double lowest[2] = {1e9, 1e9};
    const double tall[2] = {18, 34};
    size_t bright_voxels = 0, inside = 0; // a voxel of the border may be both
    for (int which = 0; which < 2; ++which) {
        const Map given(0.8, 3.0, 26, 18, tall[which]);
        fseg_pelvis_scan s = fseg_pelvis_default_scan(5, FSEG_PELVIS_AXIAL, 72, 40, 1.4, 3.5, 0);
        s.contrast_variation = 0;
        s.bias = 0;
        const Scan scan(makePelvis(12, &given.map), s);
        const float bright = *std::max_element(scan.image.begin(), scan.image.end());
        std::vector<double> heights;
        for (size_t i = 0; i < scan.count(); ++i) {
            // Gel in the rectum, behind, may be as bright.
            const auto j = static_cast<double>(i / 72U % 72U);
            if (scan.image[i] < 0.85F * bright || s.ijk_to_lps[1][1] * j + s.ijk_to_lps[1][3] > 8) {
                continue;
            }
            bright_voxels++;
            inside += scan.labels[i] > 0;
            const auto k = static_cast<double>(i / (72U * 72U));
            heights.push_back(s.ijk_to_lps[2][2] * k + s.ijk_to_lps[2][3]);
        }
        // A vein here and there is bright too: the level above which 95 % of it lies.
        ASSERT_FALSE(heights.empty());
        std::sort(heights.begin(), heights.end());
        lowest[which] = heights[heights.size() / 20];
        lowest[which] += tall[which]; // above the apex
    }
    EXPECT_GT(lowest[1], lowest[0] + 10);
    EXPECT_GT(bright_voxels, 1000U);
    EXPECT_LT(static_cast<double>(inside), 0.002 * static_cast<double>(bright_voxels));
}

TEST(PelvicMap, VariationChangesTheShapeAndTheSeedDecidesHow)
{
    const Map given(0.8, 3.6, 26, 18, 22);
    const auto volume = [&](uint64_t seed, double variation) {
        return fseg_pelvis_describe(makePelvis(seed, &given.map, variation).get()).gland_ml;
    };
    EXPECT_EQ(volume(1, 1.0), volume(1, 1.0));
    EXPECT_NE(volume(1, 1.0), volume(2, 1.0));
    EXPECT_NEAR(volume(1, 0.0), volume(2, 0.0), 1e-9);
}

TEST(PelvicMap, AMapOfOneLabelIsAWholeGland)
{
    Map given(0.8, 3.6, 26, 18, 22);
    for (uint8_t &label : given.labels) {
        label = label > 0;
    }
    const fseg_pelvis_gland gland = fseg_pelvis_describe(makePelvis(1, &given.map).get());
    EXPECT_NEAR(gland.gland_ml, given.millilitres(), 0.04 * given.millilitres());
    EXPECT_GT(gland.transition_ml, 0.1 * gland.gland_ml);
    EXPECT_LT(gland.transition_ml, 0.8 * gland.gland_ml);
}

TEST(PelvicMap, AGoodMapIsAccepted)
{
    EXPECT_EQ(Map(0.6, 3.6, 26, 18, 22).refusal(), "");
}

TEST(PelvicMap, BadMapsAreRefusedWithTheReason)
{
    const auto refused = [](const Map &map, const char *words) {
        EXPECT_NE(map.refusal().find(words), std::string::npos) << map.refusal();
    };
    const Map good(0.8, 3.6, 26, 18, 22);
    Map map = good;
    map.paint([](double, double, double) { return 0; });
    refused(map, "empty");

    map = good;
    map.paint([](double x, double y, double z) { return x * x + y * y + z * z < 900 ? 3 : 0; });
    refused(map, "label 3");

    refused(Map(0.8, 7.0, 26, 18, 22), "7.0 mm apart");
    refused(Map(0.8, 3.6, 6, 8, 10), "ml");

    map = good; // long pixels in the slice plane
    map.map.ijk_to_lps[0][0] *= 2.4;
    refused(map, "square pixels");

    map = good; // front and back exchanged
    map.map.ijk_to_lps[1][1] *= -1;
    refused(map, "orientation is wrong");

    map = good; // the slices are not axial
    std::swap(map.map.ijk_to_lps[0], map.map.ijk_to_lps[1]);
    refused(map, "orientation is wrong");

    map = good;
    map.map.ijk_to_lps[0][1] = 0.3;
    refused(map, "right angles");

    map = good; // labels exchanged
    map.paint([](double x, double y, double z) {
        const double r = x * x / 676 + y * y / 324 + z * z / 484;
        return r > 1 ? 0 : y > 5 ? FSEG_PELVIS_TRANSITION : FSEG_PELVIS_PERIPHERAL;
    });
    refused(map, "labels are swapped");

    map = good; // two pieces
    map.paint([](double x, double y, double z) {
        const double u = std::fabs(x) - 25;
        return u * u + y * y + z * z < 324 ? 1 : 0;
    });
    refused(map, "several pieces");

    map = good; // beyond the border
    map.paint([](double x, double y, double z) {
        const double r = (x - 40) * (x - 40) / 676 + y * y / 324 + z * z / 484;
        return r > 1 ? 0 : y > 5 ? 1 : 2;
    });
    refused(map, "cut off");

    map = good;
    map.map.ijk_to_lps[1][3] = NAN;
    refused(map, "not finite");
}

TEST(PelvicPhantom, WrongOptionsAreRefused)
{
    const Pelvis pelvis = makePelvis(1);
    const Context context = makeContext(1);
    std::vector<float> image(72 * 72 * 25);
    std::vector<uint8_t> labels(image.size());
    const auto render = [&](const std::function<void(fseg_pelvis_scan &)> &change) {
        fseg_pelvis_scan s = smallScan();
        change(s);
        fseg_error error{};
        EXPECT_EQ(fseg_pelvis_render(pelvis.get(), context.get(), &s, image.data(), labels.data(),
                                     nullptr, &error),
                  FSEG_ERROR_INVALID_ARGUMENT);
        return std::string(error.message);
    };
    EXPECT_NE(render([](auto &s) { s.columns = 0; }).find("pixels"), std::string::npos);
    EXPECT_NE(render([](auto &s) { s.noise = -1; }).find("noise"), std::string::npos);
    EXPECT_NE(render([](auto &s) { s.bias = 9; }).find("bias"), std::string::npos);
    EXPECT_NE(render([](auto &s) { s.ijk_to_lps[0][0] = 0; }).find("voxels"), std::string::npos);
    fseg_pelvis *none = nullptr;
    EXPECT_EQ(fseg_pelvis_create(1, nullptr, 2.0, &none, nullptr), FSEG_ERROR_INVALID_ARGUMENT);
    EXPECT_EQ(none, nullptr);
}

} // namespace
