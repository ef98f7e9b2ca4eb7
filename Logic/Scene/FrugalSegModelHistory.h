// The models that learning made, and which one is in use.
//
//   NAME-learned-001.fseg          accepted models, found by their name
//   candidates/NAME-learned-002.fseg  made, not accepted (yet)
//   history.json                   the model in use and those before it
#ifndef FrugalSegModelHistory_h
#define FrugalSegModelHistory_h

#include "FrugalSegHandles.h"

#include <string>
#include <vector>

class FrugalSegModelHistory
{
public:
  /// Where learned models go by default: the user's folder of model_locate.h.
  static std::string DefaultFolder();

  /// `folder` need not exist yet. A damaged history counts as none.
  explicit FrugalSegModelHistory(const std::string& folder);

  /// File of a model by name or path: this folder first, then fseg_model_locate. Throws when there is
  /// none.
  std::string Locate(const std::string& model) const;

  const std::string& GetCurrent() const { return this->Current; }
  /// Models whose files are gone are passed over.
  bool CanRevert() const;

  /// Save a model, named after `base`, as the one candidate of its kind; the name goes into its card.
  /// Returns it.
  std::string SaveCandidate(fseg_model* model, const std::string& base);
  bool HasCandidate(const std::string& name) const;
  /// Make a candidate the model in use.
  void Accept(const std::string& name);
  /// Use another model, given by name or path.
  void Use(const std::string& nameOrPath);
  void Revert();

private:
  bool Exists(const std::string& model) const;
  void Write() const;

  const std::string Folder;
  std::string Current{ "liver-t2" };
  std::vector<std::string> Former; ///< the last one in use at the end
};

#endif
