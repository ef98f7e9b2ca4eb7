#include "FrugalSegSeriesName.h"

//----------------------------------------------------------------------------
std::string FrugalSegSeriesName(const fseg_series_info& info, const std::string& nameless)
{
  const std::string description = info.description[0] ? info.description : nameless;
  if (!info.label[0])
  {
    return description;
  }
  return description.empty() ? info.label : description + " (" + info.label + ")";
}
