// Owners of the C library's objects, for C++ code of this module.
#ifndef FrugalSegHandles_h
#define FrugalSegHandles_h

#include "frugalseg/context.h"
#include "frugalseg/imaging.h"
#include "frugalseg/model.h"

#include <memory>

template <auto Free>
struct FrugalSegFree
{
  template <typename T>
  void operator()(T* object) const
  {
    Free(object);
  }
};

using FrugalSegContext = std::unique_ptr<fseg_context, FrugalSegFree<fseg_context_free>>;
using FrugalSegModel = std::unique_ptr<fseg_model, FrugalSegFree<fseg_model_free>>;
using FrugalSegVolume = std::unique_ptr<fseg_volume, FrugalSegFree<fseg_volume_free>>;
using FrugalSegMask = std::unique_ptr<fseg_mask, FrugalSegFree<fseg_mask_free>>;
using FrugalSegSegFile = std::unique_ptr<fseg_seg_file, FrugalSegFree<fseg_seg_file_free>>;
using FrugalSegSeriesList = std::unique_ptr<fseg_series_list, FrugalSegFree<fseg_series_list_free>>;

/// Receive an object from a C function that returns it through a pointer, as in
/// `fseg_model_load(path, FrugalSegOut(model), &error)`. The handle holds the object from the end of
/// that full expression on, so use it in the next statement.
template <typename Handle>
class FrugalSegOut
{
public:
  explicit FrugalSegOut(Handle& handle) : Target(handle) {}
  ~FrugalSegOut() { this->Target.reset(this->Raw); }
  FrugalSegOut(const FrugalSegOut&) = delete;
  void operator=(const FrugalSegOut&) = delete;
  operator typename Handle::pointer *() { return &this->Raw; }

private:
  Handle& Target;
  typename Handle::pointer Raw = nullptr;
};

#endif
