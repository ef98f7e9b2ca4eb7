// The slices of a mask one by one: which of them have changed.
#ifndef FrugalSegSlices_h
#define FrugalSegSlices_h

#include "frugalseg/imaging.h"

#include <cstdint>
#include <string>
#include <vector>

/// Number of slices of a grid (along fseg_geometry_slice_axis); 0 for an unusable geometry.
size_t FrugalSegSliceCount(const fseg_geometry& geometry);

/// Call `visit(voxel, slice)` with the memory index of every voxel.
template <typename Visit>
void FrugalSegForEachVoxel(const fseg_geometry& geometry, int sliceAxis, Visit&& visit)
{
  size_t voxel = 0;
  size_t at[3];
  for (at[2] = 0; at[2] < geometry.size[2]; ++at[2])
  {
    for (at[1] = 0; at[1] < geometry.size[1]; ++at[1])
    {
      for (at[0] = 0; at[0] < geometry.size[0]; ++at[0])
      {
        visit(voxel++, at[sliceAxis]);
      }
    }
  }
}

/// Fingerprint of each slice of a mask, to tell edits: FNV-1a over its voxels.
std::vector<uint64_t> FrugalSegSliceFingerprints(const fseg_mask* mask);

/// The same as a text to keep with a segment: 16 hex digits each, separated by blanks, and "-" for the
/// slices in `corrected` (may be empty), which a person made and no later comparison calls unchanged.
std::string FrugalSegSliceFingerprintText(const fseg_mask* mask, const std::vector<int>& corrected = {});

/// Slices of the mask that differ from such a text, ascending. False when the text is of another number
/// of slices (or "").
bool FrugalSegChangedSlices(const fseg_mask* mask, const std::string& text, std::vector<int>& changed);

#endif
