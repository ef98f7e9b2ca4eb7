#include "FrugalSegChecks.h"

#include "FrugalSegTable.h"

//----------------------------------------------------------------------------
FrugalSegChecks FrugalSegChecksOf(const fseg_segment_report& report)
{
  FrugalSegChecks checks;
  for (int i = 0; i < report.warning_count; ++i)
  {
    checks.push_back({ fseg_check_name(report.checks[i]), report.warnings[i] });
  }
  return checks;
}

//----------------------------------------------------------------------------
void FrugalSegChecksToTable(const FrugalSegChecks& checks, vtkTable* table)
{
  FrugalSegTableBegin(table, { "id", "text" });
  for (const FrugalSegCheck& check : checks)
  {
    FrugalSegTableAddRow(table, { check.ID, check.Text });
  }
}
