#include "qFrugalSegSession.h"

#include "qFrugalSegText.h"

// FrugalSeg includes
#include <vtkMRMLFrugalSegNode.h>
#include <vtkSlicerFrugalSegLearningLogic.h>
#include <vtkSlicerFrugalSegLogic.h>

// MRML includes
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>

// Segmentation includes
#include <vtkSegmentation.h>

// VTK includes
#include <vtkCallbackCommand.h>

namespace
{
const int PollMilliseconds = 100;
const int SettleMilliseconds = 30;
} // namespace

//----------------------------------------------------------------------------
qFrugalSegSession::qFrugalSegSession(QObject* parent)
    : QObject(parent), LearningLogic(vtkSmartPointer<vtkSlicerFrugalSegLearningLogic>::New())
{
  this->Command->SetClientData(this);
  this->Command->SetCallback(&qFrugalSegSession::OnEvent);
  for (const unsigned long event :
       { static_cast<unsigned long>(vtkSlicerFrugalSegLearningLogic::LabelSavedEvent),
         static_cast<unsigned long>(vtkSlicerFrugalSegLearningLogic::RankingEndedEvent),
         static_cast<unsigned long>(vtkSlicerFrugalSegLearningLogic::LearningEndedEvent),
         static_cast<unsigned long>(vtkSlicerFrugalSegLearningLogic::PropagationEndedEvent),
         static_cast<unsigned long>(vtkSlicerFrugalSegLearningLogic::CurrentModelChangedEvent) })
  {
    this->LearningLogic->AddObserver(event, this->Command);
  }
  this->Timer.setInterval(PollMilliseconds);
  QObject::connect(&this->Timer, &QTimer::timeout, this, &qFrugalSegSession::tick);
  for (QTimer* timer : { &this->VolumesTimer, &this->EditTimer })
  {
    timer->setSingleShot(true);
    timer->setInterval(SettleMilliseconds);
  }
  QObject::connect(&this->VolumesTimer, &QTimer::timeout, this, &qFrugalSegSession::announceVolumes);
  QObject::connect(&this->EditTimer, &QTimer::timeout, this, &qFrugalSegSession::announceEdit);
}

//----------------------------------------------------------------------------
qFrugalSegSession::~qFrugalSegSession()
{
  this->setParameterNode(nullptr);
  this->setScene(nullptr);
  this->setLogic(nullptr);
  this->LearningLogic->RemoveObserver(this->Command);
}

//----------------------------------------------------------------------------
void qFrugalSegSession::setScene(vtkMRMLScene* scene)
{
  if (scene == this->Scene)
  {
    return;
  }
  this->setParameterNode(nullptr);
  if (this->Scene)
  {
    this->Scene->RemoveObserver(this->Command);
  }
  this->Scene = scene;
  this->LearningLogic->SetMRMLScene(scene);
  if (scene)
  {
    for (const unsigned long event : { static_cast<unsigned long>(vtkMRMLScene::NodeAddedEvent),
                                       static_cast<unsigned long>(vtkMRMLScene::NodeRemovedEvent),
                                       static_cast<unsigned long>(vtkMRMLScene::EndBatchProcessEvent),
                                       static_cast<unsigned long>(vtkMRMLScene::EndImportEvent),
                                       static_cast<unsigned long>(vtkMRMLScene::EndCloseEvent) })
    {
      scene->AddObserver(event, this->Command);
    }
  }
  emit this->sceneChanged();
}

//----------------------------------------------------------------------------
vtkMRMLScene* qFrugalSegSession::scene() const
{
  return this->Scene;
}

//----------------------------------------------------------------------------
std::vector<vtkMRMLNode*> qFrugalSegSession::nodes(const char* className) const
{
  std::vector<vtkMRMLNode*> found;
  if (this->Scene)
  {
    this->Scene->GetNodesByClass(className, found);
  }
  return found;
}

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLogic* qFrugalSegSession::logic() const
{
  return this->Logic;
}

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLearningLogic* qFrugalSegSession::learningLogic() const
{
  return this->LearningLogic;
}

//----------------------------------------------------------------------------
void qFrugalSegSession::setLogic(vtkSlicerFrugalSegLogic* logic)
{
  if (this->Logic)
  {
    this->Logic->RemoveObserver(this->Command);
  }
  this->Logic = logic;
  this->LearningLogic->SetSegmentLogic(logic);
  if (logic)
  {
    logic->AddObserver(vtkSlicerFrugalSegLogic::SegmentationEndedEvent, this->Command);
    this->LearningLogic->SetMRMLApplicationLogic(logic->GetMRMLApplicationLogic());
  }
}

