#include "PanelFixture.h"

#include <vtkMRMLSegmentEditorNode.h>
#include <vtkOrientedImageData.h>
#include <vtkSlicerSegmentEditorLogic.h>
#include <vtkSlicerSegmentationsModuleLogic.h>

#include <vtkMatrix4x4.h>
#include <vtkObjectFactory.h>

#include <QApplication>
#include <QFileDialog>
#include <QLineEdit>
#include <QProcess>
#include <QTabWidget>

#include <algorithm>

vtkStandardNewMacro(PanelErrorLog);

PanelFixture::PanelFixture(bool withViews)
{
  // Learned models go to a folder of this test, not to the user's.
  qputenv("XDG_DATA_HOME", this->Path("data").toUtf8());
  vtkOutputWindow::SetInstance(this->Log);
  this->Logic = vtkSmartPointer<vtkSlicerFrugalSegLogic>::New();
  this->Logic->SetMRMLScene(this->Scene);
  this->Window = std::make_unique<PanelWindow>(this->Scene, this->Logic, withViews);
  this->Window->show();
  if (!QTest::qWaitForWindowExposed(this->Window.get(), 30000))
  {
    qFatal("the window does not appear");
  }
  // Without a window manager nobody else does it.
  this->Window->activateWindow();
  QApplication::setActiveWindow(this->Window.get());
}

PanelFixture::~PanelFixture()
{
  this->Window.reset();
  this->Logic->SetMRMLScene(nullptr);
  this->Scene->Clear(1);
  const QStringList errors = this->Log->Errors;
  vtkOutputWindow::SetInstance(nullptr);
  if (!errors.isEmpty())
  {
    QTest::qFail(qPrintable("VTK reported: " + errors.join('\n')), __FILE__, __LINE__);
  }
}

QString PanelFixture::Phantom(int seed, bool small)
{
  static QTemporaryDir folder;
  const QString path = folder.filePath(QString("%1-%2").arg(seed).arg(small));
  if (!QFileInfo::exists(path))
  {
    QStringList arguments{ "synth", "--quiet", "--seed", QString::number(seed), "--out", path };
    if (small)
    {
      arguments << "--size"
                << "128"
                << "--spacing"
                << "2.8"
                << "--slices"
                << "16"
                << "--slice-spacing"
                << "12";
    }
    if (QProcess::execute(QString::fromLocal8Bit(qgetenv("FRUGALSEG_PROGRAM")), arguments) != 0)
    {
      qFatal("frugalseg synth failed");
    }
  }
  return path + "/dicom";
}

bool PanelFixture::Click(const char* name)
{
  QAbstractButton* button = this->Find<QAbstractButton>(name);
  for (QWidget* parent = button->parentWidget(); parent; parent = parent->parentWidget())
  {
    if (QTabWidget* tabs = qobject_cast<QTabWidget*>(parent))
    {
      for (int i = 0; i < tabs->count(); ++i)
      {
        if (tabs->widget(i)->isAncestorOf(button))
        {
          tabs->setCurrentIndex(i); // as a user finds the button
        }
      }
    }
  }
  if (!button->isVisible() || !button->isEnabled())
  {
    qWarning("%s is %s", name, button->isVisible() ? "disabled" : "not visible");
    return false;
  }
  QTest::mouseClick(button, Qt::LeftButton, Qt::NoModifier, QPoint(8, button->height() / 2));
  return true;
}

bool PanelFixture::ClickAndAnswer(const char* name, const QString& path)
{
  bool answered = false;
  QTimer timer;
  QObject::connect(&timer, &QTimer::timeout,
                   [&]
                   {
                     QFileDialog* dialog = qobject_cast<QFileDialog*>(QApplication::activeModalWidget());
                     if (dialog && !answered)
                     {
                       answered = true;
                       dialog->findChild<QLineEdit*>("fileNameEdit")->setText(path);
                       QMetaObject::invokeMethod(dialog, "accept");
                     }
                   });
  timer.start(20);
  const bool clicked = this->Click(name) && answered;
  QApplication::setActiveWindow(this->Window.get()); // as a window manager does when a dialog goes
  return clicked;
}

