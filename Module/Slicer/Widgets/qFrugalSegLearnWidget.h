/// \brief The part of the panel for annotators: save labels, open the next case, learn, propagate.
#ifndef qFrugalSegLearnWidget_h
#define qFrugalSegLearnWidget_h

#include "qSlicerFrugalSegModuleWidgetsExport.h"

// Qt includes
#include <QScopedPointer>
#include <QWidget>

class QProgressBar;
class Ui_qFrugalSegLearnWidget;
class qFrugalSegSession;

class Q_SLICER_MODULE_FRUGALSEG_WIDGETS_EXPORT qFrugalSegLearnWidget : public QWidget
{
  Q_OBJECT

public:
  explicit qFrugalSegLearnWidget(QWidget* parent = nullptr);
  ~qFrugalSegLearnWidget() override;

  /// Once, before use; not owned.
  void setSession(qFrugalSegSession* session);

public slots:
  /// Save labels to this folder and learn from it.
  bool setDatasetFolder(const QString& folder);
  /// Propose cases of this folder.
  void setImageFolder(const QString& folder);

  void chooseDatasetFolder();
  void chooseImageFolder();
  void saveLabel();
  void openNext();
  void propagate();
  void learn();
  void cancel();
  void acceptModel();
  void revertModel();

private slots:
  void update();
  void onTick();
  void onEditSettled();
  void onActivityEnded(int activity);

private:
  void onRankingEnded();
  void onLearningEnded();
  void onPropagationEnded();
  void openFirstOfOrder();
  void showCurve();
  void showScores();
  void showProgress(int activity, QProgressBar* bar);

  QScopedPointer<Ui_qFrugalSegLearnWidget> Form;
  qFrugalSegSession* Session{ nullptr };
  QString ImageFolder;
  QString RankedFor; ///< folder, order and model that the present order was made for

  Q_DISABLE_COPY(qFrugalSegLearnWidget);
};

#endif
