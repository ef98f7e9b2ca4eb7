#include "qFrugalSegMessageLabel.h"

namespace
{
struct Look
{
  const char* Sign;
  const char* Background;
};

Look LookOf(qFrugalSegMessageLabel::Kind kind)
{
  switch (kind)
  {
    case qFrugalSegMessageLabel::Success:
      return { "\xE2\x9C\x93", "#00573f" }; // check mark, bluish green
    case qFrugalSegMessageLabel::Warning:
      return { "!", "#7a4e00" }; // ochre
    case qFrugalSegMessageLabel::Error:
      return { "\xE2\x9C\x95", "#8f2d00" }; // cross, dark vermillion
    case qFrugalSegMessageLabel::Info:
      break;
  }
  return { "i", "#0b4f7d" }; // blue
}
} // namespace

//----------------------------------------------------------------------------
qFrugalSegMessageLabel::qFrugalSegMessageLabel(QWidget* parent) : QLabel(parent)
{
  this->setWordWrap(true);
  this->setTextFormat(Qt::PlainText);
  this->setTextInteractionFlags(Qt::TextSelectableByMouse | Qt::TextSelectableByKeyboard);
  this->hideMessage();
}

//----------------------------------------------------------------------------
void qFrugalSegMessageLabel::say(Kind kind, const QString& text)
{
  if (text.isEmpty())
  {
    this->hideMessage();
    return;
  }
  const Look look = LookOf(kind);
  this->Message = text;
  this->MessageKind = kind;
  this->setText(QString("%1  %2").arg(QString::fromUtf8(look.Sign), text));
  this->setStyleSheet(
      QString("QLabel { background: %1; color: white; padding: 7px 9px; border-radius: 4px; }")
          .arg(QString::fromLatin1(look.Background)));
  this->setAccessibleName(text);
  this->setVisible(true);
}

//----------------------------------------------------------------------------
void qFrugalSegMessageLabel::hideMessage()
{
  this->Message.clear();
  this->MessageKind = Info;
  this->setText(QString());
  this->setVisible(false);
}
