/// \brief FrugalSeg as a loadable module of 3D Slicer: what Slicer has to know about it.
///
/// Research software, not a medical device.
#ifndef qSlicerFrugalSegModule_h
#define qSlicerFrugalSegModule_h

// Slicer includes
#include "qSlicerLoadableModule.h"

#include "qSlicerFrugalSegModuleExport.h"

class Q_SLICER_QTMODULES_FRUGALSEG_EXPORT qSlicerFrugalSegModule : public qSlicerLoadableModule
{
  Q_OBJECT
  Q_PLUGIN_METADATA(IID "org.slicer.modules.loadable.qSlicerLoadableModule/1.0");
  Q_INTERFACES(qSlicerLoadableModule);

public:
  typedef qSlicerLoadableModule Superclass;
  explicit qSlicerFrugalSegModule(QObject* parent = nullptr);
  ~qSlicerFrugalSegModule() override;

  qSlicerGetTitleMacro(tr("FrugalSeg"));

  QString helpText() const override;
  QString acknowledgementText() const override;
  QStringList contributors() const override;
  QIcon icon() const override;
  QStringList categories() const override;
  QStringList dependencies() const override;
  QStringList associatedNodeTypes() const override;

protected:
  /// Also adds "Segment with FrugalSeg" to the context menu of volumes in the Data module.
  void setup() override;
  qSlicerAbstractModuleRepresentation* createWidgetRepresentation() override;
  vtkMRMLAbstractLogic* createLogic() override;

private:
  Q_DISABLE_COPY(qSlicerFrugalSegModule);
};

#endif
