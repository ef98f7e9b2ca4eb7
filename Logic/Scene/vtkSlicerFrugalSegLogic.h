/// \brief Segmentation of the liver and prostate in T2-weighted MR, for 3D Slicer's scene.
///
/// Research software, not a medical device.
///
/// Uses: load one DICOM series of a folder with a verdict on it; segment a volume with a FrugalSeg
/// model, at once (Segment) or on a worker thread (StartSegment); write a segment as DICOM SEG or NIfTI.
///
/// Limitations: one run at a time for each logic; single-channel 3D volumes; a transform of the volume
/// is kept (a new segmentation gets the same one), never hardened.
///
/// Segments: a run writes one segment, named and coloured after Slicer's terminology. Running again
/// replaces the segment that the same structure's last run made, unless somebody has edited it since:
/// then a second one is added. Segments that FrugalSeg did not make are never touched. With undo
/// switched on in the scene, a result is one undo step.
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

  /// List the image series below `folder`, one row each. Columns: uid, description, modality, matrix
  /// ("columns x rows x slices"), spacing_mm, slices, verdict ("ok", "ambiguous", "refused"), reason.
  /// False when the folder holds no DICOM image; the table is then empty.
  bool ListSeries(const std::string& folder, vtkTable* table, vtkMRMLMessageCollection* messages = nullptr);

  /// Load a series as a volume of the scene; an empty `uid` takes the only usable series. Null when
  /// there is none, several, or the series cannot be placed safely; the message says which.
  vtkMRMLScalarVolumeNode* LoadSeries(const std::string& folder, const std::string& uid = "",
                                      vtkMRMLMessageCollection* messages = nullptr);

  /// Load a NIfTI or NRRD file as a volume of the scene; null on failure.
  vtkMRMLScalarVolumeNode* LoadVolumeFile(const std::string& path,
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
  /// @}

  /// \name Writing
  /// @{

  /// Write a segment that FrugalSeg made as DICOM Segmentation. `volume` must come from LoadSeries, and
  /// its files must still be there: the object refers to each of them. False on failure; an earlier
  /// file at `path` is then unchanged.
  bool ExportSegmentation(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                          vtkMRMLScalarVolumeNode* volume, const std::string& path,
                          vtkMRMLMessageCollection* messages = nullptr);

  /// Write any segment as a mask (0, 1) on the grid of `volume`; NIfTI or NRRD by the suffix of `path`.
  bool ExportMask(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                  vtkMRMLScalarVolumeNode* volume, const std::string& path,
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

private:
  class vtkInternal;
  vtkInternal* Internal;

  vtkSlicerFrugalSegLogic(const vtkSlicerFrugalSegLogic&) = delete;
  void operator=(const vtkSlicerFrugalSegLogic&) = delete;
};

#endif
