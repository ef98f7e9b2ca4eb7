#include "FrugalSegModelHistory.h"

#include "FrugalSegJson.h"

#include "frugalseg/model_locate.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

namespace fs = std::filesystem;

namespace
{
const char* const Suffix = ".fseg";
const char* const LearnedPart = "-learned-";
/// Steps back that are remembered.
constexpr size_t LongestHistory = 50;

/// "folder/liver-t2-learned-002.fseg" -> "liver-t2".
std::string StemOf(const std::string& model)
{
  std::string name = fs::path(model).filename().string();
  if (name.size() > 5 && name.compare(name.size() - 5, 5, Suffix) == 0)
  {
    name.resize(name.size() - 5);
  }
  return name.substr(0, name.find(LearnedPart));
}

void MakeFolder(const std::string& folder)
{
  std::error_code code;
  fs::create_directories(folder, code);
  if (code)
  {
    throw FrugalSegFailure(FSEG_ERROR_PERMISSION, "The folder for learned models cannot be made (" +
                                                      code.message() + "); choose another one.");
  }
}
} // namespace

//----------------------------------------------------------------------------
std::string FrugalSegModelHistory::DefaultFolder()
{
  const char* data = std::getenv("XDG_DATA_HOME");
  if (data && *data)
  {
    return std::string(data) + "/frugalseg/models";
  }
  const char* home = std::getenv("HOME");
  return std::string(home ? home : ".") + "/.local/share/frugalseg/models";
}

//----------------------------------------------------------------------------
FrugalSegModelHistory::FrugalSegModelHistory(const std::string& folder) : Folder(folder)
{
  const FrugalSegJson history(FrugalSegJsonLoad(folder + "/history.json", 0, nullptr));
  const std::string current = FrugalSegJsonText(history.get(), "current");
  if (current.empty())
  {
    return;
  }
  size_t index;
  json_t* name;
  json_array_foreach(json_object_get(history.get(), "former"), index, name)
  {
    if (json_is_string(name))
    {
      this->Former.emplace_back(json_string_value(name));
    }
  }
  this->Current = current;
  while (!this->Exists(this->Current) && !this->Former.empty())
  {
    this->Current = this->Former.back();
    this->Former.pop_back();
  }
}

//----------------------------------------------------------------------------
std::string FrugalSegModelHistory::Locate(const std::string& model) const
{
  std::error_code ignored;
  const std::string own = this->Folder + "/" + model + Suffix;
  if (model.find('/') == std::string::npos && fs::is_regular_file(own, ignored))
  {
    return own;
  }
  fseg_error error{};
  std::vector<char> path(FSEG_PATH_LENGTH);
  FrugalSegRequire(fseg_model_locate(model.c_str(), path.data(), path.size(), &error), error);
  return path.data();
}

//----------------------------------------------------------------------------
bool FrugalSegModelHistory::Exists(const std::string& model) const
{
  try
  {
    this->Locate(model);
    return true;
  }
  catch (const FrugalSegFailure&)
  {
    return false;
  }
}

//----------------------------------------------------------------------------
bool FrugalSegModelHistory::CanRevert() const
{
  return std::any_of(this->Former.begin(), this->Former.end(),
                     [this](const std::string& model) { return this->Exists(model); });
}

