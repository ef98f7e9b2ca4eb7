// Activities and what all files share; labels and ranking are in ...Cases.cxx, models and learning in
// ...Models.cxx, propagation in ...Propagation.cxx.
#include "vtkSlicerFrugalSegLearningLogicInternal.h"

#include "FrugalSegFailure.h"

// Slicer includes
#include <vtkSlicerApplicationLogic.h>

// MRML includes
#include <vtkMRMLMessageCollection.h>

// VTK includes
#include <vtkIntArray.h>
#include <vtkObjectFactory.h>

// STD includes
#include <cstdio>

//----------------------------------------------------------------------------
std::string FrugalSegFigure(double value)
{
  char text[32] = "";
  if (value >= 0.)
  {
    std::snprintf(text, sizeof(text), "%.4g", value);
  }
  return text;
}

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLearningLogic::vtkInternal::vtkInternal(vtkSlicerFrugalSegLearningLogic* external)
    : External(external)
{
  this->FinishedCommand->SetClientData(external);
  this->FinishedCommand->SetCallback(&vtkInternal::OnFinished);
  this->FinishedNotifier->AddObserver(vtkCommand::ModifiedEvent, this->FinishedCommand);
}

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLearningLogic::vtkInternal::~vtkInternal()
{
  // A request of a worker may still lie in the application's queue: it must not find us.
  this->FinishedNotifier->RemoveObserver(this->FinishedCommand);
  if (this->OwnSegmentLogic)
  {
    this->OwnSegmentLogic->SetMRMLScene(nullptr);
  }
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::vtkInternal::OnFinished(vtkObject*, unsigned long, void* clientData,
                                                              void*)
{
  static_cast<vtkSlicerFrugalSegLearningLogic*>(clientData)->ProcessPendingResults();
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::vtkInternal::Report(vtkMRMLMessageCollection* messages,
                                                          unsigned long type, const std::string& text)
{
  if (this->Ending)
  {
    this->Ending->LastMessage += (this->Ending->LastMessage.empty() ? "" : "\n") + text;
  }
  if (messages)
  {
    messages->AddMessage(type, text);
  }
  else if (type == vtkCommand::ErrorEvent)
  {
    vtkErrorWithObjectMacro(this->External, << text);
  }
  else if (type == vtkCommand::WarningEvent)
  {
    vtkWarningWithObjectMacro(this->External, << text);
  }
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::vtkInternal::ReportError(vtkMRMLMessageCollection* messages,
                                                               const std::string& text)
{
  this->Report(messages, vtkCommand::ErrorEvent, text);
  return false;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::vtkInternal::IsFree(int activity, vtkMRMLMessageCollection* messages)
{
  static const char* const busy[NumberOfActivities] = {
    "The cases are being put into an order; wait for it or cancel it first.",
    "A model is learning; wait for it or cancel it first.",
    "Corrections are being propagated; wait for it or cancel it first."
  };
  return !this->Slots[activity].Worker || this->ReportError(messages, busy[activity]);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::vtkInternal::Launch(
    int activity, FrugalSegWorker::Body body, std::function<void(vtkMRMLMessageCollection*)> apply,
    vtkMRMLMessageCollection* messages)
{
  Slot& slot = this->Slots[activity];
  slot.Worker = std::make_unique<FrugalSegWorker>(std::move(body));
  slot.Apply = std::move(apply);
  slot.LastMessage.clear();
  slot.LastSucceeded = false;
  // Kept alive by the worker, which may end after the application has let go of them.
  vtkSmartPointer<vtkSlicerApplicationLogic> application = this->External->GetApplicationLogic();
  vtkSmartPointer<vtkObject> notifier = this->FinishedNotifier.GetPointer();
  const bool started = slot.Worker->Start(
      [application, notifier]
      {
        if (application)
        {
          application->RequestModified(notifier);
        }
      });
  if (!started)
  {
    slot.Worker.reset();
    return this->ReportError(messages, "The system gave no thread for this; close other programs and retry.");
  }
  return true;
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::vtkInternal::End(int activity, vtkMRMLMessageCollection* messages)
{
  static const unsigned long events[NumberOfActivities] = { RankingEndedEvent, LearningEndedEvent,
                                                            PropagationEndedEvent };
  Slot& slot = this->Slots[activity];
  // Taken away first: an observer of what follows may start the next run.
  const std::unique_ptr<FrugalSegWorker> worker = std::move(slot.Worker);
  const std::function<void(vtkMRMLMessageCollection*)> apply = std::move(slot.Apply);
  slot.Apply = nullptr;
  this->Ending = &slot;
  if (worker->GetStatus() == FSEG_OK)
  {
    try
    {
      apply(messages);
      slot.LastSucceeded = true;
    }
    catch (const FrugalSegFailure& failure)
    {
      this->ReportError(messages, failure.what());
    }
  }
  else if (worker->GetStatus() == FSEG_ERROR_CANCELLED)
  {
    slot.LastMessage = "Cancelled.";
  }
  else
  {
    this->ReportError(messages, worker->GetMessage());
  }
  this->Ending = nullptr;
  this->External->InvokeEvent(events[activity]);
}

//----------------------------------------------------------------------------
FrugalSegModelHistory& vtkSlicerFrugalSegLearningLogic::vtkInternal::GetHistory()
{
  if (!this->History)
  {
    this->History = std::make_unique<FrugalSegModelHistory>(this->External->ModelFolder);
  }
  return *this->History;
}

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLogic* vtkSlicerFrugalSegLearningLogic::vtkInternal::GetSegmentLogic()
{
  if (this->SegmentLogic)
  {
    return this->SegmentLogic;
  }
  if (!this->OwnSegmentLogic)
  {
    this->OwnSegmentLogic = vtkSmartPointer<vtkSlicerFrugalSegLogic>::New();
    this->OwnSegmentLogic->SetMRMLScene(this->External->GetMRMLScene());
  }
  return this->OwnSegmentLogic;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::vtkInternal::CheckScene(vtkMRMLMessageCollection* messages)
{
  return this->External->GetMRMLScene() || this->ReportError(messages, "There is no scene to load into.");
}

vtkStandardNewMacro(vtkSlicerFrugalSegLearningLogic);

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLearningLogic::vtkSlicerFrugalSegLearningLogic()
    : ModelFolder(FrugalSegModelHistory::DefaultFolder()), Internal(new vtkInternal(this))
{
}

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLearningLogic::~vtkSlicerFrugalSegLearningLogic()
{
  delete this->Internal;
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "DatasetFolder: " << this->DatasetFolder << "\n";
  os << indent << "ModelFolder: " << this->ModelFolder << "\n";
  os << indent << "CurrentModel: " << this->GetCurrentModel() << "\n";
  os << indent << "LearnedModel: " << this->LearnedModel << "\n";
  os << indent << "LearningSteps: " << this->LearningSteps << "\n";
  os << indent << "BatchSize: " << this->BatchSize << "\n";
  os << indent << "PatchSize: " << this->PatchSize << "\n";
  os << indent << "LearningRate: " << this->LearningRate << "\n";
  os << indent << "EncoderRate: " << this->EncoderRate << "\n";
  os << indent << "Augmentation: " << this->Augmentation << "\n";
  os << indent << "NumberOfPhantoms: " << this->NumberOfPhantoms << "\n";
  os << indent << "Seed: " << this->Seed << "\n";
  os << indent << "NumberOfThreads: " << this->NumberOfThreads << "\n";
  os << indent << "PropagationSteps: " << this->PropagationSteps << "\n";
  os << indent << "NumberOfPropagatedSlices: " << this->NumberOfPropagatedSlices << "\n";
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::SetMRMLSceneInternal(vtkMRMLScene* newScene)
{
  if (this->Internal->OwnSegmentLogic)
  {
    this->Internal->OwnSegmentLogic->SetMRMLScene(newScene);
  }
  vtkNew<vtkIntArray> events;
  events->InsertNextValue(vtkMRMLScene::StartCloseEvent);
  this->SetAndObserveMRMLSceneEventsInternal(newScene, events);
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::OnMRMLSceneStartClose()
{
  this->Cancel(Propagation);
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::SetSegmentLogic(vtkSlicerFrugalSegLogic* logic)
{
  this->Internal->SegmentLogic = logic;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::IsRunning(int activity)
{
  return activity >= 0 && activity < vtkInternal::NumberOfActivities &&
         this->Internal->Slots[activity].Worker;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::IsRunning()
{
  return this->IsRunning(Ranking) || this->IsRunning(Learning) || this->IsRunning(Propagation);
}

//----------------------------------------------------------------------------
double vtkSlicerFrugalSegLearningLogic::GetProgress(int activity)
{
  return this->IsRunning(activity) ? this->Internal->Slots[activity].Worker->GetProgress() : 0.;
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLearningLogic::GetProgressStage(int activity)
{
  return this->IsRunning(activity) ? this->Internal->Slots[activity].Worker->GetStage() : "";
}

//----------------------------------------------------------------------------
double vtkSlicerFrugalSegLearningLogic::GetRemainingSeconds(int activity)
{
  return this->IsRunning(activity) ? this->Internal->Slots[activity].Worker->GetRemainingSeconds() : -1.;
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::Cancel(int activity)
{
  if (this->IsRunning(activity))
  {
    this->Internal->Slots[activity].Worker->Cancel();
  }
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::ProcessPendingResults(vtkMRMLMessageCollection* messages)
{
  bool ended = false;
  for (int activity = 0; activity < vtkInternal::NumberOfActivities; ++activity)
  {
    if (this->IsRunning(activity) && this->Internal->Slots[activity].Worker->IsFinished())
    {
      this->Internal->End(activity, messages);
      ended = true;
    }
  }
  return ended;
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLearningLogic::GetLastMessage(int activity)
{
  return activity >= 0 && activity < vtkInternal::NumberOfActivities
             ? this->Internal->Slots[activity].LastMessage
             : "";
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::GetLastSucceeded(int activity)
{
  return activity >= 0 && activity < vtkInternal::NumberOfActivities &&
         this->Internal->Slots[activity].LastSucceeded;
}
