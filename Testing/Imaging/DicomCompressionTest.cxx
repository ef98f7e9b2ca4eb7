// Compressed series: every lossless syntax gives the voxels of the uncompressed one.
#include "ImagingTestHelpers.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dcrleerg.h"
#include "dcmtk/dcmdata/dcrlerp.h"
#include "dcmtk/dcmdata/dctk.h"
#include "dcmtk/dcmjpeg/djencode.h"
#include "dcmtk/dcmjpeg/djrplol.h"
#include "dcmtk/dcmjpls/djencode.h"
#include "dcmtk/dcmjpls/djrparam.h"
#include <cstring>

using namespace imaging_test;

namespace
{

struct Syntax {
    const char *name;
    E_TransferSyntax id;
};

class Compression : public testing::TestWithParam<Syntax>
{
  protected:
    static void SetUpTestSuite()
    {
        DJEncoderRegistration::registerCodecs();
        DJLSEncoderRegistration::registerCodecs();
        DcmRLEEncoderRegistration::registerCodecs();
    }
    static void TearDownTestSuite()
    {
        DJEncoderRegistration::cleanup();
        DJLSEncoderRegistration::cleanup();
        DcmRLEEncoderRegistration::cleanup();
    }
};

/** Store all files of the folder anew in another transfer syntax. */
void transcode(const std::string &folder, E_TransferSyntax syntax)
{
    for (const auto &entry : std::filesystem::directory_iterator(folder)) {
        DcmFileFormat file;
        ASSERT_TRUE(file.loadFile(entry.path().c_str()).good());
        file.loadAllDataIntoMemory();
        const DJ_RPLossless jpeg;
        const DJLSRepresentationParameter jpegLs(0, OFTrue);
        const DcmRLERepresentationParameter rle;
        const DcmRepresentationParameter *parameter = nullptr;
        if (syntax == EXS_JPEGProcess14 || syntax == EXS_JPEGProcess14SV1) {
            parameter = &jpeg;
        } else if (syntax == EXS_JPEGLSLossless) {
            parameter = &jpegLs;
        } else if (syntax == EXS_RLELossless) {
            parameter = &rle;
        }
        ASSERT_TRUE(file.chooseRepresentation(syntax, parameter).good());
        ASSERT_TRUE(file.saveFile(entry.path().c_str(), syntax).good());
    }
}

} // namespace

TEST_P(Compression, VoxelsAreThoseOfTheUncompressedSeries)
{
    const Folder folder;
    const Volume volume = makePhantom(makeGeometry({37, 29, 4}, {1, 1, 5}, {0.1, 0.2, 0.3}));
    volume->voxels[5] = -700.0F;
    const fseg_series_write_options options{"compressed", "P", nullptr, 1};
    ASSERT_EQ(fseg_series_write(volume.get(), &options, (folder / "s").c_str(), nullptr), FSEG_OK);
    transcode(folder / "s", GetParam().id);
    fseg_series_list *found = nullptr;
    ASSERT_EQ(fseg_series_list_scan((folder / "s").c_str(), nullptr, &found, nullptr), FSEG_OK);
    const SeriesList list(found);
    EXPECT_STREQ(fseg_series_list_info(found, 0)->reason, "");
    fseg_volume *read = nullptr;
    fseg_error error{};
    ASSERT_EQ(fseg_series_read(found, 0, nullptr, &read, &error), FSEG_OK) << error.message;
    const Volume back(read);
    EXPECT_TRUE(fseg_geometry_equal(&volume->geometry, &read->geometry, 1e-6));
    EXPECT_EQ(std::memcmp(volume->voxels, read->voxels, countOf(volume->geometry) * 4), 0);
}

TEST_P(Compression, ATruncatedFileIsNamed)
{
    const Folder folder;
    const Volume volume = makePhantom(makeGeometry({37, 29, 4}, {1, 1, 5}));
    const fseg_series_write_options options{"compressed", "P", nullptr, 1};
    ASSERT_EQ(fseg_series_write(volume.get(), &options, (folder / "s").c_str(), nullptr), FSEG_OK);
    transcode(folder / "s", GetParam().id);
    const std::string path = folder / "s/IM0003.dcm";
    std::filesystem::resize_file(path, std::filesystem::file_size(path) - 200);
    fseg_series_list *found = nullptr;
    ASSERT_EQ(fseg_series_list_scan((folder / "s").c_str(), nullptr, &found, nullptr), FSEG_OK);
    const SeriesList list(found);
    const fseg_series_info &info = *fseg_series_list_info(found, 0);
    EXPECT_STREQ(info.reason_id, "damaged-file");
    EXPECT_NE(std::strstr(info.reason, "IM0003"), nullptr) << info.reason;
}

INSTANTIATE_TEST_SUITE_P(Syntaxes, Compression,
                         testing::Values(Syntax{"ImplicitLittleEndian", EXS_LittleEndianImplicit},
                                         Syntax{"BigEndian", EXS_BigEndianExplicit},
                                         Syntax{"JpegLossless", EXS_JPEGProcess14},
                                         Syntax{"JpegLosslessFirstOrder", EXS_JPEGProcess14SV1},
                                         Syntax{"JpegLs", EXS_JPEGLSLossless},
                                         Syntax{"Rle", EXS_RLELossless}),
                         [](const auto &info) { return std::string(info.param.name); });
