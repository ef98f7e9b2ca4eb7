/**
 * @file fuzz_target.h
 * What every fuzz target shares. A target defines LLVMFuzzerTestOneInput; libFuzzer (`make fuzz`)
 * or the batch driver (batch_driver.cc: figures F1 to F3) calls it.
 */
#ifndef FRUGALSEG_TESTING_FUZZ_TARGET_H
#define FRUGALSEG_TESTING_FUZZ_TARGET_H

#include "frugalseg/status.h"
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

namespace fuzz
{

/** A private folder in memory where there is such a file system; removed at the end. */
const std::string &scratch();

/** Replace the file `name` of the scratch folder; its path. */
std::string writeFile(const std::string &name, const uint8_t *data, size_t size);

/** A valid file that a target needs beside the input. */
std::string writeText(const std::string &name, const std::string &text);

/** The input split at the mark "\0\0FILE\0\0"; at least one part, at most 16. */
std::vector<std::pair<const uint8_t *, size_t>> splitFiles(const uint8_t *data, size_t size);

/** What the target's main call gave, for the batch driver. */
extern int outcome;

/** Insist that a text is UTF-8; `what` names it. */
void requireText(const char *text, const char *what);

/** Note the outcome and insist on the promise of every function: a failure comes with one sentence,
 *  in UTF-8, and the error names the same status. Ends the process otherwise. */
void note(fseg_status status, const fseg_error &error);

/** Ends the process with a sentence: the code under test broke a promise. */
[[noreturn]] void broken(const std::string &promise);

} // namespace fuzz
#endif
