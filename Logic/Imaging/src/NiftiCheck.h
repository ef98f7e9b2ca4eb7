/**
 * @file NiftiCheck.h
 * A look at a NIfTI file's bytes before ITK reads it.
 */
#ifndef FRUGALSEG_IMAGING_NIFTI_CHECK_H
#define FRUGALSEG_IMAGING_NIFTI_CHECK_H

#include <string>

namespace frugalseg
{

/**
 * ITK's NIfTI reader fills what a truncated file lacks with zeros and turns NaN into 0, both
 * without a word. This reads the file (.nii or .nii.gz) to the last voxel and throws when voxels
 * are missing (FSEG_ERROR_BAD_INPUT) or not finite (FSEG_ERROR_NOT_FINITE). Returns the version of
 * the format, 1 or 2.
 */
int checkNiftiFile(const std::string &path);

} // namespace frugalseg
#endif
