// Where a volume node came from: kept as attributes of the node, so that it is saved with the scene.
#ifndef FrugalSegSeries_h
#define FrugalSegSeries_h

#include "FrugalSegHandles.h"

#include <string>

class vtkMRMLScalarVolumeNode;

/// Remember the series. Of what its files say only what a model is chosen by is kept, nothing about
/// the patient.
void FrugalSegSeriesToNode(const std::string& folder, const fseg_series_info& info,
                           vtkMRMLScalarVolumeNode* node);

/// The remembered words of the series (UID, description, body part, contrast); all empty for a volume
/// of another origin, of which only its name is taken as a description.
fseg_series_info FrugalSegSeriesOfNode(vtkMRMLScalarVolumeNode* node);

/// Folder and UID of the series, or key of the volume ("UID#2"); false for a volume of another origin.
bool FrugalSegSeriesPlace(vtkMRMLScalarVolumeNode* node, std::string& folder, std::string& uid);

/// Scan `folder` and choose the series; an empty `uid` takes the only usable one.
fseg_status FrugalSegChooseSeries(const std::string& folder, const std::string& uid,
                                  FrugalSegSeriesList& list, size_t* index, fseg_error* error);

#endif
