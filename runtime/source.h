// What a connector implements to bring records in.
//
// A source consists of splits: files, partitions, generators. The coordinator asks `discover` for
// them and assigns each to one subtask, which opens it at the position that its checkpoint holds
// and reads it in batches. Exactly once rests on one promise: reading on from `position()` gives
// the records that had not been returned when it was taken, no more and no less.
//
// Threads: `discover` runs on an I/O thread. A reader is used by one task thread; it must not block
// for more than about a millisecond (local files count as not blocking).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/time.h"
#include "weir/runtime/batch.h"
#include "weir/runtime/dead_letter.h"

namespace weir {

struct Environment;

/// Tells a source who is asking.
struct SourceContext {
  Environment* env = nullptr;
  std::string step;
  std::uint32_t subtask = 0;
  std::uint32_t parallelism = 1;
  bool first = false;  ///< to `discover` and `first_positions`: no split is known yet
  bool last = false;   ///< to `positions_durable`: no later checkpoint will come
};

/// A split that nobody has read yet.
struct NewSplit {
  std::string id;
  std::string position;  ///< where reading begins; empty: at its start
};

enum class ReadStatus : std::uint8_t {
  more,   ///< read on at once
  empty,  ///< nothing now; ask again later (the split is idle only if the reader says so)
  end,    ///< the split has ended for good
};

/// Reads one split.
template <class T>
class SplitReader {
 public:
  virtual ~SplitReader() = default;
  /// Appends records to `out` until it is full or nothing more is at hand. Event times are filled
  /// in by the engine; a reader may set them to the time its system gives (Kafka's record time).
  /// Undecodable records go to `dead` with bytes, format, source and headers. An Error fails the
  /// job.
  virtual Result<ReadStatus> read(Batch<T>& out, DeadLetterSink& dead) = 0;
  /// Where the record after the last one returned begins; opaque to the engine.
  virtual std::string position() const = 0;
  /// Bytes or records from here to the end, if known, for progress.
  virtual std::optional<double> progress() const { return std::nullopt; }
  /// Event time up to which the source itself promises that no record in time will follow (marks in
  /// the stream), as of the last record returned. It counts beside what the records show.
  virtual EventTime watermark() const { return kBeginningOfTime; }
  /// True when an external system says that the split has nothing new (end of partition).
  virtual bool caught_up() const { return false; }
  /// Records from here to the end of what there is now, if known.
  virtual std::optional<std::uint64_t> lag() const { return std::nullopt; }
};

std::vector<NewSplit> splits_at_start(std::vector<std::string> ids);

/// A source of records of type T. Shared by all subtasks: const methods are thread-safe.
template <class T>
class Source {
 public:
  using Record = T;
  virtual ~Source() = default;
  /// The ids of all splits there are now. Called once at start, and every `discovery_interval` when
  /// that is set. Ids are stable over restarts: they are the names under which positions are kept.
  virtual Result<std::vector<std::string>> discover(const SourceContext& context) const = 0;
  /// Where each of `splits` begins, which have just been found and were not known: positions that
  /// the next checkpoint holds whether or not a split has been read by then. For sources that begin
  /// somewhere else than at the start, such as at "now" (H19). On an I/O thread.
  virtual Result<std::vector<NewSplit>> first_positions(const SourceContext&,
                                                        std::vector<std::string> splits) const {
    return splits_at_start(std::move(splits));
  }
  /// A checkpoint with these positions is complete: for tools that watch the progress of readers.
  /// Called on an I/O thread by each subtask for its splits; what it does is not retried.
  virtual void positions_durable(const SourceContext&, const std::vector<NewSplit>&) const {}
  /// `positions_durable` does something.
  virtual bool wants_durable_positions() const { return false; }
  /// How often to look for new splits; nothing for a bounded source, which ends with its splits.
  virtual std::optional<Duration> discovery_interval() const { return std::nullopt; }
  /// Opens a split: at its start when `position` is empty. A split is opened when it is first read,
  /// and may be closed and opened again at its position any number of times.
  virtual Result<std::unique_ptr<SplitReader<T>>> open(const SourceContext& context,
                                                       const std::string& split,
                                                       const std::string& position) const = 0;
  /// How many readers one subtask keeps open at a time, at least 1. Beyond it, readers that have
  /// given nothing for longest are closed, and opened again at their position when their turn
  /// comes.
  virtual std::size_t most_open_readers() const { return SIZE_MAX; }
  /// Decodes one raw record as the reader would, for replay of dead letters.
  virtual Result<T> decode(const DeadLetter& letter) const = 0;
  /// Its readers give records the times of their system, so that event time needs no function.
  virtual bool gives_event_time() const { return false; }
  /// One line for `plan`: "CSV files data/*.csv".
  virtual std::string describe() const = 0;
};

}  // namespace weir
