// annotation_loop: does the loop of correcting, saving and learning pay? Experiments on labelled cases, whose
// truth plays the annotator. docs/annotation-loop.md says how and with what outcome.
//   annotation_loop learn DATA OUT [OPTION=NUMBER...]      one more corrected case at a time
//   annotation_loop rank DATA OUT [OPTION=NUMBER...]       is the model unsure where it is wrong?
//   annotation_loop propagate DATA OUT [OPTION=NUMBER...]  three corrected slices of a case
//
// DATA holds NAME_image.nii.gz and NAME_label.nii.gz (1 = the structure). OUT receives models and CSV
// files; what is there already is not computed again. Research use only - not a medical device.
#include "FrugalSegFailure.h"
#include "FrugalSegFineTune.h"
#include "FrugalSegPredict.h"
#include "FrugalSegPropagation.h"
#include "FrugalSegRanking.h"
#include "FrugalSegSlices.h"

#include "frugalseg/random.h"
#include "frugalseg/slices.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

namespace fs = std::filesystem;

namespace
{
using Cases = std::vector<FrugalSegLabelledFile>;

/// What can be set on the command line; the defaults are those of the documented runs.
std::map<std::string, double> Options = {
  { "seed", 1 },         { "base", 2 },
  { "test", 4 },         { "add", 4 },
  { "base-steps", 800 }, { "steps", 250 },
  { "batch", 4 },        { "size", 128 },
  { "spacing", 2.5 },    { "slices", 3 },
  { "context", 3 },      { "threads", 2 },
  { "small", 0 },        { "propagate-steps", 40 },
  { "anchors", 0.25 },
};
int Integer(const char* name)
{
  return static_cast<int>(Options.at(name));
}

/// Wall clock and processor time of a stretch of work. On a busy machine only the second is fair.
class Stopwatch
{
public:
  double GetSeconds() const
  {
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - this->Begin).count();
  }
  double GetProcessorSeconds() const
  {
    return static_cast<double>(std::clock() - this->Processor) / CLOCKS_PER_SEC;
  }

private:
  const std::chrono::steady_clock::time_point Begin = std::chrono::steady_clock::now();
  const std::clock_t Processor = std::clock();
};

Cases FindCases(const std::string& folder)
{
  Cases cases;
  for (const fs::directory_entry& file : fs::directory_iterator(folder))
  {
    const std::string path = file.path().string();
    const size_t end = path.rfind("_image.nii.gz");
    if (end != std::string::npos)
    {
      const std::string label = path.substr(0, end) + "_label.nii.gz";
      cases.push_back({ path.substr(folder.size() + 1, end - folder.size() - 1), path, label, 1 });
    }
  }
  std::sort(cases.begin(), cases.end(),
            [](const FrugalSegLabelledFile& a, const FrugalSegLabelledFile& b) { return a.Name < b.Name; });
  return cases;
}

/// The cases in the order of a seed: the first are never used, the next train the first model, the rest can
/// be labelled.
struct Split
{
  Cases Test, Base, Pool;

  explicit Split(const std::string& folder)
  {
    Cases all = FindCases(folder);
    const size_t wanted = static_cast<size_t>(Integer("test") + Integer("base") + Integer("add"));
    if (all.size() < wanted)
    {
      throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT, "The data folder holds " + std::to_string(all.size()) +
                                                       " cases and the experiment needs " +
                                                       std::to_string(wanted) + ".");
    }
    fseg_random random = fseg_random_create(static_cast<uint64_t>(Integer("seed")), 1);
    for (size_t i = all.size(); i > 1; --i)
    {
      std::swap(all[i - 1], all[fseg_random_below(&random, static_cast<uint32_t>(i))]);
    }
    const auto test = all.begin() + Integer("test"), base = test + Integer("base");
    this->Test.assign(all.begin(), test);
    this->Base.assign(test, base);
    this->Pool.assign(base, all.end());
  }
};

FrugalSegModel NewModel()
{
  fseg_error error{};
  fseg_unet_config config = fseg_unet_default_config(Integer("context"), 2);
  if (Options.at("small") > 0)
  {
    config.levels = 3;
    config.widths[0] = config.widths[1] = config.widths[2] = 8;
  }
  FrugalSegModel model;
  FrugalSegRequire(
      fseg_model_create(&config, static_cast<uint64_t>(Integer("seed")), FrugalSegOut(model), &error), error);
  char card[256];
  std::snprintf(card, sizeof(card),
                "{\"name\": \"annotation-loop\", \"version\": \"1\", \"structure\": \"liver\", \"modality\": "
                "\"MR\", \"spacing_mm\": %g, \"context_slices\": %d}",
                Options.at("spacing"), Integer("context"));
  FrugalSegRequire(fseg_model_set_card(model.get(), card, &error), error);
  return model;
}

