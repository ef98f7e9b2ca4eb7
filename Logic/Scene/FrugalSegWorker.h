// A piece of work on a thread of its own, with progress and cancellation.
//
// The work holds copies of all that it needs and touches no MRML node, so the scene may be closed and
// nodes may be deleted while it runs.
#ifndef FrugalSegWorker_h
#define FrugalSegWorker_h

#include "frugalseg/status.h"

#include <atomic>
#include <chrono>
#include <functional>
#include <string>
#include <thread>

class FrugalSegWorker
{
public:
  /// Throws FrugalSegFailure to fail; what it produces it keeps itself (captured by the caller).
  using Body = std::function<void(const fseg_progress* progress)>;

  explicit FrugalSegWorker(Body body);
  /// Cancels and waits.
  ~FrugalSegWorker();
  FrugalSegWorker(const FrugalSegWorker&) = delete;
  void operator=(const FrugalSegWorker&) = delete;

  /// Do the work on a new thread of low priority and call `finished` there at the end; false when the
  /// system gives no thread. Once in a worker's life.
  bool Start(const std::function<void()>& finished);

  void Cancel() { this->CancelRequested = true; }
  bool IsFinished() const { return this->Finished; }
  double GetProgress() const { return this->Progress; }
  /// A constant text.
  const char* GetStage() const { return this->Stage; }
  /// Judged by the progress so far; negative while that is too little.
  double GetRemainingSeconds() const;

  /// Only when finished.
  fseg_status GetStatus() const { return this->Status; }
  const std::string& GetMessage() const { return this->Message; }

private:
  static int OnProgress(void* self, double fraction, const char* stage);
  void Run();

  const Body Work;
  fseg_status Status = FSEG_OK;
  std::string Message;
  std::thread Thread;
  std::chrono::steady_clock::time_point Begin;
  std::atomic<bool> CancelRequested{ false };
  std::atomic<bool> Finished{ false };
  std::atomic<double> Progress{ 0. };
  std::atomic<const char*> Stage{ "" };
};

#endif