//----------------------------------------------------------------------------
std::string FrugalSegModelHistory::SaveCandidate(fseg_model* model, const std::string& base)
{
  MakeFolder(this->Folder + "/candidates");
  const std::string stem = StemOf(base) + LearnedPart;
  int highest = 0;
  for (const std::string& folder : { this->Folder, this->Folder + "/candidates" })
  {
    std::error_code code;
    for (const fs::directory_entry& file : fs::directory_iterator(folder, code))
    {
      const std::string name = file.path().filename().string();
      if (name.compare(0, stem.size(), stem) == 0)
      {
        highest = std::max(highest, std::atoi(name.c_str() + stem.size()));
      }
    }
  }
  char number[16];
  std::snprintf(number, sizeof(number), "%03d", highest + 1);
  const std::string name = stem + number;

  fseg_error error{};
  FrugalSegJson card(json_loads(fseg_model_card(model), 0, nullptr));
  if (!json_is_object(card.get()))
  {
    card = FrugalSegJsonOwn(json_object());
  }
  json_object_set_new(card.get(), "name", json_string(name.c_str()));
  const std::unique_ptr<char, decltype(&std::free)> text(
      json_dumps(card.get(), JSON_INDENT(1) | JSON_REAL_PRECISION(6)), &std::free);
  FrugalSegRequire(fseg_model_set_card(model, text ? text.get() : "{}", &error), error);
  FrugalSegRequire(fseg_model_save(model, (this->Folder + "/candidates/" + name + Suffix).c_str(), &error),
                   error);
  // Only the newest can still be accepted; models are large.
  std::error_code code;
  for (const fs::directory_entry& file : fs::directory_iterator(this->Folder + "/candidates", code))
  {
    const std::string other = file.path().filename().string();
    if (other.compare(0, stem.size(), stem) == 0 && other != name + Suffix)
    {
      fs::remove(file.path(), code);
    }
  }
  return name;
}

//----------------------------------------------------------------------------
bool FrugalSegModelHistory::HasCandidate(const std::string& name) const
{
  std::error_code ignored;
  return !name.empty() && fs::is_regular_file(this->Folder + "/candidates/" + name + Suffix, ignored);
}

//----------------------------------------------------------------------------
void FrugalSegModelHistory::Accept(const std::string& name)
{
  std::error_code code;
  fs::rename(this->Folder + "/candidates/" + name + Suffix, this->Folder + "/" + name + Suffix, code);
  if (code)
  {
    throw FrugalSegFailure(FSEG_ERROR_IO, "The new model cannot be put in place (" + code.message() + ").");
  }
  this->Use(name);
}

//----------------------------------------------------------------------------
void FrugalSegModelHistory::Use(const std::string& nameOrPath)
{
  // A file of this folder goes by its name, so that the history outlives a move of the folder.
  const fs::path path(nameOrPath);
  const bool own = path.parent_path() == fs::path(this->Folder) && path.extension() == Suffix;
  const std::string model = own ? path.stem().string() : nameOrPath;
  if (model == this->Current)
  {
    return;
  }
  const std::vector<std::string> former = this->Former;
  const std::string current = this->Current;
  this->Former.push_back(this->Current);
  if (this->Former.size() > LongestHistory)
  {
    this->Former.erase(this->Former.begin());
  }
  this->Current = model;
  try
  {
    this->Write();
  }
  catch (...)
  {
    this->Former = former;
    this->Current = current;
    throw;
  }
}

//----------------------------------------------------------------------------
void FrugalSegModelHistory::Revert()
{
  std::vector<std::string> former = this->Former;
  while (!former.empty())
  {
    const std::string model = former.back();
    former.pop_back();
    if (this->Exists(model))
    {
      const std::string current = this->Current;
      std::swap(this->Former, former);
      this->Current = model;
      try
      {
        this->Write();
      }
      catch (...)
      {
        this->Former = former;
        this->Current = current;
        throw;
      }
      return;
    }
  }
  throw FrugalSegFailure(FSEG_ERROR_NOT_FOUND, "There is no earlier model to go back to.");
}

//----------------------------------------------------------------------------
void FrugalSegModelHistory::Write() const
{
  MakeFolder(this->Folder);
  const FrugalSegJson history =
      FrugalSegJsonOwn(json_pack("{s:s, s:[]}", "current", this->Current.c_str(), "former"));
  for (const std::string& model : this->Former)
  {
    json_array_append_new(json_object_get(history.get(), "former"), json_string(model.c_str()));
  }
  FrugalSegJsonWrite(history.get(), this->Folder + "/history.json");
}