FrugalSegModel LoadModel(const std::string& path)
{
  fseg_error error{};
  FrugalSegModel model;
  FrugalSegRequire(fseg_model_load(path.c_str(), FrugalSegOut(model), &error), error);
  return model;
}

void SaveModel(const FrugalSegModel& model, const std::string& path)
{
  fseg_error error{};
  FrugalSegRequire(fseg_model_save(model.get(), path.c_str(), &error), error);
}

FrugalSegModel Learn(const fseg_model* from, const Cases& cases, int steps, double rate, double encoderRate)
{
  FrugalSegFineTuneOptions options;
  options.Steps = steps;
  options.Batch = Integer("batch");
  options.Size = Integer("size");
  options.LearningRate = rate;
  options.EncoderRate = encoderRate;
  options.Seed = static_cast<uint64_t>(Integer("seed"));
  options.Threads = Integer("threads");
  FrugalSegLearningCurve curve;
  return FrugalSegFineTune(from, "", cases, {}, options, curve, nullptr);
}

/// Lines of a CSV file, each written whole, and which of them are there already.
class Table
{
public:
  Table(const std::string& path, const std::string& header) : Path(path)
  {
    std::ifstream in(path);
    std::string line;
    while (std::getline(in, line))
    {
      this->Lines.push_back(line);
    }
    if (this->Lines.empty())
    {
      this->Add(header);
    }
  }
  void Add(const std::string& line)
  {
    this->Lines.push_back(line);
    std::string text;
    for (const std::string& each : this->Lines)
    {
      text += each + "\n";
    }
    fseg_error error{};
    FrugalSegRequire(fseg_file_write(this->Path.c_str(), text.data(), text.size(), &error), error);
    std::printf("%s\n", line.c_str());
    std::fflush(stdout);
  }
  /// The line that begins with `key` and a comma; "" when there is none.
  std::string Find(const std::string& key) const
  {
    for (const std::string& line : this->Lines)
    {
      if (line.compare(0, key.size() + 1, key + ",") == 0)
      {
        return line;
      }
    }
    return "";
  }

private:
  const std::string Path;
  std::vector<std::string> Lines;
};

std::string Field(const std::string& line, int column)
{
  std::istringstream in(line);
  std::string field;
  for (int i = 0; i <= column; ++i)
  {
    std::getline(in, field, ',');
  }
  return field;
}

/// Mean and single Dice of a model on cases, as "mean,a b c".
std::string Measure(fseg_context* context, const fseg_model* model, const Cases& cases)
{
  double sum = 0.;
  std::string each;
  for (const FrugalSegLabelledFile& file : cases)
  {
    const double dice = FrugalSegMeasureDice(context, model, file, nullptr);
    char text[32];
    std::snprintf(text, sizeof(text), "%s%.4f", each.empty() ? "" : " ", dice);
    each += text;
    sum += dice;
  }
  char mean[32];
  std::snprintf(mean, sizeof(mean), "%.4f", sum / static_cast<double>(cases.size()));
  return std::string(mean) + "," + each;
}

/// The model that the annotator starts with; made once.
FrugalSegModel BaseModel(const Split& split, const std::string& out, Table* table, fseg_context* context)
{
  const std::string seed = std::to_string(Integer("seed"));
  const std::string path = out + "/seed" + seed + "_base.fseg";
  if (!fs::exists(path))
  {
    const Stopwatch watch;
    const FrugalSegModel fresh = NewModel();
    SaveModel(Learn(fresh.get(), split.Base, Integer("base-steps"), 1e-3, 1.), path);
    std::fprintf(stderr, "base model of seed %s: %.0f s\n", seed.c_str(), watch.GetSeconds());
  }
  FrugalSegModel model = LoadModel(path);
  if (table && table->Find(seed + ",base,0").empty())
  {
    table->Add(seed + ",base,0,,,,," + Measure(context, model.get(), split.Test));
  }
  return model;
}

