// Which model is in use; learning a better one.
#include "vtkSlicerFrugalSegLearningLogicInternal.h"

#include "FrugalSegFailure.h"
#include "FrugalSegPredict.h"

// MRML includes
#include <vtkMRMLMessageCollection.h>

// VTK includes
#include <vtkDoubleArray.h>
#include <vtkTable.h>

// STD includes
#include <algorithm>
#include <cstdio>

//----------------------------------------------------------------------------
std::string vtkSlicerFrugalSegLearningLogic::GetCurrentModel()
{
  const std::string& current = this->Internal->GetHistory().GetCurrent();
  try
  {
    // A name is enough where everybody looks; elsewhere only the file is found.
    const std::string path = this->Internal->LocateModel(current);
    return this->ModelFolder != FrugalSegModelHistory::DefaultFolder() &&
                   path.compare(0, this->ModelFolder.size() + 1, this->ModelFolder + "/") == 0
               ? path
               : current;
  }
  catch (const FrugalSegFailure&)
  {
    return current;
  }
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::SetCurrentModel(const std::string& model,
                                                      vtkMRMLMessageCollection* messages)
{
  try
  {
    FrugalSegLoadModel(this->Internal->LocateModel(model));
    this->Internal->GetHistory().Use(model);
  }
  catch (const FrugalSegFailure& failure)
  {
    return this->Internal->ReportError(messages, failure.what());
  }
  this->InvokeEvent(CurrentModelChangedEvent);
  return true;
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::SetModelFolder(const std::string& folder)
{
  this->ModelFolder = folder.empty() ? FrugalSegModelHistory::DefaultFolder() : folder;
  this->LearnedModel.clear();
  this->Internal->History.reset();
  this->InvokeEvent(CurrentModelChangedEvent);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::AcceptModel(vtkMRMLMessageCollection* messages)
{
  try
  {
    if (!this->CanAcceptModel())
    {
      throw FrugalSegFailure(FSEG_ERROR_NOT_FOUND, "There is no new model to use; let one learn first.");
    }
    this->Internal->GetHistory().Accept(this->LearnedModel);
  }
  catch (const FrugalSegFailure& failure)
  {
    return this->Internal->ReportError(messages, failure.what());
  }
  this->InvokeEvent(CurrentModelChangedEvent);
  return true;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::RevertModel(vtkMRMLMessageCollection* messages)
{
  try
  {
    this->Internal->GetHistory().Revert();
  }
  catch (const FrugalSegFailure& failure)
  {
    return this->Internal->ReportError(messages, failure.what());
  }
  this->InvokeEvent(CurrentModelChangedEvent);
  return true;
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::CanAcceptModel()
{
  return this->Internal->GetHistory().HasCandidate(this->LearnedModel);
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::CanRevertModel()
{
  return this->Internal->GetHistory().CanRevert();
}

//----------------------------------------------------------------------------
bool vtkSlicerFrugalSegLearningLogic::StartLearning(vtkMRMLMessageCollection* messages)
{
  if (!this->Internal->IsFree(Learning, messages))
  {
    return false;
  }
  FrugalSegFineTuneOptions options;
  options.Steps = this->LearningSteps;
  options.Batch = this->BatchSize;
  options.Size = this->PatchSize;
  options.LearningRate = this->LearningRate;
  options.EncoderRate = this->EncoderRate;
  options.Augmentation = this->Augmentation;
  options.Phantoms = this->NumberOfPhantoms;
  options.Seed = static_cast<uint64_t>(this->Seed);
  options.Threads = this->NumberOfThreads;
  const auto curve = std::make_shared<FrugalSegLearningCurve>();
  std::vector<FrugalSegLabelledFile> train, heldOut;
  const auto base = std::make_shared<FrugalSegLoadedModel>();
  std::string path;
  try
  {
    path = this->Internal->LocateModel(this->Internal->GetHistory().GetCurrent());
    *base = FrugalSegLoadModel(path);
    const std::string structure = base->Spec.structure;
    FrugalSegDataset dataset(this->DatasetFolder);
    const int value = dataset.GetLabelValue(structure);
    if (dataset.GetCases().empty() || value == 0)
    {
      throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT, "The dataset has no label of the structure \"" +
                                                       structure +
                                                       "\" that the model segments; save one first.");
    }
    if (options.Phantoms > 0 && structure != "liver")
    {
      throw FrugalSegFailure(FSEG_ERROR_INVALID_ARGUMENT,
                             "The phantoms have a liver and the model segments \"" + structure +
                                 "\"; learn without phantoms.");
    }
    dataset.AssignRoles();
    for (const FrugalSegCase& entry : dataset.GetCases())
    {
      const std::vector<std::string>& names = entry.Structures;
      if (std::find(names.begin(), names.end(), structure) != names.end())
      {
        (entry.Role == "held out" ? heldOut : train)
            .push_back({ entry.Name, dataset.GetImagePath(entry), dataset.GetLabelPath(entry), value });
      }
    }
    if (train.empty())
    {
      throw FrugalSegFailure(
          FSEG_ERROR_BAD_INPUT,
          "All labelled cases are held out, so none is left to learn from; save more labels.");
    }
  }
  catch (const FrugalSegFailure& failure)
  {
    return this->Internal->ReportError(messages, failure.what());
  }
  if (heldOut.empty())
  {
    this->Internal->Report(messages, vtkCommand::WarningEvent,
                           "With one labelled case none can be held out: the new model will have no score "
                           "and waits until you accept it. Label a second case to get one.");
  }
  this->LearnedModel.clear();
  this->Internal->Curve = curve;
  const auto made = std::make_shared<std::string>();
  const std::string folder = this->ModelFolder, baseName = this->Internal->GetHistory().GetCurrent();
  return this->Internal->Launch(
      Learning,
      [=](const fseg_progress* progress)
      {
        fseg_error error{};
        char sha256[65] = "";
        FrugalSegRequire(fseg_file_sha256(path.c_str(), sha256, &error), error);
        const FrugalSegModel model =
            FrugalSegFineTune(base->Model.get(), sha256, train, heldOut, options, *curve, progress);
        *made = FrugalSegModelHistory(folder).SaveCandidate(model.get(), baseName);
      },
      [this, made](vtkMRMLMessageCollection* sink) { this->Internal->ApplyLearning(*made, sink); }, messages);
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::vtkInternal::ApplyLearning(const std::string& candidate,
                                                                 vtkMRMLMessageCollection* messages)
{
  for (const std::string& warning : this->Curve->GetWarnings())
  {
    this->Report(messages, vtkCommand::WarningEvent, warning);
  }
  this->External->LearnedModel = candidate;
  const double before = this->Curve->GetMeanBefore(), after = this->Curve->GetMeanAfter();
  if (after < 0.)
  {
    this->Report(messages, vtkCommand::MessageEvent,
                 "The new model has no score; it waits until you accept it.");
    return;
  }
  char figures[128];
  const int cases = static_cast<int>(this->Curve->GetScores().size());
  std::snprintf(figures, sizeof(figures), "mean Dice %.3f before and %.3f after, on %d held-out case%s",
                before, after, cases, cases == 1 ? "" : "s");
  if (after < before)
  {
    this->Report(messages, vtkCommand::WarningEvent,
                 std::string("The new model is worse (") + figures +
                     "); the former one stays in use unless you accept the new one.");
    return;
  }
  this->GetHistory().Accept(candidate);
  this->Report(messages, vtkCommand::MessageEvent, std::string("The new model is in use: ") + figures + ".");
  this->External->InvokeEvent(CurrentModelChangedEvent);
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::GetLossCurve(vtkTable* table)
{
  const std::vector<double> losses = this->Internal->Curve->GetLosses();
  vtkNew<vtkDoubleArray> columns[3];
  const char* const names[3] = { "step", "loss", "smoothed" };
  table->Initialize();
  for (int i = 0; i < 3; ++i)
  {
    columns[i]->SetName(names[i]);
    columns[i]->SetNumberOfValues(static_cast<vtkIdType>(losses.size()));
    table->AddColumn(columns[i]);
  }
  constexpr size_t window = 20;
  double sum = 0.;
  for (size_t i = 0; i < losses.size(); ++i)
  {
    const auto row = static_cast<vtkIdType>(i);
    sum += losses[i] - (i >= window ? losses[i - window] : 0.);
    columns[0]->SetValue(row, static_cast<double>(i + 1));
    columns[1]->SetValue(row, losses[i]);
    columns[2]->SetValue(row, sum / static_cast<double>(std::min(i + 1, window)));
  }
}

//----------------------------------------------------------------------------
void vtkSlicerFrugalSegLearningLogic::GetScores(vtkTable* table)
{
  FrugalSegTableBegin(table, { "case", "before", "after" });
  for (const FrugalSegScore& score : this->Internal->Curve->GetScores())
  {
    FrugalSegTableAddRow(table, { score.Case, FrugalSegFigure(score.Before), FrugalSegFigure(score.After) });
  }
}

//----------------------------------------------------------------------------
double vtkSlicerFrugalSegLearningLogic::GetMeanDiceBefore()
{
  return this->Internal->Curve->GetMeanBefore();
}

//----------------------------------------------------------------------------
double vtkSlicerFrugalSegLearningLogic::GetMeanDiceAfter()
{
  return this->Internal->Curve->GetMeanAfter();
}
