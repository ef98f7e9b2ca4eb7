#include "FrugalSegStructure.h"

// Slicer includes
#include <vtkSlicerTerminologiesModuleLogic.h>

namespace
{
struct Term
{
  const char* Structure;
  const char* Code; ///< SNOMED CT
  const char* Meaning;
  unsigned char Color[3];
};

// Codes and colours of Slicer's general anatomy list.
const Term Terms[] = {
  { "liver", "10200004", "Liver", { 221, 130, 101 } },
  { "prostate", "41216001", "Prostate", { 230, 158, 140 } },
};

std::string Serialize(const std::string& code, const std::string& meaning)
{
  return vtkSlicerTerminologiesModuleLogic::SerializeTerminologyEntry(
      "Segmentation category and type - 3D Slicer General Anatomy list", "123037004", "SCT",
      "Anatomical Structure", code, code.empty() ? "" : "SCT", meaning, "", "", "", "", "", "", "", "", "",
      "");
}
} // namespace

//----------------------------------------------------------------------------
FrugalSegStructure FrugalSegStructureOf(const std::string& structure)
{
  for (const Term& term : Terms)
  {
    if (structure == term.Structure)
    {
      return { term.Meaning,
               Serialize(term.Code, term.Meaning),
               { term.Color[0] / 255., term.Color[1] / 255., term.Color[2] / 255. } };
    }
  }
  return { structure.empty() ? "Structure" : structure, Serialize("", ""), { 0.5, 0.68, 0.5 } };
}
