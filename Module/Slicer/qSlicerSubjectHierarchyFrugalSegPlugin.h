/// \brief "Segment with FrugalSeg" in the context menu of volumes: in the Data module and wherever Slicer
/// shows the subject hierarchy, so also right after a series was loaded by the DICOM browser.
#ifndef qSlicerSubjectHierarchyFrugalSegPlugin_h
#define qSlicerSubjectHierarchyFrugalSegPlugin_h

// Slicer includes
#include <qSlicerSubjectHierarchyAbstractPlugin.h>

#include "qSlicerFrugalSegModuleExport.h"

class Q_SLICER_QTMODULES_FRUGALSEG_EXPORT qSlicerSubjectHierarchyFrugalSegPlugin
    : public qSlicerSubjectHierarchyAbstractPlugin
{
  Q_OBJECT

public:
  typedef qSlicerSubjectHierarchyAbstractPlugin Superclass;
  explicit qSlicerSubjectHierarchyFrugalSegPlugin(QObject* parent = nullptr);
  ~qSlicerSubjectHierarchyFrugalSegPlugin() override;

  QList<QAction*> itemContextMenuActions() const override;
  void showContextMenuActionsForItem(vtkIdType itemID) override;

protected slots:
  void segmentCurrentItem();

private:
  QAction* SegmentAction;
  Q_DISABLE_COPY(qSlicerSubjectHierarchyFrugalSegPlugin);
};

#endif
