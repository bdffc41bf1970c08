// The insides of a task that its two source files share; not for others.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/runtime/cold_rows.h"
#include "weir/runtime/snapshot_files.h"
#include "weir/runtime/task.h"

namespace weir {

/// One operator of the chain with all that belongs to it.
struct Task::Node {
  const GraphStep* step = nullptr;
  std::unique_ptr<Operator> op;
  OperatorContext context;
  StepMetrics metrics;
  std::unique_ptr<LetterLog> letters;
  RunList runs;
  std::vector<RowBuffer> unwritten;  // rows whose writing failed; they go before the next ones
  std::size_t unwritten_bytes = 0;   // when it last failed; 0 once all are written
  std::vector<DeadLetter> unwritten_letters;
  std::vector<std::string> unwritten_removed;
  std::string items_file;  // of the last checkpoint; the next one does without it
  bool rewrite = false;    // the next snapshot holds all rows: forget the runs before it
  std::uint64_t next_file = 0;
  bool restoring = false;        // in the background
  int snapshots_out = 0;         // begun and not written yet
  std::shared_ptr<Merge> merge;  // of `runs`, under way
  // With a memory budget: those of `runs`, opened for look-ups, by file.
  std::map<std::string, std::shared_ptr<RunLookup>, std::less<>> lookups;
};

/// A merge of runs on its way from one I/O thread to another. The task's thread touches the flags
/// alone until it is over.
struct Task::Merge {
  Merge(Node* of, std::vector<RunInfo> from, Storage& storage, const std::string& folder,
        const std::string& file, bool is_oldest)
      : node(of), inputs(std::move(from)), runs(storage, folder, inputs, file, is_oldest) {}
  Node* const node;
  const std::vector<RunInfo> inputs;  // oldest first
  RunMerge runs;
  std::atomic<bool> urgent = false;   // no longer in the background
  std::atomic<bool> in_vain = false;  // no checkpoint follows that would name the new run
};

/// One input channel of the first operator.
struct Task::Input {
  Channel* channel = nullptr;
  std::uint32_t input = 0;
  EventTime watermark = kBeginningOfTime;
  std::int64_t since_ns = 0;  ///< of ChannelElement
  bool active = true;
  bool ended = false;
  bool at_barrier = false;  // blocked until the others have the barrier too
};

/// What one operator puts into a checkpoint.
struct Task::SnapshotPart {
  Node* node = nullptr;
  bool rows_done = false;  // the table has given all
  bool rewrite = false;
  std::vector<RowBuffer> rows;  // not written yet, oldest first
  std::vector<StateItem> items;
  std::vector<DeadLetter> letters;
  std::vector<std::string> removed_letters;
  StepPart result;
  std::vector<WrittenRun> written;  // of rows, as far as it went, oldest first
};

/// A checkpoint of this task between its barrier and its acknowledgement.
struct Task::SnapshotJob {
  CheckpointId id = 0;
  bool last = false;
  std::vector<SnapshotPart> parts;
  std::vector<std::function<Status()>> durable;
  Status status;
  TaskPhases phases;
  SteadyTime writing_since{};
};

}  // namespace weir
