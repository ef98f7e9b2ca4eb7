#include "vtkSlicerFrugalSegLogic.h"

#include "FrugalSegConversion.h"
#include "FrugalSegJob.h"
#include "FrugalSegStructure.h"
#include "vtkMRMLFrugalSegNode.h"

// Slicer includes
#include <vtkSlicerApplicationLogic.h>
#include <vtkSlicerSegmentationsModuleLogic.h>

// MRML includes
#include <vtkMRMLMessageCollection.h>
#include <vtkMRMLScalarVolumeDisplayNode.h>
#include <vtkMRMLScalarVolumeNode.h>
#include <vtkMRMLScene.h>
#include <vtkMRMLSegmentationNode.h>
#include <vtkMRMLTransformNode.h>

// Segmentation includes
#include <vtkOrientedImageData.h>
#include <vtkSegment.h>
#include <vtkSegmentation.h>
#include <vtkSegmentationConverter.h>
#include <vtkSegmentationConverterFactory.h>

// VTK includes
#include <vtkCallbackCommand.h>
#include <vtkIntArray.h>
#include <vtkNew.h>
#include <vtkObjectFactory.h>
#include <vtkSmartPointer.h>
#include <vtkStringArray.h>
#include <vtkTable.h>
#include <vtkWeakPointer.h>

// STD includes
#include <cstdio>
#include <filesystem>

namespace
{
// Where a volume came from, so that a DICOM SEG can refer to its files.
const char* const SeriesFolderAttribute = "FrugalSeg.SeriesFolder";
const char* const SeriesUIDAttribute = "FrugalSeg.SeriesUID";

// What made a segment.
const char* const StructureTag = "FrugalSeg.Structure";
const char* const ModelNameTag = "FrugalSeg.ModelName";
const char* const ModelVersionTag = "FrugalSeg.ModelVersion";
const char* const ModelSHA256Tag = "FrugalSeg.ModelSHA256";
const char* const FingerprintTag = "FrugalSeg.Fingerprint";

std::string TagOf(vtkSegment* segment, const char* tag)
{
  std::string value;
  segment->GetTag(tag, value);
  return value;
}

std::string TextOf(const fseg_error& error)
{
  return error.message[0] ? error.message : fseg_status_text(error.status);
}

fseg_status ChooseSeries(const char* folder, const char* uid, FrugalSegSeriesList& list, size_t* index,
                         fseg_error* error)
{
  const fseg_status status = fseg_series_list_scan(folder, nullptr, FrugalSegOut(list), error);
  return status == FSEG_OK ? fseg_series_list_choose(list.get(), uid, index, error) : status;
}

std::string FormatNumbers(const char* format, double a, double b, double c)
{
  char text[96];
  std::snprintf(text, sizeof(text), format, a, b, c);
  return text;
}
} // namespace

//----------------------------------------------------------------------------
class vtkSlicerFrugalSegLogic::vtkInternal
{
public:
  explicit vtkInternal(vtkSlicerFrugalSegLogic* external) : External(external)
  {
    this->FinishedCommand->SetClientData(external);
    this->FinishedCommand->SetCallback(&vtkInternal::OnFinished);
    this->FinishedNotifier->AddObserver(vtkCommand::ModifiedEvent, this->FinishedCommand);
  }

  /// The application's event loop calls this when a worker has ended.
  static void OnFinished(vtkObject*, unsigned long, void* clientData, void*)
  {
    static_cast<vtkSlicerFrugalSegLogic*>(clientData)->ProcessPendingResults();
  }

  void Report(vtkMRMLMessageCollection* messages, unsigned long type, const std::string& text) const
  {
    if (messages)
    {
      messages->AddMessage(type, text);
    }
    else if (type == vtkCommand::ErrorEvent)
    {
      vtkErrorWithObjectMacro(this->External, << text);
    }
    else
    {
      vtkWarningWithObjectMacro(this->External, << text);
    }
  }
  void ReportError(vtkMRMLMessageCollection* messages, const std::string& text) const
  {
    this->Report(messages, vtkCommand::ErrorEvent, text);
  }

