// The models that a user can choose, and which of them suits an image.
#ifndef FrugalSegModels_h
#define FrugalSegModels_h

#include "FrugalSegChecks.h"
#include "FrugalSegHandles.h"

#include <string>
#include <vector>

/// One model file.
struct FrugalSegModelEntry
{
  std::string Name;   ///< of the file, without suffix: what a user types
  std::string Source; ///< "user", "environment", "shipped"
  std::string Path;
  std::string SHA256;
  std::string Problem; ///< why it cannot be read; "" for a usable model
  fseg_input_spec Spec{};
  fseg_model_scope Scope{};
};

/// Finds models in the user's folder and where fseg_model_locate looks. Remembers what it read of a
/// file until the file changes. Main thread only.
class FrugalSegModels
{
public:
  /// Sought before all others; "" stands for the default of fseg_model_locate.
  void SetUserFolder(const std::string& folder) { this->UserFolder = folder; }
  std::string GetUserFolder() const;

  /// All models in the order of search; of several with one name the first, which is the one that
  /// Locate gives.
  std::vector<FrugalSegModelEntry> List();

  /// Path of the model that `nameOrPath` means; "" and `error` filled when there is none.
  std::string Locate(const std::string& nameOrPath, fseg_error* error) const;

  /// Name of the model that suits an image best, with what does not suit; "" when no model is usable.
  std::string Suggest(const fseg_volume& place, const fseg_series_info& series, FrugalSegChecks& checks);

private:
  struct Known
  {
    long long Modified = 0;
    unsigned long long Size = 0;
    FrugalSegModelEntry Entry;
  };
  struct Folder
  {
    std::string Path;
    std::string Source;
  };
  std::vector<Folder> Folders() const;
  FrugalSegModelEntry Read(const std::string& path, const std::string& source);

  std::string UserFolder;
  std::vector<Known> Cache;
};

/// In which respects an image lies outside the card of the model at `path`. `place` gives geometry and
/// modality; its voxels are not read.
fseg_status FrugalSegCheckInput(const std::string& path, const fseg_volume& place,
                                const fseg_series_info& series, FrugalSegChecks& checks, fseg_error* error);

#endif
