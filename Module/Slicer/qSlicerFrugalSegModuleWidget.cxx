#include "qSlicerFrugalSegModuleWidget.h"

// FrugalSeg includes
#include <qFrugalSegPanel.h>
#include <vtkMRMLFrugalSegNode.h>
#include <vtkSlicerFrugalSegLogic.h>

// Slicer includes
#include <qSlicerApplication.h>
#include <qSlicerSubjectHierarchyAbstractPlugin.h>
#include <vtkSlicerApplicationLogic.h>

// MRML includes
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentEditorNode.h>
#include <vtkMRMLSegmentationNode.h>
#include <vtkMRMLSelectionNode.h>

// CTK includes
#ifdef Slicer_BUILD_DICOM_SUPPORT // vtkSlicerConfigure.h
#include <ctkDICOMDatabase.h>
#endif

// Qt includes
#include <QFileInfo>
#include <QVBoxLayout>

// VTK includes
#include <vtkSmartPointer.h>

//-----------------------------------------------------------------------------
qSlicerFrugalSegModuleWidget::qSlicerFrugalSegModuleWidget(QWidget* parent) : Superclass(parent)
{
}

//-----------------------------------------------------------------------------
qSlicerFrugalSegModuleWidget::~qSlicerFrugalSegModuleWidget() = default;

//-----------------------------------------------------------------------------
void qSlicerFrugalSegModuleWidget::setup()
{
  QVBoxLayout* layout = new QVBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  this->Panel = new qFrugalSegPanel;
  layout->addWidget(this->Panel);
  QObject::connect(this->Panel, &qFrugalSegPanel::volumeChanged, this,
                   &qSlicerFrugalSegModuleWidget::onVolumeChanged);
  QObject::connect(this->Panel, &qFrugalSegPanel::editRequested, this,
                   &qSlicerFrugalSegModuleWidget::onEditRequested);
  this->Superclass::setup();
  this->Panel->setLogic(vtkSlicerFrugalSegLogic::SafeDownCast(this->logic()));
}

//-----------------------------------------------------------------------------
void qSlicerFrugalSegModuleWidget::setMRMLScene(vtkMRMLScene* scene)
{
  this->Superclass::setMRMLScene(scene);
  if (this->Panel)
  {
    this->Panel->setMRMLScene(scene);
  }
}

//-----------------------------------------------------------------------------
bool qSlicerFrugalSegModuleWidget::setEditedNode(vtkMRMLNode* node, QString, QString)
{
  if (vtkMRMLFrugalSegNode* parameters = vtkMRMLFrugalSegNode::SafeDownCast(node))
  {
    this->Panel->setParameterNode(parameters);
    return true;
  }
  if (vtkMRMLScalarVolumeNode* volume = vtkMRMLScalarVolumeNode::SafeDownCast(node))
  {
    this->Panel->setVolume(volume);
    return true;
  }
  return false;
}

//-----------------------------------------------------------------------------
double qSlicerFrugalSegModuleWidget::nodeEditable(vtkMRMLNode* node)
{
  // Volumes are edited by other modules; this one only opens them when asked to.
  return vtkMRMLFrugalSegNode::SafeDownCast(node) ? 0.5 : 0.;
}

//-----------------------------------------------------------------------------
void qSlicerFrugalSegModuleWidget::onVolumeChanged(vtkMRMLScalarVolumeNode* volume)
{
  vtkSlicerApplicationLogic* application = this->appLogic();
  if (!volume || !application)
  {
    return;
  }
  if (application->GetSelectionNode())
  {
    application->GetSelectionNode()->SetActiveVolumeID(volume->GetID());
    application->PropagateVolumeSelection();
  }

#ifdef Slicer_BUILD_DICOM_SUPPORT
  // Slicer's DICOM plugins leave the UIDs of the instances at the volume, and its database knows the files.
  // The attributes are those that vtkSlicerFrugalSegLogic::LoadSeries sets, for ExportSegmentation.
  const char* instances = volume->GetAttribute("DICOM.instanceUIDs");
  ctkDICOMDatabase* database = qSlicerApplication::application()->dicomDatabase();
  if (!instances || !database || !database->isOpen())
  {
    return;
  }
  const QString first = QString::fromLatin1(instances).section(' ', 0, 0, QString::SectionSkipEmpty);
  const QString file = first.isEmpty() ? QString() : database->fileForInstance(first);
  const QString series = first.isEmpty() ? QString() : database->instanceValue(first, "0020,000e");
  if (!file.isEmpty() && !series.isEmpty())
  {
    volume->SetAttribute("FrugalSeg.SeriesFolder", QFileInfo(file).absolutePath().toUtf8().constData());
    volume->SetAttribute("FrugalSeg.SeriesUID", series.toUtf8().constData());
  }
#endif
}

//-----------------------------------------------------------------------------
void qSlicerFrugalSegModuleWidget::onEditRequested(vtkMRMLSegmentationNode* segmentation,
                                                   const QString& segmentID, vtkMRMLScalarVolumeNode* volume)
{
  // The Segment Editor module works on the singleton with this tag.
  vtkMRMLScene* scene = this->mrmlScene();
  vtkMRMLSegmentEditorNode* editor = vtkMRMLSegmentEditorNode::SafeDownCast(
      scene->GetSingletonNode("SegmentEditor", "vtkMRMLSegmentEditorNode"));
  if (!editor)
  {
    vtkSmartPointer<vtkMRMLNode> created;
    created.TakeReference(scene->CreateNodeByClass("vtkMRMLSegmentEditorNode"));
    created->SetSingletonTag("SegmentEditor");
    editor = vtkMRMLSegmentEditorNode::SafeDownCast(scene->AddNode(created));
  }
  editor->SetAndObserveSegmentationNode(segmentation);
  editor->SetAndObserveSourceVolumeNode(volume);
  editor->SetSelectedSegmentID(segmentID.toUtf8().constData());
  qSlicerSubjectHierarchyAbstractPlugin::switchToModule("SegmentEditor");
}
