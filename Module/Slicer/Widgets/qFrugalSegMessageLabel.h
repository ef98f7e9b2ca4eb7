/// \brief One message to the user, shown where the action took place.
///
/// Its kind is told by a sign and by words, never by colour alone; the colours are dark enough for
/// white text and differ for colour-blind eyes. Empty, it takes no room.
#ifndef qFrugalSegMessageLabel_h
#define qFrugalSegMessageLabel_h

#include "qSlicerFrugalSegModuleWidgetsExport.h"

// Qt includes
#include <QLabel>

class Q_SLICER_MODULE_FRUGALSEG_WIDGETS_EXPORT qFrugalSegMessageLabel : public QLabel
{
  Q_OBJECT
  Q_PROPERTY(QString message READ message)

public:
  enum Kind
  {
    Info,
    Success,
    Warning,
    Error
  };
  Q_ENUM(Kind)

  explicit qFrugalSegMessageLabel(QWidget* parent = nullptr);

  QString message() const { return this->Message; }
  Kind kind() const { return this->MessageKind; }

public slots:
  void say(qFrugalSegMessageLabel::Kind kind, const QString& text);
  void hideMessage();

private:
  QString Message;
  Kind MessageKind{ Info };
};

#endif
