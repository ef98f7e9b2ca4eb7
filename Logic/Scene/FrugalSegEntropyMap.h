// The map of the network's uncertainty as a volume of the scene, and as a layer of the slice views.
#ifndef FrugalSegEntropyMap_h
#define FrugalSegEntropyMap_h

#include "FrugalSegHandles.h"

#include <vtkSmartPointer.h>

class vtkMRMLScalarVolumeNode;
class vtkMRMLScene;

/// Whether the node is such a map.
bool FrugalSegIsEntropyMap(vtkMRMLScalarVolumeNode* node);

/// A volume node for the map of `volume`, not yet in a scene: undoable, named after the volume.
vtkSmartPointer<vtkMRMLScalarVolumeNode> FrugalSegNewEntropyMap(vtkMRMLScalarVolumeNode* volume);

/// Fill a map that is in a scene, and show it from transparent (sure) to bright (a coin toss) in the
/// colours of viridis, which colour-blind people can tell apart.
void FrugalSegFillEntropyMap(vtkMRMLScalarVolumeNode* map, const fseg_volume* entropy,
                             vtkMRMLScalarVolumeNode* volume);

/// Make `map` the foreground of all slice views; null removes foregrounds that are such maps.
void FrugalSegShowEntropyMap(vtkMRMLScene* scene, vtkMRMLScalarVolumeNode* map, double opacity);

#endif
