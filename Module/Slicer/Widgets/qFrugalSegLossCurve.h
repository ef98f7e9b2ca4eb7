/// \brief The course of a training: loss over steps, drawn as it grows.
///
/// Two series: the loss of every step (thin, pale) and its moving mean (bold, blue of Okabe and Ito).
#ifndef qFrugalSegLossCurve_h
#define qFrugalSegLossCurve_h

#include "qSlicerFrugalSegModuleWidgetsExport.h"

// Qt includes
#include <QPointF>
#include <QVector>
#include <QWidget>

class Q_SLICER_MODULE_FRUGALSEG_WIDGETS_EXPORT qFrugalSegLossCurve : public QWidget
{
  Q_OBJECT
  Q_PROPERTY(int count READ count)

public:
  explicit qFrugalSegLossCurve(QWidget* parent = nullptr);

  QSize sizeHint() const override { return QSize(320, 150); }
  QSize minimumSizeHint() const override { return QSize(180, 110); }

  /// x is the step, y the loss; points that are not finite are left out.
  void setPoints(const QVector<QPointF>& raw, const QVector<QPointF>& smoothed);
  const QVector<QPointF>& smoothed() const { return this->Smoothed; }

  int count() const { return this->Raw.size(); }
  void clear();

protected:
  void paintEvent(QPaintEvent* event) override;

private:
  QVector<QPointF> Raw;
  QVector<QPointF> Smoothed;
};

#endif
