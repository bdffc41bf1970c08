// Sources over what lies in memory already, for tests and benchmarks.
#pragma once

#include <charconv>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "weir/connectors/file/sources.h"

namespace weir::memory {

namespace detail {

std::unique_ptr<file::detail::UntypedSource> make_json_source(
    std::string_view text, unsigned splits, file::JsonOptions options,
    std::vector<file::detail::Field> fields);

/// Reads a position: decimal digits, 0 when empty; nothing when it is none.
std::optional<std::uint64_t> parse_index(const std::string& text);
Error bad_position(const std::string& split);
Error no_decoding(const char* source);

template <class T>
class ValuesReader final : public SplitReader<T> {
 public:
  /// Reads values `begin` to `end` of `values`.
  ValuesReader(std::shared_ptr<const std::vector<T>> values, std::size_t begin, std::size_t end)
      : values_(std::move(values)), next_(begin), end_(end) {}
  Result<ReadStatus> read(Batch<T>& out, DeadLetterSink&) override {
    for (; next_ < end_ && !out.full(); ++next_) out.push((*values_)[next_], std::int64_t{0});
    return next_ < end_ ? ReadStatus::more : ReadStatus::end;
  }
  std::string position() const override { return std::to_string(next_); }
  std::optional<double> progress() const override { return static_cast<double>(end_ - next_); }

 private:
  std::shared_ptr<const std::vector<T>> values_;  // shared with the source and its other readers
  std::size_t next_, end_;
};

template <class T>
class ValuesSource final : public Source<T> {
 public:
  ValuesSource(std::vector<T> values, unsigned splits)
      : values_(std::make_shared<const std::vector<T>>(std::move(values))), splits_(splits) {}
  Result<std::vector<std::string>> discover(const SourceContext&) const override {
    std::vector<std::string> names;
    for (unsigned i = 0; i < splits_; ++i) names.push_back(std::to_string(i));
    return names;
  }
  Result<std::unique_ptr<SplitReader<T>>> open(const SourceContext&, const std::string& split,
                                               const std::string& position) const override {
    const std::optional<std::uint64_t> index = parse_index(split), at = parse_index(position);
    if (!index || *index >= splits_ || !at) return bad_position(split);
    const std::size_t begin = place(*index), end = place(*index + 1);
    const std::size_t start = position.empty() ? begin : static_cast<std::size_t>(*at);
    if (start < begin || start > end) return bad_position(split);
    return std::unique_ptr<SplitReader<T>>(std::make_unique<ValuesReader<T>>(values_, start, end));
  }
  Result<T> decode(const DeadLetter&) const override { return no_decoding("values"); }
  std::string describe() const override {
    return std::to_string(values_->size()) + " values in memory";
  }

 private:
  std::size_t place(std::uint64_t index) const {
    return static_cast<std::size_t>(values_->size() * index / splits_);
  }
  std::shared_ptr<const std::vector<T>> values_;
  unsigned splits_;
};

}  // namespace detail

/// `values`, cut into `splits` contiguous splits.
template <class T>
std::shared_ptr<Source<T>> values(std::vector<T> values, unsigned splits = 1) {
  WEIR_CHECK(splits > 0, "memory::values needs at least one split");
  return std::make_shared<detail::ValuesSource<T>>(std::move(values), splits);
}

/// The JSON lines of `text`, which outlives the job, read in place and cut into `splits` splits of
/// about the same size. Of `options` only those count that say how a line becomes a T.
template <class T>
std::shared_ptr<Source<T>> json_lines(std::string_view text, unsigned splits = 1,
                                      file::JsonOptions options = {}) {
  WEIR_CHECK(splits > 0, "memory::json_lines needs at least one split");
  return std::make_shared<file::detail::TypedSource<T>>(
      detail::make_json_source(text, splits, std::move(options), file::detail::fields_of<T>()));
}

}  // namespace weir::memory
