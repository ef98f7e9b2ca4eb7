/* DICOM files whose data set is compressed as a whole (DICOM PS3.5 A.5): the file's own header is
 * plain, what follows is one raw DEFLATE stream. */
#include "DeflatedFile.h"
#include "Failure.h"
#include "Limits.h"

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <itk_zlib.h>
#include <memory>
#include <vector>

namespace frugalseg
{

namespace
{

struct CloseFile {
    void operator()(std::FILE *file) const
    {
        std::fclose(file);
    }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

constexpr size_t groupStart = 132;     /**< behind preamble and "DICM" */
constexpr size_t firstElement = 12;    /**< the length of the group, itself an element */
constexpr size_t longestGroup = 65536; /**< the file's own header is some hundred bytes */
const char deflated[] = "1.2.840.10008.1.2.1.99";
const char plain[] = "1.2.840.10008.1.2.1"; // 19 characters and a zero

uint32_t numberAt(const std::vector<unsigned char> &bytes, size_t at)
{
    return static_cast<uint32_t>(bytes[at] | bytes[at + 1] << 8 | bytes[at + 2] << 16) |
           static_cast<uint32_t>(bytes[at + 3]) << 24;
}

/** The file's own header, naming the plain transfer syntax instead; empty when it is damaged. */
std::vector<unsigned char> readPlainHeader(std::FILE *file)
{
    std::vector<unsigned char> bytes(groupStart + firstElement);
    const unsigned char start[] = {2, 0, 0, 0, 'U', 'L', 4, 0};
    if (std::fread(bytes.data(), 1, bytes.size(), file) != bytes.size() ||
        std::memcmp(bytes.data() + groupStart, start, sizeof start) != 0) {
        return {};
    }
    const uint32_t length = numberAt(bytes, groupStart + 8);
    if (length > longestGroup) {
        return {};
    }
    bytes.resize(bytes.size() + length);
    if (std::fread(bytes.data() + groupStart + firstElement, 1, length, file) != length) {
        return {};
    }
    const std::vector<unsigned char> element = [] {
        std::vector<unsigned char> wanted = {2, 0, 0x10, 0, 'U', 'I', sizeof deflated - 1, 0};
        wanted.insert(wanted.end(), deflated, deflated + sizeof deflated - 1);
        return wanted;
    }();
    const auto at = std::search(bytes.begin(), bytes.end(), element.begin(), element.end());
    if (at == bytes.end()) {
        return {};
    }
    at[6] = sizeof plain;
    std::copy(plain, plain + sizeof plain, at + 8);
    bytes.erase(at + 8 + sizeof plain, at + static_cast<ptrdiff_t>(element.size()));
    bytes[groupStart + 8] = static_cast<unsigned char>((length - 2) & 0xFF);
    bytes[groupStart + 9] = static_cast<unsigned char>((length - 2) >> 8 & 0xFF);
    std::fill(bytes.begin(), bytes.begin() + 128, static_cast<unsigned char>(0));
    return bytes;
}

/** A raw DEFLATE stream from `in` to `out`; false when it is damaged or expands too far. */
bool inflateStream(std::FILE *in, std::FILE *out, const std::string &target)
{
    z_stream stream{};
    if (inflateInit2(&stream, -MAX_WBITS) != Z_OK) {
        throw std::bad_alloc();
    }
    const std::unique_ptr<z_stream, int (*)(z_stream *)> end(
        &stream, [](z_stream *one) { return static_cast<int>(inflateEnd(one)); });
    std::vector<unsigned char> from(1 << 16), to(1 << 16);
    double read = 0.0, written = 0.0;
    int result = Z_OK;
    while (result == Z_OK) {
        stream.avail_in = static_cast<unsigned>(std::fread(from.data(), 1, from.size(), in));
        stream.next_in = from.data();
        read += static_cast<double>(stream.avail_in);
        if (stream.avail_in == 0) {
            return false; // the end of the stream is missing
        }
        do {
            stream.next_out = to.data();
            stream.avail_out = static_cast<unsigned>(to.size());
            result = inflate(&stream, Z_NO_FLUSH);
            if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR) {
                return false;
            }
            const size_t count = to.size() - stream.avail_out;
            if (std::fwrite(to.data(), 1, count, out) != count) {
                throw systemFailure(errno, "cannot write", target);
            }
            written += static_cast<double>(count);
            if (written > limits::deflateRatio * (read + 64.0) || written > limits::zipBytes) {
                return false;
            }
        } while (stream.avail_out == 0 && result == Z_OK);
        result = result == Z_BUF_ERROR ? Z_OK : result;
    }
    return result == Z_STREAM_END;
}

} // namespace

bool inflateDicomFile(const std::string &path, const std::string &target)
{
    const File in(std::fopen(path.c_str(), "rb"));
    if (!in) {
        throw systemFailure(errno, "cannot read", path);
    }
    const std::vector<unsigned char> header = readPlainHeader(in.get());
    if (header.empty()) {
        return false;
    }
    File out(std::fopen(target.c_str(), "wbx"));
    if (!out || std::fwrite(header.data(), 1, header.size(), out.get()) != header.size()) {
        throw systemFailure(errno, "cannot write", target);
    }
    const bool whole = inflateStream(in.get(), out.get(), target);
    if (std::fclose(out.release()) != 0) {
        throw systemFailure(errno, "cannot write", target);
    }
    if (!whole) {
        std::remove(target.c_str());
    }
    return whole;
}

} // namespace frugalseg
