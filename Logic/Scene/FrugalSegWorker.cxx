#include "FrugalSegWorker.h"

#include "FrugalSegFailure.h"

#include <new>
#include <system_error>

#ifdef __linux__
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace
{
/// The user's own work comes first. Threads that this one creates inherit it.
void LowerPriority()
{
#ifdef __linux__
  setpriority(PRIO_PROCESS, static_cast<id_t>(syscall(SYS_gettid)), 10);
#endif
}
} // namespace

//----------------------------------------------------------------------------
FrugalSegWorker::FrugalSegWorker(Body body) : Work(std::move(body)), Begin(std::chrono::steady_clock::now())
{
}

//----------------------------------------------------------------------------
FrugalSegWorker::~FrugalSegWorker()
{
  this->Cancel();
  if (this->Thread.joinable())
  {
    this->Thread.join();
  }
}

//----------------------------------------------------------------------------
int FrugalSegWorker::OnProgress(void* self, double fraction, const char* stage)
{
  FrugalSegWorker* worker = static_cast<FrugalSegWorker*>(self);
  worker->Progress = fraction;
  worker->Stage = stage ? stage : "";
  return worker->CancelRequested ? 1 : 0;
}

//----------------------------------------------------------------------------
void FrugalSegWorker::Run()
{
  const fseg_progress progress{ &FrugalSegWorker::OnProgress, this };
  try
  {
    this->Work(&progress);
  }
  catch (const FrugalSegFailure& failure)
  {
    this->Status = failure.Status;
    this->Message = failure.what();
  }
  catch (const std::bad_alloc&)
  {
    this->Status = FSEG_ERROR_OUT_OF_MEMORY;
    this->Message = "Memory is out; close other programs, or use smaller images or batches.";
  }
  catch (const std::exception& exception)
  {
    this->Status = FSEG_ERROR_IO;
    this->Message = exception.what();
  }
  this->Finished = true;
}

//----------------------------------------------------------------------------
bool FrugalSegWorker::Start(const std::function<void()>& finished)
{
  this->Begin = std::chrono::steady_clock::now();
  try
  {
    this->Thread = std::thread(
        [this, finished]
        {
          LowerPriority();
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

//----------------------------------------------------------------------------
double FrugalSegWorker::GetRemainingSeconds() const
{
  const double elapsed =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - this->Begin).count();
  const double done = this->Progress;
  return done >= 0.02 && done <= 1. ? elapsed * (1. - done) / done : -1.;
}
