/// \brief FrugalSeg's panel: everything but the views, as a plain Qt widget on MRML.
///
/// Research software, not a medical device; the panel says so.
///
/// Give it a scene and the logic; the rest it finds in the scene. It holds no viewer: the host shows
/// the volume of volumeChanged and opens an editor on editRequested. Every action has a key
/// (docs/user/slicer.md), active while the focus is in the panel.
#ifndef qFrugalSegPanel_h
#define qFrugalSegPanel_h

#include "qSlicerFrugalSegModuleWidgetsExport.h"

// Qt includes
#include <QScopedPointer>
#include <QWidget>

class Ui_qFrugalSegPanel;
class qFrugalSegLearnWidget;
class qFrugalSegSegmentWidget;
class qFrugalSegSession;
class vtkMRMLFrugalSegNode;
class vtkMRMLScalarVolumeNode;
class vtkMRMLScene;
class vtkMRMLSegmentationNode;
class vtkSlicerFrugalSegLearningLogic;
class vtkSlicerFrugalSegLogic;

class Q_SLICER_MODULE_FRUGALSEG_WIDGETS_EXPORT qFrugalSegPanel : public QWidget
{
  Q_OBJECT

public:
  explicit qFrugalSegPanel(QWidget* parent = nullptr);
  ~qFrugalSegPanel() override;

  /// Not owned; set the scene's logic before or after the scene.
  void setLogic(vtkSlicerFrugalSegLogic* logic);
  /// Owned by the panel; for settings that have no widget.
  vtkSlicerFrugalSegLearningLogic* learningLogic() const;

  qFrugalSegSession* session() const { return this->Session; }
  qFrugalSegSegmentWidget* segmentTab() const;
  qFrugalSegLearnWidget* learnTab() const;

public slots:
  void setMRMLScene(vtkMRMLScene* scene);
  void setParameterNode(vtkMRMLFrugalSegNode* node);
  void setVolume(vtkMRMLScalarVolumeNode* volume);

signals:
  /// Another volume is worked on; show it. Null: none.
  void volumeChanged(vtkMRMLScalarVolumeNode* volume);
  /// The user wants to correct a segment by hand.
  void editRequested(vtkMRMLSegmentationNode* segmentation, const QString& segmentID,
                     vtkMRMLScalarVolumeNode* volume);

private:
  void addShortcuts();

  QScopedPointer<Ui_qFrugalSegPanel> Form;
  qFrugalSegSession* Session;

  Q_DISABLE_COPY(qFrugalSegPanel);
};

#endif
