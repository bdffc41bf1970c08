// The seam between typed sources (templates, thin) and the machinery that reads files (in .cc
// files, without the job's types).
//
// Threads: as of Source and SplitReader in runtime/source.h.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/connectors/file/rate_pacer.h"
#include "weir/runtime/environment.h"
#include "weir/runtime/source.h"

namespace weir::file::detail {

/// A batch of rows of a type only its maker knows.
class Rows {
 public:
  using Add = void* (*)(void* batch);
  using DropLast = void (*)(void* batch);

  Rows(void* batch, std::size_t room, Add add, DropLast drop_last)
      : batch_(batch), room_(room), add_(add), drop_last_(drop_last) {}

  bool full() const { return room_ == 0; }
  /// Appends an empty row and returns it.
  void* add() {
    --room_;
    return add_(batch_);
  }
  /// Takes back the row added last.
  void drop_last() {
    ++room_;
    drop_last_(batch_);
  }

 private:
  void* batch_;
  std::size_t room_;
  Add add_;
  DropLast drop_last_;
};

template <class T>
Rows rows_of(Batch<T>& batch, std::size_t room) {
  return Rows(
      &batch, room, [](void* b) -> void* { return &static_cast<Batch<T>*>(b)->push_empty(); },
      [](void* b) {
        auto& typed = *static_cast<Batch<T>*>(b);
        typed.truncate(typed.size() - 1);
      });
}

/// SplitReader without its type.
class UntypedReader {
 public:
  virtual ~UntypedReader() = default;
  virtual Result<ReadStatus> read(Rows& rows, DeadLetterSink& dead) = 0;
  virtual std::string position() const = 0;
  virtual std::optional<double> progress() const = 0;
  virtual bool caught_up() const = 0;
};

/// Source without its type.
class UntypedSource {
 public:
  virtual ~UntypedSource() = default;
  virtual Result<std::vector<std::string>> discover(const SourceContext& context) const = 0;
  virtual std::optional<Duration> discovery_interval() const = 0;
  virtual Result<std::unique_ptr<UntypedReader>> open(const SourceContext& context,
                                                      const std::string& split,
                                                      const std::string& position) const = 0;
  /// Reads one raw record into the row at `row`.
  virtual Status decode(const DeadLetter& letter, void* row) const = 0;
  /// At most so many records a second from each split; 0: no limit.
  virtual double rate_per_second() const { return 0; }
  /// As in Source.
  virtual std::size_t most_open_readers() const { return SIZE_MAX; }
  virtual std::string describe() const = 0;
};

/// Gives an UntypedReader its type.
template <class T>
class TypedReader final : public SplitReader<T> {
 public:
  TypedReader(std::unique_ptr<UntypedReader> reader, RatePacer pacer)
      : reader_(std::move(reader)), pacer_(std::move(pacer)) {}
  Result<ReadStatus> read(Batch<T>& out, DeadLetterSink& dead) override {
    const std::size_t due = pacer_.take(out.capacity() - out.size());
    if (due == 0) return ReadStatus::empty;
    Rows rows = rows_of(out, due);
    return reader_->read(rows, dead);
  }
  std::string position() const override { return reader_->position(); }
  std::optional<double> progress() const override { return reader_->progress(); }
  bool caught_up() const override { return reader_->caught_up(); }

 private:
  std::unique_ptr<UntypedReader> reader_;
  RatePacer pacer_;
};

/// Gives an UntypedSource its type.
template <class T>
class TypedSource final : public Source<T> {
 public:
  explicit TypedSource(std::unique_ptr<UntypedSource> source) : source_(std::move(source)) {}
  Result<std::vector<std::string>> discover(const SourceContext& context) const override {
    return source_->discover(context);
  }
  std::optional<Duration> discovery_interval() const override {
    return source_->discovery_interval();
  }
  std::size_t most_open_readers() const override { return source_->most_open_readers(); }
  Result<std::unique_ptr<SplitReader<T>>> open(const SourceContext& context,
                                               const std::string& split,
                                               const std::string& position) const override {
    WEIR_ASSIGN(std::unique_ptr<UntypedReader> reader, source_->open(context, split, position));
    return std::unique_ptr<SplitReader<T>>(std::make_unique<TypedReader<T>>(
        std::move(reader), RatePacer(*context.env->clock, source_->rate_per_second())));
  }
  Result<T> decode(const DeadLetter& letter) const override {
    T row{};
    WEIR_TRY(source_->decode(letter, &row));
    return row;
  }
  std::string describe() const override { return source_->describe(); }

 private:
  std::unique_ptr<UntypedSource> source_;
};

}  // namespace weir::file::detail
