// One segmentation run, on the calling thread or on a thread of its own.
//
// A job holds copies of all that it needs and touches no MRML node, so the scene may be closed and
// nodes may be deleted while it runs.
#ifndef FrugalSegJob_h
#define FrugalSegJob_h

#include "FrugalSegHandles.h"

#include <atomic>
#include <functional>
#include <string>
#include <thread>

class FrugalSegJob
{
public:
  struct Input
  {
    FrugalSegVolume Volume;
    fseg_series_info Series{}; ///< where the volume comes from, for the warnings
    std::string Model;         ///< file of the model
    int Threads = 0;           ///< 0 takes all processors
    double Threshold = 0.;     ///< 0 takes the card's
    bool Entropy = false;      ///< also make the map of entropy
  };

  struct Result
  {
    fseg_status Status = FSEG_OK;
    std::string Message; ///< why it failed; empty on success
    FrugalSegMask Mask;
    FrugalSegVolume Entropy; ///< null unless wanted
    fseg_segment_report Report{};
    fseg_input_spec Spec{};
    std::string ModelSHA256;
  };

  explicit FrugalSegJob(Input input);
  /// Cancels and waits; that takes as long as the C library polls, at most 50 ms.
  ~FrugalSegJob();
  FrugalSegJob(const FrugalSegJob&) = delete;
  void operator=(const FrugalSegJob&) = delete;

  /// Do the work on this thread.
  void Run();
  /// Do the work on a new thread and call `finished` there at the end; false when the system gives no
  /// thread. Once in a job's life.
  bool Start(const std::function<void()>& finished);

  void Cancel() { this->CancelRequested = true; }
  bool IsFinished() const { return this->Finished; }
  double GetProgress() const { return this->Progress; }
  /// A constant text of the C library.
  const char* GetStage() const { return this->Stage; }

  /// Only when finished.
  const Result& GetResult() const { return this->Outcome; }

private:
  static int OnProgress(void* self, double fraction, const char* stage);
  void Work();

  Input Given;
  Result Outcome;
  std::thread Worker;
  std::atomic<bool> CancelRequested{ false };
  std::atomic<bool> Finished{ false };
  std::atomic<double> Progress{ 0. };
  std::atomic<const char*> Stage{ "" };
};

#endif
