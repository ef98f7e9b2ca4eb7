/**
 * @file FileHash.h
 * SHA-256 of files and of short texts, by libmd.
 */
#ifndef FRUGALSEG_IMAGING_FILE_HASH_H
#define FRUGALSEG_IMAGING_FILE_HASH_H

#include <array>
#include <cstdint>
#include <string>

namespace frugalseg
{

std::array<uint8_t, 32> sha256(const std::string &text);

/** The same of bytes, as 64 hex digits. */
std::string sha256Hex(const void *bytes, size_t size);

} // namespace frugalseg
#endif
