#include "qFrugalSegLearnWidget.h"

#include "qFrugalSegSession.h"
#include "qFrugalSegText.h"
#include "ui_qFrugalSegLearnWidget.h"

// FrugalSeg includes
#include <vtkSlicerFrugalSegLearningLogic.h>

// MRML includes
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLSegmentationNode.h>

// Qt includes
#include <QDir>
#include <QFileDialog>
#include <QHeaderView>

// VTK includes
#include <vtkIntArray.h>
#include <vtkTable.h>
#include <vtkVariant.h>

namespace
{
using Logic = vtkSlicerFrugalSegLearningLogic;

const int MaximumTableHeight = 160; // more held-out cases scroll

QString Cell(vtkTable* table, vtkIdType row, const char* column)
{
  return qFrugalSegText(table->GetValueByName(row, column).ToString());
}

QString Decimal(double value)
{
  return QString::number(value, 'f', 3);
}
} // namespace

//----------------------------------------------------------------------------
qFrugalSegLearnWidget::qFrugalSegLearnWidget(QWidget* parent)
    : QWidget(parent), Form(new Ui_qFrugalSegLearnWidget)
{
  this->Form->setupUi(this);
  this->Form->ScoreTable->horizontalHeader()->setSectionResizeMode(QHeaderView::Stretch);
  this->Form->ScoreTable->setVisible(false);
  for (QProgressBar* bar : { this->Form->PropagateBar, this->Form->NextBar, this->Form->LearnBar })
  {
    bar->setVisible(false);
  }
  const auto connect = [this](QPushButton* button, void (qFrugalSegLearnWidget::*slot)())
  { QObject::connect(button, &QPushButton::clicked, this, slot); };
  connect(this->Form->DatasetButton, &qFrugalSegLearnWidget::chooseDatasetFolder);
  connect(this->Form->ImagesButton, &qFrugalSegLearnWidget::chooseImageFolder);
  connect(this->Form->SaveLabelButton, &qFrugalSegLearnWidget::saveLabel);
  connect(this->Form->PropagateButton, &qFrugalSegLearnWidget::propagate);
  connect(this->Form->OpenNextButton, &qFrugalSegLearnWidget::openNext);
  connect(this->Form->LearnButton, &qFrugalSegLearnWidget::learn);
  connect(this->Form->CancelLearnButton, &qFrugalSegLearnWidget::cancel);
  connect(this->Form->AcceptButton, &qFrugalSegLearnWidget::acceptModel);
  connect(this->Form->RevertButton, &qFrugalSegLearnWidget::revertModel);
}

