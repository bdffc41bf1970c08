// All that the engine reaches outside itself, passed in so that a simulation can replace it
// (docs/architecture.md, "Seams").
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "weir/base/clock.h"
#include "weir/base/storage.h"

namespace weir {

/// Runs blocking work away from task threads. Thread-safe.
class IoPool {
 public:
  virtual ~IoPool() = default;
  /// Runs `work` soon on some I/O thread. Never drops it; the destructor of the real pool finishes
  /// all.
  virtual void post(std::function<void()> work) = 0;
  /// Returns once nothing posted so far runs any more. What work has told its owner at its end may
  /// be known before the work itself has returned: wait here before that owner is destroyed.
  virtual void wait_idle() = 0;
};

/// A pool of `threads` threads. In the `background` they give way to all others where processors
/// are short, and still go on.
std::unique_ptr<IoPool> make_io_pool(unsigned threads, bool background = false);
/// How many threads are enough for merges.
unsigned merge_threads();

/// The world of one job. The pointers outlive the job; none but `remote` and `merges` is null.
struct Environment {
  Clock* clock = nullptr;
  Storage* storage = nullptr;
  IoPool* io = nullptr;
  std::uint64_t seed = 0;  ///< of every Random that the engine makes
  /// For work that mostly waits for another system, so that it does not keep files waiting; null:
  /// `io` does that too.
  IoPool* remote = nullptr;
  /// For merges of runs, which nobody waits for and which take long; null: `io` does them too.
  IoPool* merges = nullptr;

  IoPool& remote_pool() const { return remote != nullptr ? *remote : *io; }
  IoPool& merge_pool() const { return merges != nullptr ? *merges : *io; }
};

}  // namespace weir
