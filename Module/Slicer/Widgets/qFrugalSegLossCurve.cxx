#include "qFrugalSegLossCurve.h"

// Qt includes
#include <QFontMetrics>
#include <QPainter>
#include <QPainterPath>

// STD includes
#include <algorithm>
#include <cmath>

namespace
{
// Blue of Okabe and Ito's palette.
const QColor LineColor(0x00, 0x72, 0xb2);

QVector<QPointF> Finite(const QVector<QPointF>& points)
{
  QVector<QPointF> kept;
  kept.reserve(points.size());
  for (const QPointF& point : points)
  {
    if (std::isfinite(point.x()) && std::isfinite(point.y()))
    {
      kept << point;
    }
  }
  return kept;
}

/// 1, 2 or 5 times a power of ten, such that about `count` of it make `range`.
double NiceStep(double range, int count)
{
  const double rough = range / count;
  const double power = std::pow(10., std::floor(std::log10(rough)));
  for (const double factor : { 1., 2., 5. })
  {
    if (factor * power >= rough)
    {
      return factor * power;
    }
  }
  return 10. * power;
}
} // namespace

//----------------------------------------------------------------------------
qFrugalSegLossCurve::qFrugalSegLossCurve(QWidget* parent) : QWidget(parent)
{
  this->setSizePolicy(QSizePolicy::Expanding, QSizePolicy::MinimumExpanding);
  this->setAccessibleName(tr("Loss of the training"));
}

//----------------------------------------------------------------------------
void qFrugalSegLossCurve::setPoints(const QVector<QPointF>& raw, const QVector<QPointF>& smoothed)
{
  this->Raw = Finite(raw);
  this->Smoothed = Finite(smoothed);
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLossCurve::clear()
{
  this->Raw.clear();
  this->Smoothed.clear();
  this->update();
}

//----------------------------------------------------------------------------
void qFrugalSegLossCurve::paintEvent(QPaintEvent*)
{
  QPainter painter(this);
  painter.setRenderHint(QPainter::Antialiasing);
  const QPalette palette = this->palette();
  const QColor text = palette.color(QPalette::Text);
  QColor grid = text;
  grid.setAlphaF(0.15);
  painter.fillRect(this->rect(), palette.color(QPalette::Base));
  painter.setPen(grid);
  painter.drawRect(QRectF(this->rect()).adjusted(0.5, 0.5, -0.5, -0.5));

  if (this->Raw.isEmpty())
  {
    QColor faint = text;
    faint.setAlphaF(0.6);
    painter.setPen(faint);
    painter.drawText(this->rect(), Qt::AlignCenter, tr("The loss is drawn here while the model learns."));
    return;
  }

  double last = 1., top = 0.;
  for (const QVector<QPointF>* series : { &this->Raw, &this->Smoothed })
  {
    for (const QPointF& point : *series)
    {
      last = std::max(last, point.x());
      top = std::max(top, point.y());
    }
  }
  const double step = NiceStep(top > 0. ? top : 1., 3);
  top = step * std::ceil((top > 0. ? top : 1.) / step);

  const QFontMetrics metrics(this->font());
  const double left = metrics.horizontalAdvance(QString::number(step, 'g', 3) + "0") + 12.;
  const double legend = metrics.height() + 8.;
  const QRectF area(left, legend, this->width() - left - 12.,
                    this->height() - legend - metrics.height() - 10.);
  const auto place = [&area, last, top](const QPointF& point)
  {
    return QPointF(area.left() + area.width() * point.x() / last,
                   area.bottom() - area.height() * point.y() / top);
  };

  for (double value = 0.; value <= top + step / 2; value += step)
  {
    const double y = place(QPointF(0., value)).y();
    painter.setPen(grid);
    painter.drawLine(QPointF(area.left(), y), QPointF(area.right(), y));
    painter.setPen(text);
    painter.drawText(QRectF(0., y - metrics.height() / 2., left - 6., metrics.height()),
                     Qt::AlignRight | Qt::AlignVCenter, QString::number(value, 'g', 3));
  }
  painter.drawText(QRectF(area.left(), area.bottom() + 4., area.width(), metrics.height()), Qt::AlignLeft,
                   "0");
  painter.drawText(QRectF(area.left(), area.bottom() + 4., area.width(), metrics.height()), Qt::AlignRight,
                   tr("step %1").arg(qRound(last)));

  const auto draw = [&painter, &place](const QVector<QPointF>& series, const QPen& pen)
  {
    if (series.isEmpty())
    {
      return;
    }
    QPainterPath path(place(series.first()));
    for (const QPointF& point : series)
    {
      path.lineTo(place(point));
    }
    painter.setBrush(Qt::NoBrush);
    painter.setPen(pen);
    painter.drawPath(path);
    painter.setPen(Qt::NoPen);
    painter.setBrush(pen.color());
    painter.drawEllipse(place(series.last()), pen.widthF() + 0.5, pen.widthF() + 0.5);
  };
  QColor pale = LineColor;
  pale.setAlphaF(0.35);
  const QPen rawPen(pale, 1.), smoothedPen(LineColor, 2.5);
  draw(this->Raw, rawPen);
  draw(this->Smoothed, smoothedPen);

  double x = area.left();
  const auto explain = [&](const QPen& pen, const QString& name)
  {
    const double y = 4. + metrics.height() / 2.;
    painter.setPen(pen);
    painter.drawLine(QPointF(x, y), QPointF(x + 22., y));
    painter.setPen(text);
    painter.drawText(QPointF(x + 28., 4. + metrics.ascent()), name);
    x += 28. + metrics.horizontalAdvance(name) + 18.;
  };
  explain(rawPen, tr("loss of each step"));
  explain(smoothedPen, tr("mean of 20"));
}
