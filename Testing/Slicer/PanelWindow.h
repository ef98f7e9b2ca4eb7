// A window as Slicer would be around the panel: the panel on the left and, if wished, four views on the
// right.
#ifndef PanelWindow_h
#define PanelWindow_h

#include "SceneViews.h"

#include <QWidget>

#include <memory>

class QLabel;
class qFrugalSegPanel;
class vtkMRMLScene;
class vtkSlicerFrugalSegLogic;

class PanelWindow : public QWidget
{
  Q_OBJECT

public:
  PanelWindow(vtkMRMLScene* scene, vtkSlicerFrugalSegLogic* logic, bool withViews);

  qFrugalSegPanel* Panel;
  std::unique_ptr<SceneViews> Views; ///< null without views

  /// Draw the views anew.
  void Draw();
  /// Draw and save a picture of the window.
  void Save(const QString& file);

private:
  QLabel* Pictures[4];
};

#endif
