/// \brief The panel within Slicer: shows volumes in Slicer's views, opens the Segment Editor, and lets
/// volumes that came through Slicer's DICOM browser be exported as DICOM SEG.
#ifndef qSlicerFrugalSegModuleWidget_h
#define qSlicerFrugalSegModuleWidget_h

// Slicer includes
#include "qSlicerAbstractModuleWidget.h"

#include "qSlicerFrugalSegModuleExport.h"

class qFrugalSegPanel;
class vtkMRMLScalarVolumeNode;
class vtkMRMLSegmentationNode;

class Q_SLICER_QTMODULES_FRUGALSEG_EXPORT qSlicerFrugalSegModuleWidget : public qSlicerAbstractModuleWidget
{
  Q_OBJECT

public:
  typedef qSlicerAbstractModuleWidget Superclass;
  explicit qSlicerFrugalSegModuleWidget(QWidget* parent = nullptr);
  ~qSlicerFrugalSegModuleWidget() override;

  /// Opens the panel on a parameter node, or with a volume as the image to segment.
  bool setEditedNode(vtkMRMLNode* node, QString role = QString(), QString context = QString()) override;
  double nodeEditable(vtkMRMLNode* node) override;

public slots:
  void setMRMLScene(vtkMRMLScene* scene) override;

protected slots:
  /// Show `volume` in the slice views, and remember where its files are when it came from the DICOM browser.
  void onVolumeChanged(vtkMRMLScalarVolumeNode* volume);
  /// Switch to the Segment Editor with this segment selected.
  void onEditRequested(vtkMRMLSegmentationNode* segmentation, const QString& segmentID,
                       vtkMRMLScalarVolumeNode* volume);

protected:
  void setup() override;

private:
  qFrugalSegPanel* Panel{ nullptr };
  Q_DISABLE_COPY(qSlicerFrugalSegModuleWidget);
};

#endif
