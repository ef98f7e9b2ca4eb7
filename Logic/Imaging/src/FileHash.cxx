/* SHA-256 of files and of short texts, by libmd. */
#include "FileHash.h"
#include "Failure.h"
#include "frugalseg/imaging.h"

#include <cerrno>
#include <cstdio>
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

} // namespace frugalseg

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
        uint8_t digest[32];
        SHA256Final(digest, &context);
        for (int i = 0; i < 32; ++i) {
            std::snprintf(hex + 2 * i, 3, "%02x", static_cast<unsigned>(digest[i]));
        }
    });
}
