// The seam between typed Kafka sources (templates, thin) and the machinery in the .cc files.
//
// Threads: as of Source and SplitReader in runtime/source.h.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/connectors/file/field.h"
#include "weir/connectors/kafka/message.h"
#include "weir/connectors/kafka/options.h"
#include "weir/runtime/source.h"

namespace weir::kafka::detail {

/// Decodes records for one reader.
class Decoder {
 public:
  virtual ~Decoder() = default;
  /// Reads `message` into the row at `row`; false with `error` set when it cannot.
  virtual bool decode(const Message& message, void* row, std::string& error) = 0;
  virtual bool needs_value() const { return true; }
};

/// Makes decoders; const methods from any thread.
class DecoderFactory {
 public:
  virtual ~DecoderFactory() = default;
  virtual Result<std::unique_ptr<Decoder>> make() const = 0;
  virtual PayloadFormat format() const { return PayloadFormat::text; }
};

using CustomDecode = std::function<bool(const Message&, void* row, std::string& error)>;
std::unique_ptr<DecoderFactory> json_decoders(std::vector<file::detail::Field> fields,
                                              const SourceOptions& options);
std::unique_ptr<DecoderFactory> value_decoders();
std::unique_ptr<DecoderFactory> raw_decoders();
std::unique_ptr<DecoderFactory> custom_decoders(CustomDecode decode);

/// A batch of rows of a type that only its maker knows.
class Rows {
 public:
  virtual ~Rows() = default;
  virtual std::size_t room() const = 0;
  /// Appends an empty row and returns it.
  virtual void* add(std::int64_t time_ms) = 0;
  /// Takes back the row added last.
  virtual void drop_last() = 0;
};

/// SplitReader without its type.
class UntypedReader {
 public:
  virtual ~UntypedReader() = default;
  virtual Result<ReadStatus> read(Rows& rows, DeadLetterSink& dead) = 0;
  virtual std::string position() const = 0;
  virtual bool caught_up() const = 0;
  virtual std::optional<std::uint64_t> lag() const = 0;
};

/// Source without its type.
class UntypedSource {
 public:
  virtual ~UntypedSource() = default;
  virtual Result<std::vector<std::string>> discover(const SourceContext& context) const = 0;
  virtual Result<std::vector<NewSplit>> first_positions(
      const SourceContext& context, const std::vector<std::string>& splits) const = 0;
  virtual void positions_durable(const SourceContext& context,
                                 const std::vector<NewSplit>& positions) const = 0;
  virtual bool wants_durable_positions() const = 0;
  virtual std::optional<Duration> discovery_interval() const = 0;
  virtual Result<std::unique_ptr<UntypedReader>> open(const SourceContext& context,
                                                      const std::string& split,
                                                      const std::string& position) const = 0;
  /// Reads one raw record into the row at `row`.
  virtual Status decode(const DeadLetter& letter, void* row) const = 0;
  virtual std::string describe() const = 0;
};

std::unique_ptr<UntypedSource> make_source(SourceOptions options,
                                           std::unique_ptr<DecoderFactory> decoders);

template <class T>
class TypedRows final : public Rows {
 public:
  explicit TypedRows(Batch<T>& batch) : batch_(batch) {}
  std::size_t room() const override { return batch_.capacity() - batch_.size(); }
  void* add(std::int64_t time_ms) override { return &batch_.push_empty(time_ms); }
  void drop_last() override { batch_.truncate(batch_.size() - 1); }

 private:
  Batch<T>& batch_;
};

template <class T>
class TypedReader final : public SplitReader<T> {
 public:
  explicit TypedReader(std::unique_ptr<UntypedReader> reader) : reader_(std::move(reader)) {}
  Result<ReadStatus> read(Batch<T>& out, DeadLetterSink& dead) override {
    TypedRows<T> rows(out);
    return reader_->read(rows, dead);
  }
  std::string position() const override { return reader_->position(); }
  bool caught_up() const override { return reader_->caught_up(); }
  std::optional<std::uint64_t> lag() const override { return reader_->lag(); }

 private:
  std::unique_ptr<UntypedReader> reader_;
};

template <class T>
class TypedSource final : public Source<T> {
 public:
  explicit TypedSource(std::unique_ptr<UntypedSource> source) : source_(std::move(source)) {}
  Result<std::vector<std::string>> discover(const SourceContext& context) const override {
    return source_->discover(context);
  }
  Result<std::vector<NewSplit>> first_positions(const SourceContext& context,
                                                std::vector<std::string> splits) const override {
    return source_->first_positions(context, splits);
  }
  void positions_durable(const SourceContext& context,
                         const std::vector<NewSplit>& positions) const override {
    source_->positions_durable(context, positions);
  }
  bool wants_durable_positions() const override { return source_->wants_durable_positions(); }
  std::optional<Duration> discovery_interval() const override {
    return source_->discovery_interval();
  }
  Result<std::unique_ptr<SplitReader<T>>> open(const SourceContext& context,
                                               const std::string& split,
                                               const std::string& position) const override {
    WEIR_ASSIGN(std::unique_ptr<UntypedReader> reader, source_->open(context, split, position));
    return std::unique_ptr<SplitReader<T>>(std::make_unique<TypedReader<T>>(std::move(reader)));
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

}  // namespace weir::kafka::detail
