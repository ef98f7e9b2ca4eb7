/// \brief Learning from corrections: save labels, open the next case, learn, propagate.
///
/// Research software, not a medical device.
///
/// The loop of an annotator: correct a segment, SaveLabel, OpenNext, and now and then StartLearning,
/// which fine-tunes the current model on the saved labels and measures it on labelled cases that it
/// never learns from. Inside one case, StartPropagation carries the corrections of some slices to the
/// others.
///
/// Activities: ranking, learning and propagation each run on a worker thread of their own, on copies,
/// one run of each at a time; all three may go on at once with the user's work and with the runs of
/// vtkSlicerFrugalSegLogic. Start... returns at once; a panel polls GetProgress, GetProgressStage and
/// the tables, and the result is applied on the main thread: by the application's event loop when an
/// application logic is set, otherwise by calling ProcessPendingResults now and then (a timer of
/// 100 ms). Then the matching ...EndedEvent is invoked. Cancel stops within 200 ms and leaves scene,
/// dataset and models as they were.
///
/// Dataset: a folder in the layout of nnU-Net (imagesTr/case_0001_0000.nii.gz,
/// labelsTr/case_0001.nii.gz, dataset.json, which also holds the "training" list of the Medical
/// Segmentation Decathlon), made by SaveLabel or by hand. Cases are numbered; names, IDs, dates, UIDs
/// and paths are never written (docs/user/learning.md says what is).
///
/// Models: SaveLabel and Learning never change the model that one starts from. Learned models lie in
/// the model folder as NAME-learned-001.fseg and so on, and are found by that name.
///
/// Threads: all methods are for the main thread. Closing the scene ends a propagation and leaves a
/// ranking and a learning run alone, because these belong to folders, not to the scene.
///
/// Messages: every method that can fail takes an optional vtkMRMLMessageCollection, which receives
/// sentences for the user. Without one they go to VTK's error log. Messages of an ended activity are
/// also kept for GetLastMessage, because the application's event loop passes no collection.
#ifndef vtkSlicerFrugalSegLearningLogic_h
#define vtkSlicerFrugalSegLearningLogic_h

// Slicer includes
#include <vtkSlicerModuleLogic.h>

#include "vtkSlicerFrugalSegModuleLogicExport.h"

// VTK includes
#include <vtkCommand.h>

// STD includes
#include <string>

class vtkIntArray;
class vtkMRMLMessageCollection;
class vtkMRMLScalarVolumeNode;
class vtkMRMLSegmentationNode;
class vtkSlicerFrugalSegLogic;
class vtkTable;

class VTK_SLICER_FRUGALSEG_MODULE_LOGIC_EXPORT vtkSlicerFrugalSegLearningLogic : public vtkSlicerModuleLogic
{
public:
  static vtkSlicerFrugalSegLearningLogic* New();
  vtkTypeMacro(vtkSlicerFrugalSegLearningLogic, vtkSlicerModuleLogic);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  enum Events
  {
    /// A label was saved: the list of cases has changed.
    LabelSavedEvent = vtkCommand::UserEvent + 6160,
    /// An activity has ended, with or without a result; invoked by ProcessPendingResults.
    RankingEndedEvent,
    LearningEndedEvent,
    PropagationEndedEvent,
    /// GetCurrentModel gives another model than before.
    CurrentModelChangedEvent
  };

  /// What runs on a worker thread.
  enum Activities
  {
    Ranking = 0,
    Learning,
    Propagation
  };

  /// Orders in which unlabelled cases are proposed.
  enum Orders
  {
    OrderUncertain = 0, ///< what the model is least sure of comes first
    OrderRandom,        ///< shuffled by the seed
    OrderFirst          ///< by file name and UID
  };

  /// The logic that loads volumes for this one; set it where there is one (it then also knows how to
  /// export what was opened here), otherwise one is made. Not owned: the caller keeps it alive.
  void SetSegmentLogic(vtkSlicerFrugalSegLogic* logic);

  /// \name Activities
  /// @{

  /// Whether the activity is going on, or its result waits to be applied.
  bool IsRunning(int activity);
  /// Whether any is.
  bool IsRunning();
  /// Fraction done, 0 to 1, and what it is doing; 0 and "" when it is not running.
  double GetProgress(int activity);
  std::string GetProgressStage(int activity);
  /// Estimated seconds to the end; negative while unknown.
  double GetRemainingSeconds(int activity);
  /// Ask the activity to stop.
  void Cancel(int activity);
  /// Apply the results of activities that have ended. True when this call ended one. Does nothing
  /// while the workers are busy.
  bool ProcessPendingResults(vtkMRMLMessageCollection* messages = nullptr);
  /// What the last end of the activity had to say: "" on plain success, "Cancelled." after Cancel,
  /// else the sentences, one a line.
  std::string GetLastMessage(int activity);
  /// Whether the last run of the activity gave a result.
  bool GetLastSucceeded(int activity);
  /// @}

