#include "FrugalSegJob.h"

#include <new>
#include <system_error>
#include <utility>

//----------------------------------------------------------------------------
FrugalSegJob::FrugalSegJob(Input input) : Given(std::move(input))
{
}

//----------------------------------------------------------------------------
FrugalSegJob::~FrugalSegJob()
{
  this->Cancel();
  if (this->Worker.joinable())
  {
    this->Worker.join();
  }
}

//----------------------------------------------------------------------------
int FrugalSegJob::OnProgress(void* self, double fraction, const char* stage)
{
  FrugalSegJob* job = static_cast<FrugalSegJob*>(self);
  job->Progress = fraction;
  job->Stage = stage ? stage : "";
  return job->CancelRequested ? 1 : 0;
}

//----------------------------------------------------------------------------
void FrugalSegJob::Work()
{
  Result& result = this->Outcome;
  fseg_error error{};
  const fseg_progress progress{ &FrugalSegJob::OnProgress, this };

  FrugalSegModel model;
  FrugalSegContext context;
  fseg_context_options options = fseg_context_default_options();
  options.threads = this->Given.Threads;
  char sha256[65] = "";

  result.Status = fseg_model_load(this->Given.Model.c_str(), FrugalSegOut(model), &error);
  if (result.Status == FSEG_OK)
  {
    result.Status = fseg_model_input_spec(model.get(), &result.Spec, &error);
  }
  if (result.Status == FSEG_OK)
  {
    result.Status = fseg_file_sha256(this->Given.Model.c_str(), sha256, &error);
  }
  if (result.Status == FSEG_OK)
  {
    result.ModelSHA256 = sha256;
    result.Status = fseg_context_create(&options, FrugalSegOut(context), &error);
  }
  if (result.Status == FSEG_OK)
  {
    fseg_segment_options how{};
    how.threshold = this->Given.Threshold;
    how.entropy = this->Given.Entropy ? 1 : 0;
    how.series = &this->Given.Series;
    result.Status = fseg_segment_volume_with(context.get(), model.get(), this->Given.Volume.get(), &how,
                                             &progress, FrugalSegOut(result.Mask),
                                             FrugalSegOut(result.Entropy), &result.Report, &error);
  }
  if (result.Status != FSEG_OK)
  {
    result.Message = error.message[0] ? error.message : fseg_status_text(result.Status);
  }
}

//----------------------------------------------------------------------------
void FrugalSegJob::Run()
{
  try
  {
    this->Work();
  }
  catch (const std::bad_alloc&)
  {
    this->Outcome.Status = FSEG_ERROR_OUT_OF_MEMORY;
  }
  this->Given.Volume.reset(); // the memory is not needed any more
  this->Finished = true;
}

//----------------------------------------------------------------------------
bool FrugalSegJob::Start(const std::function<void()>& finished)
{
  try
  {
    this->Worker = std::thread(
        [this, finished]
        {
          this->Run();
          finished();
        });
  }
  catch (const std::system_error&)
  {
    return false;
  }
  return true;
}
