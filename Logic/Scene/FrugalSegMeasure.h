// Size of a mask in the patient.
#ifndef FrugalSegMeasure_h
#define FrugalSegMeasure_h

#include "FrugalSegHandles.h"

#include <string>

struct FrugalSegMeasures
{
  double VolumeML{ 0. };
  double ExtentMM[3]{ 0., 0., 0. }; ///< along the patient's right-left, anterior-posterior, superior axis
  double LongestMM{ 0. };           ///< between the two voxel corners that are farthest apart
  double SurfaceCM2{ 0. };          ///< of the closed surface (FrugalSegSurfaceOf)
};

FrugalSegMeasures FrugalSegMeasure(const fseg_mask* mask);

/// "1432 ml; 212 x 155 x 180 mm (right-left, front-back, up-down), longest 240 mm; surface 893 cm2".
std::string FrugalSegMeasuresText(const FrugalSegMeasures& measures);

/// Three digits that matter, never "0" for what is not 0.
std::string FrugalSegNumber(double value);

#endif
