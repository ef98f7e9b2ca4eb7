/// \brief The part of the panel for the result: checks, measures, display, correction, export.
#ifndef qFrugalSegResultWidget_h
#define qFrugalSegResultWidget_h

#include "qSlicerFrugalSegModuleWidgetsExport.h"

// Qt includes
#include <QScopedPointer>
#include <QWidget>

// VTK includes
#include <vtkWeakPointer.h>

class Ui_qFrugalSegResultWidget;
class qFrugalSegSession;
class vtkMRMLScalarVolumeNode;
class vtkMRMLSegmentationNode;

class Q_SLICER_MODULE_FRUGALSEG_WIDGETS_EXPORT qFrugalSegResultWidget : public QWidget
{
  Q_OBJECT

public:
  explicit qFrugalSegResultWidget(QWidget* parent = nullptr);
  ~qFrugalSegResultWidget() override;

  /// Once, before use; not owned.
  void setSession(qFrugalSegSession* session);

  /// Show a fresh result, the current segment: in the views, with what the checks object ("" for nothing).
  void showResult(const QString& checks);

public slots:
  /// Write the segment; the suffix tells the format.
  bool exportTo(const QString& file);
  void correct();
  void exportSEG();
  void exportNIfTI();
  void exportNRRD();
  void exportSTL();

signals:
  /// The user wants to correct the segment by hand.
  void editRequested(vtkMRMLSegmentationNode* segmentation, const QString& segmentID,
                     vtkMRMLScalarVolumeNode* volume);

private slots:
  void onVolumeChanged(vtkMRMLScalarVolumeNode* volume);
  void onSegmentChanged();
  void onSegmentChosen(int index);
  void applyDisplay();
  void showSurface();
  void showUncertainty();

private:
  void measure();
  void chooseExport(const QString& suffix, const QString& filter);

  QScopedPointer<Ui_qFrugalSegResultWidget> Form;
  qFrugalSegSession* Session{ nullptr };
  vtkWeakPointer<vtkMRMLScalarVolumeNode> MappedVolume; ///< what the map of uncertainty was made from
  QString ExportFolder;                                 ///< where the last export went
  bool Filling{ false }; ///< a list is being filled; that is no choice of the user

  Q_DISABLE_COPY(qFrugalSegResultWidget);
};

#endif
