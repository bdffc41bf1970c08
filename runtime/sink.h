// What a connector implements to bring records out.
//
// Exactly once in three steps (section "Sinks" of docs/checkpoints.md): `write` stages records
// where no reader sees them; `stage` closes what was written since the last barrier and returns
// committables, small byte strings that become part of the checkpoint; once that checkpoint is
// durable, `commit` makes them visible. After a crash the committables of the restored checkpoint
// are committed again, so commit must be idempotent; it may also come first after an outage of any
// length.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/runtime/batch.h"
#include "weir/runtime/dead_letter.h"

namespace weir {

struct Environment;
class HeldLocks;

/// The state folder of a run, which owns what the run stages.
struct SinkOwner {
  std::string id;          ///< random; that of no other state folder
  std::string path;        ///< for people
  bool temporary = false;  ///< it ends with the process: nobody can ever resume from it
};

/// Tells a sink who is asking.
struct SinkContext {
  Environment* env = nullptr;
  std::string job;
  std::string run_id;   ///< of the job's first start; kept over restores
  std::string attempt;  ///< unique for this start of the process
  std::string step;
  std::uint32_t subtask = 0;
  std::uint32_t parallelism = 1;
  std::uint64_t first_checkpoint = 1;  ///< id of the first checkpoint this attempt may complete
  bool restored = false;               ///< the job was restored from a checkpoint
  // For `prepare` only:
  std::uint64_t restored_checkpoint = 0;  ///< its id, if so
  HeldLocks* locks = nullptr;  ///< what is locked through it stays so until the process ends
  // For `prepare` and `attach` only:
  SinkOwner owner{};
  std::vector<std::uint32_t> here{};  ///< the subtasks of the step that run in this process
  // For `open` only:
  DeadLetterSink* dead_letters = nullptr;  ///< where the writer reports records it cannot take
};

/// Something to make visible once its checkpoint is complete. Opaque to the engine.
using Committable = std::string;

/// What `stage` returns.
struct Staged {
  std::vector<Committable> committables;
  /// Work that must succeed before the checkpoint may complete (fsync). Runs on an I/O thread.
  std::vector<std::function<Status()>> durable;
};

/// Writes for one subtask. Used by one task thread, except `commit`.
template <class T>
class SinkWriter {
 public:
  virtual ~SinkWriter() = default;
  /// Takes the records of `batch`; it may move them out. Of those that it cannot take it makes dead
  /// letters. An Error fails the attempt, which restarts
  /// from the last checkpoint.
  virtual Status write(Batch<T>& batch) = 0;
  /// Called at the barrier of `checkpoint`. `last` means that no record follows: nothing may stay
  /// open.
  virtual Result<Staged> stage(std::uint64_t checkpoint, bool last) = 0;
  /// What to remember of files that stay open over this barrier; given back to `Sink::open`.
  virtual std::vector<std::string> carried_over() const { return {}; }
  /// Called about every 10 ms when nothing comes, for sinks that flush by time.
  virtual Status idle() { return {}; }
};

/// A sink of records of type T. Shared by all subtasks: const methods are thread-safe.
template <class T>
class Sink {
 public:
  using Record = T;
  virtual ~Sink() = default;
  /// Checks and prepares the destination once per attempt, before any subtask opens, on an I/O
  /// thread: creates folders, refuses what other runs own, removes what dead attempts left staged.
  /// `live` are all committables and carried-over items of the restored checkpoint, which must be
  /// kept. The engine adds the name of the step to errors.
  virtual Status prepare(const SinkContext& context,
                         const std::vector<std::string>& live) const = 0;
  /// An attempt of a cluster has several processes, and `prepare` is called in one of them; in each
  /// of the others `attach` is, when that has come to its end and before a subtask opens there. It
  /// finds out what `open` and `commit` need in this process; nothing by default. What it takes
  /// hold of, `prepare` must have let go: see `SinkContext::here`.
  virtual Status attach(const SinkContext&) const { return {}; }
  /// `carried_over` are the items of earlier subtasks that fall to this one.
  virtual Result<std::unique_ptr<SinkWriter<T>>> open(
      const SinkContext& context, const std::vector<std::string>& carried_over) const = 0;
  /// Makes `committables` visible, in order. Idempotent. Runs on an I/O thread, possibly for
  /// another subtask than the one that staged.
  virtual Status commit(const SinkContext& context,
                        const std::vector<Committable>& committables) const = 0;
  /// True when records may appear more than once after a crash; `plan` and the log say so.
  virtual bool at_least_once() const { return false; }
  /// What only one sink of a job may write to, such as a folder, named so that equal names mean the
  /// same place; a job with two such sinks is refused. Empty: any number of sinks may share it.
  virtual std::string destination() const { return {}; }
  /// One line for `plan`.
  virtual std::string describe() const = 0;
};

}  // namespace weir
