// JSON texts and files, by jansson.
#ifndef FrugalSegJson_h
#define FrugalSegJson_h

#include "FrugalSegFailure.h"
#include "frugalseg/files.h"

#include <jansson.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <new>
#include <string>

struct FrugalSegJsonFree
{
  void operator()(json_t* json) const { json_decref(json); }
};
using FrugalSegJson = std::unique_ptr<json_t, FrugalSegJsonFree>;

/// A value that must exist: null from jansson means that memory is out.
inline FrugalSegJson FrugalSegJsonOwn(json_t* json)
{
  if (!json)
  {
    throw std::bad_alloc();
  }
  return FrugalSegJson(json);
}

/// Larger files are none of ours; jansson would set out to hold many times their size in memory.
constexpr std::uintmax_t FrugalSegJsonLargestFile = 64u << 20;

/// json_load_file within that limit.
inline json_t* FrugalSegJsonLoad(const std::string& path, size_t flags, json_error_t* detail)
{
  std::error_code code;
  const std::uintmax_t size = std::filesystem::file_size(path, code);
  if (!code && size > FrugalSegJsonLargestFile)
  {
    if (detail)
    {
      std::snprintf(detail->text, sizeof(detail->text), "it is larger than 64 MB");
    }
    return nullptr;
  }
  return json_load_file(path.c_str(), flags, detail);
}

/// The object in a file; throws with one sentence that begins with `what` when it is none.
inline FrugalSegJson FrugalSegJsonRead(const std::string& path, const std::string& what)
{
  json_error_t detail{};
  FrugalSegJson json(FrugalSegJsonLoad(path, JSON_REJECT_DUPLICATES, &detail));
  if (!json_is_object(json.get()))
  {
    const std::string reason = json ? std::string("it is not an object") : std::string(detail.text);
    const std::string line = json ? std::string() : " (line " + std::to_string(detail.line) + ")";
    throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT, what + " cannot be understood: " + reason + line +
                                                     "; repair it or choose another folder.");
  }
  return json;
}

/// Write an object atomically.
inline void FrugalSegJsonWrite(const json_t* json, const std::string& path)
{
  const std::unique_ptr<char, decltype(&std::free)> text(
      json_dumps(json, JSON_INDENT(1) | JSON_REAL_PRECISION(6)), &std::free);
  if (!text)
  {
    throw std::bad_alloc();
  }
  fseg_error error{};
  const std::string content = std::string(text.get()) + "\n";
  FrugalSegRequire(fseg_file_write(path.c_str(), content.data(), content.size(), &error), error);
}

/// The text of a key, "" when it is absent or no text.
inline std::string FrugalSegJsonText(const json_t* object, const char* key)
{
  const char* text = json_string_value(json_object_get(object, key));
  return text ? text : "";
}

#endif
