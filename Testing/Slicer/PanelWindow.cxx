#include "PanelWindow.h"

#include <qFrugalSegPanel.h>

#include <vtkMRMLScalarVolumeNode.h>

#include <QGridLayout>
#include <QHBoxLayout>
#include <QLabel>
#include <QScrollArea>

namespace
{
const int ViewSize = 420;
const int PanelWidth = 430;
} // namespace

PanelWindow::PanelWindow(vtkMRMLScene* scene, vtkSlicerFrugalSegLogic* logic, bool withViews)
    : Panel(new qFrugalSegPanel)
{
  this->setWindowTitle("FrugalSeg");
  this->setStyleSheet("PanelWindow { background: #202428; }");
  QHBoxLayout* layout = new QHBoxLayout(this);
  layout->setContentsMargins(0, 0, 0, 0);
  QScrollArea* scroll = new QScrollArea;
  scroll->setWidgetResizable(true);
  scroll->setHorizontalScrollBarPolicy(Qt::ScrollBarAlwaysOff);
  scroll->setFixedWidth(PanelWidth);
  scroll->setWidget(this->Panel);
  layout->addWidget(scroll);
  if (withViews)
  {
    this->Views = std::make_unique<SceneViews>(scene, ViewSize);
    QGridLayout* grid = new QGridLayout;
    grid->setContentsMargins(0, 2, 2, 2);
    grid->setSpacing(2);
    for (int i = 0; i < 4; ++i)
    {
      this->Pictures[i] = new QLabel;
      this->Pictures[i]->setFixedSize(ViewSize, ViewSize);
      grid->addWidget(this->Pictures[i], i / 2, i % 2);
    }
    layout->addLayout(grid);
    QObject::connect(this->Panel, &qFrugalSegPanel::volumeChanged,
                     [this](vtkMRMLScalarVolumeNode* volume) { this->Views->Show(volume); });
  }
  this->Panel->setLogic(logic);
  this->Panel->setMRMLScene(scene);
  this->resize(PanelWidth + (withViews ? 2 * ViewSize + 10 : 0), 2 * ViewSize + 8);
}

void PanelWindow::Draw()
{
  const QImage pictures[] = { this->Views->Slice(SceneViews::Axial), this->Views->Surface(),
                              this->Views->Slice(SceneViews::Coronal),
                              this->Views->Slice(SceneViews::Sagittal) };
  for (int i = 0; i < 4; ++i)
  {
    this->Pictures[i]->setPixmap(QPixmap::fromImage(pictures[i]));
  }
}

void PanelWindow::Save(const QString& file)
{
  this->Draw();
  this->grab().save(file);
}
