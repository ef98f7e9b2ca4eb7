// From corrected slices of a case to the others.
#include "vtkSlicerFrugalSegLearningLogicInternal.h"

#include "FrugalSegConversion.h"
#include "FrugalSegFailure.h"
#include "FrugalSegPredict.h"
#include "FrugalSegPropagation.h"
#include "FrugalSegSlices.h"

#include "frugalseg/slices.h"

// Slicer includes
#include <vtkSlicerSegmentationsModuleLogic.h>

// MRML includes
#include <vtkMRMLMessageCollection.h>

// Segmentation includes
#include <vtkOrientedImageData.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>

// VTK includes
#include <vtkIntArray.h>

// STD includes
#include <algorithm>

namespace
{
FrugalSegMask MaskOf(vtkMRMLScalarVolumeNode* volume, vtkMRMLSegmentationNode* segmentation,
                     const std::string& segmentID)
{
  fseg_error error{};
  FrugalSegMask mask = FrugalSegMaskFromSegment(segmentation, segmentID, volume, &error);
  if (!mask)
  {
    throw FrugalSegFailure(error.status, error.message);
  }
  return mask;
}

std::vector<int> CorrectedSlices(const fseg_mask* mask, vtkMRMLSegmentationNode* segmentation,
                                 const std::string& segmentID)
{
  vtkSegment* segment = segmentation->GetSegmentation()->GetSegment(segmentID);
  std::vector<int> slices;
  if (!FrugalSegChangedSlices(mask, FrugalSegTagValue(segment, FrugalSegTag::SliceFingerprints), slices))
  {
    throw FrugalSegFailure(
        FSEG_ERROR_BAD_INPUT,
        "FrugalSeg did not make this segment on this volume, so it cannot tell which slices "
        "you corrected; name them.");
  }
  return slices;
}

/// Slices in which two masks on one grid differ.
std::vector<int> DifferentSlices(const fseg_mask* a, const fseg_mask* b)
{
  const std::vector<uint64_t> first = FrugalSegSliceFingerprints(a), second = FrugalSegSliceFingerprints(b);
  std::vector<int> slices;
  for (size_t slice = 0; slice < std::min(first.size(), second.size()); ++slice)
  {
    if (first[slice] != second[slice])
    {
      slices.push_back(static_cast<int>(slice));
    }
  }
  return slices;
}

/// What a propagation is about; weak, because anything may be removed meanwhile.
struct Target
{
  vtkWeakPointer<vtkMRMLScalarVolumeNode> Volume;
  vtkWeakPointer<vtkMRMLSegmentationNode> Segmentation;
  std::string SegmentID;
  std::vector<int> Corrected;
  FrugalSegVolume Image;
  FrugalSegMask Before; ///< the segment when the run began
  FrugalSegMask After;
};

/// Write the result; returns the number of slices that changed hands.
int Apply(Target& target, vtkMRMLScene* scene)
{
  vtkMRMLScalarVolumeNode* volume = target.Volume;
  vtkMRMLSegmentationNode* segmentation = target.Segmentation;
  if (!scene || !volume || !segmentation || volume->GetScene() != scene ||
      segmentation->GetScene() != scene || !segmentation->GetSegmentation()->GetSegment(target.SegmentID))
  {
    throw FrugalSegFailure(FSEG_ERROR_NOT_FOUND,
                           "The volume or the segment was removed meanwhile; the result was discarded.");
  }
  const FrugalSegMask now = MaskOf(volume, segmentation, target.SegmentID);
  if (!fseg_geometry_equal(&now->geometry, &target.After->geometry, 0.05))
  {
    throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT,
                           "The volume was changed meanwhile; the result was discarded.");
  }
  // What the user did while we worked is a correction as well.
  std::vector<int> corrected = target.Corrected;
  for (const int slice : DifferentSlices(now.get(), target.Before.get()))
  {
    if (std::find(corrected.begin(), corrected.end(), slice) == corrected.end())
    {
      corrected.push_back(slice);
    }
  }
  std::vector<bool> keep(FrugalSegSliceCount(now->geometry), false);
  for (const int slice : corrected)
  {
    keep[static_cast<size_t>(slice)] = true;
  }
  FrugalSegForEachVoxel(now->geometry, fseg_geometry_slice_axis(&now->geometry),
                        [&](size_t voxel, size_t slice)
                        {
                          if (!keep[slice])
                          {
                            now->voxels[voxel] = target.After->voxels[voxel];
                          }
                        });
  if (!segmentation->GetUndoEnabled())
  {
    // States saved before now do not hold this segmentation: going back to them would remove it.
    if (scene->GetNumberOfUndoLevels() > 0)
    {
      scene->ClearUndoStack();
    }
    segmentation->UndoEnabledOn();
  }
  scene->SaveStateForUndo();
  if (!vtkSlicerSegmentationsModuleLogic::SetBinaryLabelmapToSegment(FrugalSegMaskToLabelmap(now.get()),
                                                                     segmentation, target.SegmentID))
  {
    throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT,
                           "The segmentation does not take voxels as its source; choose a new segmentation.");
  }
  segmentation->GetSegmentation()
      ->GetSegment(target.SegmentID)
      ->SetTag(FrugalSegTag::SliceFingerprints, FrugalSegSliceFingerprintText(now.get(), corrected));
  return static_cast<int>(std::count(keep.begin(), keep.end(), false));
}
} // namespace

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::GetCorrectedSlices(vtkMRMLScalarVolumeNode* volume,
                                                         vtkMRMLSegmentationNode* segmentation,
                                                         const std::string& segmentID, vtkIntArray* slices,
                                                         vtkMRMLMessageCollection* messages)
{
  if (!slices)
  {
    return this->Internal->ReportError(messages, "No array was given for the slices.");
  }
  slices->Initialize();
  try
  {
    const FrugalSegMask mask = MaskOf(volume, segmentation, segmentID);
    for (const int slice : CorrectedSlices(mask.get(), segmentation, segmentID))
    {
      slices->InsertNextValue(slice);
    }
  }
  catch (const FrugalSegFailure& failure)
  {
    return this->Internal->ReportError(messages, failure.what());
  }
  return true;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::StartPropagation(vtkMRMLScalarVolumeNode* volume,
                                                       vtkMRMLSegmentationNode* segmentation,
                                                       const std::string& segmentID, vtkIntArray* slices,
                                                       vtkMRMLMessageCollection* messages)
{
  if (!this->Internal->IsFree(Propagation, messages))
  {
    return false;
  }
  const auto target = std::make_shared<Target>();
  std::string path;
  try
  {
    vtkMRMLScene* scene = this->GetMRMLScene();
    if (!scene || !volume || volume->GetScene() != scene || !segmentation ||
        segmentation->GetScene() != scene)
    {
      throw FrugalSegFailure(FSEG_ERROR_INVALID_ARGUMENT,
                             "Choose a volume and a segment of the scene first.");
    }
    fseg_error error{};
    target->Image = FrugalSegVolumeFromNode(volume, &error);
    if (!target->Image)
    {
      throw FrugalSegFailure(error.status, error.message);
    }
    target->Before = MaskOf(volume, segmentation, segmentID);
    if (slices)
    {
      target->Corrected.assign(slices->GetPointer(0), slices->GetPointer(0) + slices->GetNumberOfValues());
    }
    else
    {
      target->Corrected = CorrectedSlices(target->Before.get(), segmentation, segmentID);
    }
    std::sort(target->Corrected.begin(), target->Corrected.end());
    target->Corrected.erase(std::unique(target->Corrected.begin(), target->Corrected.end()),
                            target->Corrected.end());
    const size_t count = FrugalSegSliceCount(target->Before->geometry);
    if (target->Corrected.empty())
    {
      throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT,
                             "No slice was corrected, so there is nothing to propagate; correct some first.");
    }
    if (target->Corrected.front() < 0 || target->Corrected.back() >= static_cast<int>(count))
    {
      throw FrugalSegFailure(FSEG_ERROR_INVALID_ARGUMENT,
                             "The volume has the slices 0 to " + std::to_string(count - 1) + " only.");
    }
    if (target->Corrected.size() == count)
    {
      throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT,
                             "Every slice was corrected, so there is nothing left to propagate to.");
    }
    path = this->Internal->LocateModel(this->Internal->GetHistory().GetCurrent());
    const std::string made =
        FrugalSegTagValue(segmentation->GetSegmentation()->GetSegment(segmentID), FrugalSegTag::Structure);
    const std::string drawn = FrugalSegLoadModel(path).Spec.structure;
    if (!made.empty() && made != drawn)
    {
      throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT, "The segment shows \"" + made +
                                                       "\" and the current model "
                                                       "draws \"" +
                                                       drawn + "\"; choose a model for it first.");
    }
  }
  catch (const FrugalSegFailure& failure)
  {
    return this->Internal->ReportError(messages, failure.what());
  }
  target->Volume = volume;
  target->Segmentation = segmentation;
  target->SegmentID = segmentID;
  FrugalSegPropagationOptions options;
  options.Steps = this->PropagationSteps;
  options.Seed = static_cast<uint64_t>(this->Seed);
  options.Threads = this->NumberOfThreads;
  this->NumberOfPropagatedSlices = 0;
  return this->Internal->Launch(
      Propagation,
      [=](const fseg_progress* progress)
      {
        const FrugalSegLoadedModel model = FrugalSegLoadModel(path);
        target->After = FrugalSegPropagate(model.Model.get(), target->Image.get(), target->Before.get(),
                                           target->Corrected, options, progress);
        target->Image.reset(); // the memory is not needed any more
      },
      [this, target](vtkMRMLMessageCollection*)
      { this->NumberOfPropagatedSlices = Apply(*target, this->GetMRMLScene()); },
      messages);
}
