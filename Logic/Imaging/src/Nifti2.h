/**
 * @file Nifti2.h
 * NIfTI-2 files for ITK, which reads NIfTI-1 only.
 */
#ifndef FRUGALSEG_IMAGING_NIFTI2_H
#define FRUGALSEG_IMAGING_NIFTI2_H

#include <string>

namespace frugalseg
{

/** Copy the NIfTI-2 file `path` (.nii or .nii.gz) to `target` as NIfTI-1: the same voxels, the
 *  header's numbers in single precision. Throws when an axis is too long for NIfTI-1. */
void copyAsNifti1(const std::string &path, const std::string &target);

} // namespace frugalseg
#endif
