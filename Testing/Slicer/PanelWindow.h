// A window as Slicer would be around the panel: the panel on the left, four views on the right.
#ifndef PanelWindow_h
#define PanelWindow_h

#include "SceneViews.h"

#include <QTimer>
#include <QWidget>

class QLabel;
class qFrugalSegPanel;
class vtkMRMLScene;
class vtkSlicerFrugalSegLogic;

class PanelWindow : public QWidget
{
  Q_OBJECT

public:
  PanelWindow(vtkMRMLScene* scene, vtkSlicerFrugalSegLogic* logic);

  qFrugalSegPanel* Panel;
  SceneViews Views;

  /// Draw the views anew.
  void Draw();
  /// Draw and save a picture of the window.
  void Save(const QString& file);

private:
  QLabel* Pictures[4];
};

#endif
