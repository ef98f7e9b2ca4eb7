#include "qSlicerFrugalSegModule.h"

#include "qSlicerFrugalSegModuleWidget.h"
#include "qSlicerSubjectHierarchyFrugalSegPlugin.h"

// FrugalSeg includes
#include <vtkSlicerFrugalSegLogic.h>

// Slicer includes
#include <qSlicerSubjectHierarchyPluginHandler.h>

//-----------------------------------------------------------------------------
qSlicerFrugalSegModule::qSlicerFrugalSegModule(QObject* parent) : Superclass(parent)
{
}

//-----------------------------------------------------------------------------
qSlicerFrugalSegModule::~qSlicerFrugalSegModule() = default;

//-----------------------------------------------------------------------------
QString qSlicerFrugalSegModule::helpText() const
{
  return "<p>" +
         tr("Segments liver and prostate in T2-weighted MR series on this computer's processor, and learns "
            "from your corrections. No data leaves the computer; no Python package is installed.") +
         "</p><p>" +
         tr("Open a series, press <b>Segment</b>, look at the outline in every slice, correct it in the "
            "Segment Editor, export it. Save corrected cases as labels and press <b>Learn</b> to adapt the "
            "model to your images; the former model stays one click away.") +
         "</p><p><b>" + tr("Research software, not a medical device.") + "</b></p>";
}

//-----------------------------------------------------------------------------
QString qSlicerFrugalSegModule::acknowledgementText() const
{
  return tr("The methods follow published work; every source is named in the documentation (docs/theory). "
            "Built on 3D Slicer, VTK, ITK, DCMTK, OpenBLAS and jansson.");
}

//-----------------------------------------------------------------------------
QStringList qSlicerFrugalSegModule::contributors() const
{
  return { "FrugalSeg contributors" };
}

//-----------------------------------------------------------------------------
QIcon qSlicerFrugalSegModule::icon() const
{
  return QIcon(":/Icons/FrugalSeg.png");
}

//-----------------------------------------------------------------------------
QStringList qSlicerFrugalSegModule::categories() const
{
  return { qSlicerAbstractCoreModule::tr("Segmentation") };
}

//-----------------------------------------------------------------------------
QStringList qSlicerFrugalSegModule::dependencies() const
{
  return { "Segmentations", "SegmentEditor", "Volumes", "SubjectHierarchy" };
}

//-----------------------------------------------------------------------------
QStringList qSlicerFrugalSegModule::associatedNodeTypes() const
{
  return { "vtkMRMLFrugalSegNode" };
}

//-----------------------------------------------------------------------------
void qSlicerFrugalSegModule::setup()
{
  this->Superclass::setup();
  qSlicerSubjectHierarchyPluginHandler::instance()->registerPlugin(
      new qSlicerSubjectHierarchyFrugalSegPlugin);
}

//-----------------------------------------------------------------------------
qSlicerAbstractModuleRepresentation* qSlicerFrugalSegModule::createWidgetRepresentation()
{
  return new qSlicerFrugalSegModuleWidget;
}

//-----------------------------------------------------------------------------
vtkMRMLAbstractLogic* qSlicerFrugalSegModule::createLogic()
{
  return vtkSlicerFrugalSegLogic::New();
}
