// The insides of a task that its two source files share; not for others.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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
  std::vector<DeadLetter> unwritten_letters;
  std::vector<std::string> unwritten_removed;
  std::string items_file;  // of the last checkpoint; the next one does without it
  bool rewrite = false;    // the next snapshot holds all rows: forget the runs before it
  std::uint64_t next_file = 0;
};

/// One input channel of the first operator.
struct Task::Input {
  Channel* channel = nullptr;
  std::uint32_t input = 0;
  EventTime watermark = kBeginningOfTime;
  bool active = true;
  bool ended = false;
  bool at_barrier = false;  // blocked until the others have the barrier too
};

/// A checkpoint of this task between its barrier and its acknowledgement.
struct Task::SnapshotJob {
  struct Part {
    Node* node = nullptr;
    bool rows_done = false;
    bool rewrite = false;
    std::vector<RowBuffer> rows;  // oldest first
    std::vector<StateItem> items;
    std::vector<DeadLetter> letters;
    std::vector<std::string> removed_letters;
    StepPart result;
    std::vector<RunInfo> written;  // of rows, as far as it went
  };
  CheckpointId id = 0;
  bool last = false;
  std::vector<Part> parts;
  std::vector<std::function<Status()>> durable;
  Status status;
};

/// Writes one run with `fill`, an expression of type Status on a RunWriter; `keys` as there.
template <class Fill>
Result<RunInfo> write_run(Storage& storage, const std::string& folder, const std::string& file,
                          std::uint64_t keys, Fill&& fill) {
  WEIR_ASSIGN(auto writer, RunWriter::create(storage, folder, file, keys));
  WEIR_TRY(fill(*writer));
  return writer->finish();
}

}  // namespace weir
