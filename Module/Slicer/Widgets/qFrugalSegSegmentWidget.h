/// \brief The part of the panel that opens images and segments them; the result has a part of its own.
#ifndef qFrugalSegSegmentWidget_h
#define qFrugalSegSegmentWidget_h

#include "qSlicerFrugalSegModuleWidgetsExport.h"

// Qt includes
#include <QScopedPointer>
#include <QWidget>

class QTreeWidgetItem;
class Ui_qFrugalSegSegmentWidget;
class qFrugalSegResultWidget;
class qFrugalSegSession;
class vtkMRMLScalarVolumeNode;

class Q_SLICER_MODULE_FRUGALSEG_WIDGETS_EXPORT qFrugalSegSegmentWidget : public QWidget
{
  Q_OBJECT

public:
  explicit qFrugalSegSegmentWidget(QWidget* parent = nullptr);
  ~qFrugalSegSegmentWidget() override;

  /// Once, before use; not owned.
  void setSession(qFrugalSegSession* session);
  qFrugalSegResultWidget* resultWidget() const;

public slots:
  /// List the series of a folder with their verdicts; the only usable one is loaded at once.
  bool openFolder(const QString& folder);
  /// Load a NIfTI or NRRD file; a DICOM segmentation (.dcm) is opened over the present volume.
  bool openFile(const QString& file);
  /// Open a DICOM segmentation over the present volume, to correct it.
  bool openSegmentation(const QString& file);

  void chooseFolder();
  void chooseFile();
  void segment();
  void cancel();

private slots:
  void onSeriesActivated(QTreeWidgetItem* item);
  void onVolumeChosen(int index);
  void onModelChosen(int index);

  void onSceneChanged();
  void listVolumes();
  void onVolumeChanged(vtkMRMLScalarVolumeNode* volume);
  void listModels();
  void onModelChanged();
  void onTick();
  void onEnded(bool found, const QStringList& texts);

private:
  bool loadSeries(QTreeWidgetItem* item);
  void suggestModel();
  void checkInput();
  void updateButtons();

  QScopedPointer<Ui_qFrugalSegSegmentWidget> Form;
  qFrugalSegSession* Session{ nullptr };
  QString Folder; ///< whose series are listed
  QString Suggested;
  bool Cancelled{ false };
  bool Filling{ false }; ///< a list is being filled; that is no choice of the user

  Q_DISABLE_COPY(qFrugalSegSegmentWidget);
};

#endif
