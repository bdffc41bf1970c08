// The sink behind an output of the test harness: exactly once, as a real one. What is written is
// staged under an id; the id is the committable; commit makes it count. One thread.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "weir/runtime/sink.h"

namespace weir::testing {

/// A record that came out, with its event time and the subtask of the sink that took it.
template <class T>
struct Emitted {
  T value;
  EventTime time;
  std::uint32_t subtask = 0;
};

/// The part of an output that does not depend on the type of its records.
class TestOutputBase {
 public:
  virtual ~TestOutputBase() = default;
  virtual std::unique_ptr<TestOutputBase> clone() const = 0;
  /// Takes over what `other`, the output of the same name in a job that was snapshotted, had
  /// committed up to `checkpoint`.
  virtual void take_over(const TestOutputBase& other, std::uint64_t checkpoint) = 0;
};

template <class T>
class TestOutput final : public TestOutputBase {
 public:
  struct Chunk {
    std::string id;
    std::uint64_t checkpoint = 0;  ///< that it belongs to; 0: none yet
    bool committed = false;
    std::vector<Emitted<T>> records;
  };

  Chunk& begin(const std::string& id) {
    chunks_.push_back(std::make_unique<Chunk>(Chunk{id, 0, false, {}}));
    return *chunks_.back();
  }
  /// Forgets what an attempt that is dead had staged outside the checkpoint that is restored.
  void keep_only(const std::vector<std::string>& live) {
    const std::set<std::string> ids(live.begin(), live.end());
    std::erase_if(chunks_, [&](const auto& c) { return !c->committed && !ids.contains(c->id); });
  }
  /// False when there is no such chunk: something was lost.
  bool commit(const std::string& id) {
    const auto found =
        std::find_if(chunks_.begin(), chunks_.end(), [&](const auto& c) { return c->id == id; });
    if (found == chunks_.end()) return false;
    if (!(*found)->committed) {
      (*found)->committed = true;
      // In the order of commits, behind what was committed before.
      const auto place = std::find_if(chunks_.begin(), found + 1,
                                      [&](const auto& c) { return !c->committed || c->id == id; });
      std::rotate(place, found, found + 1);
    }
    return true;
  }

  /// All records in the order of their commits, then those that wait for theirs.
  std::vector<Emitted<T>> records(bool committed_only) const {
    std::vector<Emitted<T>> all;
    for (const auto& chunk : chunks_) {
      if (committed_only && !chunk->committed) continue;
      all.insert(all.end(), chunk->records.begin(), chunk->records.end());
    }
    return all;
  }
  void clear() {
    for (auto& chunk : chunks_) chunk->records.clear();
  }

  std::unique_ptr<TestOutputBase> clone() const override {
    auto copy = std::make_unique<TestOutput>();
    copy->take_over(*this, UINT64_MAX);
    return copy;
  }
  void take_over(const TestOutputBase& other, std::uint64_t checkpoint) override {
    const auto* same = dynamic_cast<const TestOutput*>(&other);
    if (same == nullptr) return;
    for (const auto& chunk : same->chunks_) {
      if (chunk->checkpoint == 0 || chunk->checkpoint > checkpoint) continue;
      chunks_.push_back(std::make_unique<Chunk>(*chunk));
    }
  }

 private:
  std::vector<std::unique_ptr<Chunk>> chunks_;  // committed ones first
};

template <class T>
class TestSinkWriter final : public SinkWriter<T> {
 public:
  TestSinkWriter(std::shared_ptr<TestOutput<T>> output, const SinkContext& context)
      : output_(std::move(output)),
        name_(context.attempt + "/" + std::to_string(context.subtask) + "/"),
        subtask_(context.subtask) {}

  Status write(Batch<T>& batch) override {
    if (open_ == nullptr) open_ = &output_->begin(name_ + std::to_string(++chunks_));
    for (std::size_t i = 0; i < batch.size(); ++i) {
      open_->records.push_back({std::move(batch[i]), batch.time(i), subtask_});
    }
    return {};
  }
  Result<Staged> stage(std::uint64_t checkpoint, bool) override {
    Staged staged;
    if (open_ != nullptr) {
      open_->checkpoint = checkpoint;
      staged.committables.push_back(open_->id);
      open_ = nullptr;
    }
    return staged;
  }

 private:
  std::shared_ptr<TestOutput<T>> output_;
  std::string name_;
  std::uint32_t subtask_;
  typename TestOutput<T>::Chunk* open_ = nullptr;
  std::uint64_t chunks_ = 0;
};

template <class T>
class TestSink final : public Sink<T> {
 public:
  explicit TestSink(std::shared_ptr<TestOutput<T>> output) : output_(std::move(output)) {}

  Status prepare(const SinkContext&, const std::vector<std::string>& live) const override {
    output_->keep_only(live);
    return {};
  }
  Result<std::unique_ptr<SinkWriter<T>>> open(const SinkContext& context,
                                              const std::vector<std::string>&) const override {
    return std::unique_ptr<SinkWriter<T>>(std::make_unique<TestSinkWriter<T>>(output_, context));
  }
  Status commit(const SinkContext& context,
                const std::vector<Committable>& committables) const override {
    for (const Committable& id : committables) {
      if (!output_->commit(id)) {
        return Error{ErrorCode::not_found,
                     "Output '" + context.step + "' has lost what was staged as " + id};
      }
    }
    return {};
  }
  std::string describe() const override { return "collected by a test"; }

 private:
  std::shared_ptr<TestOutput<T>> output_;
};

}  // namespace weir::testing
