// Fixture of the tests of Logic/Scene: a scene with the logic, a temporary folder with a phantom and
// small models, and a check that VTK reported no error.
#ifndef SceneTest_h
#define SceneTest_h

#include "FrugalSegHandles.h"
#include "vtkMRMLFrugalSegNode.h"
#include "vtkSlicerFrugalSegLogic.h"

#include <vtkMRMLMessageCollection.h>
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>
#include <vtkNew.h>
#include <vtkOutputWindow.h>
#include <vtkSmartPointer.h>
#include <vtkTable.h>

#include <gtest/gtest.h>

#include <string>
#include <vector>

/// Collects what VTK would print, so that a test fails when an error was reported.
class ErrorLog : public vtkOutputWindow
{
public:
  static ErrorLog* New();
  vtkTypeMacro(ErrorLog, vtkOutputWindow);
  void DisplayText(const char*) override {}
  void DisplayErrorText(const char* text) override { this->Errors.emplace_back(text); }
  std::vector<std::string> Errors;
};

class SceneTest : public ::testing::Test
{
protected:
  void SetUp() override;
  void TearDown() override;

  /// Path of `name` in the temporary folder.
  std::string Path(const std::string& name) const { return this->Folder + "/" + name; }

  /// An abdominal phantom of this size as an image, rotated so that no axis is the patient's.
  FrugalSegVolume Phantom(int columns, int rows, int slices) const;
  /// The phantom as a DICOM series in the folder "series".
  void WriteSeries(const FrugalSegVolume& volume, const std::string& folder) const;
  /// The phantom as a volume node.
  vtkMRMLScalarVolumeNode* AddPhantom(int columns = 64, int rows = 64, int slices = 6);

  enum Answer
  {
    Some, ///< whatever fresh weights say: neither everything nor nothing
    Everything,
    Nothing
  };
  /// Save a model as `name`.fseg and give its path; `more` goes into its card (", \"key\": value").
  std::string MakeModel(const std::string& name, Answer answer = Some, const std::string& structure = "liver",
                        bool large = false, const std::string& more = "") const;

  /// What the C library alone makes of a volume: the oracle.
  FrugalSegMask Expected(const fseg_volume* volume, const std::string& model) const;

  /// Poll until the run has ended; false after ten seconds.
  bool WaitForEnd();
  std::string Text() const { return this->Messages->GetAllMessagesAsString(); }

  std::string Folder;
  vtkNew<vtkMRMLScene> Scene;
  vtkSmartPointer<vtkSlicerFrugalSegLogic> Logic;
  vtkNew<vtkMRMLMessageCollection> Messages;
  vtkNew<ErrorLog> Log;
  /// A test that provokes VTK errors clears this list itself.
};

size_t VoxelCount(const fseg_geometry& geometry);
/// A segment of box shape, as a user draws it: voxels first to last (both included) of the volume.
std::string AddBox(vtkMRMLSegmentationNode* segmentation, vtkMRMLScalarVolumeNode* volume, const int first[3],
                   const int last[3]);
/// The text in a column of a table's row.
std::string Cell(vtkTable* table, int row, const char* column);
/// All values of a column, "border entropy".
std::string Column(vtkTable* table, const char* column);
/// The labelmap of a segment on the volume's grid, as the program would write it.
std::vector<uint8_t> SegmentVoxels(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                                   vtkMRMLScalarVolumeNode* volume);

#endif
