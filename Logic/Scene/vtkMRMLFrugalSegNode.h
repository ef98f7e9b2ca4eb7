/// \brief Parameters of a FrugalSeg segmentation, saved with the scene.
///
/// Holds what a user chose (volume, model, segmentation to write to) and which segment the last run
/// made. It holds no results: those are in the segmentation.
#ifndef vtkMRMLFrugalSegNode_h
#define vtkMRMLFrugalSegNode_h

// MRML includes
#include <vtkMRMLNode.h>

#include "vtkSlicerFrugalSegModuleLogicExport.h"

// STD includes
#include <string>

class vtkMRMLScalarVolumeNode;
class vtkMRMLSegmentationNode;

class VTK_SLICER_FRUGALSEG_MODULE_LOGIC_EXPORT vtkMRMLFrugalSegNode : public vtkMRMLNode
{
public:
  static vtkMRMLFrugalSegNode* New();
  vtkTypeMacro(vtkMRMLFrugalSegNode, vtkMRMLNode);
  void PrintSelf(ostream& os, vtkIndent indent) override;

  vtkMRMLNode* CreateNodeInstance() override;
  const char* GetNodeTagName() override { return "FrugalSeg"; }
  void ReadXMLAttributes(const char** attributes) override;
  void WriteXML(ostream& of, int indent) override;
  vtkMRMLCopyContentMacro(vtkMRMLFrugalSegNode);

  /// The volume to segment.
  vtkMRMLScalarVolumeNode* GetInputVolumeNode();
  void SetInputVolumeNode(vtkMRMLScalarVolumeNode* volume);

  /// The segmentation that receives the segment; without one the logic makes one and sets it here.
  vtkMRMLSegmentationNode* GetSegmentationNode();
  void SetSegmentationNode(vtkMRMLSegmentationNode* segmentation);

  /// Name ("liver-t2") or file of the model.
  vtkGetMacro(ModelName, std::string);
  vtkSetMacro(ModelName, std::string);

  /// Probability above which a voxel belongs to the structure; 0 takes that of the model's card.
  vtkGetMacro(Threshold, double);
  vtkSetClampMacro(Threshold, double, 0., 0.99);

  /// Whether a run also makes a map of the network's uncertainty (entropy in bits).
  vtkGetMacro(ShowUncertainty, bool);
  vtkSetMacro(ShowUncertainty, bool);
  vtkBooleanMacro(ShowUncertainty, bool);

  /// The volume that receives the map; without one the logic makes one and sets it here.
  vtkMRMLScalarVolumeNode* GetUncertaintyVolumeNode();
  void SetUncertaintyVolumeNode(vtkMRMLScalarVolumeNode* volume);

  /// Threads of a run; 0 takes all processors.
  vtkGetMacro(NumberOfThreads, int);
  vtkSetClampMacro(NumberOfThreads, int, 0, 256);

  /// ID of the segment that the last run made; empty before the first.
  vtkGetMacro(SegmentID, std::string);
  vtkSetMacro(SegmentID, std::string);

protected:
  vtkMRMLFrugalSegNode();
  ~vtkMRMLFrugalSegNode() override;

  std::string ModelName{ "liver-t2" };
  std::string SegmentID;
  int NumberOfThreads{ 0 };
  double Threshold{ 0. };
  bool ShowUncertainty{ false };

private:
  vtkMRMLFrugalSegNode(const vtkMRMLFrugalSegNode&) = delete;
  void operator=(const vtkMRMLFrugalSegNode&) = delete;
};

#endif
