// Several files of a folder that change together or not at all, whatever dies in between.
//
// New files are prepared, flushed, in a hidden folder. Then a journal that lists where each belongs is
// written atomically: that is the moment of truth. Before it, the folder is as it was, and what was
// prepared is swept away by the next transaction. After it, the files are moved to their places, and
// when that is interrupted the next opening goes on with it.
#ifndef FrugalSegTransaction_h
#define FrugalSegTransaction_h

#include <functional>
#include <string>
#include <utility>
#include <vector>

class FrugalSegTransaction
{
public:
  /// Locks `folder` (which must exist), completes what an interrupted transaction had decided and
  /// removes what it had not. Throws FrugalSegFailure when another program holds the lock.
  explicit FrugalSegTransaction(const std::string& folder);
  /// Removes what was prepared and not committed; unlocks.
  ~FrugalSegTransaction();
  FrugalSegTransaction(const FrugalSegTransaction&) = delete;
  void operator=(const FrugalSegTransaction&) = delete;

  /// Whether an interrupted transaction waits to be completed.
  static bool IsPending(const std::string& folder);

  /// Where to write the file that will become `target` (relative to the folder, with slashes). The
  /// writer must flush it, as those of the C library do.
  std::string Prepare(const std::string& target);
  /// Prepare a copy of an existing file of the folder under another name.
  void PrepareCopy(const std::string& source, const std::string& target);

  /// Decide and move. `beforeStep` is called before every step that changes the disk, so that tests
  /// can fail or die at each.
  void Commit(const std::function<void()>& beforeStep = nullptr);

private:
  void RollForward(const std::function<void()>& beforeStep);
  void Sweep();

  const std::string Folder;
  const std::string Staging;
  std::vector<std::pair<std::string, std::string>> Moves; ///< name in the staging folder, target
  int Lock = -1;
};

#endif