//----------------------------------------------------------------------------
/// One order of adding cases: "proposed" (what the present model is least sure of), "random", or "none" (as
/// many steps without a new case, to see what the steps alone give).
void RunOrder(const std::string& order, const Split& split, const std::string& out, Table& table,
              fseg_context* context)
{
  const std::string seed = std::to_string(Integer("seed"));
  FrugalSegModel model = LoadModel(out + "/seed" + seed + "_base.fseg");
  Cases labelled = split.Base, pool = split.Pool;
  fseg_random random = fseg_random_create(static_cast<uint64_t>(Integer("seed")), 2);
  for (int added = 1; added <= Integer("add"); ++added)
  {
    const std::string key = seed + "," + order + "," + std::to_string(added);
    const std::string path = out + "/seed" + seed + "_" + order + std::to_string(added) + ".fseg";
    const std::string known = table.Find(key);
    std::string name, score;
    size_t chosen = order == "random" ? fseg_random_below(&random, static_cast<uint32_t>(pool.size())) : 0;
    if (!known.empty() && fs::exists(path))
    {
      name = Field(known, 3);
      for (size_t i = 0; i < pool.size(); ++i)
      {
        chosen = pool[i].Name == name ? i : chosen;
      }
    }
    else if (order == "proposed")
    {
      double highest = -1.;
      for (size_t i = 0; i < pool.size(); ++i)
      {
        const FrugalSegVolume volume = FrugalSegReadVolume(pool[i].Image);
        const double unsure = FrugalSegMeasureUncertainty(context, model.get(), volume.get(), nullptr).Score;
        if (unsure > highest)
        {
          highest = unsure;
          chosen = i;
        }
      }
      score = std::to_string(highest);
    }
    if (order != "none")
    {
      name = pool[chosen].Name;
      labelled.push_back(pool[chosen]);
      pool.erase(pool.begin() + static_cast<ptrdiff_t>(chosen));
    }
    if (!known.empty() && fs::exists(path))
    {
      model = LoadModel(path);
      continue;
    }
    const Stopwatch watch;
    model = Learn(model.get(), labelled, Integer("steps"), 3e-4, 0.3);
    char times[64];
    std::snprintf(times, sizeof(times), "%.1f,%.1f", watch.GetSeconds(), watch.GetProcessorSeconds());
    SaveModel(model, path);
    table.Add(key + "," + name + "," + score + "," + times + "," + Measure(context, model.get(), split.Test));
  }
}

void RunLearning(const std::string& data, const std::string& out)
{
  const Split split(data);
  const FrugalSegContext context = FrugalSegMakeContext(Integer("threads"));
  Table table(out + "/learn.csv",
              "seed,order,added,case,score,seconds,processor_seconds,dice_mean,dice_each");
  BaseModel(split, out, &table, context.get());
  for (const char* order : { "proposed", "random", "none" })
  {
    RunOrder(order, split, out, table, context.get());
  }
}

//----------------------------------------------------------------------------
/// How unsure the first model is of every case that it did not learn from, and how wrong it is.
void RunRanking(const std::string& data, const std::string& out)
{
  const Split split(data);
  const FrugalSegContext context = FrugalSegMakeContext(Integer("threads"));
  const FrugalSegModel model = BaseModel(split, out, nullptr, context.get());
  Table table(out + "/rank.csv", "seed,case,entropy,disagreement,score,dice");
  Cases cases = split.Test;
  cases.insert(cases.end(), split.Pool.begin(), split.Pool.end());
  for (const FrugalSegLabelledFile& file : cases)
  {
    const std::string key = std::to_string(Integer("seed")) + "," + file.Name;
    if (table.Find(key).empty())
    {
      const FrugalSegVolume volume = FrugalSegReadVolume(file.Image);
      const FrugalSegUncertainty unsure =
          FrugalSegMeasureUncertainty(context.get(), model.get(), volume.get(), nullptr);
      char line[128];
      std::snprintf(line, sizeof(line), "%s,%.4f,%.4f,%.4f,%.4f", key.c_str(), unsure.Entropy,
                    unsure.Disagreement, unsure.Score,
                    FrugalSegMeasureDice(context.get(), model.get(), file, nullptr));
      table.Add(line);
    }
  }
}

//----------------------------------------------------------------------------
double DiceOfSlices(const fseg_mask* mask, const fseg_mask* truth, const std::set<int>& leftOut)
{
  size_t both = 0, sum = 0;
  FrugalSegForEachVoxel(mask->geometry, fseg_geometry_slice_axis(&mask->geometry),
                        [&](size_t voxel, size_t slice)
                        {
                          if (!leftOut.count(static_cast<int>(slice)))
                          {
                            const bool a = mask->voxels[voxel] != 0, b = truth->voxels[voxel] != 0;
                            both += a && b;
                            sum += static_cast<size_t>(a) + static_cast<size_t>(b);
                          }
                        });
  return sum ? 2. * static_cast<double>(both) / static_cast<double>(sum) : 1.;
}

/// Slices that an annotator would correct: evenly spread over the structure.
std::vector<int> ChooseSlices(const fseg_mask* truth, int count)
{
  std::vector<int> filled;
  std::vector<size_t> voxels(FrugalSegSliceCount(truth->geometry), 0);
  FrugalSegForEachVoxel(truth->geometry, fseg_geometry_slice_axis(&truth->geometry),
                        [&](size_t voxel, size_t slice) { voxels[slice] += truth->voxels[voxel] != 0; });
  for (size_t slice = 0; slice < voxels.size(); ++slice)
  {
    if (voxels[slice])
    {
      filled.push_back(static_cast<int>(slice));
    }
  }
  std::vector<int> chosen;
  for (int i = 0; i < count; ++i)
  {
    chosen.push_back(filled[filled.size() * static_cast<size_t>(2 * i + 1) / static_cast<size_t>(2 * count)]);
  }
  return chosen;
}