  bool Prepare(vtkMRMLScalarVolumeNode* volume, const std::string& model, int threads,
               vtkMRMLSegmentationNode* segmentation, vtkMRMLFrugalSegNode* parameters,
               vtkMRMLMessageCollection* messages);
  bool Launch(vtkMRMLMessageCollection* messages);
  void Apply(const FrugalSegJob::Result& result, vtkMRMLMessageCollection* messages);
  std::string SegmentToReplace(vtkMRMLSegmentationNode* segmentation, const std::string& structure,
                               vtkMRMLScalarVolumeNode* volume) const;
  vtkMRMLScalarVolumeNode* AddVolume(const fseg_volume* volume, const std::string& name);

  vtkSlicerFrugalSegLogic* External;
  std::unique_ptr<FrugalSegJob> Job;

  // What the run is about; weak, because anything may be removed meanwhile.
  vtkWeakPointer<vtkMRMLScene> Scene;
  vtkWeakPointer<vtkMRMLScalarVolumeNode> Volume;
  vtkWeakPointer<vtkMRMLSegmentationNode> Segmentation;
  vtkWeakPointer<vtkMRMLFrugalSegNode> Parameters;
  vtkWeakPointer<vtkMRMLSegmentationNode> LastSegmentation;

  // Only where nobody else has one.
  vtkSmartPointer<vtkSlicerSegmentationsModuleLogic> Segmentations;