//----------------------------------------------------------------------------
qFrugalSegLearnWidget::~qFrugalSegLearnWidget() = default;

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::setSession(qFrugalSegSession* session)
{
  this->Session = session;
  this->Form->StepsBox->setValue(session->learningLogic()->GetLearningSteps());
  QObject::connect(session, &qFrugalSegSession::ticked, this, &qFrugalSegLearnWidget::onTick);
  QObject::connect(session, &qFrugalSegSession::activityEnded, this, &qFrugalSegLearnWidget::onActivityEnded);
  QObject::connect(session, &qFrugalSegSession::segmentationEdited, this,
                   &qFrugalSegLearnWidget::onEditSettled);
  for (const auto signal : { &qFrugalSegSession::sceneChanged, &qFrugalSegSession::segmentChanged,
                             &qFrugalSegSession::modelChanged, &qFrugalSegSession::labelSaved })
  {
    QObject::connect(session, signal, this, &qFrugalSegLearnWidget::update);
  }
  QObject::connect(session, &qFrugalSegSession::volumeChanged, this, &qFrugalSegLearnWidget::update);
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::update()
{
  Logic* logic = this->Session->learningLogic();
  const bool segment = this->Session->hasSegment() && this->Session->volume();
  const int cases = logic->GetDatasetFolder().empty() ? 0 : logic->GetNumberOfCases();
  const bool learning = logic->IsRunning(Logic::Learning);
  const bool ranking = logic->IsRunning(Logic::Ranking);
  const bool propagating = logic->IsRunning(Logic::Propagation);

  this->Form->DatasetEdit->setText(QDir::toNativeSeparators(qFrugalSegText(logic->GetDatasetFolder())));
  this->Form->DatasetEdit->setToolTip(this->Form->DatasetEdit->text());
  this->Form->DatasetButton->setEnabled(!learning);
  this->Form->LabelGroup->setTitle(cases > 0 ? tr("Labels: %1").arg(cases) : tr("Labels"));
  this->Form->SaveLabelButton->setEnabled(segment);
  this->Form->PropagateButton->setEnabled(segment && !propagating);
  this->Form->ImagesEdit->setText(QDir::toNativeSeparators(this->ImageFolder));
  this->Form->ImagesEdit->setToolTip(this->Form->ImagesEdit->text());
  this->Form->OpenNextButton->setEnabled(!ranking && this->Session->scene());
  this->Form->CurrentModelLabel->setText(
      tr("Model in use: <b>%1</b>").arg(qFrugalSegText(logic->GetCurrentModel()).toHtmlEscaped()));
  this->Form->StepsBox->setEnabled(!learning);
  this->Form->LearnButton->setEnabled(!learning && cases > 0);
  this->Form->LearnButton->setToolTip(cases > 0 ? tr("Adapt the model to the labels of the dataset")
                                                : tr("Save a label first: there is nothing to learn from."));
  this->Form->CancelLearnButton->setEnabled(learning || ranking || propagating);
  this->Form->AcceptButton->setVisible(logic->CanAcceptModel());
  this->Form->RevertButton->setEnabled(logic->CanRevertModel() && !learning);
  this->Form->PropagateBar->setVisible(propagating);
  this->Form->NextBar->setVisible(ranking);
  this->Form->LearnBar->setVisible(learning);
}

//----------------------------------------------------------------------------
bool qFrugalSegLearnWidget::setDatasetFolder(const QString& folder)
{
  vtkNew<vtkMRMLMessageCollection> messages;
  const bool used = this->Session->learningLogic()->SetDatasetFolder(folder.toUtf8().constData(), messages);
  const QString text = qFrugalSegTexts(messages).join(' ');
  this->Form->LabelMessage->say(used ? qFrugalSegMessageLabel::Info : qFrugalSegMessageLabel::Error, text);
  this->update();
  return used;
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::setImageFolder(const QString& folder)
{
  this->ImageFolder = folder;
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::chooseDatasetFolder()
{
  const QString folder = QFileDialog::getExistingDirectory(this, tr("Folder for labelled cases"),
                                                           this->Form->DatasetEdit->text());
  if (!folder.isEmpty())
  {
    this->setDatasetFolder(folder);
  }
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::chooseImageFolder()
{
  const QString folder =
      QFileDialog::getExistingDirectory(this, tr("Folder with unlabelled images"), this->ImageFolder);
  if (!folder.isEmpty())
  {
    this->setImageFolder(folder);
  }
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::saveLabel()
{
  if (!this->Session->hasSegment())
  {
    this->Form->LabelMessage->say(qFrugalSegMessageLabel::Warning,
                                  tr("There is no segment to save; press Segment first."));
    return;
  }
  Logic* logic = this->Session->learningLogic();
  if (logic->GetDatasetFolder().empty())
  {
    this->chooseDatasetFolder();
    if (logic->GetDatasetFolder().empty())
    {
      return;
    }
  }
  vtkNew<vtkMRMLMessageCollection> messages;
  const QString name =
      qFrugalSegText(logic->SaveLabel(this->Session->volume(), this->Session->segmentation(),
                                      this->Session->segmentID().toUtf8().constData(), "", messages));
  const QString text = qFrugalSegTexts(messages).join(' ');
  if (name.isEmpty())
  {
    this->Form->LabelMessage->say(qFrugalSegMessageLabel::Error,
                                  text.isEmpty() ? tr("The label could not be saved.") : text);
  }
  else
  {
    this->Form->LabelMessage->say(qFrugalSegMessageLabel::Success,
                                  tr("Saved as %1.").arg(name) + (text.isEmpty() ? QString() : " " + text));
  }
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::openNext()
{
  if (this->ImageFolder.isEmpty())
  {
    this->chooseImageFolder();
    if (this->ImageFolder.isEmpty())
    {
      return;
    }
  }
  Logic* logic = this->Session->learningLogic();
  const int order = this->Form->OrderBox->currentIndex();
  QString wish = this->ImageFolder + '\n' + QString::number(order);
  if (order == Logic::OrderUncertain)
  {
    wish += '\n' + qFrugalSegText(logic->GetCurrentModel()); // another model is unsure of other cases
  }
  if (wish == this->RankedFor)
  {
    this->openFirstOfOrder();
    return;
  }
  vtkNew<vtkMRMLMessageCollection> messages;
  if (!logic->StartRanking(this->ImageFolder.toUtf8().constData(), order, messages))
  {
    this->Form->NextMessage->say(qFrugalSegMessageLabel::Error, qFrugalSegTexts(messages).join(' '));
    return;
  }
  this->RankedFor = wish;
  this->Form->NextMessage->hideMessage();
  this->Session->watchActivities();
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::openFirstOfOrder()
{
  vtkNew<vtkMRMLMessageCollection> messages;
  vtkMRMLScalarVolumeNode* volume = this->Session->learningLogic()->OpenNext(messages);
  const QString text = qFrugalSegTexts(messages).join(' ');
  if (!volume)
  {
    this->Form->NextMessage->say(qFrugalSegMessageLabel::Info,
                                 text.isEmpty() ? tr("Every case of this folder was opened or has a label.")
                                                : text);
    return;
  }
  this->Session->setVolume(volume);

  vtkNew<vtkTable> ranking;
  this->Session->learningLogic()->GetRanking(ranking);
  int left = 0;
  for (vtkIdType row = 0; row < ranking->GetNumberOfRows(); ++row)
  {
    left += Cell(ranking, row, "state").isEmpty() && Cell(ranking, row, "reason").isEmpty();
  }
  QString said = tr("Opened %1. Cases after it: %2.").arg(qFrugalSegText(volume->GetName())).arg(left);
  if (!text.isEmpty())
  {
    said += " " + text;
  }
  this->Form->NextMessage->say(qFrugalSegMessageLabel::Success, said);
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::propagate()
{
  if (!this->Session->hasSegment())
  {
    return;
  }
  vtkNew<vtkMRMLMessageCollection> messages;
  if (!this->Session->learningLogic()->StartPropagation(
          this->Session->volume(), this->Session->segmentation(),
          this->Session->segmentID().toUtf8().constData(), nullptr, messages))
  {
    this->Form->LabelMessage->say(qFrugalSegMessageLabel::Warning, qFrugalSegTexts(messages).join(' '));
    return;
  }
  this->Form->LabelMessage->hideMessage();
  this->Session->watchActivities();
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::learn()
{
  Logic* logic = this->Session->learningLogic();
  logic->SetLearningSteps(this->Form->StepsBox->value());
  vtkNew<vtkMRMLMessageCollection> messages;
  if (!logic->StartLearning(messages))
  {
    this->Form->LearnMessage->say(qFrugalSegMessageLabel::Error, qFrugalSegTexts(messages).join(' '));
    return;
  }
  const QString text = qFrugalSegTexts(messages).join(' ');
  this->Form->LearnMessage->say(qFrugalSegMessageLabel::Info, text);
  this->Form->LossCurve->clear();
  this->Form->ScoreTable->setVisible(false);
  this->Session->watchActivities();
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::cancel()
{
  Logic* logic = this->Session->learningLogic();
  for (const int activity : { Logic::Learning, Logic::Ranking, Logic::Propagation })
  {
    if (logic->IsRunning(activity))
    {
      logic->Cancel(activity);
    }
  }
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::acceptModel()
{
  vtkNew<vtkMRMLMessageCollection> messages;
  const bool done = this->Session->learningLogic()->AcceptModel(messages);
  const QString text = qFrugalSegTexts(messages).join(' ');
  this->Form->LearnMessage->say(
      done ? qFrugalSegMessageLabel::Success : qFrugalSegMessageLabel::Error,
      text.isEmpty() && done
          ? tr("%1 is in use now.").arg(qFrugalSegText(this->Session->learningLogic()->GetCurrentModel()))
          : text);
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::revertModel()
{
  vtkNew<vtkMRMLMessageCollection> messages;
  const bool done = this->Session->learningLogic()->RevertModel(messages);
  const QString text = qFrugalSegTexts(messages).join(' ');
  this->Form->LearnMessage->say(
      done ? qFrugalSegMessageLabel::Success : qFrugalSegMessageLabel::Error,
      text.isEmpty() && done
          ? tr("Back to %1.").arg(qFrugalSegText(this->Session->learningLogic()->GetCurrentModel()))
          : text);
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::showProgress(int activity, QProgressBar* bar)
{
  Logic* logic = this->Session->learningLogic();
  if (!logic->IsRunning(activity))
  {
    return;
  }
  bar->setValue(qRound(100. * logic->GetProgress(activity)));
  QString format = qFrugalSegText(logic->GetProgressStage(activity)) + " \xC2\xB7 %p %";
  const double seconds = logic->GetRemainingSeconds(activity);
  if (seconds >= 0.)
  {
    format += seconds < 90. ? tr(" \xC2\xB7 about %1 s left").arg(qRound(seconds))
                            : tr(" \xC2\xB7 about %1 min left").arg(qRound(seconds / 60.));
  }
  bar->setFormat(format);
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::onTick()
{
  this->showProgress(Logic::Propagation, this->Form->PropagateBar);
  this->showProgress(Logic::Ranking, this->Form->NextBar);
  this->showProgress(Logic::Learning, this->Form->LearnBar);
  if (this->Session->learningLogic()->IsRunning(Logic::Learning))
  {
    this->showCurve();
    this->showScores();
  }
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::showCurve()
{
  vtkNew<vtkTable> table;
  this->Session->learningLogic()->GetLossCurve(table);
  QVector<QPointF> raw, smoothed;
  for (vtkIdType row = 0; row < table->GetNumberOfRows(); ++row)
  {
    const double step = table->GetValueByName(row, "step").ToDouble();
    raw << QPointF(step, table->GetValueByName(row, "loss").ToDouble());
    smoothed << QPointF(step, table->GetValueByName(row, "smoothed").ToDouble());
  }
  this->Form->LossCurve->setPoints(raw, smoothed);
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::showScores()
{
  Logic* logic = this->Session->learningLogic();
  vtkNew<vtkTable> table;
  logic->GetScores(table);
  const int rows = static_cast<int>(table->GetNumberOfRows());
  QTableWidget* view = this->Form->ScoreTable;
  view->setVisible(rows > 0);
  if (rows == 0)
  {
    return;
  }
  const auto show = [view](int row, int column, const QString& text, bool bold)
  {
    QTableWidgetItem* item = new QTableWidgetItem(text);
    QFont font = item->font();
    font.setBold(bold);
    item->setFont(font);
    if (column > 0)
    {
      item->setTextAlignment(Qt::AlignRight | Qt::AlignVCenter);
    }
    view->setItem(row, column, item);
  };
  const auto dice = [](const QString& text)
  {
    bool number = false;
    const double value = text.toDouble(&number);
    return number ? Decimal(value) : QString("-");
  };
  view->setRowCount(rows + 1);
  for (int row = 0; row < rows; ++row)
  {
    show(row, 0, Cell(table, row, "case"), false);
    show(row, 1, dice(Cell(table, row, "before")), false);
    show(row, 2, dice(Cell(table, row, "after")), false);
  }
  const double before = logic->GetMeanDiceBefore(), after = logic->GetMeanDiceAfter();
  show(rows, 0, tr("mean"), true);
  show(rows, 1, before >= 0. ? Decimal(before) : QString("-"), true);
  show(rows, 2, after >= 0. ? Decimal(after) : QString("-"), true);
  view->resizeRowsToContents();
  view->setFixedHeight(qMin(MaximumTableHeight, view->horizontalHeader()->sizeHint().height() +
                                                    (rows + 1) * view->rowHeight(0) +
                                                    2 * view->frameWidth()));
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::onEditSettled()
{
  Logic* logic = this->Session->learningLogic();
  vtkNew<vtkIntArray> slices;
  vtkNew<vtkMRMLMessageCollection> ignored; // a segment of another origin has no corrected slices
  const bool known =
      this->Session->hasSegment() && this->Session->volume() &&
      logic->GetCorrectedSlices(this->Session->volume(), this->Session->segmentation(),
                                this->Session->segmentID().toUtf8().constData(), slices, ignored);
  const int count = known ? static_cast<int>(slices->GetNumberOfValues()) : 0;
  this->Form->PropagateButton->setText(count > 0 ? tr("&Propagate (%1 corrected)").arg(count)
                                                 : tr("&Propagate"));
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::onActivityEnded(int activity)
{
  switch (activity)
  {
    case Logic::Ranking:
      this->onRankingEnded();
      break;
    case Logic::Learning:
      this->onLearningEnded();
      break;
    default:
      this->onPropagationEnded();
      break;
  }
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::onRankingEnded()
{
  Logic* logic = this->Session->learningLogic();
  if (!logic->GetLastSucceeded(Logic::Ranking))
  {
    this->RankedFor.clear();
    this->Form->NextMessage->say(qFrugalSegMessageLabel::Warning,
                                 qFrugalSegText(logic->GetLastMessage(Logic::Ranking)));
    return;
  }
  this->openFirstOfOrder();
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::onLearningEnded()
{
  Logic* logic = this->Session->learningLogic();
  this->showCurve();
  this->showScores();
  const QString text = qFrugalSegText(logic->GetLastMessage(Logic::Learning));
  if (!logic->GetLastSucceeded(Logic::Learning))
  {
    this->Form->LearnMessage->say(qFrugalSegMessageLabel::Warning,
                                  text.isEmpty() ? tr("Nothing was learned; the model is as before.") : text);
    return;
  }
  const QString said = !text.isEmpty()           ? text // with the Dice before and after, where measured
                       : logic->CanAcceptModel() ? tr("The new model waits for your decision.")
                                                 : tr("The new model is in use.");
  this->Form->LearnMessage->say(
      logic->CanAcceptModel() ? qFrugalSegMessageLabel::Warning : qFrugalSegMessageLabel::Success, said);
}

//----------------------------------------------------------------------------
void qFrugalSegLearnWidget::onPropagationEnded()
{
  Logic* logic = this->Session->learningLogic();
  const QString text = qFrugalSegText(logic->GetLastMessage(Logic::Propagation));
  if (!logic->GetLastSucceeded(Logic::Propagation))
  {
    this->Form->LabelMessage->say(qFrugalSegMessageLabel::Warning, text);
    return;
  }
  QString said = tr("Slices drawn anew: %1. The corrected ones are as you left them.")
                     .arg(logic->GetNumberOfPropagatedSlices());
  if (!text.isEmpty())
  {
    said += " " + text;
  }
  this->Form->LabelMessage->say(qFrugalSegMessageLabel::Success, said);
}