  /// \name Labels
  /// @{

  /// The folder that labels are saved to; made by the first SaveLabel when it does not exist. An
  /// existing folder is checked: false, with the reason, when its dataset.json cannot be understood or
  /// the folder cannot be used; the former folder then stays. Nothing is written here, except that a
  /// save which a crash interrupted is completed.
  bool SetDatasetFolder(const std::string& folder, vtkMRMLMessageCollection* messages = nullptr);
  vtkGetMacro(DatasetFolder, std::string);

  /// Save a segment as the label of a volume: image, label and provenance, all or nothing, even when
  /// the program or the machine dies in between. A volume that is in the dataset already (recognised
  /// by a salted hash) gets a new version of its label and keeps the earlier one in versions/.
  /// `structure` ("liver") is taken from the segment's terminology when empty. Where the label map
  /// holds other structures they are kept. Returns the case's name ("case_0001"), "" on failure.
  std::string SaveLabel(vtkMRMLScalarVolumeNode* volume, vtkMRMLSegmentationNode* segmentation,
                        const std::string& segmentID, const std::string& structure = "",
                        vtkMRMLMessageCollection* messages = nullptr);

  /// List the labelled cases, one row each. Columns: case, structures ("liver, prostate"), version
  /// (number of the label, "1" and on), edited ("yes", "no", "" unknown), role ("train", "held out",
  /// "" not learned from yet), volume_ml (of the structure saved last; "" unknown).
  bool ListCases(vtkTable* table, vtkMRMLMessageCollection* messages = nullptr);
  int GetNumberOfCases();

  /// Load a case: its image as a volume, its label as a segmentation with one segment for each
  /// structure. `version` 0 is the newest. Null on failure. GetLastOpenedVolume gives the volume.
  vtkMRMLSegmentationNode* OpenCase(const std::string& name, int version = 0,
                                    vtkMRMLMessageCollection* messages = nullptr);
  /// @}

  /// \name Open next
  /// @{

  /// Put the unlabelled cases below `folder` into an order: DICOM series whose verdict is ok and NIfTI
  /// or NRRD files (files named *_label, *_seg, *_mask are no cases; nor are those of the dataset).
  /// OrderUncertain sorts by score, the mean of two figures of the present model on each case: mean
  /// entropy over the mask and its rim (bits) and disagreement (1 - mean Dice between the mask and
  /// those of flipped and rescaled copies). A case without any finding counts as fully unsure.
  bool StartRanking(const std::string& folder, int order = OrderUncertain,
                    vtkMRMLMessageCollection* messages = nullptr);

  /// The order found last, best first, one row each. Columns: rank (1 and on), name, kind ("series",
  /// "file"), source (UID or path), entropy, disagreement, score ("" where not measured), reason (why
  /// it cannot be used; such rows come last), state ("", "opened", "labelled").
  void GetRanking(vtkTable* table);

  /// Load the first case of the order that was neither opened nor labelled; null when there is none.
  vtkMRMLScalarVolumeNode* OpenNext(vtkMRMLMessageCollection* messages = nullptr);
  /// Load the case of a row of GetRanking (0-based).
  vtkMRMLScalarVolumeNode* OpenRanked(int row, vtkMRMLMessageCollection* messages = nullptr);
  vtkMRMLScalarVolumeNode* GetLastOpenedVolume();
  /// @}

  /// \name Models
  /// @{

  /// Name or file of the model in use: what ranking and learning start from and what a panel should
  /// offer for Segment. By default "liver-t2", or what the model folder remembers.
  std::string GetCurrentModel();
  /// Use another model. False when it cannot be found or read; the current one then stays.
  bool SetCurrentModel(const std::string& model, vtkMRMLMessageCollection* messages = nullptr);

  /// Folder of learned models; by default the user's (model_locate.h).
  void SetModelFolder(const std::string& folder);
  vtkGetMacro(ModelFolder, std::string);

  /// Use the model that the last learning run made although it scored worse or has no score.
  bool AcceptModel(vtkMRMLMessageCollection* messages = nullptr);
  /// Go back to the model that was in use before the last accepted one; may be repeated.
  bool RevertModel(vtkMRMLMessageCollection* messages = nullptr);
  bool CanAcceptModel();
  bool CanRevertModel();
  /// @}

  /// \name Learn
  /// @{

  /// Fine-tune the current model on the dataset. Some cases are held out: about every fourth, the
  /// second case first; the choice is made once for each case and written to splits_final.json, so a
  /// held-out case is never learned from. Their Dice is measured before and after; the new model is
  /// put in use when the mean is no worse, otherwise it waits for AcceptModel. With a single case
  /// nothing can be held out: a message says so, and the model waits for AcceptModel.
  bool StartLearning(vtkMRMLMessageCollection* messages = nullptr);

