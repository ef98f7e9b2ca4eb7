#include "FrugalSegEntropyMap.h"

#include "FrugalSegConversion.h"

// MRML includes
#include <vtkMRMLColorTableNode.h>
#include <vtkMRMLScalarVolumeDisplayNode.h>
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSliceCompositeNode.h>

// VTK includes
#include <vtkNew.h>

// STD includes
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

namespace
{
const char* const MapAttribute = "FrugalSeg.Uncertainty";
const char* const ColorTag = "FrugalSegUncertaintyColor";

/// Seven samples of viridis (public domain), by red, green, blue.
const double Viridis[7][3] = { { 0.267, 0.005, 0.329 }, { 0.267, 0.223, 0.513 }, { 0.191, 0.407, 0.556 },
                               { 0.128, 0.567, 0.551 }, { 0.208, 0.719, 0.473 }, { 0.565, 0.842, 0.263 },
                               { 0.993, 0.906, 0.144 } };

/// The colours, one table for each scene.
vtkMRMLColorTableNode* ColorsOf(vtkMRMLScene* scene)
{
  if (auto* known =
          vtkMRMLColorTableNode::SafeDownCast(scene->GetSingletonNode(ColorTag, "vtkMRMLColorTableNode")))
  {
    return known;
  }
  constexpr int count = 256;
  vtkNew<vtkMRMLColorTableNode> colors;
  colors->SetName("FrugalSeg uncertainty");
  colors->SetSingletonTag(ColorTag);
  colors->SetTypeToUser();
  colors->SetNumberOfColors(count);
  for (int i = 0; i < count; ++i)
  {
    const double at = i * 6. / (count - 1);
    const int below = std::min(5, static_cast<int>(at));
    const double part = at - below;
    double rgb[3];
    for (int channel = 0; channel < 3; ++channel)
    {
      rgb[channel] = (1. - part) * Viridis[below][channel] + part * Viridis[below + 1][channel];
    }
    // Transparent where the network is sure, opaque from a third of a bit on.
    const double opacity = std::min(1., i * 3. / (count - 1));
    colors->SetColor(i, std::to_string(i).c_str(), rgb[0], rgb[1], rgb[2], opacity);
  }
  return vtkMRMLColorTableNode::SafeDownCast(scene->AddNode(colors));
}
} // namespace

//----------------------------------------------------------------------------
bool FrugalSegIsEntropyMap(vtkMRMLScalarVolumeNode* node)
{
  return node && node->GetAttribute(MapAttribute);
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkMRMLScalarVolumeNode> FrugalSegNewEntropyMap(vtkMRMLScalarVolumeNode* volume)
{
  vtkSmartPointer<vtkMRMLScalarVolumeNode> map = vtkSmartPointer<vtkMRMLScalarVolumeNode>::New();
  const std::string name = volume->GetName() ? volume->GetName() : "Volume";
  map->SetName((name + " uncertainty").c_str());
  map->SetAttribute(MapAttribute, "bits");
  map->UndoEnabledOn();
  return map;
}

//----------------------------------------------------------------------------
void FrugalSegFillEntropyMap(vtkMRMLScalarVolumeNode* map, const fseg_volume* entropy,
                             vtkMRMLScalarVolumeNode* volume)
{
  FrugalSegVolumeToNode(entropy, map);
  map->SetAndObserveTransformNodeID(volume->GetTransformNodeID());
  if (!map->GetDisplayNode())
  {
    map->CreateDefaultDisplayNodes(); // not undoable, as that of a segmentation
  }
  auto* display = vtkMRMLScalarVolumeDisplayNode::SafeDownCast(map->GetDisplayNode());
  if (display)
  {
    display->SetAndObserveColorNodeID(ColorsOf(map->GetScene())->GetID());
    display->SetAutoWindowLevel(0);
    display->SetWindowLevelMinMax(0., 1.);
  }
}

//----------------------------------------------------------------------------
void FrugalSegShowEntropyMap(vtkMRMLScene* scene, vtkMRMLScalarVolumeNode* map, double opacity)
{
  std::vector<vtkMRMLNode*> views;
  scene->GetNodesByClass("vtkMRMLSliceCompositeNode", views);
  for (vtkMRMLNode* node : views)
  {
    auto* view = vtkMRMLSliceCompositeNode::SafeDownCast(node);
    const char* id = view->GetForegroundVolumeID();
    auto* shown = vtkMRMLScalarVolumeNode::SafeDownCast(id ? scene->GetNodeByID(id) : nullptr);
    if (map)
    {
      view->SetForegroundVolumeID(map->GetID());
      view->SetForegroundOpacity(opacity);
    }
    else if (FrugalSegIsEntropyMap(shown))
    {
      view->SetForegroundVolumeID(nullptr);
      view->SetForegroundOpacity(0.);
    }
  }
}
