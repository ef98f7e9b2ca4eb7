// The closed surface of a segment, as Slicer shows it, and its STL file.
#ifndef FrugalSegSurface_h
#define FrugalSegSurface_h

#include "FrugalSegHandles.h"

#include <vtkSmartPointer.h>

#include <string>

class vtkPolyData;

/// Smoothed closed surface of a mask in RAS millimetres, made with the defaults of Slicer's
/// segmentations; without points when the mask is empty, null when the conversion fails.
vtkSmartPointer<vtkPolyData> FrugalSegSurfaceOf(const fseg_mask* mask);

/// Area in mm2.
double FrugalSegSurfaceArea(vtkPolyData* surface);

/// Write a binary STL file, all or nothing. The surface is in RAS; the file is in LPS, and its header
/// says so in the words that Slicer looks for.
fseg_status FrugalSegSurfaceWrite(vtkPolyData* surface, const std::string& path, fseg_error* error);

#endif