bool PanelFixture::Wait(const std::function<bool()>& done)
{
  return QTest::qWaitFor(done, 60000);
}

bool PanelFixture::Segment()
{
  return this->Click("SegmentButton") && Wait([this] { return !this->Logic->IsSegmenting(); }) &&
         this->Window->Panel->session()->hasSegment();
}

bool PanelFixture::OpenAndSegment(const QString& folder)
{
  return this->ClickAndAnswer("OpenFolderButton", folder) && this->Volume() && this->Segment();
}

std::vector<char> PanelFixture::Voxels() const
{
  const vtkSmartPointer<vtkOrientedImageData> labelmap = vtkSmartPointer<vtkOrientedImageData>::New();
  this->Segmentation()->GetBinaryLabelmapRepresentation(this->SegmentID(), labelmap);
  int dimensions[3];
  this->Volume()->GetImageData()->GetDimensions(dimensions);
  std::vector<char> voxels(static_cast<size_t>(dimensions[0]) * dimensions[1] * dimensions[2]);
  // Our segments lie on the volume's grid; only their extent may be smaller.
  const int* extent = labelmap->GetExtent();
  for (int k = extent[4]; k <= extent[5]; ++k)
  {
    for (int j = extent[2]; j <= extent[3]; ++j)
    {
      for (int i = extent[0]; i <= extent[1]; ++i)
      {
        voxels[(static_cast<size_t>(k) * dimensions[1] + j) * dimensions[0] + i] =
            labelmap->GetScalarComponentAsDouble(i, j, k, 0) > 0.;
      }
    }
  }
  return voxels;
}

std::array<double, 3> PanelFixture::Center() const
{
  const double* center = this->Segmentation()->GetSegmentCenterRAS(this->SegmentID());
  return { center[0], center[1], center[2] };
}

void PanelFixture::Paint(const double centerRAS[3], double radiusMM, bool erase)
{
  vtkSmartPointer<vtkOrientedImageData> brush;
  brush.TakeReference(
      vtkSlicerSegmentationsModuleLogic::CreateOrientedImageDataFromVolumeNode(this->Volume()));
  brush->AllocateScalars(VTK_UNSIGNED_CHAR, 1);
  vtkNew<vtkMatrix4x4> toRAS;
  brush->GetImageToWorldMatrix(toRAS);
  const int* extent = brush->GetExtent();
  unsigned char* voxel = static_cast<unsigned char*>(brush->GetScalarPointer());
  for (int k = extent[4]; k <= extent[5]; ++k)
  {
    for (int j = extent[2]; j <= extent[3]; ++j)
    {
      for (int i = extent[0]; i <= extent[1]; ++i, ++voxel)
      {
        const double ijk[4] = { double(i), double(j), double(k), 1. };
        double ras[4];
        toRAS->MultiplyPoint(ijk, ras);
        double distance2 = 0.;
        for (int axis = 0; axis < 3; ++axis)
        {
          distance2 += (ras[axis] - centerRAS[axis]) * (ras[axis] - centerRAS[axis]);
        }
        *voxel = distance2 <= radiusMM * radiusMM;
      }
    }
  }
  vtkNew<vtkSlicerSegmentEditorLogic> editor;
  editor->SetMRMLScene(this->Scene);
  vtkNew<vtkMRMLSegmentEditorNode> node;
  this->Scene->AddNode(node);
  editor->SetSegmentEditorNode(node);
  editor->SetSegmentationNode(this->Segmentation());
  editor->SetSourceVolumeNode(this->Volume());
  editor->SetCurrentSegmentID(this->SegmentID());
  editor->ModifySegmentByLabelmap(this->Segmentation(), this->SegmentID().c_str(), brush,
                                  erase ? vtkSlicerSegmentEditorLogic::ModificationModeRemove
                                        : vtkSlicerSegmentEditorLogic::ModificationModeAdd,
                                  false, false);
  editor->SetSegmentEditorNode(nullptr);
  editor->SetMRMLScene(nullptr);
  this->Scene->RemoveNode(node);
}
