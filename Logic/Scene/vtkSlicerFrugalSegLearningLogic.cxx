#include "vtkSlicerFrugalSegLearningLogic.h"

#include "vtkSlicerFrugalSegLogic.h"

// MRML includes
#include <vtkMRMLMessageCollection.h>
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>

// VTK includes
#include <vtkIntArray.h>
#include <vtkNew.h>
#include <vtkObjectFactory.h>
#include <vtkStringArray.h>
#include <vtkTable.h>

//----------------------------------------------------------------------------
class vtkSlicerFrugalSegLearningLogic::vtkInternal
{
public:
  explicit vtkInternal(vtkSlicerFrugalSegLearningLogic* external) : External(external) {}

  bool Refuse(vtkMRMLMessageCollection* messages) const
  {
    const std::string text = "This build cannot learn yet; update FrugalSeg.";
    if (messages)
    {
      messages->AddMessage(vtkCommand::ErrorEvent, text);
    }
    else
    {
      vtkErrorWithObjectMacro(this->External, << text);
    }
    return false;
  }

  static void SetColumns(vtkTable* table, std::initializer_list<const char*> names)
  {
    if (!table)
    {
      return;
    }
    table->Initialize();
    for (const char* name : names)
    {
      vtkNew<vtkStringArray> column;
      column->SetName(name);
      table->AddColumn(column);
    }
  }

  vtkSlicerFrugalSegLearningLogic* External;
  std::string CurrentModel{ "liver-t2" };
};

vtkStandardNewMacro(vtkSlicerFrugalSegLearningLogic);

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLearningLogic::vtkSlicerFrugalSegLearningLogic() : Internal(new vtkInternal(this))
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
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::RegisterNodes()
{
}
void vtkSlicerFrugalSegLearningLogic::OnMRMLSceneStartClose()
{
}
void vtkSlicerFrugalSegLearningLogic::SetMRMLSceneInternal(vtkMRMLScene* newScene)
{
  vtkNew<vtkIntArray> events;
  events->InsertNextValue(vtkMRMLScene::StartCloseEvent);
  this->SetAndObserveMRMLSceneEventsInternal(newScene, events);
}
void vtkSlicerFrugalSegLearningLogic::SetSegmentLogic(vtkSlicerFrugalSegLogic*)
{
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::IsRunning(int)
{
  return false;
}
bool vtkSlicerFrugalSegLearningLogic::IsRunning()
{
  return false;
}
double vtkSlicerFrugalSegLearningLogic::GetProgress(int)
{
  return 0.;
}
std::string vtkSlicerFrugalSegLearningLogic::GetProgressStage(int)
{
  return "";
}
double vtkSlicerFrugalSegLearningLogic::GetRemainingSeconds(int)
{
  return -1.;
}
void vtkSlicerFrugalSegLearningLogic::Cancel(int)
{
}
bool vtkSlicerFrugalSegLearningLogic::ProcessPendingResults(vtkMRMLMessageCollection*)
{
  return false;
}
std::string vtkSlicerFrugalSegLearningLogic::GetLastMessage(int)
{
  return "";
}
bool vtkSlicerFrugalSegLearningLogic::GetLastSucceeded(int)
{
  return false;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::SetDatasetFolder(const std::string& folder, vtkMRMLMessageCollection*)
{
  this->DatasetFolder = folder;
  return true;
}
std::string vtkSlicerFrugalSegLearningLogic::SaveLabel(vtkMRMLScalarVolumeNode*, vtkMRMLSegmentationNode*,
                                                       const std::string&, const std::string&,
                                                       vtkMRMLMessageCollection* messages)
{
  this->Internal->Refuse(messages);
  return "";
}
bool vtkSlicerFrugalSegLearningLogic::ListCases(vtkTable* table, vtkMRMLMessageCollection*)
{
  vtkInternal::SetColumns(table, { "case", "structures", "version", "edited", "role", "volume_ml" });
  return true;
}
int vtkSlicerFrugalSegLearningLogic::GetNumberOfCases()
{
  return 0;
}
vtkMRMLSegmentationNode* vtkSlicerFrugalSegLearningLogic::OpenCase(const std::string&, int,
                                                                   vtkMRMLMessageCollection* messages)
{
  this->Internal->Refuse(messages);
  return nullptr;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::StartRanking(const std::string&, int,
                                                   vtkMRMLMessageCollection* messages)
{
  return this->Internal->Refuse(messages);
}
void vtkSlicerFrugalSegLearningLogic::GetRanking(vtkTable* table)
{
  vtkInternal::SetColumns(
      table, { "rank", "name", "kind", "source", "entropy", "disagreement", "score", "reason", "state" });
}
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLearningLogic::OpenNext(vtkMRMLMessageCollection* messages)
{
  this->Internal->Refuse(messages);
  return nullptr;
}
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLearningLogic::OpenRanked(int, vtkMRMLMessageCollection* messages)
{
  this->Internal->Refuse(messages);
  return nullptr;
}
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLearningLogic::GetLastOpenedVolume()
{
  return nullptr;
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLearningLogic::GetCurrentModel()
{
  return this->Internal->CurrentModel;
}
bool vtkSlicerFrugalSegLearningLogic::SetCurrentModel(const std::string& model, vtkMRMLMessageCollection*)
{
  this->Internal->CurrentModel = model;
  this->InvokeEvent(CurrentModelChangedEvent);
  return true;
}
void vtkSlicerFrugalSegLearningLogic::SetModelFolder(const std::string& folder)
{
  this->ModelFolder = folder;
}
bool vtkSlicerFrugalSegLearningLogic::AcceptModel(vtkMRMLMessageCollection* messages)
{
  return this->Internal->Refuse(messages);
}
bool vtkSlicerFrugalSegLearningLogic::RevertModel(vtkMRMLMessageCollection* messages)
{
  return this->Internal->Refuse(messages);
}
bool vtkSlicerFrugalSegLearningLogic::CanAcceptModel()
{
  return false;
}
bool vtkSlicerFrugalSegLearningLogic::CanRevertModel()
{
  return false;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::StartLearning(vtkMRMLMessageCollection* messages)
{
  return this->Internal->Refuse(messages);
}
void vtkSlicerFrugalSegLearningLogic::GetLossCurve(vtkTable* table)
{
  vtkInternal::SetColumns(table, { "step", "loss", "smoothed" });
}
void vtkSlicerFrugalSegLearningLogic::GetScores(vtkTable* table)
{
  vtkInternal::SetColumns(table, { "case", "before", "after" });
}
double vtkSlicerFrugalSegLearningLogic::GetMeanDiceBefore()
{
  return -1.;
}
double vtkSlicerFrugalSegLearningLogic::GetMeanDiceAfter()
{
  return -1.;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::GetCorrectedSlices(vtkMRMLScalarVolumeNode*, vtkMRMLSegmentationNode*,
                                                         const std::string&, vtkIntArray*,
                                                         vtkMRMLMessageCollection* messages)
{
  return this->Internal->Refuse(messages);
}
bool vtkSlicerFrugalSegLearningLogic::StartPropagation(vtkMRMLScalarVolumeNode*, vtkMRMLSegmentationNode*,
                                                       const std::string&, vtkIntArray*,
                                                       vtkMRMLMessageCollection* messages)
{
  return this->Internal->Refuse(messages);
}
