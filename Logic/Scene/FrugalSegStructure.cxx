#include "FrugalSegStructure.h"

// FrugalSeg includes
#include "frugalseg/seg.h"

// Slicer includes
#include <vtkSlicerTerminologiesModuleLogic.h>

namespace
{
std::string Serialize(const fseg_structure* structure)
{
  const fseg_code none{ "", "", "" };
  const fseg_code type = structure ? structure->type : none;
  const fseg_code side = structure && structure->side.value ? structure->side : none;
  return vtkSlicerTerminologiesModuleLogic::SerializeTerminologyEntry(
      "Segmentation category and type - 3D Slicer General Anatomy list", "123037004", "SCT",
      "Anatomical Structure", type.value, type.scheme, type.meaning, side.value, side.scheme, side.meaning,
      "", "", "", "", "", "", "");
}
} // namespace

//----------------------------------------------------------------------------
FrugalSegStructure FrugalSegStructureOf(const std::string& name)
{
  const fseg_structure* structure = fseg_structure_find(name.c_str());
  if (!structure)
  {
    return { name.empty() ? "Structure" : name, Serialize(nullptr), { 0.5, 0.68, 0.5 } };
  }
  return { structure->label,
           Serialize(structure),
           { structure->rgb[0] / 255., structure->rgb[1] / 255., structure->rgb[2] / 255. } };
}
