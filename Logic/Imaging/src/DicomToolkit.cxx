/* Set-up of DCMTK: decoders, logging; unique identifiers. */
#include "DicomSeries.h"
#include "FileHash.h"

#include "dcmtk/config/osconfig.h"

#include "dcmtk/dcmdata/dcrledrg.h"
#include "dcmtk/dcmdata/dcuid.h"
#include "dcmtk/dcmdata/dcxfer.h"
#include "dcmtk/dcmjpeg/djdecode.h"
#include "dcmtk/dcmjpls/djdecode.h"
#include "dcmtk/oflog/oflog.h"
#include <algorithm>
#include <iterator>
#include <mutex>
#include <random>

namespace frugalseg
{

void prepareToolkit()
{
    // DCMTK keeps its codecs and loggers per process; this adds to them once and for good.
    static std::once_flag once;
    std::call_once(once, [] {
        DJDecoderRegistration::registerCodecs();
        DJLSDecoderRegistration::registerCodecs();
        DcmRLEDecoderRegistration::registerCodecs();
        OFLog::getLogger("dcmtk").setLogLevel(OFLogger::OFF_LOG_LEVEL);
    });
}

namespace
{

const char *const decodable[] = {
    UID_LittleEndianExplicitTransferSyntax, UID_LittleEndianImplicitTransferSyntax,
    UID_BigEndianExplicitTransferSyntax,    UID_JPEGProcess1TransferSyntax,
    UID_JPEGProcess2_4TransferSyntax,       UID_JPEGProcess14TransferSyntax,
    UID_JPEGProcess14SV1TransferSyntax,     UID_JPEGLSLosslessTransferSyntax,
    UID_JPEGLSLossyTransferSyntax,          UID_RLELosslessTransferSyntax,
};

} // namespace

bool canDecode(const std::string &transferSyntax)
{
    return std::any_of(std::begin(decodable), std::end(decodable),
                       [&](const char *uid) { return transferSyntax == uid; });
}

std::string transferSyntaxName(const std::string &transferSyntax)
{
    // "JPEG 2000 (Lossless only)"; the dictionary's names of UIDs are less readable.
    const char *name = DcmXfer(transferSyntax.c_str()).getXferName();
    return name && std::string(name) != "Unknown Transfer Syntax" ? name : transferSyntax;
}

namespace
{

/** The decimal form of a version 4 UUID with these bytes (DICOM PS3.5 B.2). */
std::string uidFromBytes(std::array<uint8_t, 16> bytes)
{
    bytes[6] = static_cast<uint8_t>((bytes[6] & 0x0F) | 0x40);
    bytes[8] = static_cast<uint8_t>((bytes[8] & 0x3F) | 0x80);
    std::string digits;
    bool zero = false;
    while (!zero) {
        // Long division of the 128-bit number by ten, from the first byte on.
        unsigned remainder = 0;
        zero = true;
        for (uint8_t &byte : bytes) {
            const unsigned value = remainder * 256 + byte;
            byte = static_cast<uint8_t>(value / 10);
            remainder = value % 10;
            zero = zero && byte == 0;
        }
        digits.push_back(static_cast<char>('0' + remainder));
    }
    std::reverse(digits.begin(), digits.end());
    return "2.25." + digits;
}

} // namespace

std::string uidFromName(const std::string &name)
{
    const std::array<uint8_t, 32> digest = sha256(name);
    std::array<uint8_t, 16> bytes{};
    std::copy_n(digest.begin(), bytes.size(), bytes.begin());
    return uidFromBytes(bytes);
}

std::string newUid()
{
    std::random_device source;
    std::array<uint8_t, 16> bytes{};
    for (uint8_t &byte : bytes) {
        byte = static_cast<uint8_t>(source() & 0xFF);
    }
    return uidFromBytes(bytes);
}

} // namespace frugalseg

extern "C" const char *fseg_imaging_transfer_syntax(size_t index)
{
    return index < std::size(frugalseg::decodable) ? frugalseg::decodable[index] : nullptr;
}