  // The worker asks the application to "modify" this object on the main thread.
  vtkNew<vtkObject> FinishedNotifier;
  vtkNew<vtkCallbackCommand> FinishedCommand;
};

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::vtkInternal::Prepare(vtkMRMLScalarVolumeNode* volume, const std::string& model,
                                                   int threads, vtkMRMLSegmentationNode* segmentation,
                                                   vtkMRMLFrugalSegNode* parameters,
                                                   vtkMRMLMessageCollection* messages)
{
  if (this->Job)
  {
    this->ReportError(messages, "A segmentation is going on; wait for it or cancel it first.");
    return false;
  }
  vtkMRMLScene* scene = this->External->GetMRMLScene();
  if (!scene || !volume || volume->GetScene() != scene)
  {
    this->ReportError(messages, "No volume of the scene was given; load one and select it first.");
    return false;
  }
  if (segmentation && segmentation->GetScene() != scene)
  {
    this->ReportError(messages, "The segmentation does not belong to the scene; select another one.");
    return false;
  }
  if (segmentation && segmentation->GetParentTransformNode() != volume->GetParentTransformNode())
  {
    this->ReportError(messages,
                      "Segmentation and volume lie under different transforms; put both under the same "
                      "one, or choose a new segmentation.");
    return false;
  }
  fseg_error error{};
  FrugalSegVolume copy = FrugalSegVolumeFromNode(volume, &error);
  if (!copy)
  {
    this->ReportError(messages, TextOf(error));
    return false;
  }
  this->Job = std::make_unique<FrugalSegJob>(std::move(copy), model, threads);
  this->Scene = scene;
  this->Volume = volume;
  this->Segmentation = segmentation;
  this->Parameters = parameters;
  return true;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::vtkInternal::Launch(vtkMRMLMessageCollection* messages)
{
  // Kept alive by the worker, which may end after the application has let go of them.
  vtkSmartPointer<vtkSlicerApplicationLogic> application = this->External->GetApplicationLogic();
  vtkSmartPointer<vtkObject> notifier = this->FinishedNotifier.GetPointer();
  const bool started = this->Job->Start(
      [application, notifier]
      {
        if (application)
        {
          application->RequestModified(notifier);
        }
      });
  if (!started)
  {
    this->Job.reset();
    this->ReportError(messages,
                      "The system gave no thread for the segmentation; close other programs and retry.");
  }
  return started;
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLogic::vtkInternal::SegmentToReplace(vtkMRMLSegmentationNode* segmentation,
                                                                   const std::string& structure,
                                                                   vtkMRMLScalarVolumeNode* volume) const
{
  vtkSegmentation* segments = segmentation->GetSegmentation();
  for (const std::string& id : segments->GetSegmentIDs())
  {
    if (vtkSlicerFrugalSegLogic::IsOwnSegment(segmentation, id) &&
        TagOf(segments->GetSegment(id), StructureTag) == structure &&
        !vtkSlicerFrugalSegLogic::IsSegmentEdited(segmentation, id, volume))
    {
      return id;
    }
  }
  return "";
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::vtkInternal::Apply(const FrugalSegJob::Result& result,
                                                 vtkMRMLMessageCollection* messages)
{
  if (result.Status == FSEG_ERROR_CANCELLED)
  {
    return;
  }
  if (result.Status != FSEG_OK)
  {
    this->ReportError(messages, result.Message.empty() ? fseg_status_text(result.Status) : result.Message);
    return;
  }
  vtkMRMLScene* scene = this->External->GetMRMLScene();
  vtkMRMLScalarVolumeNode* volume = this->Volume;
  if (!scene || this->Scene != scene || !volume || volume->GetScene() != scene)
  {
    this->Report(messages, vtkCommand::WarningEvent,
                 "The volume was removed during the segmentation; the result was discarded.");
    return;
  }
  for (int i = 0; i < result.Report.warning_count; ++i)
  {
    this->Report(messages, vtkCommand::WarningEvent, result.Report.warnings[i]);
  }
  if (result.Report.volume_ml <= 0.)
  {
    return; // a warning has said so
  }

  const FrugalSegStructure structure = FrugalSegStructureOf(result.Spec.structure);
  vtkNew<vtkSegment> segment;
  segment->SetName(structure.Name.c_str());
  segment->SetColor(structure.Color[0], structure.Color[1], structure.Color[2]);
  segment->SetTerminology(structure.Terminology);
  segment->SetTag(StructureTag, std::string(result.Spec.structure));
  segment->SetTag(ModelNameTag, std::string(result.Spec.name));
  segment->SetTag(ModelVersionTag, std::string(result.Spec.version));
  segment->SetTag(ModelSHA256Tag, result.ModelSHA256);
  segment->SetTag(FingerprintTag, FrugalSegMaskFingerprint(result.Mask.get()));
  segment->AddRepresentation(vtkSegmentationConverter::GetBinaryLabelmapRepresentationName(),
                             FrugalSegMaskToLabelmap(result.Mask.get()));

  vtkMRMLSegmentationNode* segmentation = this->Segmentation;
  if (segmentation && (segmentation->GetScene() != scene ||
                       segmentation->GetParentTransformNode() != volume->GetParentTransformNode()))
  {
    segmentation = nullptr; // removed or moved meanwhile: the result gets a segmentation of its own
  }
  if (segmentation)
  {
    segmentation->UndoEnabledOn();
    for (int i = 0; i < segmentation->GetNumberOfDisplayNodes(); ++i)
    {
      segmentation->GetNthDisplayNode(i)->UndoEnabledOn();
    }
  }
  scene->SaveStateForUndo();

  vtkSmartPointer<vtkMRMLSegmentationNode> created;
  if (!segmentation)
  {
    created = vtkSmartPointer<vtkMRMLSegmentationNode>::New();
    created->UndoEnabledOn();
    created->SetName(scene
                         ->GenerateUniqueName(std::string(volume->GetName() ? volume->GetName() : "Volume") +
                                              " segmentation")
                         .c_str());
    scene->AddNode(created);
    created->CreateDefaultDisplayNodes();
    if (created->GetDisplayNode())
    {
      created->GetDisplayNode()->UndoEnabledOn();
    }
    created->SetReferenceImageGeometryParameterFromVolumeNode(volume);
    created->SetAndObserveTransformNodeID(volume->GetTransformNodeID());
    segmentation = created;
  }
  vtkSegmentation* segments = segmentation->GetSegmentation();
  std::string segmentID = this->SegmentToReplace(segmentation, result.Spec.structure, volume);
  if (segmentID.empty())
  {
    segmentID = segments->GenerateUniqueSegmentID(structure.Name);
  }
  else
  {
    segments->RemoveSegment(segmentID);
  }
  if (!segments->AddSegment(segment, segmentID))
  {
    this->ReportError(messages,
                      "The segmentation does not take voxels as its source; choose a new segmentation.");
    if (created)
    {
      scene->RemoveNode(created);
    }
    return;
  }
  this->LastSegmentation = segmentation;
  this->External->LastSegmentID = segmentID;
  this->External->LastVolumeML = result.Report.volume_ml;
  if (this->Parameters && this->Parameters->GetScene() == scene)
  {
    this->Parameters->SetSegmentationNode(segmentation);
    this->Parameters->SetSegmentID(segmentID);
  }
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLogic::vtkInternal::AddVolume(const fseg_volume* volume,
                                                                         const std::string& name)
{
  vtkMRMLScene* scene = this->External->GetMRMLScene();
  vtkNew<vtkMRMLScalarVolumeNode> node;
  node->SetName(scene->GenerateUniqueName(name).c_str());
  FrugalSegVolumeToNode(volume, node);
  scene->AddNode(node);
  node->CreateDefaultDisplayNodes();
  return node;
}

//----------------------------------------------------------------------------
vtkStandardNewMacro(vtkSlicerFrugalSegLogic);

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLogic::vtkSlicerFrugalSegLogic() : Internal(new vtkInternal(this))
{
}

//----------------------------------------------------------------------------
vtkSlicerFrugalSegLogic::~vtkSlicerFrugalSegLogic()
{
  // A request of the worker may still lie in the application's queue: it must not find us.
  this->Internal->FinishedNotifier->RemoveObserver(this->Internal->FinishedCommand);
  delete this->Internal;
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::PrintSelf(ostream& os, vtkIndent indent)
{
  this->Superclass::PrintSelf(os, indent);
  os << indent << "Segmenting: " << (this->Internal->Job != nullptr) << "\n";
  os << indent << "LastSegmentID: " << this->LastSegmentID << "\n";
  os << indent << "LastVolumeML: " << this->LastVolumeML << "\n";
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::RegisterNodes()
{
  vtkMRMLScene* scene = this->GetMRMLScene();
  scene->RegisterNodeClass(vtkSmartPointer<vtkMRMLFrugalSegNode>::New());
  // In Slicer the Segmentations module has registered what segmentations are converted (and copied,
  // for undo) with; elsewhere we see to it.
  vtkSmartPointer<vtkDataObject> labelmap;
  labelmap.TakeReference(vtkSegmentationConverterFactory::GetInstance()->ConstructRepresentationObjectByClass(
      "vtkOrientedImageData"));
  if (!labelmap)
  {
    this->Internal->Segmentations = vtkSmartPointer<vtkSlicerSegmentationsModuleLogic>::New();
    this->Internal->Segmentations->SetMRMLScene(scene);
  }
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::SetMRMLSceneInternal(vtkMRMLScene* newScene)
{
  if (this->Internal->Segmentations && !newScene)
  {
    this->Internal->Segmentations->SetMRMLScene(nullptr);
    this->Internal->Segmentations = nullptr;
  }
  vtkNew<vtkIntArray> events;
  events->InsertNextValue(vtkMRMLScene::StartCloseEvent);
  this->SetAndObserveMRMLSceneEventsInternal(newScene, events);
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::OnMRMLSceneStartClose()
{
  this->CancelSegment();
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::ListSeries(const std::string& folder, vtkTable* table,
                                         vtkMRMLMessageCollection* messages)
{
  if (!table)
  {
    this->Internal->ReportError(messages, "No table was given for the list of series.");
    return false;
  }
  table->Initialize();
  const char* const columns[] = { "uid",        "description", "modality", "matrix",
                                  "spacing_mm", "slices",      "verdict",  "reason" };
  for (const char* name : columns)
  {
    vtkNew<vtkStringArray> column;
    column->SetName(name);
    table->AddColumn(column);
  }
  fseg_error error{};
  FrugalSegSeriesList list;
  if (fseg_series_list_scan(folder.c_str(), nullptr, FrugalSegOut(list), &error) != FSEG_OK)
  {
    this->Internal->ReportError(messages, TextOf(error));
    return false;
  }
  for (size_t i = 0; i < fseg_series_list_count(list.get()); ++i)
  {
    const fseg_series_info* info = fseg_series_list_info(list.get(), i);
    const std::string values[] = {
      info->uid,
      info->description,
      info->modality,
      FormatNumbers("%.0f x %.0f x %.0f", static_cast<double>(info->columns), static_cast<double>(info->rows),
                    static_cast<double>(info->slices)),
      FormatNumbers("%.3f x %.3f x %.3f", info->spacing_mm[0], info->spacing_mm[1], info->spacing_mm[2]),
      std::to_string(info->slices),
      fseg_verdict_name(info->verdict),
      info->reason,
    };
    const vtkIdType row = table->InsertNextBlankRow();
    for (int column = 0; column < 8; ++column)
    {
      table->SetValue(row, column, vtkVariant(values[column]));
    }
  }
  return true;
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLogic::LoadSeries(const std::string& folder,
                                                             const std::string& uid,
                                                             vtkMRMLMessageCollection* messages)
{
  if (!this->GetMRMLScene())
  {
    this->Internal->ReportError(messages, "There is no scene to load into.");
    return nullptr;
  }
  fseg_error error{};
  FrugalSegSeriesList list;
  FrugalSegVolume volume;
  size_t index = 0;
  fseg_status status =
      ChooseSeries(folder.c_str(), uid.empty() ? nullptr : uid.c_str(), list, &index, &error);
  if (status == FSEG_OK)
  {
    status = fseg_series_read(list.get(), index, nullptr, FrugalSegOut(volume), &error);
  }
  if (status != FSEG_OK)
  {
    this->Internal->ReportError(messages, TextOf(error));
    return nullptr;
  }
  const fseg_series_info* info = fseg_series_list_info(list.get(), index);
  vtkMRMLScalarVolumeNode* node =
      this->Internal->AddVolume(volume.get(), info->description[0] ? info->description : "Series");
  node->SetAttribute(SeriesFolderAttribute, folder.c_str());
  node->SetAttribute(SeriesUIDAttribute, info->uid);
  return node;
}

//----------------------------------------------------------------------------
vtkMRMLScalarVolumeNode* vtkSlicerFrugalSegLogic::LoadVolumeFile(const std::string& path,
                                                                 vtkMRMLMessageCollection* messages)
{
  if (!this->GetMRMLScene())
  {
    this->Internal->ReportError(messages, "There is no scene to load into.");
    return nullptr;
  }
  fseg_error error{};
  FrugalSegVolume volume;
  if (fseg_volume_read(path.c_str(), FrugalSegOut(volume), &error) != FSEG_OK)
  {
    this->Internal->ReportError(messages, TextOf(error));
    return nullptr;
  }
  std::string name = std::filesystem::path(path).filename().string();
  name = name.substr(0, name.find('.'));
  return this->Internal->AddVolume(volume.get(), name.empty() ? "Volume" : name);
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* vtkSlicerFrugalSegLogic::Segment(vtkMRMLScalarVolumeNode* volume,
                                                          const std::string& model,
                                                          vtkMRMLSegmentationNode* segmentation,
                                                          vtkMRMLMessageCollection* messages)
{
  if (!this->Internal->Prepare(volume, model, 0, segmentation, nullptr, messages))
  {
    return nullptr;
  }
  this->Internal->Job->Run();
  this->ProcessPendingResults(messages);
  return this->GetLastSegmentation();
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* vtkSlicerFrugalSegLogic::Segment(vtkMRMLFrugalSegNode* parameters,
                                                          vtkMRMLMessageCollection* messages)
{
  if (!parameters || !this->Internal->Prepare(parameters->GetInputVolumeNode(), parameters->GetModelName(),
                                              parameters->GetNumberOfThreads(),
                                              parameters->GetSegmentationNode(), parameters, messages))
  {
    return nullptr;
  }
  this->Internal->Job->Run();
  this->ProcessPendingResults(messages);
  return this->GetLastSegmentation();
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::StartSegment(vtkMRMLScalarVolumeNode* volume, const std::string& model,
                                           vtkMRMLSegmentationNode* segmentation,
                                           vtkMRMLMessageCollection* messages)
{
  return this->Internal->Prepare(volume, model, 0, segmentation, nullptr, messages) &&
         this->Internal->Launch(messages);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::StartSegment(vtkMRMLFrugalSegNode* parameters,
                                           vtkMRMLMessageCollection* messages)
{
  return parameters &&
         this->Internal->Prepare(parameters->GetInputVolumeNode(), parameters->GetModelName(),
                                 parameters->GetNumberOfThreads(), parameters->GetSegmentationNode(),
                                 parameters, messages) &&
         this->Internal->Launch(messages);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::IsSegmenting()
{
  return this->Internal->Job != nullptr;
}

//----------------------------------------------------------------------------
double vtkSlicerFrugalSegLogic::GetProgress()
{
  return this->Internal->Job ? this->Internal->Job->GetProgress() : 0.;
}

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLogic::GetProgressStage()
{
  return this->Internal->Job ? this->Internal->Job->GetStage() : "";
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLogic::CancelSegment()
{
  if (this->Internal->Job)
  {
    this->Internal->Job->Cancel();
  }
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::ProcessPendingResults(vtkMRMLMessageCollection* messages)
{
  if (!this->Internal->Job || !this->Internal->Job->IsFinished())
  {
    return false;
  }
  // Taken away first: an observer of what follows may start the next run.
  const std::unique_ptr<FrugalSegJob> job = std::move(this->Internal->Job);
  this->Internal->LastSegmentation = nullptr;
  this->LastSegmentID.clear();
  this->LastVolumeML = 0.;
  this->Internal->Apply(job->GetResult(), messages);
  this->InvokeEvent(SegmentationEndedEvent);
  return true;
}

//----------------------------------------------------------------------------
vtkMRMLSegmentationNode* vtkSlicerFrugalSegLogic::GetLastSegmentation()
{
  return this->Internal->LastSegmentation;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::IsOwnSegment(vtkMRMLSegmentationNode* segmentation,
                                           const std::string& segmentID)
{
  vtkSegment* segment = segmentation ? segmentation->GetSegmentation()->GetSegment(segmentID) : nullptr;
  return segment && segment->HasTag(ModelSHA256Tag);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::IsSegmentEdited(vtkMRMLSegmentationNode* segmentation,
                                              const std::string& segmentID, vtkMRMLScalarVolumeNode* volume)
{
  fseg_error error{};
  const FrugalSegMask mask = FrugalSegMaskFromSegment(segmentation, segmentID, volume, &error);
  return !mask || FrugalSegMaskFingerprint(mask.get()) !=
                      TagOf(segmentation->GetSegmentation()->GetSegment(segmentID), FingerprintTag);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::ExportSegmentation(vtkMRMLSegmentationNode* segmentation,
                                                 const std::string& segmentID,
                                                 vtkMRMLScalarVolumeNode* volume, const std::string& path,
                                                 vtkMRMLMessageCollection* messages)
{
  if (!vtkSlicerFrugalSegLogic::IsOwnSegment(segmentation, segmentID))
  {
    this->Internal->ReportError(messages, "Only segments that FrugalSeg made can be exported as its DICOM "
                                          "segmentation; use Slicer's DICOM export for others.");
    return false;
  }
  const char* folder = volume ? volume->GetAttribute(SeriesFolderAttribute) : nullptr;
  const char* uid = volume ? volume->GetAttribute(SeriesUIDAttribute) : nullptr;
  if (!folder || !uid)
  {
    this->Internal->ReportError(messages,
                                "The volume was not loaded from a DICOM series by FrugalSeg, so a DICOM "
                                "segmentation has nothing to refer to; export a NIfTI mask instead.");
    return false;
  }
  fseg_error error{};
  const FrugalSegMask mask = FrugalSegMaskFromSegment(segmentation, segmentID, volume, &error);
  if (!mask)
  {
    this->Internal->ReportError(messages, TextOf(error));
    return false;
  }
  vtkSegment* segment = segmentation->GetSegmentation()->GetSegment(segmentID);
  const std::string structure = TagOf(segment, StructureTag);
  const std::string modelName = TagOf(segment, ModelNameTag);
  const std::string modelVersion = TagOf(segment, ModelVersionTag);
  const std::string modelSHA256 = TagOf(segment, ModelSHA256Tag);
  fseg_seg_options options{};
  options.structure = structure.c_str();
  options.model_name = modelName.c_str();
  options.model_version = modelVersion.c_str();
  options.model_sha256 = modelSHA256.c_str();
  options.edited = FrugalSegMaskFingerprint(mask.get()) != TagOf(segment, FingerprintTag);

  FrugalSegSeriesList list;
  size_t index = 0;
  fseg_status status = ChooseSeries(folder, uid, list, &index, &error);
  if (status == FSEG_OK)
  {
    status = fseg_seg_write(list.get(), index, mask.get(), &options, path.c_str(), &error);
  }
  if (status != FSEG_OK)
  {
    this->Internal->ReportError(messages, TextOf(error));
    return false;
  }
  return true;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLogic::ExportMask(vtkMRMLSegmentationNode* segmentation, const std::string& segmentID,
                                         vtkMRMLScalarVolumeNode* volume, const std::string& path,
                                         vtkMRMLMessageCollection* messages)
{
  fseg_error error{};
  const FrugalSegMask mask = FrugalSegMaskFromSegment(segmentation, segmentID, volume, &error);
  if (!mask || fseg_mask_write(mask.get(), path.c_str(), &error) != FSEG_OK)
  {
    this->Internal->ReportError(messages, TextOf(error));
    return false;
  }
  return true;
}
