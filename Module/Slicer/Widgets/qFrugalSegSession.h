/// \brief What the parts of the panel share: scene, logics, the parameter node, and VTK's events as
/// Qt's signals.
///
/// The state lies in the scene (vtkMRMLFrugalSegNode), so it is saved with it. While something runs, a
/// timer asks the logics for progress and applies results; nothing here blocks.
///
/// Main thread only. Scene and logic are not owned, the learning logic is.
#ifndef qFrugalSegSession_h
#define qFrugalSegSession_h

#include "qSlicerFrugalSegModuleWidgetsExport.h"

// Qt includes
#include <QObject>
#include <QStringList>
#include <QTimer>

// VTK includes
#include <vtkNew.h>
#include <vtkSmartPointer.h>
#include <vtkWeakPointer.h>

// STD includes
#include <vector>

class vtkCallbackCommand;
class vtkMRMLFrugalSegNode;
class vtkMRMLMessageCollection;
class vtkMRMLNode;
class vtkMRMLScalarVolumeNode;
class vtkMRMLScene;
class vtkMRMLSegmentationNode;
class vtkObject;
class vtkSegmentation;
class vtkSlicerFrugalSegLearningLogic;
class vtkSlicerFrugalSegLogic;

class Q_SLICER_MODULE_FRUGALSEG_WIDGETS_EXPORT qFrugalSegSession : public QObject
{
  Q_OBJECT

public:
  explicit qFrugalSegSession(QObject* parent = nullptr);
  ~qFrugalSegSession() override;

  void setScene(vtkMRMLScene* scene);
  vtkMRMLScene* scene() const;

  /// All nodes of a class that the scene holds.
  std::vector<vtkMRMLNode*> nodes(const char* className) const;

  /// The logic of the module; also gives the learning logic its application logic.
  void setLogic(vtkSlicerFrugalSegLogic* logic);
  vtkSlicerFrugalSegLogic* logic() const;
  vtkSlicerFrugalSegLearningLogic* learningLogic() const;

  /// The first parameter node of the scene, made when there is none; null without a scene.
  vtkMRMLFrugalSegNode* parameterNode();
  void setParameterNode(vtkMRMLFrugalSegNode* node);

  vtkMRMLScalarVolumeNode* volume() const;
  void setVolume(vtkMRMLScalarVolumeNode* volume);
  vtkMRMLSegmentationNode* segmentation() const;
  QString segmentID() const;
  /// Whether segmentation() holds segmentID().
  bool hasSegment() const;
  void setSegment(vtkMRMLSegmentationNode* segmentation, const QString& segmentID);

  QString model() const;
  /// Choose a model for the next run and for learning. False, and `messages` filled, when it cannot be
  /// used; the former one stays.
  bool setModel(const QString& model, QStringList& messages);

  /// Begin a run with the parameter node. False, and `messages` filled, when it cannot be started.
  bool startSegment(QStringList& messages);
  /// Tell the session that an activity of the learning logic was started.
  void watchActivities();

signals:
  /// The scene has been set, closed or loaded.
  void sceneChanged();
  /// Volumes came, went, or got other names.
  void volumesChanged();
  void volumeChanged(vtkMRMLScalarVolumeNode* volume);
  /// Another segment is looked at.
  void segmentChanged();
  /// The voxels of a segment, or the list of segments, have changed.
  void segmentationEdited();
  void modelChanged();
  /// Something runs: ask for progress.
  void ticked();
  /// A segmentation run has ended; `texts` are the logic's sentences.
  void segmentEnded(bool found, const QStringList& texts);
  /// An activity of the learning logic has ended (vtkSlicerFrugalSegLearningLogic::Activities).
  void activityEnded(int activity);
  void labelSaved();

private slots:
  void tick();
  void announceVolumes();
  void announceEdit();

private:
  static void OnEvent(vtkObject* caller, unsigned long event, void* self, void* data);
  void onSceneEvent(unsigned long event, void* data);
  void onParametersModified();
  void observeSegmentation();

  vtkWeakPointer<vtkMRMLScene> Scene;
  vtkWeakPointer<vtkSlicerFrugalSegLogic> Logic;
  vtkSmartPointer<vtkSlicerFrugalSegLearningLogic> LearningLogic;
  vtkWeakPointer<vtkMRMLFrugalSegNode> Parameters;
  vtkWeakPointer<vtkSegmentation> Observed;
  vtkNew<vtkCallbackCommand> Command;
  vtkNew<vtkMRMLMessageCollection> Messages; ///< of the results that are being applied

  // What was announced last, to tell a change.
  vtkWeakPointer<vtkMRMLScalarVolumeNode> AnnouncedVolume;
  vtkWeakPointer<vtkMRMLSegmentationNode> AnnouncedSegmentation;
  QString AnnouncedSegmentID;
  QString AnnouncedModel;

  QTimer Timer;
  QTimer VolumesTimer; ///< one signal for many nodes that come at once
  QTimer EditTimer;    ///< one signal for a brush stroke
};

#endif
