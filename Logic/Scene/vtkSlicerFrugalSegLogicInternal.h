// The inside of vtkSlicerFrugalSegLogic, for its own source files only.
#ifndef vtkSlicerFrugalSegLogicInternal_h
#define vtkSlicerFrugalSegLogicInternal_h

#include "FrugalSegChecks.h"
#include "FrugalSegJob.h"
#include "FrugalSegModels.h"
#include "vtkMRMLFrugalSegNode.h"
#include "vtkSlicerFrugalSegLogic.h"

// Slicer includes
#include <vtkSlicerSegmentationsModuleLogic.h>

// MRML includes
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>

// VTK includes
#include <vtkCallbackCommand.h>
#include <vtkNew.h>
#include <vtkSmartPointer.h>
#include <vtkWeakPointer.h>

// STD includes
#include <memory>

class vtkSlicerFrugalSegLogic::vtkInternal
{
public:
  explicit vtkInternal(vtkSlicerFrugalSegLogic* external);

  /// The application's event loop calls this when a worker has ended.
  static void OnFinished(vtkObject*, unsigned long, void* clientData, void*);

  void Report(vtkMRMLMessageCollection* messages, unsigned long type, const std::string& text) const;
  void ReportError(vtkMRMLMessageCollection* messages, const std::string& text) const;
  void ReportError(vtkMRMLMessageCollection* messages, const fseg_error& error) const;

  /// What a run is to do; volume and model are necessary, the parameter node is not.
  struct Request
  {
    vtkMRMLScalarVolumeNode* Volume = nullptr;
    std::string Model;
    vtkMRMLSegmentationNode* Segmentation = nullptr;
    vtkMRMLFrugalSegNode* Parameters = nullptr;
  };
  static Request RequestOf(vtkMRMLFrugalSegNode* parameters);

  bool Prepare(const Request& request, vtkMRMLMessageCollection* messages);
  bool Launch(vtkMRMLMessageCollection* messages);
  vtkMRMLSegmentationNode* RunNow(const Request& request, vtkMRMLMessageCollection* messages);
  void Apply(const FrugalSegJob::Result& result, vtkMRMLMessageCollection* messages);
  /// Keep a check of the last run and tell it.
  void AddCheck(const FrugalSegCheck& check, vtkMRMLMessageCollection* messages);

  vtkMRMLScalarVolumeNode* AddVolume(const fseg_volume* volume, const std::string& name);
  /// A segmentation over `volume`, added to the scene.
  vtkSmartPointer<vtkMRMLSegmentationNode> AddSegmentation(vtkMRMLScalarVolumeNode* volume);
  void SetUncertainty(const fseg_volume* entropy, vtkMRMLScalarVolumeNode* map,
                      vtkMRMLScalarVolumeNode* volume);

  vtkSlicerFrugalSegLogic* External;
  FrugalSegModels Models;
  std::unique_ptr<FrugalSegJob> Job;

  // What the run is about; weak, because anything may be removed meanwhile.
  vtkWeakPointer<vtkMRMLScene> Scene;
  vtkWeakPointer<vtkMRMLScalarVolumeNode> Volume;
  vtkWeakPointer<vtkMRMLSegmentationNode> Segmentation;
  vtkWeakPointer<vtkMRMLFrugalSegNode> Parameters;

  // What the last run gave.
  FrugalSegChecks LastChecks;
  vtkWeakPointer<vtkMRMLSegmentationNode> LastSegmentation;
  vtkWeakPointer<vtkMRMLScalarVolumeNode> LastUncertainty;

  // Only where nobody else has one.
  vtkSmartPointer<vtkSlicerSegmentationsModuleLogic> Segmentations;

  // The worker asks the application to "modify" this object on the main thread.
  vtkNew<vtkObject> FinishedNotifier;
  vtkNew<vtkCallbackCommand> FinishedCommand;
};

#endif
