#include "qFrugalSegPanel.h"

#include "qFrugalSegResultWidget.h"
#include "qFrugalSegSession.h"
#include "ui_qFrugalSegPanel.h"

// FrugalSeg includes
#include <vtkMRMLFrugalSegNode.h>
#include <vtkSlicerFrugalSegLearningLogic.h>
#include <vtkSlicerFrugalSegLogic.h>

// MRML includes
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>

// Qt includes
#include <QAbstractButton>
#include <QAction>
#include <QSlider>

namespace
{
/// Keys that Slicer's main window and its Segment Editor leave free.
const struct
{
  const char* Button;
  const char* Keys;
} Shortcuts[] = {
  { "OpenFolderButton", "Ctrl+Shift+O" },  { "OpenFileButton", "Ctrl+Shift+F" },
  { "SegmentButton", "Ctrl+Shift+S" },     { "CancelButton", "Ctrl+Shift+C" },
  { "OutlineBox", "Ctrl+Shift+B" },        { "SurfaceBox", "Ctrl+Shift+D" },
  { "UncertaintyBox", "Ctrl+Shift+U" },    { "CorrectButton", "Ctrl+Shift+E" },
  { "ExportSEGButton", "Alt+1" },          { "ExportNIfTIButton", "Alt+2" },
  { "ExportNRRDButton", "Alt+3" },         { "ExportSTLButton", "Alt+4" },
  { "DatasetButton", "Ctrl+Shift+J" },     { "SaveLabelButton", "Ctrl+Shift+L" },
  { "PropagateButton", "Ctrl+Shift+P" },   { "ImagesButton", "Ctrl+Shift+I" },
  { "OpenNextButton", "Ctrl+Shift+N" },    { "LearnButton", "Ctrl+Shift+M" },
  { "CancelLearnButton", "Ctrl+Shift+K" }, { "AcceptButton", "Ctrl+Shift+A" },
  { "RevertButton", "Ctrl+Shift+R" },
};
const int OpacityStep = 10;
} // namespace

//----------------------------------------------------------------------------
qFrugalSegPanel::qFrugalSegPanel(QWidget* parent)
    : QWidget(parent), Form(new Ui_qFrugalSegPanel), Session(new qFrugalSegSession(this))
{
  this->Form->setupUi(this);
  this->Form->SegmentTab->setSession(this->Session);
  this->Form->LearnTab->setSession(this->Session);
  QObject::connect(this->Session, &qFrugalSegSession::volumeChanged, this, &qFrugalSegPanel::volumeChanged);
  QObject::connect(this->Form->SegmentTab->resultWidget(), &qFrugalSegResultWidget::editRequested, this,
                   &qFrugalSegPanel::editRequested);
  this->addShortcuts();
}

//----------------------------------------------------------------------------
qFrugalSegPanel::~qFrugalSegPanel()
{
  // The parts look at the session until they are gone; it must not speak to them while it goes.
  this->Session->blockSignals(true);
}

//----------------------------------------------------------------------------
void qFrugalSegPanel::addShortcuts()
{
  const auto add = [this](const QString& text, const QKeySequence& keys)
  {
    QAction* action = new QAction(text, this);
    action->setShortcut(keys);
    action->setShortcutContext(Qt::WidgetWithChildrenShortcut);
    this->addAction(action);
    return action;
  };
  for (const auto& shortcut : Shortcuts)
  {
    QAbstractButton* button = this->findChild<QAbstractButton*>(shortcut.Button);
    Q_ASSERT(button);
    QString text = button->text();
    text.remove('&');
    QAction* action = add(text, QKeySequence(shortcut.Keys));
    action->setObjectName(QString(shortcut.Button) + "Action");
    // What a click would do, and nothing where a click could do nothing.
    QObject::connect(action, &QAction::triggered, button, &QAbstractButton::click);
    button->setStatusTip(action->shortcut().toString(QKeySequence::NativeText));
    if (button->toolTip().isEmpty())
    {
      button->setToolTip(QString("%1 (%2)").arg(text, action->shortcut().toString(QKeySequence::NativeText)));
    }
  }
  QSlider* slider = this->findChild<QSlider*>("OpacitySlider");
  QObject::connect(add(tr("More opaque"), QKeySequence("Ctrl+Shift+Up")), &QAction::triggered, slider,
                   [slider] { slider->setValue(slider->value() + OpacityStep); });
  QObject::connect(add(tr("Less opaque"), QKeySequence("Ctrl+Shift+Down")), &QAction::triggered, slider,
                   [slider] { slider->setValue(slider->value() - OpacityStep); });
}

//----------------------------------------------------------------------------
void qFrugalSegPanel::setLogic(vtkSlicerFrugalSegLogic* logic)
{
  this->Session->setLogic(logic);
}

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLearningLogic* qFrugalSegPanel::learningLogic() const
{
  return this->Session->learningLogic();
}

//----------------------------------------------------------------------------
qFrugalSegSegmentWidget* qFrugalSegPanel::segmentTab() const
{
  return this->Form->SegmentTab;
}

//----------------------------------------------------------------------------
qFrugalSegLearnWidget* qFrugalSegPanel::learnTab() const
{
  return this->Form->LearnTab;
}

//----------------------------------------------------------------------------
void qFrugalSegPanel::setMRMLScene(vtkMRMLScene* scene)
{
  this->Session->setScene(scene);
}

//----------------------------------------------------------------------------
void qFrugalSegPanel::setParameterNode(vtkMRMLFrugalSegNode* node)
{
  this->Session->setParameterNode(node);
}

//----------------------------------------------------------------------------
void qFrugalSegPanel::setVolume(vtkMRMLScalarVolumeNode* volume)
{
  this->Session->setVolume(volume);
}
