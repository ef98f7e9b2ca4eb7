/* SHA-256 of files, short texts and images, by libmd. */
#include "FileHash.h"
#include "CanonicalAxes.h"
#include "Failure.h"
#include "frugalseg/files.h"
#include "frugalseg/imaging.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <sha2.h>
#include <sys/stat.h>
#include <vector>

namespace frugalseg
{

std::array<uint8_t, 32> sha256(const std::string &text)
{
    std::array<uint8_t, 32> digest{};
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, reinterpret_cast<const uint8_t *>(text.data()), text.size());
    SHA256Final(digest.data(), &context);
    return digest;
}

namespace
{

void writeHex(SHA2_CTX &context, char hex[65])
{
    uint8_t digest[32];
    SHA256Final(digest, &context);
    for (int i = 0; i < 32; ++i) {
        std::snprintf(hex + 2 * i, 3, "%02x", static_cast<unsigned>(digest[i]));
    }
}

/** The salt and a null, so that salt and text cannot run into each other. */
void startSalted(SHA2_CTX &context, const char *salt)
{
    SHA256Init(&context);
    SHA256Update(&context, reinterpret_cast<const uint8_t *>(salt), std::strlen(salt) + 1);
}

} // namespace

std::string sha256Hex(const void *bytes, size_t size)
{
    char hex[65];
    SHA2_CTX context;
    SHA256Init(&context);
    SHA256Update(&context, static_cast<const uint8_t *>(bytes), size);
    writeHex(context, hex);
    return hex;
}

} // namespace frugalseg

extern "C" fseg_status fseg_text_sha256(const char *salt, const char *text, char hex[65],
                                        fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(salt && text && hex, "salt, text and hex must not be null");
        SHA2_CTX context;
        frugalseg::startSalted(context, salt);
        SHA256Update(&context, reinterpret_cast<const uint8_t *>(text), std::strlen(text));
        frugalseg::writeHex(context, hex);
    });
}

extern "C" fseg_status fseg_volume_sha256(const char *salt, const fseg_volume *volume, char hex[65],
                                          fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(salt && volume && volume->voxels && hex,
                                   "salt, volume and hex must not be null");
        frugalseg::requireGeometry(volume->geometry);
        const frugalseg::CanonicalAxes axes(volume->geometry);
        std::vector<float> canonical(frugalseg::voxelCount(volume->geometry));
        axes.fromSource(volume->voxels, canonical.data());
        SHA2_CTX context;
        frugalseg::startSalted(context, salt);
        for (const uint64_t size : axes.size) {
            uint8_t bytes[8];
            for (int i = 0; i < 8; ++i) {
                bytes[i] = static_cast<uint8_t>(size >> (8 * i));
            }
            SHA256Update(&context, bytes, sizeof bytes);
        }
        SHA256Update(&context, reinterpret_cast<const uint8_t *>(canonical.data()),
                     canonical.size() * sizeof(float));
        frugalseg::writeHex(context, hex);
    });
}

extern "C" fseg_status fseg_file_sha256(const char *path, char hex[65], fseg_error *error)
{
    return frugalseg::guard(error, [&] {
        frugalseg::requireArgument(path && hex, "path and hex must not be null");
        hex[0] = '\0';
        struct CloseFile {
            void operator()(std::FILE *file) const
            {
                std::fclose(file);
            }
        };
        const std::unique_ptr<std::FILE, CloseFile> file(std::fopen(path, "rb"));
        if (!file) {
            throw frugalseg::systemFailure(errno, "cannot read", path);
        }
        SHA2_CTX context;
        SHA256Init(&context);
        std::vector<uint8_t> buffer(1 << 16);
        size_t count = 0;
        while ((count = std::fread(buffer.data(), 1, buffer.size(), file.get())) > 0) {
            SHA256Update(&context, buffer.data(), count);
        }
        if (std::ferror(file.get())) {
            throw frugalseg::systemFailure(errno, "cannot read", path);
        }
        frugalseg::writeHex(context, hex);
    });
}
