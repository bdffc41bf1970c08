// Collects what an operator emits into batches for one of its outputs.
//
// What a user function emits before it throws must not go out, since the record that caused it
// becomes a dead letter. So nothing is pushed in the middle of a call: `mark` before the call,
// `rollback` if it throws, `flush_full` after it. Used by the task's thread.
#pragma once

#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "weir/runtime/batch.h"
#include "weir/runtime/operator.h"

namespace weir {

/// How much an emitter held at a moment.
struct EmitterMark {
  std::size_t full_batches = 0, size = 0;
};

template <class T>
class Emitter {
 public:
  using Record = T;
  void open(OutputPort& port, Counter& records_out) {
    port_ = &port;
    records_out_ = &records_out;
  }

  /// Appends a record. Never pushes.
  template <class U>
  void emit(U&& value, std::int64_t time_ms, std::int64_t seen_ms = INT64_MIN) {
    if (batch_.full()) [[unlikely]]
      spill();
    batch_.push(std::forward<U>(value), time_ms, seen_ms);
  }
  Batch<T>& batch() { return batch_; }

  EmitterMark mark() const { return {full_.size(), batch_.size()}; }
  /// Takes back all that was emitted since `mark`.
  void rollback(const EmitterMark& mark) {
    if (full_.size() > mark.full_batches) {
      batch_.swap(*full_[mark.full_batches]);
      full_.resize(mark.full_batches);
    }
    batch_.truncate(mark.size);
  }

  /// Pushes what is full; call between records.
  void flush_full() {
    if (batch_.full() || !full_.empty()) [[unlikely]]
      flush();
  }
  /// Pushes all.
  void flush() {
    for (auto& full : full_) push(*full);
    full_.clear();
    if (!batch_.empty()) push(batch_);
  }

 private:
  void spill() {
    full_.push_back(std::make_unique<Batch<T>>());
    full_.back()->swap(batch_);
  }
  void push(Batch<T>& batch) {
    records_out_->add(batch.size());
    port_->push(batch);
    batch.clear();
  }
  OutputPort* port_ = nullptr;
  Counter* records_out_ = nullptr;
  Batch<T> batch_;
  std::vector<std::unique_ptr<Batch<T>>>
      full_;  // filled within one call, which must be able to undo
};

}  // namespace weir
