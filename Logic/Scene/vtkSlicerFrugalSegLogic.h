/// \brief Segmentation of the liver and prostate in T2-weighted MR, for 3D Slicer's scene.
///
/// Research software, not a medical device.
///
/// Uses: load one DICOM series of a folder with a verdict on it; find the model that suits it and say
/// what does not (SuggestModel, CheckInput); segment the volume, at once (Segment) or on a worker thread
/// (StartSegment); say in words what is odd about the result (GetLastChecks) and where the network is
/// unsure (uncertainty map); measure; write a segment as DICOM SEG, NIfTI, NRRD or STL.
///
/// Limitations: one run at a time for each logic; single-channel 3D volumes; a transform of the volume
/// is kept (a new segmentation gets the same one), never hardened.
///
/// Segments: a run writes one segment, named and coloured after Slicer's terminology. Running again
/// replaces the segment that the same structure's last run made, unless somebody has edited it since:
/// then a second one is added, and a check with the id "kept-correction" says so. Segments that
/// FrugalSeg did not make are never touched. With undo switched on in the scene, a result (segment and
/// uncertainty map) is one undo step; a segmentation that was not undoable becomes so, and earlier steps,
/// which would remove it, are forgotten.
///
/// Lists: methods that give a list fill a vtkTable, whose columns are named below; texts unless said
/// otherwise.
///
/// Threads: all methods are for the main thread. A run works on copies, so the scene may be closed and
/// nodes may be removed meanwhile; a result whose volume is gone is discarded with a message.
///
/// Messages: every method that can fail takes an optional vtkMRMLMessageCollection, which receives
/// sentences for the user. Without one they go to VTK's error log.
#ifndef vtkSlicerFrugalSegLogic_h
#define vtkSlicerFrugalSegLogic_h

// Slicer includes
#include <vtkSlicerModuleLogic.h>

#include "vtkSlicerFrugalSegModuleLogicExport.h"

// VTK includes
#include <vtkCommand.h>

// STD includes
#include <string>

class vtkMRMLFrugalSegNode;
class vtkMRMLMessageCollection;
class vtkMRMLScalarVolumeNode;
class vtkMRMLSegmentationNode;
class vtkTable;

class VTK_SLICER_FRUGALSEG_MODULE_LOGIC_EXPORT vtkSlicerFrugalSegLogic : public vtkSlicerModuleLogic
{
public:
  static vtkSlicerFrugalSegLogic* New();
  vtkTypeMacro(vtkSlicerFrugalSegLogic, vtkSlicerModuleLogic);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  enum Events
  {
    /// A run has ended, with or without a result; invoked by ProcessPendingResults.
    SegmentationEndedEvent = vtkCommand::UserEvent + 6140
  };

  /// \name Loading
  /// @{

  /// List the image series below `folder` (or in a DICOM file, DICOMDIR or ZIP archive), one row for each
  /// of their volumes. Columns: uid (of a volume of several: "UID#2"), description (of a volume of several
  /// with what tells it from the others), modality, matrix ("columns x rows x slices"), spacing_mm, slices,
  /// verdict ("ok", "ambiguous", "refused"), reason.
  /// False when the folder holds no DICOM image; the table is then empty.
  bool ListSeries(const std::string& folder, vtkTable* table, vtkMRMLMessageCollection* messages = nullptr);

  /// Load a series as a volume of the scene; `uid` is one of those that ListSeries gives, an empty one
  /// takes the only usable series. Null when there is none, several, or the series cannot be placed safely;
  /// the message says which.
  vtkMRMLScalarVolumeNode* LoadSeries(const std::string& folder, const std::string& uid = "",
                                      vtkMRMLMessageCollection* messages = nullptr);

  /// Load a NIfTI or NRRD file as a volume of the scene; null on failure.
  vtkMRMLScalarVolumeNode* LoadVolumeFile(const std::string& path,
                                          vtkMRMLMessageCollection* messages = nullptr);
  /// @}

  /// \name Models
  /// @{

  /// Folder of the user's own models, sought first. By default that of model_locate.h
  /// ($XDG_DATA_HOME/frugalseg/models); "" goes back to it. The folder need not exist.
  void SetUserModelFolder(const std::string& folder);
  std::string GetUserModelFolder();

