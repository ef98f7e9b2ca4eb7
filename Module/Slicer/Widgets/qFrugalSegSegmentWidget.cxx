#include "qFrugalSegSegmentWidget.h"

#include "qFrugalSegResultWidget.h"
#include "qFrugalSegSession.h"
#include "qFrugalSegText.h"
#include "ui_qFrugalSegSegmentWidget.h"

// FrugalSeg includes
#include <vtkMRMLFrugalSegNode.h>
#include <vtkSlicerFrugalSegLogic.h>

// MRML includes
#include <vtkMRMLLabelMapVolumeNode.h>
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>

// Segmentation includes
#include <vtkSegment.h>
#include <vtkSegmentation.h>

// Qt includes
#include <QApplication>
#include <QDir>
#include <QFileDialog>
#include <QFileInfo>
#include <QHeaderView>
#include <QStandardItemModel>

// VTK includes
#include <vtkTable.h>
#include <vtkVariant.h>

namespace
{
const int VisibleSeries = 3; // before the list scrolls
const int UIDRole = Qt::UserRole;
const int VerdictRole = Qt::UserRole + 1;
const int ReasonRole = Qt::UserRole + 2;

QString Cell(vtkTable* table, vtkIdType row, const char* column)
{
  return qFrugalSegText(table->GetValueByName(row, column).ToString());
}

/// The sentences of a table of checks, one a line.
QString Sentences(vtkTable* table)
{
  QStringList lines;
  for (vtkIdType row = 0; row < table->GetNumberOfRows(); ++row)
  {
    lines << Cell(table, row, "text");
  }
  return lines.join('\n');
}

/// Sign and word: the verdict is not told by colour.
QString VerdictText(const QString& verdict)
{
  return verdict == "ok"          ? QString::fromUtf8("\xE2\x9C\x93 usable")
         : verdict == "ambiguous" ? qFrugalSegSegmentWidget::tr("? ambiguous")
                                  : QString::fromUtf8("\xE2\x9C\x95 refused");
}

void AddSeries(QTreeWidget* tree, vtkTable* table, vtkIdType row)
{
  QTreeWidgetItem* item = new QTreeWidgetItem(tree);
  const QString description = Cell(table, row, "description");
  const QString reason = Cell(table, row, "reason");
  QStringList spacing;
  for (const QString& number : Cell(table, row, "spacing_mm").split(" x "))
  {
    spacing << QString::number(number.toDouble(), 'g', 3);
  }
  item->setText(
      0, QStringList{ description.isEmpty() ? qFrugalSegSegmentWidget::tr("(no description)") : description,
                      Cell(table, row, "modality") + QString::fromUtf8(" \xC2\xB7 ") +
                          Cell(table, row, "matrix"),
                      spacing.join(" x ") + " mm" }
             .join('\n'));
  item->setText(1, VerdictText(Cell(table, row, "verdict")));
  item->setToolTip(0, reason.isEmpty() ? item->text(0) : reason);
  item->setToolTip(1, reason);
  item->setData(0, UIDRole, Cell(table, row, "uid"));
  item->setData(0, VerdictRole, Cell(table, row, "verdict"));
  item->setData(0, ReasonRole, reason);
}
} // namespace

//----------------------------------------------------------------------------
qFrugalSegSegmentWidget::qFrugalSegSegmentWidget(QWidget* parent)
    : QWidget(parent), Form(new Ui_qFrugalSegSegmentWidget)
{
  this->Form->setupUi(this);
  this->Form->SeriesTree->setVisible(false);
  this->Form->SeriesTree->header()->setStretchLastSection(false);
  this->Form->SeriesTree->header()->setSectionResizeMode(0, QHeaderView::Stretch);
  this->Form->SeriesTree->header()->setSectionResizeMode(1, QHeaderView::ResizeToContents);
  this->Form->ProgressBar->setVisible(false);
  QFont bold = this->Form->SegmentButton->font();
  bold.setBold(true);
  this->Form->SegmentButton->setFont(bold);

  const auto connect = [this](QPushButton* button, void (qFrugalSegSegmentWidget::*slot)())
  { QObject::connect(button, &QPushButton::clicked, this, slot); };
  connect(this->Form->OpenFolderButton, &qFrugalSegSegmentWidget::chooseFolder);
  connect(this->Form->OpenFileButton, &qFrugalSegSegmentWidget::chooseFile);
  connect(this->Form->SegmentButton, &qFrugalSegSegmentWidget::segment);
  connect(this->Form->CancelButton, &qFrugalSegSegmentWidget::cancel);

  // A click selects, a double click or Enter loads.
  QObject::connect(this->Form->SeriesTree, &QTreeWidget::itemActivated, this,
                   &qFrugalSegSegmentWidget::onSeriesActivated);
  const auto chosen = QOverload<int>::of(&QComboBox::currentIndexChanged);
  QObject::connect(this->Form->VolumeBox, chosen, this, &qFrugalSegSegmentWidget::onVolumeChosen);
  QObject::connect(this->Form->ModelBox, chosen, this, &qFrugalSegSegmentWidget::onModelChosen);
}

