// What the tests of the panel share: a scene with the real logic, a window with the panel, phantoms as
// DICOM folders, and helpers that wait, click and answer file dialogs.
#ifndef PanelFixture_h
#define PanelFixture_h

#include "PanelWindow.h"

#include <qFrugalSegLearnWidget.h>
#include <qFrugalSegMessageLabel.h>
#include <qFrugalSegPanel.h>
#include <qFrugalSegResultWidget.h>
#include <qFrugalSegSegmentWidget.h>
#include <qFrugalSegSession.h>
#include <vtkMRMLFrugalSegNode.h>
#include <vtkSlicerFrugalSegLearningLogic.h>
#include <vtkSlicerFrugalSegLogic.h>

#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>

#include <vtkImageData.h>
#include <vtkNew.h>
#include <vtkOutputWindow.h>
#include <vtkSmartPointer.h>

#include <QAbstractButton>
#include <QApplication>
#include <QTemporaryDir>
#include <QtTest>

#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

/// Collects what VTK would print, so that a test fails when an error was reported.
class PanelErrorLog : public vtkOutputWindow
{
public:
  static PanelErrorLog* New();
  vtkTypeMacro(PanelErrorLog, vtkOutputWindow);
  void DisplayText(const char*) override {}
  void DisplayErrorText(const char* text) override { this->Errors << QString::fromUtf8(text); }
  QStringList Errors;
};

class PanelFixture
{
public:
  /// `withViews`: also what Slicer would show beside the panel.
  explicit PanelFixture(bool withViews);
  ~PanelFixture();

  /// Folder with a phantom as a DICOM series; made once for each seed and size.
  static QString Phantom(int seed, bool small = false);
  /// Path of a new file or folder that is removed with the fixture.
  QString Path(const QString& name) const { return this->Folder.filePath(name); }

  template <typename Widget>
  Widget* Find(const char* name) const
  {
    Widget* widget = this->Window->Panel->findChild<Widget*>(name);
    if (!widget)
    {
      qFatal("the panel has no %s", name);
    }
    return widget;
  }
  /// A click with the mouse; the button must be there and enabled.
  bool Click(const char* button);
  /// The same on a button that asks for a file or folder: `path` is the answer.
  bool ClickAndAnswer(const char* button, const QString& path);
  QString Message(const char* label) const { return this->Find<qFrugalSegMessageLabel>(label)->message(); }
  qFrugalSegMessageLabel::Kind Kind(const char* label) const
  {
    return this->Find<qFrugalSegMessageLabel>(label)->kind();
  }
  /// Run the event loop until `done`; false after a minute.
  static bool Wait(const std::function<bool()>& done);
  /// Open the folder and segment; false when there is no result.
  bool OpenAndSegment(const QString& folder);
  bool Segment();

  vtkMRMLScalarVolumeNode* Volume() const { return this->Window->Panel->session()->volume(); }
  vtkMRMLSegmentationNode* Segmentation() const { return this->Window->Panel->session()->segmentation(); }
  std::string SegmentID() const { return this->Window->Panel->session()->segmentID().toUtf8().constData(); }
  /// Voxels of the current segment on the grid of the volume.
  std::vector<char> Voxels() const;
  /// Add a ball to the current segment, or take it away, with the logic of Slicer's Segment Editor.
  void Paint(const double centerRAS[3], double radiusMM, bool erase);
  /// Center of the current segment in RAS.
  std::array<double, 3> Center() const;

  QTemporaryDir Folder;
  vtkNew<PanelErrorLog> Log;
  vtkNew<vtkMRMLScene> Scene;
  vtkSmartPointer<vtkSlicerFrugalSegLogic> Logic;
  std::unique_ptr<PanelWindow> Window;
};

#endif
