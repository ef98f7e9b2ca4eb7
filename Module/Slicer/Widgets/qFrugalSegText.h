// Small helpers between Qt's strings and those of VTK.
#ifndef qFrugalSegText_h
#define qFrugalSegText_h

// Qt includes
#include <QString>
#include <QStringList>

// MRML includes
#include <vtkMRMLMessageCollection.h>

// STD includes
#include <string>

inline QString qFrugalSegText(const std::string& text)
{
  return QString::fromUtf8(text.data(), static_cast<int>(text.size()));
}

inline QString qFrugalSegText(const char* text)
{
  return QString::fromUtf8(text);
}

/// All messages, one for each entry.
inline QStringList qFrugalSegTexts(vtkMRMLMessageCollection* messages)
{
  QStringList texts;
  for (int i = 0; i < messages->GetNumberOfMessages(); ++i)
  {
    texts << qFrugalSegText(messages->GetNthMessageText(i));
  }
  return texts;
}

#endif
