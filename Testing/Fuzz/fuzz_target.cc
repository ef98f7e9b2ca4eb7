#include "fuzz_target.h"

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <unistd.h>

namespace fuzz
{

int outcome = FSEG_OK;

namespace
{

class Scratch
{
  public:
    Scratch()
    {
        const char *memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : nullptr;
        const std::string parent =
            memory ? memory : std::filesystem::temp_directory_path().string();
        std::string pattern = parent + "/fseg-fuzz-XXXXXX";
        if (!mkdtemp(pattern.data())) {
            broken("no scratch folder can be made in " + parent);
        }
        path = pattern;
    }
    ~Scratch()
    {
        std::error_code ignored;
        std::filesystem::remove_all(path, ignored);
    }
    std::string path;
};

bool isUtf8(const char *text)
{
    const auto *p = reinterpret_cast<const unsigned char *>(text);
    while (*p) {
        const int more = *p < 0x80                 ? 0
                         : *p >= 0xC2 && *p < 0xE0 ? 1
                         : *p >= 0xE0 && *p < 0xF0 ? 2
                         : *p >= 0xF0 && *p < 0xF5 ? 3
                                                   : -1;
        if (more < 0) {
            return false;
        }
        ++p;
        for (int i = 0; i < more; ++i, ++p) {
            if ((*p & 0xC0) != 0x80) {
                return false;
            }
        }
    }
    return true;
}

} // namespace

const std::string &scratch()
{
    static const Scratch folder;
    return folder.path;
}

std::string writeFile(const std::string &name, const uint8_t *data, size_t size)
{
    const std::string path = scratch() + "/" + name;
    std::FILE *file = std::fopen(path.c_str(), "wb");
    const bool whole = file && (size == 0 || std::fwrite(data, 1, size, file) == size);
    if (!whole || std::fclose(file) != 0) {
        broken("the scratch folder cannot be written");
    }
    return path;
}

std::string writeText(const std::string &name, const std::string &text)
{
    return writeFile(name, reinterpret_cast<const uint8_t *>(text.data()), text.size());
}

std::vector<std::pair<const uint8_t *, size_t>> splitFiles(const uint8_t *data, size_t size)
{
    static const char mark[] = {'\0', '\0', 'F', 'I', 'L', 'E', '\0', '\0'};
    std::vector<std::pair<const uint8_t *, size_t>> parts;
    while (parts.size() < 15) {
        const void *found = size ? memmem(data, size, mark, sizeof mark) : nullptr;
        if (!found) {
            break;
        }
        const auto length = static_cast<size_t>(static_cast<const uint8_t *>(found) - data);
        parts.emplace_back(data, length);
        data += length + sizeof mark;
        size -= length + sizeof mark;
    }
    parts.emplace_back(data, size);
    return parts;
}

void requireText(const char *text, const char *what)
{
    if (!isUtf8(text)) {
        broken(std::string(what) + " is no UTF-8 text: " + text);
    }
}

void note(fseg_status status, const fseg_error &error)
{
    outcome = status;
    if (status < FSEG_OK) {
        broken("a status is negative");
    }
    if (status != FSEG_OK && (error.status != status || error.message[0] == '\0')) {
        broken("a failure came without its sentence");
    }
    if (!std::memchr(error.message, '\0', sizeof error.message) || !isUtf8(error.message)) {
        broken(std::string("a message is no UTF-8 text: ") + error.message);
    }
}

void broken(const std::string &promise)
{
    std::fprintf(stderr, "BROKEN PROMISE: %s\n", promise.c_str());
    std::abort();
}

} // namespace fuzz
