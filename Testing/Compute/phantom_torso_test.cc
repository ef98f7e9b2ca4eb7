// Behaviour of the torso phantom and of the physics that phantoms share.
#include "compute_context.h"
#include "frugalseg/phantom_torso.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace
{

// The default field of view on a grid with fewer voxels, clean.
fseg_acquisition coarse()
{
    fseg_acquisition a = fseg_acquisition_liver();
    a.columns = a.rows = 96;
    a.slices = 15;
    a.spacing_mm[0] = a.spacing_mm[1] = 3.75;
    a.spacing_mm[2] = 14.0;
    a.noise = a.bias = 0.0;
    return a;
}

struct Scan {
    std::vector<float> images;
    std::vector<uint8_t> labels;
    size_t voxels = 0;

    Scan(fseg_context *context, const fseg_torso_options &options, const fseg_acquisition &a)
        : voxels(static_cast<size_t>(a.columns) * static_cast<size_t>(a.rows) *
                 static_cast<size_t>(a.slices))
    {
        images.resize(voxels * static_cast<size_t>(a.sequence.echoes));
        labels.resize(voxels);
        fseg_error error{};
        EXPECT_EQ(fseg_phantom_torso(context, &options, &a, images.data(), labels.data(), nullptr,
                                     &error),
                  FSEG_OK)
            << error.message;
    }
    double mean(int label, size_t echo = 0) const
    {
        double sum = 0.0, count = 0.0;
        for (size_t i = 0; i < voxels; ++i)
            if (labels[i] == label) {
                sum += static_cast<double>(images[echo * voxels + i]);
                count += 1.0;
            }
        return sum / count;
    }
    double count(int label) const
    {
        double sum = 0.0;
        for (uint8_t v : labels)
            sum += v == label;
        return sum;
    }
};

// T2 in ms from the slope of ln S over TE, by least squares.
double fitT2(const std::vector<double> &te, const std::vector<double> &signal)
{
    double n = 0, x = 0, y = 0, xx = 0, xy = 0;
    for (size_t i = 0; i < te.size(); ++i) {
        const double l = std::log(signal[i]);
        n += 1;
        x += te[i];
        y += l;
        xx += te[i] * te[i];
        xy += te[i] * l;
    }
    return -(n * xx - x * x) / (n * xy - x * y);
}

TEST(Torso, T2FittedToTheEchoesIsThatOfTheTable)
{
    Context context = makeContext(2);
    for (double field : {1.5, 3.0}) {
        fseg_acquisition a = coarse();
        a.sequence.field_tesla = field;
        a.sequence.echoes = 5;
        for (int e = 0; e < 5; ++e)
            a.sequence.te_ms[e] = 20.0 * (e + 1);
        // Spleen alone: liver and kidneys hold vessels and two tissues.
        const Scan scan(context.get(), fseg_torso_healthy_options(3), a);
        const double truth = fseg_tissue_get(FSEG_TISSUE_SPLEEN)->t2_ms[field > 2.0];
        std::vector<double> fits;
        for (size_t i = 0; i < scan.voxels; ++i) {
            const size_t row = 96, slice = 96 * 96;
            bool inside = i >= slice && i + slice < scan.voxels;
            for (size_t step : {size_t{1}, row, slice})
                inside = inside && scan.labels[i - step] == FSEG_PHANTOM_SPLEEN &&
                         scan.labels[i + step] == FSEG_PHANTOM_SPLEEN;
            if (!inside)
                continue;
            std::vector<double> te, signal;
            for (size_t e = 0; e < 5; ++e) {
                te.push_back(a.sequence.te_ms[e]);
                signal.push_back(static_cast<double>(scan.images[e * scan.voxels + i]));
            }
            fits.push_back(fitT2(te, signal));
        }
        ASSERT_GT(fits.size(), 5u);
        for (double t2 : fits)
            EXPECT_NEAR(t2, truth, 0.02 * truth) << field << " T";
    }
}

TEST(Torso, TheSameOptionsGiveTheSameBytesForAnyThreadCountWithAllArtefacts)
{
    fseg_acquisition a = coarse();
    a.noise = 0.02;
    a.sequence.fat_suppressed = 0;
    a.artefacts = {5.0, 0.0, 150.0, 0.8, 0.7, 0.1, 3.0};
    const fseg_torso_options options = fseg_torso_default_options(9);
    const Scan one(makeContext(1).get(), options, a), two(makeContext(2).get(), options, a);
    EXPECT_EQ(one.images, two.images);
    EXPECT_EQ(one.labels, two.labels);
    for (float v : one.images)
        ASSERT_TRUE(std::isfinite(v) && v >= 0.0f);
}

TEST(Torso, FatIsBrightWithoutSuppressionAndDarkWithIt)
{
    fseg_sequence s = fseg_sequence_liver();
    const double suppressed = fseg_sequence_signal(&s, FSEG_TISSUE_FAT, 0, nullptr);
    s.fat_suppressed = 0;
    const double full = fseg_sequence_signal(&s, FSEG_TISSUE_FAT, 0, nullptr);
    EXPECT_LT(suppressed, 0.2 * full);
    EXPECT_GT(full, fseg_sequence_signal(&s, FSEG_TISSUE_LIVER, 0, nullptr));
}

TEST(Torso, FindingsAreSeen)
{
    Context context = makeContext(2);
    fseg_torso_options o = fseg_torso_healthy_options(4);
    const Scan healthy(context.get(), o, coarse());
    o.iron = 1.0;
    const Scan iron(context.get(), o, coarse());
    EXPECT_LT(iron.mean(FSEG_PHANTOM_LIVER), 0.85 * healthy.mean(FSEG_PHANTOM_LIVER));
    o = fseg_torso_healthy_options(4);
    o.splenomegaly = 1.0;
    const Scan spleen(context.get(), o, coarse());
    EXPECT_GT(spleen.count(FSEG_PHANTOM_SPLEEN), 1.4 * healthy.count(FSEG_PHANTOM_SPLEEN));
    o = fseg_torso_healthy_options(4);
    o.cysts = 1.0;
    fseg_person person{};
    ASSERT_EQ(fseg_torso_describe(&o, &person, nullptr), FSEG_OK);
    EXPECT_GE(person.cysts, 1);
    // A lesion is liver: the truth stays.
    const Scan cysts(context.get(), o, coarse());
    EXPECT_EQ(cysts.labels, healthy.labels);
    EXPECT_NE(cysts.images, healthy.images);
}

TEST(Torso, FindingsOccurAsOftenAsStated)
{
    int metastases = 0, spleens = 0, cysts = 0;
    const int people = 2000;
    for (uint64_t seed = 0; seed < people; ++seed) {
        const fseg_torso_options o = fseg_torso_default_options(seed);
        fseg_person p{};
        ASSERT_EQ(fseg_torso_describe(&o, &p, nullptr), FSEG_OK);
        metastases += p.metastases > 0;
        spleens += p.spleen_factor > 1.5;
        cysts += p.cysts > 0;
    }
    EXPECT_NEAR(metastases / 2000.0, 0.04, 0.015);
    EXPECT_NEAR(spleens / 2000.0, 0.05, 0.015);
    EXPECT_NEAR(cysts / 2000.0, 0.12 * (0.4 + 50.0 / 75.0), 0.03);
}

TEST(Torso, PlanesShowTheSamePersonWhereTheMatrixSays)
{
    Context context = makeContext(2);
    const fseg_torso_options o = fseg_torso_healthy_options(6);
    double centre[3][3];
    for (int plane = 0; plane < 3; ++plane) {
        fseg_acquisition a = coarse();
        a.plane = static_cast<fseg_plane>(plane);
        a.columns = a.rows = 80;
        a.slices = 80;
        for (double &s : a.spacing_mm)
            s = 4.6;
        double m[4][4];
        fseg_acquisition_matrix(&a, m);
        const Scan scan(context.get(), o, a);
        double sum[3] = {0, 0, 0}, count = 0;
        size_t i = 0;
        for (int k = 0; k < 80; ++k)
            for (int j = 0; j < 80; ++j)
                for (int c = 0; c < 80; ++c, ++i)
                    if (scan.labels[i] == FSEG_PHANTOM_LIVER) {
                        count += 1;
                        for (int d = 0; d < 3; ++d)
                            sum[d] += m[d][0] * c + m[d][1] * j + m[d][2] * k + m[d][3];
                    }
        for (int d = 0; d < 3; ++d)
            centre[plane][d] = sum[d] / count;
    }
    for (int d = 0; d < 3; ++d) {
        EXPECT_NEAR(centre[1][d], centre[0][d], 0.5);
        EXPECT_NEAR(centre[2][d], centre[0][d], 0.5);
    }
}

TEST(Torso, BadOptionsAreRefusedWithASentence)
{
    Context context = makeContext(1);
    std::vector<float> image(96 * 96 * 15);
    auto refused = [&](const fseg_torso_options &o, const fseg_acquisition &a) {
        fseg_error error{};
        return fseg_phantom_torso(context.get(), &o, &a, image.data(), nullptr, nullptr, &error) ==
                   FSEG_ERROR_INVALID_ARGUMENT &&
               std::string(error.message).size() > 10;
    };
    const fseg_torso_options good = fseg_torso_default_options(1);
    std::vector<fseg_torso_options> people(3, good);
    people[0].bmi_high = 60.0;
    people[1].age_low = 90.0;
    people[2].iron = NAN;
    for (const auto &o : people)
        EXPECT_TRUE(refused(o, coarse()));
    std::vector<fseg_acquisition> scans(8, coarse());
    scans[0].sequence.field_tesla = 2.0;
    scans[1].sequence.echoes = 2; // both echoes at the same time or falling
    scans[2].sequence.tr_ms = 250.0;
    scans[3].tilt_degrees = 10.0;
    scans[4].artefacts.phase_fov = 0.1;
    scans[5].artefacts.ghost = -1.0;
    scans[6].slice_thickness = 0.0;
    scans[7].artefacts.chemical_shift = 5.0;
    for (const auto &a : scans)
        EXPECT_TRUE(refused(good, a));
}

} // namespace
