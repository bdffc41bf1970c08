// The files into which a task writes its part of a checkpoint. Called on I/O threads.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "weir/checkpoint/protocol.h"
#include "weir/checkpoint/run_lookup.h"
#include "weir/runtime/dead_letter.h"
#include "weir/runtime/operator.h"
#include "weir/runtime/row_buffer.h"

namespace weir {

/// A run of keyed state; open for look-ups if there is a memory budget.
struct WrittenRun {
  RunInfo info;
  std::shared_ptr<RunLookup> opened;
};

/// The name of a run that the attempt `attempt` of a job writes; `number` is new each time.
std::string state_file_name(const std::string& step, std::uint32_t subtask, CheckpointId id,
                            const std::string& attempt, std::uint64_t number, const char* kind);

/// Writes one run with `fill`, an expression of type Status on a RunWriter; `keys` as there.
template <class Fill>
Result<RunInfo> write_run(Storage& storage, const std::string& folder, const std::string& file,
                          std::uint64_t keys, Fill&& fill) {
  WEIR_ASSIGN(auto writer, RunWriter::create(storage, folder, file, keys));
  WEIR_TRY(fill(*writer));
  return writer->finish();
}

/// Writes rows of keyed state; `look_up` opens them for look-ups too.
Result<WrittenRun> write_rows(Storage& storage, const std::string& folder, const std::string& file,
                              RowBuffer& rows, bool look_up);
/// Fills a run with state that is not keyed; sorts it.
Status write_items(RunWriter& writer, std::vector<StateItem>& items);
/// Fills a run with new dead letters, and with tombstones for removed ones. A removed letter that
/// has failed again since has a new form and stays.
Status write_letters(RunWriter& writer, const std::vector<DeadLetter>& letters,
                     const std::vector<std::string>& removed);

}  // namespace weir
