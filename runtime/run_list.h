// The sorted runs of one step in one subtask: which make up its state, and their merging in the
// background. Used by the thread of the task; merges run on I/O threads.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "weir/checkpoint/run.h"

namespace weir {

class RunList {
 public:
  /// Starts from the runs of a checkpoint, all of which this subtask wrote.
  void restore(std::vector<RunInfo> runs) { runs_ = std::move(runs); }
  void append(RunInfo run) { runs_.push_back(std::move(run)); }
  /// Forgets all runs: the next one holds everything.
  void reset();
  const std::vector<RunInfo>& runs() const { return runs_; }

  /// What to merge now, or nothing; then `merged` or `merge_failed` must follow.
  std::vector<RunInfo> begin_merge(bool& is_oldest);
  void merged(const std::vector<RunInfo>& inputs, RunInfo output);
  void merge_failed() { merging_ = false; }
  bool merging() const { return merging_; }

  /// Names of files that the list no longer uses, once.
  std::vector<std::string> take_obsolete() { return std::exchange(obsolete_, {}); }

 private:
  std::vector<RunInfo> runs_;  // oldest first
  std::vector<std::string> obsolete_;
  bool merging_ = false;
};

}  // namespace weir
