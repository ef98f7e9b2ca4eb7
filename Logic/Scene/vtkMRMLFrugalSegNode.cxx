#include "vtkMRMLFrugalSegNode.h"

// MRML includes
#include <vtkMRMLNodePropertyMacros.h>
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>

// VTK includes
#include <vtkObjectFactory.h>

namespace
{
const char* const InputVolumeRole = "inputVolume";
const char* const SegmentationRole = "segmentation";
const char* const UncertaintyRole = "uncertainty";
} // namespace

vtkMRMLNodeNewMacro(vtkMRMLFrugalSegNode);

//----------------------------------------------------------------------------
vtkMRMLFrugalSegNode::vtkMRMLFrugalSegNode()
{
  this->HideFromEditors = true;
  this->AddNodeReferenceRole(InputVolumeRole, "inputVolumeRef");
  this->AddNodeReferenceRole(SegmentationRole, "segmentationRef");
  this->AddNodeReferenceRole(UncertaintyRole, "uncertaintyRef");
}

//----------------------------------------------------------------------------
vtkMRMLFrugalSegNode::~vtkMRMLFrugalSegNode() = default;

//----------------------------------------------------------------------------
void vtkMRMLFrugalSegNode::ReadXMLAttributes(const char** attributes)
{
  MRMLNodeModifyBlocker blocker(this);
  this->Superclass::ReadXMLAttributes(attributes);
  vtkMRMLReadXMLBeginMacro(attributes);
  vtkMRMLReadXMLStdStringMacro(modelName, ModelName);
  vtkMRMLReadXMLStdStringMacro(segmentID, SegmentID);
  vtkMRMLReadXMLIntMacro(numberOfThreads, NumberOfThreads);
  vtkMRMLReadXMLFloatMacro(threshold, Threshold);
  vtkMRMLReadXMLBooleanMacro(showUncertainty, ShowUncertainty);
  vtkMRMLReadXMLEndMacro();
}

//----------------------------------------------------------------------------
void vtkMRMLFrugalSegNode::WriteXML(ostream& of, int indent)
{
  this->Superclass::WriteXML(of, indent);
  vtkMRMLWriteXMLBeginMacro(of);
  vtkMRMLWriteXMLStdStringMacro(modelName, ModelName);
  vtkMRMLWriteXMLStdStringMacro(segmentID, SegmentID);
  vtkMRMLWriteXMLIntMacro(numberOfThreads, NumberOfThreads);
  vtkMRMLWriteXMLFloatMacro(threshold, Threshold);
  vtkMRMLWriteXMLBooleanMacro(showUncertainty, ShowUncertainty);
  vtkMRMLWriteXMLEndMacro();
}

//----------------------------------------------------------------------------
void vtkMRMLFrugalSegNode::CopyContent(vtkMRMLNode* node, bool deepCopy /*=true*/)
{
  MRMLNodeModifyBlocker blocker(this);
  this->Superclass::CopyContent(node, deepCopy);
  vtkMRMLCopyBeginMacro(node);
  vtkMRMLCopyStdStringMacro(ModelName);
  vtkMRMLCopyStdStringMacro(SegmentID);
  vtkMRMLCopyIntMacro(NumberOfThreads);
  vtkMRMLCopyFloatMacro(Threshold);
  vtkMRMLCopyBooleanMacro(ShowUncertainty);
  vtkMRMLCopyEndMacro();
}

//----------------------------------------------------------------------------
void vtkMRMLFrugalSegNode::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  vtkMRMLPrintBeginMacro(os, indent);
  vtkMRMLPrintStdStringMacro(ModelName);
  vtkMRMLPrintStdStringMacro(SegmentID);
  vtkMRMLPrintIntMacro(NumberOfThreads);
  vtkMRMLPrintFloatMacro(Threshold);
  vtkMRMLPrintBooleanMacro(ShowUncertainty);
  vtkMRMLPrintEndMacro();
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkMRMLFrugalSegNode::GetInputVolumeNode()
{
  return vtkMRMLScalarVolumeNode::SafeDownCast(this->GetNodeReference(InputVolumeRole));
}

//----------------------------------------------------------------------------
void vtkMRMLFrugalSegNode::SetInputVolumeNode(vtkMRMLScalarVolumeNode* volume)
{
  this->SetNodeReferenceID(InputVolumeRole, volume ? volume->GetID() : nullptr);
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* vtkMRMLFrugalSegNode::GetSegmentationNode()
{
  return vtkMRMLSegmentationNode::SafeDownCast(this->GetNodeReference(SegmentationRole));
}

//----------------------------------------------------------------------------
void vtkMRMLFrugalSegNode::SetSegmentationNode(vtkMRMLSegmentationNode* segmentation)
{
  this->SetNodeReferenceID(SegmentationRole, segmentation ? segmentation->GetID() : nullptr);
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkMRMLFrugalSegNode::GetUncertaintyVolumeNode()
{
  return vtkMRMLScalarVolumeNode::SafeDownCast(this->GetNodeReference(UncertaintyRole));
}

//----------------------------------------------------------------------------
void vtkMRMLFrugalSegNode::SetUncertaintyVolumeNode(vtkMRMLScalarVolumeNode* volume)
{
  this->SetNodeReferenceID(UncertaintyRole, volume ? volume->GetID() : nullptr);
}
