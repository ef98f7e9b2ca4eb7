#include "qFrugalSegResultWidget.h"

#include "qFrugalSegSession.h"
#include "qFrugalSegText.h"
#include "ui_qFrugalSegResultWidget.h"

// FrugalSeg includes
#include <vtkMRMLFrugalSegNode.h>
#include <vtkSlicerFrugalSegLogic.h>

// MRML includes
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationDisplayNode.h>
#include <vtkMRMLSegmentationNode.h>
#include <vtkMRMLSliceNode.h>

// Segmentation includes
#include <vtkSegment.h>
#include <vtkSegmentation.h>

// Qt includes
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>

// VTK includes
#include <vtkTable.h>
#include <vtkVariant.h>

//----------------------------------------------------------------------------
qFrugalSegResultWidget::qFrugalSegResultWidget(QWidget* parent)
    : QWidget(parent), Form(new Ui_qFrugalSegResultWidget)
{
  this->Form->setupUi(this);
  this->Form->ResultGroup->setVisible(false);
  this->Form->ExportGroup->setVisible(false);
  QFont large = this->Form->VolumeMLLabel->font();
  large.setPointSizeF(1.8 * large.pointSizeF());
  large.setBold(true);
  this->Form->VolumeMLLabel->setFont(large);

  const auto connect = [this](QPushButton* button, void (qFrugalSegResultWidget::*slot)())
  { QObject::connect(button, &QPushButton::clicked, this, slot); };
  connect(this->Form->CorrectButton, &qFrugalSegResultWidget::correct);
  connect(this->Form->ExportSEGButton, &qFrugalSegResultWidget::exportSEG);
  connect(this->Form->ExportNIfTIButton, &qFrugalSegResultWidget::exportNIfTI);
  connect(this->Form->ExportNRRDButton, &qFrugalSegResultWidget::exportNRRD);
  connect(this->Form->ExportSTLButton, &qFrugalSegResultWidget::exportSTL);
  QObject::connect(this->Form->SegmentBox, QOverload<int>::of(&QComboBox::currentIndexChanged), this,
                   &qFrugalSegResultWidget::onSegmentChosen);
  QObject::connect(this->Form->OpacitySlider, &QSlider::valueChanged, this,
                   &qFrugalSegResultWidget::applyDisplay);
  QObject::connect(this->Form->OutlineBox, &QCheckBox::toggled, this, &qFrugalSegResultWidget::applyDisplay);
  QObject::connect(this->Form->UncertaintyBox, &QCheckBox::toggled, this,
                   &qFrugalSegResultWidget::showUncertainty);
  QObject::connect(this->Form->SurfaceBox, &QCheckBox::toggled, this, &qFrugalSegResultWidget::showSurface);
}