//----------------------------------------------------------------------------
qFrugalSegSegmentWidget::~qFrugalSegSegmentWidget() = default;

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::setSession(qFrugalSegSession* session)
{
  this->Session = session;
  this->Form->ResultWidget->setSession(session);
  QObject::connect(session, &qFrugalSegSession::sceneChanged, this, &qFrugalSegSegmentWidget::onSceneChanged);
  QObject::connect(session, &qFrugalSegSession::volumesChanged, this, &qFrugalSegSegmentWidget::listVolumes);
  QObject::connect(session, &qFrugalSegSession::volumeChanged, this,
                   &qFrugalSegSegmentWidget::onVolumeChanged);
  QObject::connect(session, &qFrugalSegSession::modelChanged, this, &qFrugalSegSegmentWidget::onModelChanged);
  QObject::connect(session, &qFrugalSegSession::ticked, this, &qFrugalSegSegmentWidget::onTick);
  QObject::connect(session, &qFrugalSegSession::segmentEnded, this, &qFrugalSegSegmentWidget::onEnded);
  this->onSceneChanged();
}

//----------------------------------------------------------------------------
qFrugalSegResultWidget* qFrugalSegSegmentWidget::resultWidget() const
{
  return this->Form->ResultWidget;
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::onSceneChanged()
{
  if (this->Session->scene())
  {
    this->Session->parameterNode();
  }
  this->listVolumes();
  this->listModels();
  this->updateButtons();
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::updateButtons()
{
  const QWidget* focused = QApplication::focusWidget();
  const bool keep = focused && this->isAncestorOf(focused);
  const bool onCancel = focused == this->Form->CancelButton;
  const bool running = this->Session->logic() && this->Session->logic()->IsSegmenting();
  this->Form->SegmentButton->setEnabled(!running && this->Session->volume() &&
                                        !this->Session->model().isEmpty());
  this->Form->SegmentButton->setToolTip(this->Session->volume() ? tr("Find the structure in the image")
                                                                : tr("Open or choose an image first."));
  this->Form->CancelButton->setEnabled(running);
  this->Form->ProgressBar->setVisible(running);
  this->Form->VolumeBox->setEnabled(!running);
  this->Form->ModelBox->setEnabled(!running);
  this->Form->SeriesTree->setEnabled(!running);
  // A widget that is switched off loses the focus, and the panel's keys would go with it.
  focused = QApplication::focusWidget();
  const bool lost = !(focused && this->isAncestorOf(focused) && focused->isEnabled());
  if (keep && (lost || (onCancel && !running)))
  {
    (running ? this->Form->CancelButton : this->Form->SegmentButton)->setFocus();
  }
}

// ---- image ------------------------------------------------------------------------------------------

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::chooseFolder()
{
  const QString folder =
      QFileDialog::getExistingDirectory(this, tr("Folder with DICOM series"), this->Folder);
  if (!folder.isEmpty())
  {
    this->openFolder(folder);
  }
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::chooseFile()
{
  const QString file =
      QFileDialog::getOpenFileName(this, tr("Open an image or a segmentation"), this->Folder,
                                   tr("Images and DICOM segmentations (*.nii *.nii.gz *.nrrd *.dcm)"));
  if (!file.isEmpty())
  {
    this->openFile(file);
  }
}

//----------------------------------------------------------------------------
bool qFrugalSegSegmentWidget::openFolder(const QString& folder)
{
  vtkNew<vtkTable> table;
  vtkNew<vtkMRMLMessageCollection> messages;
  QTreeWidget* tree = this->Form->SeriesTree;
  const bool found = this->Session->logic()->ListSeries(folder.toUtf8().constData(), table, messages);
  tree->clear();
  tree->setVisible(found);
  if (!found)
  {
    this->Form->ImageMessage->say(qFrugalSegMessageLabel::Error, qFrugalSegTexts(messages).join(' '));
    return false;
  }
  this->Folder = folder;
  QTreeWidgetItem* usable = nullptr;
  int count = 0;
  for (vtkIdType row = 0; row < table->GetNumberOfRows(); ++row)
  {
    AddSeries(tree, table, row);
    if (Cell(table, row, "verdict") == "ok")
    {
      usable = tree->topLevelItem(static_cast<int>(row));
      ++count;
    }
  }
  tree->setCurrentItem(usable ? usable : tree->topLevelItem(0));
  const int rows = qMin(tree->topLevelItemCount(), VisibleSeries);
  tree->setFixedHeight(tree->header()->sizeHint().height() + 2 * tree->frameWidth() +
                       rows * (3 * tree->fontMetrics().lineSpacing() + 8));
  if (count == 1)
  {
    return this->loadSeries(usable);
  }
  if (count == 0)
  {
    QStringList reasons;
    for (int i = 0; i < tree->topLevelItemCount(); ++i)
    {
      reasons << tree->topLevelItem(i)->data(0, ReasonRole).toString();
    }
    reasons.removeDuplicates();
    this->Form->ImageMessage->say(qFrugalSegMessageLabel::Error,
                                  tr("None of the series can be used. %1").arg(reasons.join(' ')));
    return true;
  }
  this->Form->ImageMessage->say(
      qFrugalSegMessageLabel::Info,
      tr("%1 series can be used: double-click one, or press Enter on it.").arg(count));
  return true;
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::onSeriesActivated(QTreeWidgetItem* item)
{
  this->loadSeries(item);
}

//----------------------------------------------------------------------------
bool qFrugalSegSegmentWidget::loadSeries(QTreeWidgetItem* item)
{
  if (item->data(0, VerdictRole) != "ok")
  {
    this->Form->ImageMessage->say(
        qFrugalSegMessageLabel::Error,
        tr("This series cannot be opened: %1").arg(item->data(0, ReasonRole).toString()));
    return false;
  }
  vtkNew<vtkMRMLMessageCollection> messages;
  vtkMRMLScalarVolumeNode* volume = this->Session->logic()->LoadSeries(
      this->Folder.toUtf8().constData(), item->data(0, UIDRole).toString().toUtf8().constData(), messages);
  const QString text = qFrugalSegTexts(messages).join(' ');
  this->Form->ImageMessage->say(volume ? qFrugalSegMessageLabel::Warning : qFrugalSegMessageLabel::Error,
                                text);
  if (volume)
  {
    this->Session->setVolume(volume);
  }
  return volume != nullptr;
}

//----------------------------------------------------------------------------
bool qFrugalSegSegmentWidget::openFile(const QString& file)
{
  if (file.endsWith(".dcm", Qt::CaseInsensitive))
  {
    return this->openSegmentation(file);
  }
  vtkNew<vtkMRMLMessageCollection> messages;
  vtkMRMLScalarVolumeNode* volume =
      this->Session->logic()->LoadVolumeFile(file.toUtf8().constData(), messages);
  this->Form->ImageMessage->say(volume ? qFrugalSegMessageLabel::Warning : qFrugalSegMessageLabel::Error,
                                qFrugalSegTexts(messages).join(' '));
  if (volume)
  {
    this->Session->setVolume(volume);
  }
  return volume != nullptr;
}

//----------------------------------------------------------------------------
bool qFrugalSegSegmentWidget::openSegmentation(const QString& file)
{
  vtkNew<vtkMRMLMessageCollection> messages;
  vtkMRMLSegmentationNode* segmentation =
      this->Session->logic()->LoadSegmentation(file.toUtf8().constData(), this->Session->volume(), messages);
  this->Form->ImageMessage->say(segmentation ? qFrugalSegMessageLabel::Warning
                                             : qFrugalSegMessageLabel::Error,
                                qFrugalSegTexts(messages).join(' '));
  if (segmentation)
  {
    this->Session->setSegment(segmentation,
                              qFrugalSegText(segmentation->GetSegmentation()->GetNthSegmentID(0)));
  }
  return segmentation != nullptr;
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::listVolumes()
{
  this->Filling = true;
  QComboBox* box = this->Form->VolumeBox;
  box->clear();
  QList<vtkMRMLNode*> maps; // of the uncertainty: results, no images to segment
  for (vtkMRMLNode* node : this->Session->nodes("vtkMRMLFrugalSegNode"))
  {
    maps << vtkMRMLFrugalSegNode::SafeDownCast(node)->GetUncertaintyVolumeNode();
  }
  for (vtkMRMLNode* node : this->Session->nodes("vtkMRMLScalarVolumeNode"))
  {
    if (!vtkMRMLLabelMapVolumeNode::SafeDownCast(node) && !node->GetHideFromEditors() && !maps.contains(node))
    {
      box->addItem(qFrugalSegText(node->GetName()), qFrugalSegText(node->GetID()));
    }
  }
  vtkMRMLScalarVolumeNode* volume = this->Session->volume();
  box->setCurrentIndex(volume ? box->findData(qFrugalSegText(volume->GetID())) : -1);
  this->Filling = false;
  this->updateButtons();
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::onVolumeChosen(int index)
{
  if (!this->Filling && this->Session->scene())
  {
    this->Session->setVolume(vtkMRMLScalarVolumeNode::SafeDownCast(this->Session->scene()->GetNodeByID(
        this->Form->VolumeBox->itemData(index).toString().toUtf8().constData())));
  }
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::onVolumeChanged(vtkMRMLScalarVolumeNode* volume)
{
  this->listVolumes();
  this->Form->RunMessage->hideMessage();
  if (volume)
  {
    this->suggestModel();
  }
  else
  {
    this->Form->ModelMessage->hideMessage();
  }
}

// ---- model ------------------------------------------------------------------------------------------

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::listModels()
{
  if (!this->Session->logic())
  {
    return;
  }
  this->Filling = true;
  QComboBox* box = this->Form->ModelBox;
  box->clear();
  vtkNew<vtkTable> table;
  vtkNew<vtkMRMLMessageCollection> messages;
  this->Session->logic()->ListModels(table, messages);
  for (vtkIdType row = 0; row < table->GetNumberOfRows(); ++row)
  {
    const QString name = Cell(table, row, "name");
    const QString problem = Cell(table, row, "problem");
    QStringList about;
    for (const char* column : { "structure", "contrast" })
    {
      if (!Cell(table, row, column).isEmpty())
      {
        about << Cell(table, row, column);
      }
    }
    QString text = about.isEmpty() ? name : QString("%1 (%2)").arg(name, about.join(", "));
    if (name == this->Suggested)
    {
      text += QString::fromUtf8(" \xE2\x80\x93 ") + tr("suggested");
    }
    box->addItem(problem.isEmpty() ? text : tr("%1: not usable").arg(name), name);
    const QString tip = problem.isEmpty()
                            ? tr("Version %1, %2").arg(Cell(table, row, "version"), Cell(table, row, "path"))
                            : problem;
    box->setItemData(box->count() - 1, tip, Qt::ToolTipRole);
    QStandardItemModel* items = qobject_cast<QStandardItemModel*>(box->model());
    if (!problem.isEmpty() && items)
    {
      items->item(box->count() - 1)->setEnabled(false);
    }
  }
  const QString model = this->Session->model();
  if (!model.isEmpty() && box->findData(model) < 0)
  {
    box->addItem(QFileInfo(model).fileName(), model); // a file, or a model that has gone
  }
  box->setCurrentIndex(box->findData(model));
  this->Filling = false;
  if (table->GetNumberOfRows() == 0)
  {
    this->Form->ModelMessage->say(qFrugalSegMessageLabel::Error, qFrugalSegTexts(messages).join(' '));
  }
  this->updateButtons();
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::suggestModel()
{
  vtkSlicerFrugalSegLogic* logic = this->Session->logic();
  vtkMRMLScalarVolumeNode* volume = this->Session->volume();
  vtkNew<vtkMRMLMessageCollection> ignored; // checkInput says it of the model that is then chosen
  this->Suggested = qFrugalSegText(logic->SuggestModel(volume, ignored));
  vtkNew<vtkTable> objections;
  const bool keep =
      logic->CheckInput(volume, this->Session->model().toUtf8().constData(), objections, ignored) &&
      objections->GetNumberOfRows() == 0;
  QStringList problems;
  if (!keep && !this->Suggested.isEmpty())
  {
    this->Session->setModel(this->Suggested, problems);
  }
  this->listModels();
  this->checkInput();
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::checkInput()
{
  vtkMRMLScalarVolumeNode* volume = this->Session->volume();
  if (!volume)
  {
    return;
  }
  vtkNew<vtkTable> table;
  vtkNew<vtkMRMLMessageCollection> messages;
  const bool checked = this->Session->logic()->CheckInput(volume, this->Session->model().toUtf8().constData(),
                                                          table, messages);
  this->Form->ModelMessage->say(checked ? qFrugalSegMessageLabel::Warning : qFrugalSegMessageLabel::Error,
                                checked ? Sentences(table) : qFrugalSegTexts(messages).join(' '));
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::onModelChosen(int index)
{
  if (this->Filling || index < 0)
  {
    return;
  }
  QStringList problems;
  if (!this->Session->setModel(this->Form->ModelBox->itemData(index).toString(), problems))
  {
    this->listModels(); // shows the former choice again
    this->Form->ModelMessage->say(qFrugalSegMessageLabel::Error, problems.join(' '));
  }
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::onModelChanged()
{
  this->listModels();
  this->checkInput();
}

// ---- run --------------------------------------------------------------------------------------------

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::segment()
{
  QStringList problems;
  this->Cancelled = false;
  this->Session->parameterNode()->ShowUncertaintyOn();
  if (!this->Session->startSegment(problems))
  {
    this->Form->RunMessage->say(qFrugalSegMessageLabel::Error, problems.join(' '));
    return;
  }
  this->Form->RunMessage->hideMessage();
  this->Form->ProgressBar->setValue(0);
  this->Form->ProgressBar->setFormat(tr("starting"));
  this->updateButtons();
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::cancel()
{
  this->Cancelled = true;
  this->Session->logic()->CancelSegment();
  this->Form->ProgressBar->setFormat(tr("stopping"));
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::onTick()
{
  vtkSlicerFrugalSegLogic* logic = this->Session->logic();
  if (logic && logic->IsSegmenting() && !this->Cancelled)
  {
    this->Form->ProgressBar->setValue(qRound(100. * logic->GetProgress()));
    this->Form->ProgressBar->setFormat(qFrugalSegText(logic->GetProgressStage()) +
                                       QString::fromUtf8(" \xC2\xB7 %p %"));
  }
}

//----------------------------------------------------------------------------
void qFrugalSegSegmentWidget::onEnded(bool found, const QStringList& texts)
{
  this->updateButtons();
  vtkSlicerFrugalSegLogic* logic = this->Session->logic();
  vtkNew<vtkTable> checks;
  logic->GetLastChecks(checks);
  if (!found)
  {
    const QString text = !texts.isEmpty() ? texts.join('\n') : Sentences(checks);
    this->Form->RunMessage->say(this->Cancelled ? qFrugalSegMessageLabel::Info
                                                : qFrugalSegMessageLabel::Warning,
                                this->Cancelled   ? tr("The run was cancelled; nothing has changed.")
                                : !text.isEmpty() ? text
                                                  : tr("The run gave no result; the error log says why."));
    return;
  }
  vtkMRMLSegmentationNode* segmentation = logic->GetLastSegmentation();
  this->Session->setSegment(segmentation, qFrugalSegText(logic->GetLastSegmentID()));
  const QString name =
      qFrugalSegText(segmentation->GetSegmentation()->GetSegment(logic->GetLastSegmentID())->GetName());
  this->Form->RunMessage->say(qFrugalSegMessageLabel::Success,
                              tr("%1 found. Check the outline in every slice.").arg(name));
  this->Form->ResultWidget->showResult(Sentences(checks));
}
