// The source behind an input of the test harness: splits are logs that the test appends to and that
// a reader can read again from any position, as after a crash. One thread.
#pragma once

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/json.h"
#include "weir/runtime/source.h"

namespace weir::testing {

/// A harness was used in a way that cannot work, or its job failed.
class HarnessError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// The part of an input that does not depend on the type of its records.
class TestInputBase {
 public:
  explicit TestInputBase(unsigned splits) : ends_(splits, false), bases_(splits, 0) {}
  virtual ~TestInputBase() = default;

  virtual void push_json(unsigned split, std::string json) = 0;
  virtual void push_watermark(unsigned split, EventTime watermark) = 0;
  virtual void push_idle(unsigned split) = 0;
  void end(unsigned split) { ends_.at(split) = true; }
  unsigned splits() const { return static_cast<unsigned>(ends_.size()); }

  virtual std::unique_ptr<TestInputBase> clone() const = 0;
  /// Takes over the content of the input of the same name in a job that was snapshotted. Where the
  /// type of records has changed, what was pushed before cannot be read any more.
  virtual void take_over(const TestInputBase& other) = 0;
  virtual std::size_t size(unsigned split) const = 0;
  /// Batches are cut at random places; they hold at most so many records.
  void seed(std::uint64_t seed, std::size_t most_records = 200) {
    random_ = Random(seed);
    most_records_ = most_records;
  }

 protected:
  std::vector<bool> ends_;          // by split
  std::vector<std::size_t> bases_;  // place of the first item that is still there
  mutable Random random_{1};
  std::size_t most_records_ = 200;
};

template <class T>
class TestInput final : public TestInputBase {
 public:
  struct Item {
    enum class Kind : std::uint8_t { record, json, watermark, idle } kind = Kind::record;
    std::optional<T> value;
    std::int64_t time_ms = 0;  ///< of the record, where the source assigns none; of the watermark
    std::string json;
  };

  explicit TestInput(unsigned splits) : TestInputBase(splits), logs_(splits) {}

  void push(unsigned split, T value, EventTime time) {
    logs_.at(split).push_back({Item::Kind::record, std::move(value), to_millis(time), {}});
  }
  void push_json(unsigned split, std::string json) override {
    logs_.at(split).push_back({Item::Kind::json, std::nullopt, 0, std::move(json)});
  }
  void push_watermark(unsigned split, EventTime watermark) override {
    logs_.at(split).push_back({Item::Kind::watermark, std::nullopt, to_millis(watermark), {}});
  }
  void push_idle(unsigned split) override {
    logs_.at(split).push_back({Item::Kind::idle, std::nullopt, 0, {}});
  }

  std::unique_ptr<TestInputBase> clone() const override {
    return std::make_unique<TestInput>(*this);
  }
  void take_over(const TestInputBase& other) override {
    const auto* same = dynamic_cast<const TestInput*>(&other);
    const unsigned common = std::min(splits(), other.splits());
    for (unsigned i = 0; i < common; ++i) {
      if (same != nullptr) {
        logs_[i] = same->logs_[i];
        bases_[i] = same->bases_[i];
        ends_[i] = same->ends_[i];
      } else {
        bases_[i] = other.size(i);
      }
    }
  }
  std::size_t size(unsigned split) const override { return bases_[split] + logs_[split].size(); }

  /// Item `place` of a split, or null when it has not been pushed yet.
  const Item* item(unsigned split, std::size_t place) const {
    if (place < bases_[split]) throw HarnessError("a test input is read behind its beginning");
    const std::size_t i = place - bases_[split];
    return i < logs_[split].size() ? &logs_[split][i] : nullptr;
  }
  bool ended(unsigned split) const { return ends_[split]; }
  std::size_t first(unsigned split) const { return bases_[split]; }
  std::size_t batch_size() const {
    return 1 + random_.below(random_.chance(0.3) ? most_records_
                                                 : std::min<std::size_t>(most_records_, 8));
  }

 private:
  std::vector<std::vector<Item>> logs_;  // by split
};

/// Reads one split of a test input.
template <class T>
class TestReader final : public SplitReader<T> {
  using Item = typename TestInput<T>::Item;

 public:
  TestReader(std::shared_ptr<const TestInput<T>> input, unsigned split, std::size_t place)
      : input_(std::move(input)), split_(split), place_(place) {}

  Result<ReadStatus> read(Batch<T>& out, DeadLetterSink& dead) override {
    const std::size_t rows = input_->batch_size();
    while (!out.full() && out.size() < rows) {
      const Item* item = input_->item(split_, place_);
      if (item == nullptr) return input_->ended(split_) ? ReadStatus::end : ReadStatus::empty;
      ++place_;
      idle_ = item->kind == Item::Kind::idle;
      switch (item->kind) {
        case Item::Kind::record:
          out.push(*item->value, item->time_ms);
          break;
        case Item::Kind::json:
          read_json(item->json, out, dead);
          break;
        case Item::Kind::watermark:  // holds behind the records of this batch
          watermark_ = std::max(watermark_, from_millis(item->time_ms));
          return ReadStatus::more;
        case Item::Kind::idle:
          return ReadStatus::empty;
      }
    }
    return ReadStatus::more;
  }
  std::string position() const override { return std::to_string(place_); }
  EventTime watermark() const override { return watermark_; }
  bool caught_up() const override { return idle_; }

 private:
  void read_json(const std::string& json, Batch<T>& out, DeadLetterSink& dead) {
    T value{};
    const Status status = from_json(json, value);
    if (status.ok()) {
      out.push(std::move(value), 0);
      return;
    }
    DeadLetter letter;
    letter.reason = DeadLetterReason::decode;
    letter.format = PayloadFormat::json;
    letter.bytes = json;
    letter.message = status.error().message;
    letter.source = std::to_string(split_) + "@" + std::to_string(place_ - 1);
    dead.add(std::move(letter));
  }

  std::shared_ptr<const TestInput<T>> input_;
  unsigned split_;
  std::size_t place_;
  EventTime watermark_ = kBeginningOfTime;
  bool idle_ = false;
};

/// The source: splits are named by their numbers, positions are places in their logs.
template <class T>
class TestSource final : public Source<T> {
 public:
  explicit TestSource(std::shared_ptr<TestInput<T>> input) : input_(std::move(input)) {}

  Result<std::vector<std::string>> discover(const SourceContext&) const override {
    std::vector<std::string> ids;
    for (unsigned i = 0; i < input_->splits(); ++i) ids.push_back(std::to_string(i));
    return ids;
  }
  Result<std::unique_ptr<SplitReader<T>>> open(const SourceContext&, const std::string& split,
                                               const std::string& position) const override {
    const auto number = static_cast<unsigned>(std::stoul(split));
    const std::size_t place = position.empty() ? input_->first(number) : std::stoull(position);
    return std::unique_ptr<SplitReader<T>>(std::make_unique<TestReader<T>>(input_, number, place));
  }
  Result<T> decode(const DeadLetter& letter) const override {
    T value{};
    WEIR_TRY(from_json(letter.bytes, value));
    return value;
  }
  std::string describe() const override { return "records pushed by a test"; }

 private:
  std::shared_ptr<TestInput<T>> input_;
};

}  // namespace weir::testing
