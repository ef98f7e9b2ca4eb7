#include "FrugalSegTransaction.h"

#include "FrugalSegJson.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <filesystem>
#include <sys/file.h>
#include <unistd.h>

namespace fs = std::filesystem;

namespace
{
const char* const StagingName = ".frugalseg-staging";
const char* const LockName = ".frugalseg-lock";
const char* const JournalName = "journal.json";

/// An errno as the sentence for the user.
[[noreturn]] void Fail(int code, const std::string& action)
{
  const fseg_status status = code == ENOSPC || code == EDQUOT                   ? FSEG_ERROR_NO_SPACE
                             : code == EACCES || code == EPERM || code == EROFS ? FSEG_ERROR_PERMISSION
                                                                                : FSEG_ERROR_IO;
  throw FrugalSegFailure(status, "The dataset cannot be changed: " + action + " failed (" +
                                     std::strerror(code) + "); nothing was lost.");
}

void Flush(const std::string& path)
{
  const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  // Some file systems cannot sync a folder (EINVAL); the rename is atomic all the same.
  const bool flushed = file >= 0 && (fsync(file) == 0 || errno == EINVAL);
  const int code = errno;
  if (file >= 0)
  {
    close(file);
  }
  if (!flushed)
  {
    Fail(code, "writing to the disk");
  }
}

/// Whether a target of the journal stays inside the folder: the journal is a file that anybody may
/// have put there.
bool IsInside(const std::string& target)
{
  const fs::path path(target);
  if (target.empty() || path.is_absolute())
  {
    return false;
  }
  for (const fs::path& part : path)
  {
    if (part == "..")
    {
      return false;
    }
  }
  return true;
}
} // namespace

//----------------------------------------------------------------------------
FrugalSegTransaction::FrugalSegTransaction(const std::string& folder)
    : Folder(folder), Staging(folder + "/" + StagingName)
{
  this->Lock = open((folder + "/" + LockName).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (this->Lock < 0)
  {
    Fail(errno, "opening the folder for writing");
  }
  if (flock(this->Lock, LOCK_EX | LOCK_NB) != 0)
  {
    close(this->Lock);
    throw FrugalSegFailure(FSEG_ERROR_IO,
                           "Another program is changing the dataset at this moment; try again.");
  }
  try
  {
    this->RollForward(nullptr);
    this->Sweep();
  }
  catch (...)
  {
    close(this->Lock);
    throw;
  }
}

//----------------------------------------------------------------------------
FrugalSegTransaction::~FrugalSegTransaction()
{
  // A decided transaction stays for the next opening, which completes it.
  if (!FrugalSegTransaction::IsPending(this->Folder))
  {
    std::error_code ignored;
    fs::remove_all(this->Staging, ignored);
  }
  close(this->Lock);
}

//----------------------------------------------------------------------------
bool FrugalSegTransaction::IsPending(const std::string& folder)
{
  std::error_code ignored;
  return fs::exists(folder + "/" + StagingName + "/" + JournalName, ignored);
}

//----------------------------------------------------------------------------
void FrugalSegTransaction::Sweep()
{
  std::error_code code;
  fs::remove_all(this->Staging, code);
  if (!code)
  {
    fs::create_directory(this->Staging, code);
  }
  if (code)
  {
    Fail(code.value(), "making a folder");
  }
}

//----------------------------------------------------------------------------
std::string FrugalSegTransaction::Prepare(const std::string& target)
{
  // The number keeps names apart; the name keeps the suffix, by which writers choose the format.
  const std::string name = std::to_string(this->Moves.size()) + "-" + fs::path(target).filename().string();
  this->Moves.emplace_back(name, target);
  return this->Staging + "/" + name;
}

//----------------------------------------------------------------------------
void FrugalSegTransaction::PrepareCopy(const std::string& source, const std::string& target)
{
  const std::string copy = this->Prepare(target);
  std::error_code code;
  // A second name of the same bytes where the file system can, else a copy.
  fs::create_hard_link(this->Folder + "/" + source, copy, code);
  if (code)
  {
    code.clear();
    fs::copy_file(this->Folder + "/" + source, copy, code);
  }
  if (code)
  {
    Fail(code.value(), "keeping the earlier label");
  }
  Flush(copy);
}

//----------------------------------------------------------------------------
void FrugalSegTransaction::Commit(const std::function<void()>& beforeStep)
{
  const FrugalSegJson journal = FrugalSegJsonOwn(json_object());
  json_t* moves = json_array();
  json_object_set_new(journal.get(), "moves", moves);
  for (const auto& move : this->Moves)
  {
    json_array_append_new(moves, json_pack("[s, s]", move.first.c_str(), move.second.c_str()));
  }
  if (beforeStep)
  {
    beforeStep();
  }
  FrugalSegJsonWrite(journal.get(), this->Staging + "/" + JournalName);
  this->RollForward(beforeStep);
}

//----------------------------------------------------------------------------
void FrugalSegTransaction::RollForward(const std::function<void()>& beforeStep)
{
  if (!FrugalSegTransaction::IsPending(this->Folder))
  {
    return;
  }
  const FrugalSegJson journal =
      FrugalSegJsonRead(this->Staging + "/" + JournalName, "The journal of the dataset's last change");
  size_t index;
  json_t* move;
  json_array_foreach(json_object_get(journal.get(), "moves"), index, move)
  {
    const char* name = json_string_value(json_array_get(move, 0));
    const char* target = json_string_value(json_array_get(move, 1));
    if (!name || !target || !IsInside(name) || !IsInside(target))
    {
      throw FrugalSegFailure(FSEG_ERROR_BAD_INPUT,
                             "The journal of the dataset's last change is damaged; remove the hidden folder "
                             ".frugalseg-staging of the dataset.");
    }
    const fs::path from = fs::path(this->Staging) / name;
    const fs::path to = fs::path(this->Folder) / target;
    std::error_code code;
    if (!fs::exists(from, code))
    {
      continue; // moved before the interruption
    }
    if (beforeStep)
    {
      beforeStep();
    }
    fs::create_directories(to.parent_path(), code);
    if (!code)
    {
      fs::rename(from, to, code);
    }
    if (code)
    {
      Fail(code.value(), "moving a file into place");
    }
    Flush(to.parent_path().string());
  }
  if (beforeStep)
  {
    beforeStep();
  }
  std::error_code code;
  fs::remove(fs::path(this->Staging) / JournalName, code);
  if (code)
  {
    Fail(code.value(), "closing the journal");
  }
  Flush(this->Staging);
}
