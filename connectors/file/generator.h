// A source that makes its records: a function from an index, at a given rate.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "weir/connectors/file/memory.h"
#include "weir/connectors/file/rate_pacer.h"
#include "weir/runtime/environment.h"
#include "weir/runtime/source.h"

namespace weir {

struct GeneratorOptions {
  /// How many records in all splits together; endless when not set.
  std::optional<std::uint64_t> count = std::nullopt;
  /// Of all splits together; 0: as fast as the job takes them.
  double rate_per_second = 0;
  /// Split s of n makes the indices s, s + n, s + 2n, ...
  std::uint32_t splits = 1;
};

namespace generator_detail {

template <class T, class F>
class Reader final : public SplitReader<T> {
 public:
  Reader(Clock& clock, const GeneratorOptions& options, F make, std::uint64_t next)
      : pacer_(clock, options.rate_per_second / options.splits),
        make_(std::move(make)),
        next_(next),
        end_(options.count.value_or(UINT64_MAX)),
        step_(options.splits) {}

  Result<ReadStatus> read(Batch<T>& out, DeadLetterSink&) override {
    if (next_ >= end_) return ReadStatus::end;
    const std::uint64_t left = (end_ - next_ - 1) / step_ + 1;
    const std::uint64_t room = out.capacity() - out.size();
    std::uint64_t due = pacer_.take(left < room ? left : room);
    if (due == 0 && room > 0) return ReadStatus::empty;
    for (; due > 0; --due, next_ += step_) out.push(make_(next_), std::int64_t{0});
    return next_ < end_ ? ReadStatus::more : ReadStatus::end;
  }
  std::string position() const override { return std::to_string(next_); }
  std::optional<double> progress() const override {
    if (end_ == UINT64_MAX) return std::nullopt;
    return next_ < end_ ? static_cast<double>((end_ - next_ - 1) / step_ + 1) : 0.0;
  }

 private:
  file::detail::RatePacer pacer_;
  F make_;
  std::uint64_t next_, end_, step_;
};

template <class T, class F>
class GeneratorSource final : public Source<T> {
 public:
  GeneratorSource(GeneratorOptions options, F make) : options_(options), make_(std::move(make)) {}

  Result<std::vector<std::string>> discover(const SourceContext&) const override {
    std::vector<std::string> names;
    for (std::uint32_t i = 0; i < options_.splits; ++i) names.push_back(std::to_string(i));
    return names;
  }
  Result<std::unique_ptr<SplitReader<T>>> open(const SourceContext& context,
                                               const std::string& split,
                                               const std::string& position) const override {
    const auto first = memory::detail::parse_index(split);
    const auto next = memory::detail::parse_index(position.empty() ? split : position);
    if (!first || *first >= options_.splits || !next || *next % options_.splits != *first) {
      return memory::detail::bad_position(split);
    }
    return std::unique_ptr<SplitReader<T>>(
        std::make_unique<Reader<T, F>>(*context.env->clock, options_, make_, *next));
  }
  Result<T> decode(const DeadLetter&) const override {
    return memory::detail::no_decoding("generator");
  }
  std::string describe() const override {
    return options_.count ? "generator of " + std::to_string(*options_.count) + " records"
                          : "endless generator";
  }

 private:
  GeneratorOptions options_;
  F make_;
};

}  // namespace generator_detail

/// Makes record `make(index)` for index 0, 1, 2, ...; `make` must give the same record for an index
/// each time, also after a restart, or exactly once is lost. It is copied into every reader.
template <class T, class F>
std::shared_ptr<Source<T>> generator(GeneratorOptions options, F make) {
  static_assert(
      std::is_invocable_r_v<T, F&, std::uint64_t>,
      "generator<T>(options, make): make must be callable as T make(std::uint64_t index)");
  WEIR_CHECK(options.splits > 0, "a generator needs at least one split");
  return std::make_shared<generator_detail::GeneratorSource<T, F>>(options, std::move(make));
}

}  // namespace weir