//----------------------------------------------------------------------------
qFrugalSegResultWidget::~qFrugalSegResultWidget() = default;

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::setSession(qFrugalSegSession* session)
{
  this->Session = session;
  QObject::connect(session, &qFrugalSegSession::volumeChanged, this,
                   &qFrugalSegResultWidget::onVolumeChanged);
  for (const auto signal : { &qFrugalSegSession::sceneChanged, &qFrugalSegSession::segmentChanged,
                             &qFrugalSegSession::segmentationEdited })
  {
    QObject::connect(session, signal, this, &qFrugalSegResultWidget::onSegmentChanged);
  }
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::showResult(const QString& checks)
{
  this->MappedVolume = this->Session->volume();
  this->applyDisplay();
  this->showSurface();
  this->showUncertainty();
  const double* center =
      this->Session->segmentation()->GetSegmentCenterRAS(this->Session->segmentID().toUtf8().constData());
  if (center)
  {
    vtkMRMLSliceNode::JumpAllSlices(this->Session->scene(), center[0], center[1], center[2]);
  }
  this->Form->CheckMessage->say(qFrugalSegMessageLabel::Warning, checks);
  this->Form->ExportMessage->hideMessage();
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::onVolumeChanged(vtkMRMLScalarVolumeNode* volume)
{
  this->Form->ExportMessage->hideMessage();
  // Our segmentations of other images would lie across this one. Those of others are left alone.
  const std::string role = vtkMRMLSegmentationNode::GetReferenceImageGeometryReferenceRole();
  for (vtkMRMLNode* node : this->Session->nodes("vtkMRMLSegmentationNode"))
  {
    vtkMRMLSegmentationNode* segmentation = vtkMRMLSegmentationNode::SafeDownCast(node);
    bool own = false;
    for (int i = 0; i < segmentation->GetSegmentation()->GetNumberOfSegments(); ++i)
    {
      own = own || vtkSlicerFrugalSegLogic::IsOwnSegment(segmentation,
                                                         segmentation->GetSegmentation()->GetNthSegmentID(i));
    }
    if (own && volume && segmentation->GetDisplayNode())
    {
      segmentation->GetDisplayNode()->SetVisibility(segmentation->GetNodeReference(role.c_str()) == volume);
    }
  }
  this->showUncertainty();
  this->onSegmentChanged();
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::onSegmentChanged()
{
  this->Filling = true;
  QComboBox* box = this->Form->SegmentBox;
  box->clear();
  if (vtkMRMLSegmentationNode* segmentation = this->Session->segmentation())
  {
    for (int i = 0; i < segmentation->GetSegmentation()->GetNumberOfSegments(); ++i)
    {
      box->addItem(qFrugalSegText(segmentation->GetSegmentation()->GetNthSegment(i)->GetName()),
                   qFrugalSegText(segmentation->GetSegmentation()->GetNthSegmentID(i)));
    }
  }
  box->setCurrentIndex(box->findData(this->Session->segmentID()));
  box->setVisible(box->count() > 1);
  this->Filling = false;
  const bool shown = this->Session->hasSegment() && this->Session->volume();
  this->Form->ResultGroup->setVisible(shown);
  this->Form->ExportGroup->setVisible(shown);
  if (shown)
  {
    this->measure();
  }
  else
  {
    this->Form->CheckMessage->hideMessage();
  }
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::onSegmentChosen(int index)
{
  if (!this->Filling && index >= 0)
  {
    this->Form->CheckMessage->hideMessage(); // it was about another segment
    this->Session->setSegment(this->Session->segmentation(),
                              this->Form->SegmentBox->itemData(index).toString());
  }
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::measure()
{
  const auto cell = [](vtkTable* table, const char* column)
  { return qFrugalSegText(table->GetValueByName(0, column).ToString()); };
  vtkNew<vtkTable> table;
  vtkNew<vtkMRMLMessageCollection> messages;
  if (!this->Session->logic()->Measure(this->Session->segmentation(),
                                       this->Session->segmentID().toUtf8().constData(),
                                       this->Session->volume(), table, messages) ||
      table->GetNumberOfRows() != 1)
  {
    this->Form->VolumeMLLabel->clear();
    this->Form->MeasureLabel->setText(qFrugalSegTexts(messages).join(' '));
    return;
  }
  const auto number = [&table](const char* column)
  {
    return qFrugalSegText(vtkSlicerFrugalSegLogic::FormatNumber(table->GetValueByName(0, column).ToDouble()));
  };
  this->Form->ResultGroup->setTitle(tr("Result: %1").arg(cell(table, "segment")));
  this->Form->VolumeMLLabel->setText(tr("%1 ml").arg(number("volume_ml")));
  this->Form->MeasureLabel->setText(
      tr("%1 x %2 x %3 mm (right-left, front-back, head-foot)\nLongest %4 mm, surface %5 cm\xC2\xB2")
          .arg(number("extent_r_mm"), number("extent_a_mm"), number("extent_s_mm"), number("longest_mm"),
               number("surface_cm2")));
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::applyDisplay()
{
  vtkMRMLSegmentationNode* segmentation = this->Session->segmentation();
  vtkMRMLSegmentationDisplayNode* display =
      segmentation ? vtkMRMLSegmentationDisplayNode::SafeDownCast(segmentation->GetDisplayNode()) : nullptr;
  if (display)
  {
    display->SetOpacity2DFill(this->Form->OpacitySlider->value() / 100.);
    display->SetVisibility2DFill(!this->Form->OutlineBox->isChecked());
  }
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::showUncertainty()
{
  vtkMRMLFrugalSegNode* parameters = this->Session->parameterNode();
  vtkMRMLScalarVolumeNode* map = parameters ? parameters->GetUncertaintyVolumeNode() : nullptr;
  // The map is that of the last run; over another image it would mislead.
  const bool fits = map && this->Session->volume() && this->Session->volume() == this->MappedVolume;
  this->Session->logic()->ShowUncertaintyOverlay(this->Form->UncertaintyBox->isChecked() && fits ? map
                                                                                                 : nullptr);
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::showSurface()
{
  vtkMRMLSegmentationNode* segmentation = this->Session->segmentation();
  if (!segmentation)
  {
    return;
  }
  if (this->Form->SurfaceBox->isChecked())
  {
    segmentation->CreateClosedSurfaceRepresentation();
  }
  else
  {
    segmentation->RemoveClosedSurfaceRepresentation();
  }
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::correct()
{
  if (this->Session->hasSegment())
  {
    emit this->editRequested(this->Session->segmentation(), this->Session->segmentID(),
                             this->Session->volume());
  }
}

// ---- export -----------------------------------------------------------------------------------------

//----------------------------------------------------------------------------
bool qFrugalSegResultWidget::exportTo(const QString& file)
{
  vtkNew<vtkMRMLMessageCollection> messages;
  const bool written = this->Session->logic()->ExportSegment(
      this->Session->segmentation(), this->Session->segmentID().toUtf8().constData(), this->Session->volume(),
      file.toUtf8().constData(), messages);
  const QString text = qFrugalSegTexts(messages).join(' ');
  if (written)
  {
    this->ExportFolder = QFileInfo(file).absolutePath();
    const QString done = tr("Written to %1").arg(QDir::toNativeSeparators(file));
    this->Form->ExportMessage->say(text.isEmpty() ? qFrugalSegMessageLabel::Success
                                                  : qFrugalSegMessageLabel::Warning,
                                   text.isEmpty() ? done : done + ". " + text);
  }
  else
  {
    this->Form->ExportMessage->say(qFrugalSegMessageLabel::Error, text);
  }
  return written;
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::chooseExport(const QString& suffix, const QString& filter)
{
  if (!this->Session->hasSegment() || !this->Session->volume())
  {
    return;
  }
  QString name =
      QString("%1-%2").arg(qFrugalSegText(this->Session->volume()->GetName()),
                           qFrugalSegText(this->Session->segmentation()
                                              ->GetSegmentation()
                                              ->GetSegment(this->Session->segmentID().toUtf8().constData())
                                              ->GetName()));
  for (QChar& letter : name)
  {
    if (!letter.isLetterOrNumber() && letter != '-')
    {
      letter = '_';
    }
  }
  const QString folder = this->ExportFolder.isEmpty() ? QDir::homePath() : this->ExportFolder;
  QString file =
      QFileDialog::getSaveFileName(this, tr("Export"), QDir(folder).filePath(name + suffix), filter);
  if (file.isEmpty())
  {
    return;
  }
  if (!file.endsWith(suffix, Qt::CaseInsensitive))
  {
    file += suffix;
  }
  this->exportTo(file);
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::exportSEG()
{
  this->chooseExport(".dcm", tr("DICOM Segmentation (*.dcm)"));
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::exportNIfTI()
{
  this->chooseExport(".nii.gz", tr("NIfTI (*.nii.gz)"));
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::exportNRRD()
{
  this->chooseExport(".nrrd", tr("NRRD (*.nrrd)"));
}

//----------------------------------------------------------------------------
void qFrugalSegResultWidget::exportSTL()
{
  this->chooseExport(".stl", tr("STL surface (*.stl)"));
}