//----------------------------------------------------------------------------
vtkMRMLFrugalSegNode* qFrugalSegSession::parameterNode()
{
  if (!this->Parameters && this->Scene)
  {
    vtkMRMLNode* node = this->Scene->GetFirstNodeByClass("vtkMRMLFrugalSegNode");
    if (!node)
    {
      node = this->Scene->AddNewNodeByClass("vtkMRMLFrugalSegNode", "FrugalSeg");
      vtkMRMLFrugalSegNode* made = vtkMRMLFrugalSegNode::SafeDownCast(node);
      if (made)
      {
        made->SetModelName(this->LearningLogic->GetCurrentModel());
      }
    }
    this->setParameterNode(vtkMRMLFrugalSegNode::SafeDownCast(node));
  }
  return this->Parameters;
}

//----------------------------------------------------------------------------
void qFrugalSegSession::setParameterNode(vtkMRMLFrugalSegNode* node)
{
  if (node == this->Parameters)
  {
    return;
  }
  if (this->Parameters)
  {
    this->Parameters->RemoveObserver(this->Command);
  }
  this->Parameters = node;
  if (node)
  {
    node->AddObserver(vtkCommand::ModifiedEvent, this->Command);
  }
  this->onParametersModified();
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* qFrugalSegSession::volume() const
{
  return this->Parameters ? this->Parameters->GetInputVolumeNode() : nullptr;
}

//----------------------------------------------------------------------------
void qFrugalSegSession::setVolume(vtkMRMLScalarVolumeNode* volume)
{
  vtkMRMLFrugalSegNode* node = this->parameterNode();
  if (!node || node->GetInputVolumeNode() == volume)
  {
    return;
  }
  // A segmentation belongs to the image that it was drawn on; the next run makes a new one.
  vtkMRMLSegmentationNode* segmentation = nullptr;
  QString segmentID;
  if (volume)
  {
    const std::string role = vtkMRMLSegmentationNode::GetReferenceImageGeometryReferenceRole();
    for (vtkMRMLNode* candidate : this->nodes("vtkMRMLSegmentationNode"))
    {
      vtkMRMLSegmentationNode* drawn = vtkMRMLSegmentationNode::SafeDownCast(candidate);
      if (drawn->GetNodeReference(role.c_str()) == volume)
      {
        segmentation = drawn;
        segmentID = drawn->GetSegmentation()->GetNumberOfSegments() > 0
                        ? qFrugalSegText(drawn->GetSegmentation()->GetNthSegmentID(0))
                        : QString();
      }
    }
  }
  const int modifying = node->StartModify();
  node->SetInputVolumeNode(volume);
  node->SetSegmentationNode(segmentation);
  node->SetSegmentID(segmentID.toUtf8().constData());
  node->EndModify(modifying);
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* qFrugalSegSession::segmentation() const
{
  return this->Parameters ? this->Parameters->GetSegmentationNode() : nullptr;
}

//----------------------------------------------------------------------------
QString qFrugalSegSession::segmentID() const
{
  return this->Parameters ? qFrugalSegText(this->Parameters->GetSegmentID()) : QString();
}

//----------------------------------------------------------------------------
bool qFrugalSegSession::hasSegment() const
{
  vtkMRMLSegmentationNode* segmentation = this->segmentation();
  return segmentation && segmentation->GetSegmentation()->GetSegment(this->segmentID().toUtf8().constData());
}

//----------------------------------------------------------------------------
void qFrugalSegSession::setSegment(vtkMRMLSegmentationNode* segmentation, const QString& segmentID)
{
  vtkMRMLFrugalSegNode* node = this->parameterNode();
  if (!node)
  {
    return;
  }
  const int modifying = node->StartModify();
  node->SetSegmentationNode(segmentation);
  node->SetSegmentID(segmentID.toUtf8().constData());
  node->EndModify(modifying);
}

//----------------------------------------------------------------------------
QString qFrugalSegSession::model() const
{
  return this->Parameters ? qFrugalSegText(this->Parameters->GetModelName()) : QString();
}

//----------------------------------------------------------------------------
bool qFrugalSegSession::setModel(const QString& model, QStringList& messages)
{
  vtkMRMLFrugalSegNode* node = this->parameterNode();
  vtkNew<vtkMRMLMessageCollection> collected;
  if (!node || !this->LearningLogic->SetCurrentModel(model.toUtf8().constData(), collected))
  {
    messages = qFrugalSegTexts(collected);
    return false;
  }
  node->SetModelName(model.toUtf8().constData());
  return true;
}

//----------------------------------------------------------------------------
bool qFrugalSegSession::startSegment(QStringList& messages)
{
  vtkNew<vtkMRMLMessageCollection> collected;
  const bool started = this->Logic && this->Logic->StartSegment(this->parameterNode(), collected);
  messages = qFrugalSegTexts(collected);
  if (started)
  {
    this->Timer.start();
  }
  return started;
}

//----------------------------------------------------------------------------
void qFrugalSegSession::watchActivities()
{
  this->Timer.start();
}

//----------------------------------------------------------------------------
void qFrugalSegSession::tick()
{
  this->Messages->ClearMessages();
  if (this->Logic)
  {
    this->Logic->ProcessPendingResults(this->Messages);
  }
  // Its messages are kept by the logic, one text for each activity.
  vtkNew<vtkMRMLMessageCollection> kept;
  this->LearningLogic->ProcessPendingResults(kept);
  emit this->ticked();
  if (!(this->Logic && this->Logic->IsSegmenting()) && !this->LearningLogic->IsRunning())
  {
    this->Timer.stop();
  }
}

//----------------------------------------------------------------------------
void qFrugalSegSession::OnEvent(vtkObject* caller, unsigned long event, void* clientData, void* data)
{
  qFrugalSegSession* self = static_cast<qFrugalSegSession*>(clientData);
  if (caller == self->Scene)
  {
    self->onSceneEvent(event, data);
  }
  else if (caller == self->Parameters)
  {
    self->onParametersModified();
  }
  else if (caller == self->Observed)
  {
    self->EditTimer.start();
  }
  else if (caller == self->LearningLogic)
  {
    switch (event)
    {
      case vtkSlicerFrugalSegLearningLogic::LabelSavedEvent:
        emit self->labelSaved();
        break;
      case vtkSlicerFrugalSegLearningLogic::CurrentModelChangedEvent:
        if (vtkMRMLFrugalSegNode* node = self->parameterNode())
        {
          node->SetModelName(self->LearningLogic->GetCurrentModel());
        }
        break;
      case vtkSlicerFrugalSegLearningLogic::RankingEndedEvent:
        emit self->activityEnded(vtkSlicerFrugalSegLearningLogic::Ranking);
        break;
      case vtkSlicerFrugalSegLearningLogic::LearningEndedEvent:
        emit self->activityEnded(vtkSlicerFrugalSegLearningLogic::Learning);
        break;
      case vtkSlicerFrugalSegLearningLogic::PropagationEndedEvent:
        emit self->activityEnded(vtkSlicerFrugalSegLearningLogic::Propagation);
        break;
      default:
        break;
    }
  }
  else if (caller == self->Logic)
  {
    emit self->segmentEnded(self->Logic->GetLastSegmentation() != nullptr, qFrugalSegTexts(self->Messages));
    self->Messages->ClearMessages();
  }
}

//----------------------------------------------------------------------------
void qFrugalSegSession::onSceneEvent(unsigned long event, void* data)
{
  if (event == vtkMRMLScene::NodeRemovedEvent && data == this->Parameters)
  {
    this->setParameterNode(nullptr);
  }
  if (event == vtkMRMLScene::EndCloseEvent || event == vtkMRMLScene::EndImportEvent)
  {
    this->setParameterNode(
        vtkMRMLFrugalSegNode::SafeDownCast(this->Scene->GetFirstNodeByClass("vtkMRMLFrugalSegNode")));
    emit this->sceneChanged();
  }
  this->VolumesTimer.start();
}

//----------------------------------------------------------------------------
void qFrugalSegSession::onParametersModified()
{
  this->observeSegmentation();
  if (this->volume() != this->AnnouncedVolume)
  {
    this->AnnouncedVolume = this->volume();
    emit this->volumeChanged(this->volume());
  }
  if (this->segmentation() != this->AnnouncedSegmentation || this->segmentID() != this->AnnouncedSegmentID)
  {
    this->AnnouncedSegmentation = this->segmentation();
    this->AnnouncedSegmentID = this->segmentID();
    emit this->segmentChanged();
  }
  if (this->model() != this->AnnouncedModel)
  {
    this->AnnouncedModel = this->model();
    emit this->modelChanged();
  }
}

//----------------------------------------------------------------------------
void qFrugalSegSession::observeSegmentation()
{
  vtkSegmentation* segmentation = this->segmentation() ? this->segmentation()->GetSegmentation() : nullptr;
  if (segmentation == this->Observed)
  {
    return;
  }
  if (this->Observed)
  {
    this->Observed->RemoveObserver(this->Command);
  }
  this->Observed = segmentation;
  if (segmentation)
  {
    for (const unsigned long event :
         { static_cast<unsigned long>(vtkSegmentation::SourceRepresentationModified),
           static_cast<unsigned long>(vtkSegmentation::RepresentationModified),
           static_cast<unsigned long>(vtkSegmentation::SegmentAdded),
           static_cast<unsigned long>(vtkSegmentation::SegmentRemoved),
           static_cast<unsigned long>(vtkSegmentation::SegmentModified) })
    {
      segmentation->AddObserver(event, this->Command);
    }
  }
}

//----------------------------------------------------------------------------
void qFrugalSegSession::announceVolumes()
{
  if (this->Scene && this->Scene->IsBatchProcessing())
  {
    return; // its end is announced
  }
  // A volume or segmentation that is gone leaves its reference empty, without an event of the node.
  this->onParametersModified();
  emit this->volumesChanged();
}

//----------------------------------------------------------------------------
void qFrugalSegSession::announceEdit()
{
  emit this->segmentationEdited();
}
