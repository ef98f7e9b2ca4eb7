// What the source files of vtkSlicerFrugalSegLearningLogic share. Not for others.
#ifndef vtkSlicerFrugalSegLearningLogicInternal_h
#define vtkSlicerFrugalSegLearningLogicInternal_h

#include "vtkSlicerFrugalSegLearningLogic.h"

#include "FrugalSegFineTune.h"
#include "FrugalSegModelHistory.h"
#include "FrugalSegRanking.h"
#include "FrugalSegSegment.h"
#include "FrugalSegTable.h"
#include "FrugalSegWorker.h"
#include "vtkSlicerFrugalSegLogic.h"

// MRML includes
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>

// VTK includes
#include <vtkCallbackCommand.h>
#include <vtkNew.h>
#include <vtkSmartPointer.h>
#include <vtkWeakPointer.h>

// STD includes
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

class vtkSlicerFrugalSegLearningLogic::vtkInternal
{
public:
  explicit vtkInternal(vtkSlicerFrugalSegLearningLogic* external);
  ~vtkInternal();

  static constexpr int NumberOfActivities = 3;

  /// One kind of activity: its worker, what to do with its result, how the last one ended.
  struct Slot
  {
    std::unique_ptr<FrugalSegWorker> Worker;
    /// On the main thread, when the work went well. Throws FrugalSegFailure.
    std::function<void(vtkMRMLMessageCollection*)> Apply;
    std::string LastMessage;
    bool LastSucceeded = false;
  };

  static void OnFinished(vtkObject*, unsigned long, void* clientData, void*);

  /// A sentence for the user; also kept as the last message of the slot that is being ended.
  void Report(vtkMRMLMessageCollection* messages, unsigned long type, const std::string& text);
  bool ReportError(vtkMRMLMessageCollection* messages, const std::string& text);

  /// Begin an activity; false when one of this kind is going on.
  bool IsFree(int activity, vtkMRMLMessageCollection* messages);
  bool Launch(int activity, FrugalSegWorker::Body body, std::function<void(vtkMRMLMessageCollection*)> apply,
              vtkMRMLMessageCollection* messages);
  void End(int activity, vtkMRMLMessageCollection* messages);

  FrugalSegModelHistory& GetHistory();
  /// File of a model; throws when there is none.
  std::string LocateModel(const std::string& model) { return this->GetHistory().Locate(model); }
  vtkSlicerFrugalSegLogic* GetSegmentLogic();
  bool CheckScene(vtkMRMLMessageCollection* messages);

  void ApplyLearning(const std::string& candidate, vtkMRMLMessageCollection* messages);

  /// What a saved label says about its segment: structure, model, whether a person changed it.
  FrugalSegLabel DescribeSegment(vtkMRMLScalarVolumeNode* volume, vtkMRMLSegmentationNode* segmentation,
                                 const std::string& segmentID, const std::string& structure);
  /// The case of the present dataset that a volume was opened from; "" for others.
  std::string CaseOf(vtkMRMLScalarVolumeNode* volume) const;
  void MarkLabelled(vtkMRMLScalarVolumeNode* volume);
  vtkMRMLSegmentationNode* ShowLabel(const FrugalSegDataset& dataset, const FrugalSegCase& entry, int version,
                                     vtkMRMLScalarVolumeNode* volume);

  vtkSlicerFrugalSegLearningLogic* External;
  Slot Slots[NumberOfActivities];
  Slot* Ending = nullptr; ///< whose messages are being collected

  std::unique_ptr<FrugalSegModelHistory> History;
  std::shared_ptr<FrugalSegLearningCurve> Curve = std::make_shared<FrugalSegLearningCurve>();

  // Ranking: the order found last, and what has become of its cases.
  std::string RankedFolder;
  std::vector<FrugalSegCandidate> Ranked;
  std::map<std::string, std::string> RankedState; ///< source -> "opened", "labelled"

  /// Where volumes that were opened here came from.
  struct Opened
  {
    vtkWeakPointer<vtkMRMLScalarVolumeNode> Volume;
    std::string Source;        ///< of a ranked case
    std::string Dataset, Case; ///< of a case of a dataset
  };
  std::vector<Opened> OpenedVolumes;
  vtkWeakPointer<vtkMRMLScalarVolumeNode> LastOpened;

  vtkWeakPointer<vtkSlicerFrugalSegLogic> SegmentLogic;
  vtkSmartPointer<vtkSlicerFrugalSegLogic> OwnSegmentLogic; ///< only where nobody gave one

  // A worker asks the application to "modify" this object on the main thread.
  vtkNew<vtkObject> FinishedNotifier;
  vtkNew<vtkCallbackCommand> FinishedCommand;
};

/// "0.934", "" for a negative number.
std::string FrugalSegFigure(double value);

#endif