/// Every case that the model did not learn from: correct some slices, propagate, measure the others.
void RunPropagation(const std::string& data, const std::string& out)
{
  const Split split(data);
  const FrugalSegContext context = FrugalSegMakeContext(Integer("threads"));
  const FrugalSegModel model = BaseModel(split, out, nullptr, context.get());
  const std::string seed = std::to_string(Integer("seed"));
  Table table(out + "/propagate.csv", "seed,case,anchors,steps,corrected_slices,seconds,processor_seconds,"
                                      "dice_before,dice_after,whole_before,whole_after");
  Cases cases = split.Test;
  cases.insert(cases.end(), split.Pool.begin(), split.Pool.end());
  for (const FrugalSegLabelledFile& file : cases)
  {
    char settings[64];
    std::snprintf(settings, sizeof(settings), "%g,%d", Options.at("anchors"), Integer("propagate-steps"));
    const std::string key = seed + "," + file.Name + "," + settings;
    if (!table.Find(key).empty())
    {
      continue;
    }
    fseg_error error{};
    const FrugalSegVolume volume = FrugalSegReadVolume(file.Image);
    const FrugalSegMask truth = FrugalSegReadMask(file.Label, file.Value);
    FrugalSegMask before;
    FrugalSegRequire(fseg_segment_volume(context.get(), model.get(), volume.get(), nullptr,
                                         FrugalSegOut(before), nullptr, &error),
                     error);
    const std::vector<int> slices = ChooseSlices(truth.get(), Integer("slices"));
    const std::set<int> chosen(slices.begin(), slices.end());
    const double wholeBefore = DiceOfSlices(before.get(), truth.get(), {});
    const double diceBefore = DiceOfSlices(before.get(), truth.get(), chosen);
    FrugalSegForEachVoxel(before->geometry, fseg_geometry_slice_axis(&before->geometry),
                          [&](size_t voxel, size_t slice)
                          {
                            if (chosen.count(static_cast<int>(slice)))
                            {
                              before->voxels[voxel] = truth->voxels[voxel];
                            }
                          });
    FrugalSegPropagationOptions options;
    options.Steps = Integer("propagate-steps");
    options.AnchorShare = Options.at("anchors");
    options.Seed = static_cast<uint64_t>(Integer("seed"));
    options.Threads = Integer("threads");
    const Stopwatch watch;
    const FrugalSegMask after =
        FrugalSegPropagate(model.get(), volume.get(), before.get(), slices, options, nullptr);
    char line[256];
    std::snprintf(line, sizeof(line), "%s,%d %d %d,%.1f,%.1f,%.4f,%.4f,%.4f,%.4f", key.c_str(),
                  slices.front(), slices[slices.size() / 2], slices.back(), watch.GetSeconds(),
                  watch.GetProcessorSeconds(), diceBefore, DiceOfSlices(after.get(), truth.get(), chosen),
                  wholeBefore, DiceOfSlices(after.get(), truth.get(), {}));
    table.Add(line);
  }
}

int Usage()
{
  std::fprintf(stderr, "usage: annotation_loop learn|rank|propagate DATA OUT [OPTION=NUMBER...]\noptions:");
  for (const auto& option : Options)
  {
    std::fprintf(stderr, " %s=%g", option.first.c_str(), option.second);
  }
  std::fprintf(stderr, "\nResearch use only - not a medical device.\n");
  return 2;
}
} // namespace

int main(int argc, char** argv)
{
  const std::string what = argc > 1 ? argv[1] : "";
  if (argc < 4 || (what != "learn" && what != "rank" && what != "propagate"))
  {
    return Usage();
  }
  for (int i = 4; i < argc; ++i)
  {
    const std::string text = argv[i];
    const size_t equals = text.find('=');
    const auto option = Options.find(text.substr(0, equals));
    char* end = nullptr;
    const double value = equals == std::string::npos ? 0. : std::strtod(text.c_str() + equals + 1, &end);
    if (option == Options.end() || !end || *end)
    {
      return Usage();
    }
    option->second = value;
  }
  try
  {
    fs::create_directories(argv[3]);
    (what == "learn" ? RunLearning : what == "rank" ? RunRanking : RunPropagation)(argv[2], argv[3]);
  }
  catch (const std::exception& exception)
  {
    std::fprintf(stderr, "annotation_loop: %s\n", exception.what());
    return 1;
  }
  return 0;
}
