/**
 * @file DeflatedFile.h
 * DICOM files whose data set is compressed as a whole, for a toolkit that was built without zlib
 * (as Slicer's is).
 */
#ifndef FRUGALSEG_IMAGING_DEFLATED_FILE_H
#define FRUGALSEG_IMAGING_DEFLATED_FILE_H

#include <string>

namespace frugalseg
{

/** Write the file `path`, of transfer syntax Deflated Explicit VR Little Endian, as Explicit VR
 *  Little Endian to `target`. False, and no file, when it is damaged or unpacks to more than
 *  DEFLATE can. Throws when the target cannot be written. */
bool inflateDicomFile(const std::string &path, const std::string &target);

} // namespace frugalseg
#endif
