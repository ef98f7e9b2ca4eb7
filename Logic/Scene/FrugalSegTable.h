// Tables of texts and numbers for panels.
#ifndef FrugalSegTable_h
#define FrugalSegTable_h

#include <initializer_list>
#include <string>

class vtkTable;

/// Empty the table and give it these columns of texts.
void FrugalSegTableBegin(vtkTable* table, std::initializer_list<const char*> columns);
/// Add a column of numbers, before any row.
void FrugalSegTableAddNumbers(vtkTable* table, const char* column);
/// Append a row of texts; columns behind the last one are left at "" or 0.
void FrugalSegTableAddRow(vtkTable* table, std::initializer_list<std::string> values);

#endif
