#include "FrugalSegTable.h"

// VTK includes
#include <vtkDoubleArray.h>
#include <vtkNew.h>
#include <vtkStringArray.h>
#include <vtkTable.h>
#include <vtkVariant.h>

//----------------------------------------------------------------------------
void FrugalSegTableBegin(vtkTable* table, std::initializer_list<const char*> columns)
{
  table->Initialize();
  for (const char* name : columns)
  {
    vtkNew<vtkStringArray> column;
    column->SetName(name);
    table->AddColumn(column);
  }
}

//----------------------------------------------------------------------------
void FrugalSegTableAddNumbers(vtkTable* table, const char* name)
{
  vtkNew<vtkDoubleArray> column;
  column->SetName(name);
  table->AddColumn(column);
}

//----------------------------------------------------------------------------
void FrugalSegTableAddRow(vtkTable* table, std::initializer_list<std::string> values)
{
  const vtkIdType row = table->InsertNextBlankRow();
  vtkIdType column = 0;
  for (const std::string& value : values)
  {
    table->SetValue(row, column++, vtkVariant(value));
  }
}