  /// List the models that can be chosen by name, the user's first. Columns: name (of the file, what
  /// Segment takes), structure, contrast, version, source ("user", "environment", "shipped"), path,
  /// sha256, problem ("" for a usable model, else why it cannot be read). False when there is none.
  bool ListModels(vtkTable* table, vtkMRMLMessageCollection* messages = nullptr);

  /// File of a model that is given by name or file; "" with a message when there is none.
  std::string LocateModel(const std::string& model, vtkMRMLMessageCollection* messages = nullptr);

  /// Name of the model that suits a volume best, by modality, body part, contrast, orientation and
  /// extent, as far as the series (LoadSeries) and the models' cards tell; of equals the first that is
  /// sought, learned models last (vtkSlicerFrugalSegLearningLogic::GetCurrentModel knows which of those
  /// is in use). "" when there is no usable model. What does not suit even the best goes to `messages`
  /// as warnings.
  std::string SuggestModel(vtkMRMLScalarVolumeNode* volume, vtkMRMLMessageCollection* messages = nullptr);

  /// In which respects a volume lies outside a model's card. Columns: id ("modality", "body-part",
  /// "contrast", "orientation", "pixel-size", "slice-distance"), text (a sentence for the user). Empty
  /// when all is well. False when model or volume cannot be read.
  bool CheckInput(vtkMRMLScalarVolumeNode* volume, const std::string& model, vtkTable* table,
                  vtkMRMLMessageCollection* messages = nullptr);
  /// @}

  /// \name Segmenting
  /// @{

  /// Segment `volume` with a model (name or file) and wait. The segment goes into `segmentation`, or
  /// into a new one. Returns the segmentation that holds the segment (see GetLastSegmentID), null on
  /// failure or when nothing was found; the scene is then as before.
  vtkMRMLSegmentationNode* Segment(vtkMRMLScalarVolumeNode* volume, const std::string& model,
                                   vtkMRMLSegmentationNode* segmentation = nullptr,
                                   vtkMRMLMessageCollection* messages = nullptr);
  /// The same with a parameter node, which receives the segmentation and the segment's ID.
  vtkMRMLSegmentationNode* Segment(vtkMRMLFrugalSegNode* parameters,
                                   vtkMRMLMessageCollection* messages = nullptr);

  /// Begin a run on a worker thread and return at once; false when one is going on already or the input
  /// cannot be used. With an application logic set, the result is applied by the application's event
  /// loop; otherwise call ProcessPendingResults now and then.
  bool StartSegment(vtkMRMLScalarVolumeNode* volume, const std::string& model,
                    vtkMRMLSegmentationNode* segmentation = nullptr,
                    vtkMRMLMessageCollection* messages = nullptr);
  bool StartSegment(vtkMRMLFrugalSegNode* parameters, vtkMRMLMessageCollection* messages = nullptr);

  /// Whether a run is going on, or its result waits to be applied.
  bool IsSegmenting();
  /// Fraction done of the present run, 0 to 1, and what it is doing.
  double GetProgress();
  std::string GetProgressStage();
  /// Ask the run to stop; it does within 50 ms and leaves the scene as it is.
  void CancelSegment();
  /// Apply the result of a run that has ended. True when this call ended a run: GetLastSegmentation
  /// then tells its result. Does nothing while the worker is busy.
  bool ProcessPendingResults(vtkMRMLMessageCollection* messages = nullptr);

  /// What the last ended run gave: null, "" and 0 when it failed, was cancelled or found nothing.
  vtkMRMLSegmentationNode* GetLastSegmentation();
  vtkGetMacro(LastSegmentID, std::string);
  vtkGetMacro(LastVolumeML, double);

  /// What is worth knowing about the last run, also when it found nothing. Columns: id (those of
  /// CheckInput, "empty", "border", "volume-low", "volume-high", "islands", "entropy",
  /// "kept-correction"), text (a sentence for the user). The limits are those of the model's card. The
  /// same sentences went to the messages of the run as warnings.
  void GetLastChecks(vtkTable* table);

  /// Mean entropy in bits (0 sure, 1 coin toss) over the last result and its rim.
  vtkGetMacro(LastMeanEntropy, double);

  /// Map of the last run's entropy in bits on the grid of the volume; null unless the parameter node
  /// asked for it (ShowUncertainty). A later run with the same parameter node replaces it.
  vtkMRMLScalarVolumeNode* GetLastUncertaintyVolume();

