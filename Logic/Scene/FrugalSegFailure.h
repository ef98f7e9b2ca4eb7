// How the parts of this module that do the work report failures to the logic that calls them.
#ifndef FrugalSegFailure_h
#define FrugalSegFailure_h

#include "frugalseg/status.h"

#include <stdexcept>
#include <string>

/// A status and the sentence for the user.
class FrugalSegFailure : public std::runtime_error
{
public:
  FrugalSegFailure(fseg_status status, const std::string& message)
      : std::runtime_error(message), Status(status)
  {
  }
  const fseg_status Status;
};

/// Throw unless a call of the C library went well.
inline void FrugalSegRequire(fseg_status status, const fseg_error& error)
{
  if (status != FSEG_OK)
  {
    throw FrugalSegFailure(status, error.message[0] ? error.message : fseg_status_text(status));
  }
}

/// Report progress (null: nobody listens); throws when the user cancelled.
inline void FrugalSegReport(const fseg_progress* progress, double fraction, const char* stage)
{
  const fseg_status status = fseg_progress_report(progress, fraction, stage);
  if (status != FSEG_OK)
  {
    throw FrugalSegFailure(status, fseg_status_text(status));
  }
}

/// Maps the progress of a part to its share of the whole, and keeps the stage of the whole when it
/// has one.
class FrugalSegPart
{
public:
  FrugalSegPart(const fseg_progress* whole, double begin, double end, const char* stage = nullptr)
      : Whole(whole), Begin(begin), End(end), Stage(stage), Progress{ &FrugalSegPart::Pass, this }
  {
  }
  FrugalSegPart(const FrugalSegPart&) = delete;
  void operator=(const FrugalSegPart&) = delete;
  const fseg_progress* Get() const { return &this->Progress; }

private:
  static int Pass(void* self, double fraction, const char* stage)
  {
    const FrugalSegPart* part = static_cast<const FrugalSegPart*>(self);
    return fseg_progress_report(part->Whole, part->Begin + fraction * (part->End - part->Begin),
                                part->Stage ? part->Stage : stage) == FSEG_OK
               ? 0
               : 1;
  }
  const fseg_progress* const Whole;
  const double Begin, End;
  const char* const Stage;
  const fseg_progress Progress;
};

#endif
