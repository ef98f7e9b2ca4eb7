// What Slicer calls the structures that models segment: name, terminology, colour.
#ifndef FrugalSegStructure_h
#define FrugalSegStructure_h

#include <string>

struct FrugalSegStructure
{
  std::string Name;        ///< of the segment, as people read it
  std::string Terminology; ///< serialized, as vtkSegment stores it
  double Color[3];         ///< Slicer's recommended colour of the term
};

/// `structure` is the card's word ("liver", "prostate"); others get the category only, no type.
FrugalSegStructure FrugalSegStructureOf(const std::string& structure);

#endif
