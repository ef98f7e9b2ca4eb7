#include "FrugalSegSeries.h"

// MRML includes
#include <vtkMRMLScalarVolumeNode.h>

// STD includes
#include <cstdio>
#include <cstdlib>

namespace
{
const char* const FolderAttribute = "FrugalSeg.SeriesFolder";
const char* const UIDAttribute = "FrugalSeg.SeriesUID"; // a volume of several: "UID#2"
const char* const BodyPartAttribute = "FrugalSeg.BodyPart";
const char* const ProtocolAttribute = "FrugalSeg.Protocol";
const char* const ScanOptionsAttribute = "FrugalSeg.ScanOptions";
const char* const RepetitionAttribute = "FrugalSeg.RepetitionTime";
const char* const EchoAttribute = "FrugalSeg.EchoTime";

void SetText(vtkMRMLScalarVolumeNode* node, const char* attribute, const char* text)
{
  if (*text)
  {
    node->SetAttribute(attribute, text);
  }
}

void SetNumber(vtkMRMLScalarVolumeNode* node, const char* attribute, double value)
{
  if (value > 0.)
  {
    char text[32];
    std::snprintf(text, sizeof(text), "%.6g", value);
    node->SetAttribute(attribute, text);
  }
}

template <size_t N>
void GetText(vtkMRMLScalarVolumeNode* node, const char* attribute, char (&out)[N])
{
  const char* text = node->GetAttribute(attribute);
  std::snprintf(out, N, "%s", text ? text : "");
}

double GetNumber(vtkMRMLScalarVolumeNode* node, const char* attribute)
{
  const char* text = node->GetAttribute(attribute);
  return text ? std::strtod(text, nullptr) : 0.;
}
} // namespace

//----------------------------------------------------------------------------
void FrugalSegSeriesToNode(const std::string& folder, const fseg_series_info& info,
                           vtkMRMLScalarVolumeNode* node)
{
  node->SetAttribute(FolderAttribute, folder.c_str());
  node->SetAttribute(UIDAttribute, info.key);
  SetText(node, BodyPartAttribute, info.body_part);
  SetText(node, ProtocolAttribute, info.protocol);
  SetText(node, ScanOptionsAttribute, info.scan_options);
  SetNumber(node, RepetitionAttribute, info.repetition_ms);
  SetNumber(node, EchoAttribute, info.echo_ms);
}

//----------------------------------------------------------------------------
fseg_series_info FrugalSegSeriesOfNode(vtkMRMLScalarVolumeNode* node)
{
  fseg_series_info info{};
  GetText(node, UIDAttribute, info.uid);
  GetText(node, BodyPartAttribute, info.body_part);
  GetText(node, ProtocolAttribute, info.protocol);
  GetText(node, ScanOptionsAttribute, info.scan_options);
  info.repetition_ms = GetNumber(node, RepetitionAttribute);
  info.echo_ms = GetNumber(node, EchoAttribute);
  // Both Slicer and LoadSeries name a volume after the description of its series.
  std::snprintf(info.description, sizeof(info.description), "%s", node->GetName() ? node->GetName() : "");
  return info;
}

//----------------------------------------------------------------------------
bool FrugalSegSeriesPlace(vtkMRMLScalarVolumeNode* node, std::string& folder, std::string& uid)
{
  const char* knownFolder = node ? node->GetAttribute(FolderAttribute) : nullptr;
  const char* knownUID = node ? node->GetAttribute(UIDAttribute) : nullptr;
  if (!knownFolder || !knownUID)
  {
    return false;
  }
  folder = knownFolder;
  uid = knownUID;
  return true;
}

//----------------------------------------------------------------------------
fseg_status FrugalSegChooseSeries(const std::string& folder, const std::string& uid,
                                  FrugalSegSeriesList& list, size_t* index, fseg_error* error)
{
  const fseg_status status = fseg_series_list_scan(folder.c_str(), nullptr, FrugalSegOut(list), error);
  return status == FSEG_OK
             ? fseg_series_list_choose(list.get(), uid.empty() ? nullptr : uid.c_str(), index, error)
             : status;
}
