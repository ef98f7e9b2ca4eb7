#include "FrugalSegSlices.h"

#include "frugalseg/slices.h"

#include <algorithm>
#include <cstdio>
#include <sstream>

namespace
{
std::string Hex(uint64_t value)
{
  char text[17];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
  return text;
}
} // namespace

//----------------------------------------------------------------------------
size_t FrugalSegSliceCount(const fseg_geometry& geometry)
{
  const int axis = fseg_geometry_slice_axis(&geometry);
  return axis < 0 ? 0 : geometry.size[axis];
}

//----------------------------------------------------------------------------
std::vector<uint64_t> FrugalSegSliceFingerprints(const fseg_mask* mask)
{
  std::vector<uint64_t> hashes(FrugalSegSliceCount(mask->geometry), 14695981039346656037u);
  if (!hashes.empty())
  {
    FrugalSegForEachVoxel(mask->geometry, fseg_geometry_slice_axis(&mask->geometry),
                          [&](size_t voxel, size_t slice)
                          {
                            uint64_t& hash = hashes[slice];
                            hash = (hash ^ (mask->voxels[voxel] ? 1u : 0u)) * 1099511628211u;
                          });
  }
  return hashes;
}

//----------------------------------------------------------------------------
std::string FrugalSegSliceFingerprintText(const fseg_mask* mask, const std::vector<int>& corrected)
{
  std::string text;
  int slice = 0;
  for (uint64_t hash : FrugalSegSliceFingerprints(mask))
  {
    const bool own = std::find(corrected.begin(), corrected.end(), slice++) == corrected.end();
    text += (text.empty() ? "" : " ") + (own ? Hex(hash) : std::string("-"));
  }
  return text;
}

//----------------------------------------------------------------------------
bool FrugalSegChangedSlices(const fseg_mask* mask, const std::string& text, std::vector<int>& changed)
{
  changed.clear();
  std::istringstream words(text);
  std::string word;
  int slice = 0;
  const std::vector<uint64_t> hashes = FrugalSegSliceFingerprints(mask);
  for (; words >> word; ++slice)
  {
    if (slice >= static_cast<int>(hashes.size()))
    {
      return false;
    }
    if (word != Hex(hashes[static_cast<size_t>(slice)]))
    {
      changed.push_back(slice);
    }
  }
  return slice > 0 && slice == static_cast<int>(hashes.size());
}
