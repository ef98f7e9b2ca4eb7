#include "SceneState.h"

#include <vtkDataArray.h>
#include <vtkImageData.h>
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>
#include <vtkMatrix4x4.h>
#include <vtkNew.h>
#include <vtkOrientedImageData.h>
#include <vtkPointData.h>
#include <vtkSegmentation.h>

#include <cmath>
#include <cstdlib>
#include <vector>

namespace
{
/// Hash of the places of a labelmap's voxels in space; 0 when it is empty.
uint64_t HashOf(vtkOrientedImageData* labelmap)
{
  uint64_t hash = 0;
  int extent[6];
  labelmap->GetExtent(extent);
  vtkNew<vtkMatrix4x4> toWorld;
  labelmap->GetImageToWorldMatrix(toWorld);
  for (int k = extent[4]; k <= extent[5]; ++k)
  {
    for (int j = extent[2]; j <= extent[3]; ++j)
    {
      for (int i = extent[0]; i <= extent[1]; ++i)
      {
        if (labelmap->GetScalarComponentAsDouble(i, j, k, 0) == 0.)
        {
          continue;
        }
        const double at[4] = { static_cast<double>(i), static_cast<double>(j), static_cast<double>(k), 1. };
        double place[4];
        toWorld->MultiplyPoint(at, place);
        uint64_t voxel = 1469598103934665603u;
        for (int axis = 0; axis < 3; ++axis)
        {
          voxel = (voxel ^ static_cast<uint64_t>(std::llround(place[axis] * 8.))) * 1099511628211u;
          voxel ^= voxel >> 29;
        }
        hash += voxel; // the order in memory may differ
      }
    }
  }
  return hash;
}

} // namespace

State StateOf(vtkMRMLScene* scene)
{
  State state;
  std::vector<vtkMRMLNode*> nodes;
  scene->GetNodesByClass("vtkMRMLSegmentationNode", nodes);
  for (vtkMRMLNode* node : nodes)
  {
    auto* segmentation = vtkMRMLSegmentationNode::SafeDownCast(node);
    const std::string name = segmentation->GetName();
    state[name] = 0;
    for (const std::string& id : segmentation->GetSegmentation()->GetSegmentIDs())
    {
      vtkNew<vtkOrientedImageData> labelmap;
      segmentation->GetBinaryLabelmapRepresentation(id, labelmap);
      state[name + "/" + id] = HashOf(labelmap);
    }
  }
  nodes.clear();
  scene->GetNodesByClass("vtkMRMLScalarVolumeNode", nodes);
  for (vtkMRMLNode* node : nodes)
  {
    if (node->GetAttribute("FrugalSeg.Uncertainty"))
    {
      // A map of bits: its sum tells one from another.
      vtkDataArray* bits =
          vtkMRMLScalarVolumeNode::SafeDownCast(node)->GetImageData()->GetPointData()->GetScalars();
      double sum = 0.;
      for (vtkIdType i = 0; i < bits->GetNumberOfTuples(); ++i)
      {
        sum += bits->GetTuple1(i);
      }
      state[node->GetName()] = static_cast<uint64_t>(std::llround(sum * 1e6));
    }
  }
  return state;
}

std::string Describe(const State& state)
{
  std::string text;
  for (const auto& entry : state)
  {
    text += entry.first + "=" + std::to_string(entry.second) + " ";
  }
  return text;
}
int NumberFromEnvironment(const char* name, int otherwise)
{
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : otherwise;
}

double SecondsSince(std::chrono::steady_clock::time_point begin)
{
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}
