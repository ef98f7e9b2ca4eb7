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
} // namespace

vtkMRMLNodeNewMacro(vtkMRMLFrugalSegNode);

//----------------------------------------------------------------------------
vtkMRMLFrugalSegNode::vtkMRMLFrugalSegNode()
{
  this->HideFromEditors = true;
  this->AddNodeReferenceRole(InputVolumeRole, "inputVolumeRef");
  this->AddNodeReferenceRole(SegmentationRole, "segmentationRef");
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