  /// Loss of every step so far, also while learning. Columns, all numbers: step (1 and on), loss,
  /// smoothed (mean of the last 20).
  void GetLossCurve(vtkTable* table);
  /// Dice of the held-out cases, also while learning. Columns: case, before, after; "" where not
  /// measured yet.
  void GetScores(vtkTable* table);
  /// Mean of the held-out cases; negative while unknown.
  double GetMeanDiceBefore();
  double GetMeanDiceAfter();
  /// Name of the model that the last run made; "" when it made none.
  vtkGetMacro(LearnedModel, std::string);

  /// Optimizer steps (default 300).
  vtkSetClampMacro(LearningSteps, int, 1, 1000000);
  vtkGetMacro(LearningSteps, int);
  /// Slices a step and pixels per side of the network's input (default 4 and 192; memory grows with
  /// both). The size is rounded up to what the network takes.
  vtkSetClampMacro(BatchSize, int, 1, 64);
  vtkGetMacro(BatchSize, int);
  vtkSetClampMacro(PatchSize, int, 32, 1024);
  vtkGetMacro(PatchSize, int);
  /// Peak learning rate (default 3e-4), and the encoder's as a fraction of it (default 0.3).
  vtkSetClampMacro(LearningRate, double, 1e-8, 1.);
  vtkGetMacro(LearningRate, double);
  vtkSetClampMacro(EncoderRate, double, 0., 1.);
  vtkGetMacro(EncoderRate, double);
  /// Change images at random while learning (default on).
  vtkSetMacro(Augmentation, bool);
  vtkGetMacro(Augmentation, bool);
  vtkBooleanMacro(Augmentation, bool);
  /// Synthetic abdomens among the cases, a fifth of the samples (default 0; liver only).
  vtkSetClampMacro(NumberOfPhantoms, int, 0, 1000);
  vtkGetMacro(NumberOfPhantoms, int);
  /// Of batches, of the random order (default 1).
  vtkSetMacro(Seed, int);
  vtkGetMacro(Seed, int);
  /// Threads of each activity; 0 takes all processors (default). Workers run at low priority.
  vtkSetClampMacro(NumberOfThreads, int, 0, 256);
  vtkGetMacro(NumberOfThreads, int);
  /// @}

  /// \name Propagate
  /// @{

  /// Slices that were changed since the last run or propagation made this segment, as indices of the
  /// volume's slices. False when FrugalSeg did not make the segment.
  bool GetCorrectedSlices(vtkMRMLScalarVolumeNode* volume, vtkMRMLSegmentationNode* segmentation,
                          const std::string& segmentID, vtkIntArray* slices,
                          vtkMRMLMessageCollection* messages = nullptr);

  /// Adapt a copy of the current model to the corrected slices of this case and draw the other slices
  /// anew: some seconds. Null `slices` means those of GetCorrectedSlices; they are necessary for a
  /// segment that FrugalSeg did not make. The segment's corrected slices are never changed, nor those
  /// edited while this runs, nor other segments. One undo step.
  bool StartPropagation(vtkMRMLScalarVolumeNode* volume, vtkMRMLSegmentationNode* segmentation,
                        const std::string& segmentID, vtkIntArray* slices = nullptr,
                        vtkMRMLMessageCollection* messages = nullptr);

  /// Steps of the adaptation (default 40).
  vtkSetClampMacro(PropagationSteps, int, 1, 10000);
  vtkGetMacro(PropagationSteps, int);
  /// Slices that the last propagation drew anew.
  vtkGetMacro(NumberOfPropagatedSlices, int);
  /// @}

protected:
  vtkSlicerFrugalSegLearningLogic();
  ~vtkSlicerFrugalSegLearningLogic() override;

  void OnMRMLSceneStartClose() override;
  void SetMRMLSceneInternal(vtkMRMLScene* newScene) override;

  std::string DatasetFolder;
  std::string ModelFolder;
  std::string LearnedModel;
  int LearningSteps{ 300 };
  int BatchSize{ 4 };
  int PatchSize{ 192 };
  double LearningRate{ 3e-4 };
  double EncoderRate{ 0.3 };
  bool Augmentation{ true };
  int NumberOfPhantoms{ 0 };
  int Seed{ 1 };
  int NumberOfThreads{ 0 };
  int PropagationSteps{ 40 };
  int NumberOfPropagatedSlices{ 0 };

private:
  class vtkInternal;
  vtkInternal* Internal;

  vtkSlicerFrugalSegLearningLogic(const vtkSlicerFrugalSegLearningLogic&) = delete;
  void operator=(const vtkSlicerFrugalSegLearningLogic&) = delete;
};

#endif
