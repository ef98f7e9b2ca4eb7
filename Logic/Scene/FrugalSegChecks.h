// What the user should know about an input or a result: an identifier for panels, a sentence for people.
#ifndef FrugalSegChecks_h
#define FrugalSegChecks_h

#include "frugalseg/imaging.h"

#include <string>
#include <vector>

class vtkTable;

struct FrugalSegCheck
{
  std::string ID;
  std::string Text;
};
using FrugalSegChecks = std::vector<FrugalSegCheck>;

/// The sentences of a report.
FrugalSegChecks FrugalSegChecksOf(const fseg_segment_report& report);

/// Columns id, text.
void FrugalSegChecksToTable(const FrugalSegChecks& checks, vtkTable* table);

#endif
