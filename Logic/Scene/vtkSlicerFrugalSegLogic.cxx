#include "vtkSlicerFrugalSegLogicInternal.h"

#include "FrugalSegConversion.h"
#include "FrugalSegEntropyMap.h"
#include "FrugalSegSegment.h"
#include "FrugalSegSeries.h"

// Slicer includes
#include <vtkSlicerApplicationLogic.h>

// MRML includes
#include <vtkMRMLMessageCollection.h>
#include <vtkMRMLScalarVolumeDisplayNode.h>
#include <vtkMRMLTransformNode.h>

// Segmentation includes
#include <vtkSegment.h>
#include <vtkSegmentation.h>
#include <vtkSegmentationConverterFactory.h>

// VTK includes
#include <vtkIntArray.h>
#include <vtkObjectFactory.h>

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLogic::vtkInternal::vtkInternal(vtkSlicerFrugalSegLogic* external) : External(external)
{
  this->FinishedCommand->SetClientData(external);
  this->FinishedCommand->SetCallback(&vtkInternal::OnFinished);
  this->FinishedNotifier->AddObserver(vtkCommand::ModifiedEvent, this->FinishedCommand);
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::vtkInternal::OnFinished(vtkObject*, unsigned long, void* clientData, void*)
{
  static_cast<vtkSlicerFrugalSegLogic*>(clientData)->ProcessPendingResults();
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::vtkInternal::Report(vtkMRMLMessageCollection* messages, unsigned long type,
                                                  const std::string& text) const
{
  if (messages)
  {
    messages->AddMessage(type, text);
  }
  else if (type == vtkCommand::ErrorEvent)
  {
    vtkErrorWithObjectMacro(this->External, << text);
  }
  else
  {
    vtkWarningWithObjectMacro(this->External, << text);
  }
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::vtkInternal::ReportError(vtkMRMLMessageCollection* messages,
                                                       const std::string& text) const
{
  this->Report(messages, vtkCommand::ErrorEvent, text);
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::vtkInternal::ReportError(vtkMRMLMessageCollection* messages,
                                                       const fseg_error& error) const
{
  this->ReportError(messages, error.message[0] ? error.message : fseg_status_text(error.status));
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::vtkInternal::AddCheck(const FrugalSegCheck& check,
                                                    vtkMRMLMessageCollection* messages)
{
  this->LastChecks.push_back(check);
  this->Report(messages, vtkCommand::WarningEvent, check.Text);
}

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLogic::vtkInternal::Request
vtkSlicerFrugalSegLogic::vtkInternal::RequestOf(vtkMRMLFrugalSegNode* parameters)
{
  Request request;
  if (parameters)
  {
    request = { parameters->GetInputVolumeNode(), parameters->GetModelName(),
                parameters->GetSegmentationNode(), parameters };
  }
  return request; // without a volume, which Prepare says
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::vtkInternal::Prepare(const Request& request, vtkMRMLMessageCollection* messages)
{
  if (this->Job)
  {
    this->ReportError(messages, "A segmentation is going on; wait for it or cancel it first.");
    return false;
  }
  vtkMRMLScene* scene = this->External->GetMRMLScene();
  vtkMRMLScalarVolumeNode* volume = request.Volume;
  if (!scene || !volume || volume->GetScene() != scene)
  {
    this->ReportError(messages, "No volume of the scene was given; load one and select it first.");
    return false;
  }
  if (request.Segmentation && request.Segmentation->GetScene() != scene)
  {
    this->ReportError(messages, "The segmentation does not belong to the scene; select another one.");
    return false;
  }
  if (request.Segmentation &&
      request.Segmentation->GetParentTransformNode() != volume->GetParentTransformNode())
  {
    this->ReportError(messages,
                      "Segmentation and volume lie under different transforms; put both under the same "
                      "one, or choose a new segmentation.");
    return false;
  }
  fseg_error error{};
  FrugalSegJob::Input input;
  input.Model = this->Models.Locate(request.Model, &error);
  if (!input.Model.empty())
  {
    input.Volume = FrugalSegVolumeFromNode(volume, &error);
  }
  if (!input.Volume)
  {
    this->ReportError(messages, error);
    return false;
  }
  input.Series = FrugalSegSeriesOfNode(volume);
  if (request.Parameters)
  {
    input.Threads = request.Parameters->GetNumberOfThreads();
    input.Threshold = request.Parameters->GetThreshold();
    input.Entropy = request.Parameters->GetShowUncertainty();
  }
  this->Job = std::make_unique<FrugalSegJob>(std::move(input));
  this->Scene = scene;
  this->Volume = volume;
  this->Segmentation = request.Segmentation;
  this->Parameters = request.Parameters;
  return true;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::vtkInternal::Launch(vtkMRMLMessageCollection* messages)
{
  // Kept alive by the worker, which may end after the application has let go of them.
  vtkSmartPointer<vtkSlicerApplicationLogic> application = this->External->GetApplicationLogic();
  vtkSmartPointer<vtkObject> notifier = this->FinishedNotifier.GetPointer();
  const bool started = this->Job->Start(
      [application, notifier]
      {
        if (application)
        {
          application->RequestModified(notifier);
        }
      });
  if (!started)
  {
    this->Job.reset();
    this->ReportError(messages,
                      "The system gave no thread for the segmentation; close other programs and retry.");
  }
  return started;
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* vtkSlicerFrugalSegLogic::vtkInternal::RunNow(const Request& request,
                                                                      vtkMRMLMessageCollection* messages)
{
  if (!this->Prepare(request, messages))
  {
    return nullptr;
  }
  this->Job->Run();
  this->External->ProcessPendingResults(messages);
  return this->LastSegmentation;
}

//----------------------------------------------------------------------------
vtkSmartPointer<vtkMRMLSegmentationNode>
vtkSlicerFrugalSegLogic::vtkInternal::AddSegmentation(vtkMRMLScalarVolumeNode* volume)
{
  vtkMRMLScene* scene = this->External->GetMRMLScene();
  const std::string name = std::string(volume->GetName() ? volume->GetName() : "Volume") + " segmentation";
  vtkSmartPointer<vtkMRMLSegmentationNode> created = vtkSmartPointer<vtkMRMLSegmentationNode>::New();
  created->UndoEnabledOn();
  created->SetName(scene->GenerateUniqueName(name).c_str());
  scene->AddNode(created);
  created->CreateDefaultDisplayNodes();
  // The display node is not undoable and stays behind an undone segmentation: an undoable one would be
  // removed first, and the segmentation that redo brings back would have lost it.
  created->SetReferenceImageGeometryParameterFromVolumeNode(volume);
  created->SetAndObserveTransformNodeID(volume->GetTransformNodeID());
  return created;
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::vtkInternal::SetUncertainty(const fseg_volume* entropy,
                                                          vtkMRMLScalarVolumeNode* map,
                                                          vtkMRMLScalarVolumeNode* volume)
{
  vtkMRMLScene* scene = this->External->GetMRMLScene();
  vtkSmartPointer<vtkMRMLScalarVolumeNode> target = map;
  if (!target)
  {
    target = FrugalSegNewEntropyMap(volume);
    target->SetName(scene->GenerateUniqueName(target->GetName()).c_str());
    scene->AddNode(target);
  }
  FrugalSegFillEntropyMap(target, entropy, volume);
  this->LastUncertainty = target;
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::vtkInternal::Apply(const FrugalSegJob::Result& result,
                                                 vtkMRMLMessageCollection* messages)
{
  if (result.Status == FSEG_ERROR_CANCELLED)
  {
    return;
  }
  if (result.Status != FSEG_OK)
  {
    this->ReportError(messages, result.Message.empty() ? fseg_status_text(result.Status) : result.Message);
    return;
  }
  vtkMRMLScene* scene = this->External->GetMRMLScene();
  vtkMRMLScalarVolumeNode* volume = this->Volume;
  if (!scene || this->Scene != scene || !volume || volume->GetScene() != scene)
  {
    this->Report(messages, vtkCommand::WarningEvent,
                 "The volume was removed during the segmentation; the result was discarded.");
    return;
  }
  for (const FrugalSegCheck& check : FrugalSegChecksOf(result.Report))
  {
    this->AddCheck(check, messages);
  }
  this->External->LastMeanEntropy = result.Report.mean_entropy;
  if (result.Report.volume_ml <= 0.)
  {
    return; // a check has said so
  }

  vtkMRMLSegmentationNode* segmentation = this->Segmentation;
  if (segmentation && (segmentation->GetScene() != scene ||
                       segmentation->GetParentTransformNode() != volume->GetParentTransformNode()))
  {
    segmentation = nullptr; // removed or moved meanwhile: the result gets a segmentation of its own
  }
  vtkMRMLFrugalSegNode* parameters =
      this->Parameters && this->Parameters->GetScene() == scene ? this->Parameters.GetPointer() : nullptr;
  vtkMRMLScalarVolumeNode* map = parameters ? parameters->GetUncertaintyVolumeNode() : nullptr;
  if (segmentation && !segmentation->GetUndoEnabled())
  {
    // Undo removes what is undoable and not part of the state it goes back to. States saved before now do
    // not hold this segmentation, so going back to them would take the user's own segments away.
    if (scene->GetNumberOfUndoLevels() > 0)
    {
      scene->ClearUndoStack();
    }
    segmentation->UndoEnabledOn();
  }
  scene->SaveStateForUndo();

  vtkSmartPointer<vtkMRMLSegmentationNode> created;
  if (!segmentation)
  {
    created = this->AddSegmentation(volume);
    segmentation = created;
  }
  const FrugalSegTarget target = FrugalSegFindTarget(segmentation, result.Spec.structure, volume);
  vtkSegmentation* segments = segmentation->GetSegmentation();
  const vtkSmartPointer<vtkSegment> segment = FrugalSegNewSegment(result);
  std::string segmentID = target.Replaced;
  const vtkSmartPointer<vtkSegment> former = segments->GetSegment(segmentID);
  if (segmentID.empty())
  {
    segmentID = segments->GenerateUniqueSegmentID(segment->GetName());
  }
  else
  {
    segments->RemoveSegment(segmentID);
  }
  if (!segments->AddSegment(segment, segmentID))
  {
    this->ReportError(messages,
                      "The segmentation does not take voxels as its source; choose a new segmentation.");
    if (former)
    {
      segments->AddSegment(former, segmentID);
    }
    if (created)
    {
      scene->RemoveNode(created);
    }
    return;
  }
  if (!target.Kept.empty())
  {
    this->AddCheck({ "kept-correction", "The corrected segment \"" + target.Kept +
                                            "\" was left as it is; the new result is a segment beside it." },
                   messages);
  }
  if (result.Entropy)
  {
    this->SetUncertainty(result.Entropy.get(), map, volume);
  }
  this->LastSegmentation = segmentation;
  this->External->LastSegmentID = segmentID;
  this->External->LastVolumeML = result.Report.volume_ml;
  if (parameters)
  {
    parameters->SetSegmentationNode(segmentation);
    parameters->SetSegmentID(segmentID);
    if (result.Entropy)
    {
      parameters->SetUncertaintyVolumeNode(this->LastUncertainty);
    }
  }
}

//----------------------------------------------------------------------------
vtkStandardNewMacro(vtkSlicerFrugalSegLogic);

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLogic::vtkSlicerFrugalSegLogic() : Internal(new vtkInternal(this))
{
}

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLogic::~vtkSlicerFrugalSegLogic()
{
  // A request of the worker may still lie in the application's queue: it must not find us.
  this->Internal->FinishedNotifier->RemoveObserver(this->Internal->FinishedCommand);
  delete this->Internal;
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "Segmenting: " << (this->Internal->Job != nullptr) << "\n";
  os << indent << "LastSegmentID: " << this->LastSegmentID << "\n";
  os << indent << "LastVolumeML: " << this->LastVolumeML << "\n";
  os << indent << "LastMeanEntropy: " << this->LastMeanEntropy << "\n";
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::RegisterNodes()
{
  vtkMRMLScene* scene = this->GetMRMLScene();
  scene->RegisterNodeClass(vtkSmartPointer<vtkMRMLFrugalSegNode>::New());
  // In Slicer the Segmentations module has registered what segmentations are converted (and copied,
  // for undo) with; elsewhere we see to it.
  vtkSmartPointer<vtkDataObject> labelmap;
  labelmap.TakeReference(vtkSegmentationConverterFactory::GetInstance()->ConstructRepresentationObjectByClass(
      "vtkOrientedImageData"));
  if (!labelmap)
  {
    this->Internal->Segmentations = vtkSmartPointer<vtkSlicerSegmentationsModuleLogic>::New();
    this->Internal->Segmentations->SetMRMLScene(scene);
  }
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::SetMRMLSceneInternal(vtkMRMLScene* newScene)
{
  if (this->Internal->Segmentations && !newScene)
  {
    this->Internal->Segmentations->SetMRMLScene(nullptr);
    this->Internal->Segmentations = nullptr;
  }
  vtkNew<vtkIntArray> events;
  events->InsertNextValue(vtkMRMLScene::StartCloseEvent);
  this->SetAndObserveMRMLSceneEventsInternal(newScene, events);
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::OnMRMLSceneStartClose()
{
  this->CancelSegment();
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* vtkSlicerFrugalSegLogic::Segment(vtkMRMLScalarVolumeNode* volume,
                                                          const std::string& model,
                                                          vtkMRMLSegmentationNode* segmentation,
                                                          vtkMRMLMessageCollection* messages)
{
  return this->Internal->RunNow({ volume, model, segmentation, nullptr }, messages);
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* vtkSlicerFrugalSegLogic::Segment(vtkMRMLFrugalSegNode* parameters,
                                                          vtkMRMLMessageCollection* messages)
{
  return this->Internal->RunNow(vtkInternal::RequestOf(parameters), messages);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::StartSegment(vtkMRMLScalarVolumeNode* volume, const std::string& model,
                                           vtkMRMLSegmentationNode* segmentation,
                                           vtkMRMLMessageCollection* messages)
{
  return this->Internal->Prepare({ volume, model, segmentation, nullptr }, messages) &&
         this->Internal->Launch(messages);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::StartSegment(vtkMRMLFrugalSegNode* parameters,
                                           vtkMRMLMessageCollection* messages)
{
  return this->Internal->Prepare(vtkInternal::RequestOf(parameters), messages) &&
         this->Internal->Launch(messages);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::IsSegmenting()
{
  return this->Internal->Job != nullptr;
}

//----------------------------------------------------------------------------
double vtkSlicerFrugalSegLogic::GetProgress()
{
  return this->Internal->Job ? this->Internal->Job->GetProgress() : 0.;
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLogic::GetProgressStage()
{
  return this->Internal->Job ? this->Internal->Job->GetStage() : "";
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::CancelSegment()
{
  if (this->Internal->Job)
  {
    this->Internal->Job->Cancel();
  }
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::ProcessPendingResults(vtkMRMLMessageCollection* messages)
{
  if (!this->Internal->Job || !this->Internal->Job->IsFinished())
  {
    return false;
  }
  // Taken away first: an observer of what follows may start the next run.
  const std::unique_ptr<FrugalSegJob> job = std::move(this->Internal->Job);
  this->Internal->LastSegmentation = nullptr;
  this->Internal->LastUncertainty = nullptr;
  this->Internal->LastChecks.clear();
  this->LastSegmentID.clear();
  this->LastVolumeML = 0.;
  this->LastMeanEntropy = 0.;
  this->Internal->Apply(job->GetResult(), messages);
  this->InvokeEvent(SegmentationEndedEvent);
  return true;
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* vtkSlicerFrugalSegLogic::GetLastSegmentation()
{
  return this->Internal->LastSegmentation;
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::GetLastChecks(vtkTable* table)
{
  if (table)
  {
    FrugalSegChecksToTable(this->Internal->LastChecks, table);
  }
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLogic::GetLastUncertaintyVolume()
{
  return this->Internal->LastUncertainty;
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::ShowUncertaintyOverlay(vtkMRMLScalarVolumeNode* map, double opacity)
{
  vtkMRMLScene* scene = this->GetMRMLScene();
  if (scene && (!map || map->GetScene() == scene))
  {
    FrugalSegShowEntropyMap(scene, map, opacity);
  }
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::IsOwnSegment(vtkMRMLSegmentationNode* segmentation,
                                           const std::string& segmentID)
{
  return FrugalSegIsOwn(segmentation, segmentID);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::IsSegmentEdited(vtkMRMLSegmentationNode* segmentation,
                                              const std::string& segmentID, vtkMRMLScalarVolumeNode* volume)
{
  return FrugalSegIsEdited(segmentation, segmentID, volume);
}
