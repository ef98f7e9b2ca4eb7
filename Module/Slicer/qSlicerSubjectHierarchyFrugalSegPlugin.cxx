#include "qSlicerSubjectHierarchyFrugalSegPlugin.h"

// Slicer includes
#include <qSlicerAbstractModuleWidget.h>
#include <qSlicerSubjectHierarchyPluginHandler.h>

// MRML includes
#include <vtkMRMLLabelMapVolumeNode.h>
#include <vtkMRMLScalarVolumeNode.h>

// Qt includes
#include <QAction>

namespace
{
/// The image of an item; null for label maps and for everything that is no volume.
vtkMRMLScalarVolumeNode* VolumeOf(vtkIdType itemID)
{
  vtkMRMLSubjectHierarchyNode* hierarchy =
      qSlicerSubjectHierarchyPluginHandler::instance()->subjectHierarchyNode();
  if (!hierarchy || itemID == vtkMRMLSubjectHierarchyNode::INVALID_ITEM_ID)
  {
    return nullptr;
  }
  vtkMRMLNode* node = hierarchy->GetItemDataNode(itemID);
  return vtkMRMLLabelMapVolumeNode::SafeDownCast(node) ? nullptr
                                                       : vtkMRMLScalarVolumeNode::SafeDownCast(node);
}
} // namespace

//-----------------------------------------------------------------------------
qSlicerSubjectHierarchyFrugalSegPlugin::qSlicerSubjectHierarchyFrugalSegPlugin(QObject* parent)
    : Superclass(parent), SegmentAction(new QAction(tr("Segment with FrugalSeg"), this))
{
  this->m_Name = "FrugalSeg";
  qSlicerSubjectHierarchyAbstractPlugin::setActionPosition(
      this->SegmentAction, qSlicerSubjectHierarchyAbstractPlugin::SectionNode);
  QObject::connect(this->SegmentAction, &QAction::triggered, this,
                   &qSlicerSubjectHierarchyFrugalSegPlugin::segmentCurrentItem);
}

//-----------------------------------------------------------------------------
qSlicerSubjectHierarchyFrugalSegPlugin::~qSlicerSubjectHierarchyFrugalSegPlugin() = default;

//-----------------------------------------------------------------------------
QList<QAction*> qSlicerSubjectHierarchyFrugalSegPlugin::itemContextMenuActions() const
{
  return { this->SegmentAction };
}

//-----------------------------------------------------------------------------
void qSlicerSubjectHierarchyFrugalSegPlugin::showContextMenuActionsForItem(vtkIdType itemID)
{
  this->SegmentAction->setVisible(VolumeOf(itemID) != nullptr);
}

//-----------------------------------------------------------------------------
void qSlicerSubjectHierarchyFrugalSegPlugin::segmentCurrentItem()
{
  vtkMRMLScalarVolumeNode* volume = VolumeOf(qSlicerSubjectHierarchyPluginHandler::instance()->currentItem());
  if (!volume)
  {
    return;
  }
  if (qSlicerAbstractModuleWidget* widget = Superclass::switchToModule("FrugalSeg"))
  {
    widget->setEditedNode(volume);
  }
}