  /// Lay a map over the slice views of the scene (as their foreground); null takes the maps of this
  /// logic away again and leaves other foregrounds alone.
  void ShowUncertaintyOverlay(vtkMRMLScalarVolumeNode* map, double opacity = 0.6);
  /// @}

  /// \name Measuring
  /// @{

  /// Measure a segment of any origin, or all when `segmentID` is empty: one row each. `volume` gives
  /// the grid; null takes the segment's own. Columns: segment (name), id, and as numbers volume_ml,
  /// extent_r_mm, extent_a_mm, extent_s_mm (along the patient's right, anterior and superior axis),
  /// longest_mm (between the two corners farthest apart), surface_cm2 (of the smoothed closed surface
  /// that Slicer shows); then text, all of it as a sentence. An empty segment measures 0.
  bool Measure(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
               vtkMRMLScalarVolumeNode* volume, vtkTable* table,
               vtkMRMLMessageCollection* messages = nullptr);

  /// A number for people: three digits that matter and never "0" for what is not 0 ("1432", "43.2",
  /// "0.0471").
  static std::string FormatNumber(double value);
  /// @}

  /// \name Writing
  /// @{

  /// Write a segment in the format of `path`: .dcm (ExportSegmentation), .nii, .nii.gz or .nrrd
  /// (ExportMask), .stl (ExportSurface).
  bool ExportSegment(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                     vtkMRMLScalarVolumeNode* volume, const std::string& path,
                     vtkMRMLMessageCollection* messages = nullptr);

  /// Write a segment that FrugalSeg made as DICOM Segmentation. `volume` must come from LoadSeries, and
  /// its files must still be there: the object refers to each of them. The algorithm type is AUTOMATIC,
  /// or SEMIAUTOMATIC once somebody has edited the segment. Each export is an instance of its own; when
  /// the segment was exported before (or read by LoadSegmentation), it refers to that predecessor.
  /// An empty `segmentID` writes all segments, of one model, into one object. What the source has of
  /// malformed attributes is repaired or left out, with a warning each. A correction never replaces an
  /// earlier segmentation. The editor's pseudonym is taken from the environment (FRUGALSEG_EDITOR), as
  /// is an own root for UIDs (FRUGALSEG_UID_ROOT).
  /// False on failure; an earlier file at `path` is then unchanged.
  bool ExportSegmentation(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                          vtkMRMLScalarVolumeNode* volume, const std::string& path,
                          vtkMRMLMessageCollection* messages = nullptr);

  /// Write any segment as a mask (0, 1) on the grid of `volume`; NIfTI or NRRD by the suffix of `path`.
  bool ExportMask(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                  vtkMRMLScalarVolumeNode* volume, const std::string& path,
                  vtkMRMLMessageCollection* messages = nullptr);

  /// Write the closed surface of any segment as a binary STL file in mm. Coordinates are LPS, as
  /// Slicer writes by default, and the file's header says so ("SPACE=LPS"); `volume` as in Measure.
  bool ExportSurface(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                     vtkMRMLScalarVolumeNode* volume, const std::string& path,
                     vtkMRMLMessageCollection* messages = nullptr);

  /// Open a DICOM Segmentation to correct it: a new segmentation over `volume`, on whose grid it must
  /// lie, with all its segments. Those of other programs do not count as FrugalSeg's. A warning when it
  /// was made for another series. Null on failure.
  vtkMRMLSegmentationNode* LoadSegmentation(const std::string& path, vtkMRMLScalarVolumeNode* volume,
                                            vtkMRMLMessageCollection* messages = nullptr);
  /// @}

  /// Whether FrugalSeg made this segment, and whether its voxels have changed since (on the grid of
  /// `volume`, which it was made from).
  static bool IsOwnSegment(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID);
  static bool IsSegmentEdited(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                              vtkMRMLScalarVolumeNode* volume);

protected:
  vtkSlicerFrugalSegLogic();
  ~vtkSlicerFrugalSegLogic() override;

  void RegisterNodes() override;
  void OnMRMLSceneStartClose() override;
  void SetMRMLSceneInternal(vtkMRMLScene* newScene) override;

  std::string LastSegmentID;
  double LastVolumeML{ 0. };
  double LastMeanEntropy{ 0. };

private:
  class vtkInternal;
  vtkInternal* Internal;

  vtkSlicerFrugalSegLogic(const vtkSlicerFrugalSegLogic&) = delete;
  void operator=(const vtkSlicerFrugalSegLogic&) = delete;
};

#endif
