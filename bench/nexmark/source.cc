#include "bench/nexmark/source.h"

#include <charconv>
#include <string>

#include "bench/nexmark/arrival.h"

namespace weir::bench::nexmark {
namespace {

constexpr std::uint64_t kChunk = 1024;

Result<std::uint64_t> parse(const std::string& text) {
  std::uint64_t number = 0;
  const char* end = text.data() + text.size();
  if (std::from_chars(text.data(), end, number).ptr != end) {
    return Error{ErrorCode::corrupt, "'" + text + "' is no position of the Nexmark generator"};
  }
  return number;
}

/// Reads one split; its position counts what it has read of its own chunks.
class Reader final : public SplitReader<Event> {
 public:
  Reader(const GeneratorSettings& settings, std::uint64_t split, std::uint64_t splits,
         std::uint64_t next)
      : generator_(settings),
        arrival_(settings.events, settings.events_per_second),
        positions_(arrival_.positions()),
        split_(split),
        splits_(splits),
        next_(next) {}

  Result<ReadStatus> read(Batch<Event>& out, DeadLetterSink&) override {
    while (!out.full()) {
      const std::uint64_t position = (next_ / kChunk * splits_ + split_) * kChunk + next_ % kChunk;
      if (position >= positions_) return ReadStatus::end;
      ++next_;
      const std::uint64_t number = arrival_.event_at(position);
      if (number != Arrival::kNobody) generator_.make(number, out.push_empty());
    }
    return ReadStatus::more;
  }
  std::string position() const override { return std::to_string(next_); }

 private:
  Generator generator_;
  Arrival arrival_;
  std::uint64_t positions_, split_, splits_, next_;
};

class NexmarkSource final : public Source<Event> {
 public:
  NexmarkSource(const GeneratorSettings& settings, std::uint32_t splits)
      : settings_(settings), splits_(splits) {}

  Result<std::vector<std::string>> discover(const SourceContext&) const override {
    std::vector<std::string> ids;
    for (std::uint32_t i = 0; i < splits_; ++i) ids.push_back(std::to_string(i));
    return ids;
  }
  Result<std::unique_ptr<SplitReader<Event>>> open(const SourceContext&, const std::string& split,
                                                   const std::string& position) const override {
    WEIR_ASSIGN(const std::uint64_t index, parse(split));
    std::uint64_t next = 0;
    if (!position.empty()) {
      WEIR_ASSIGN(next, parse(position));
    }
    return std::unique_ptr<SplitReader<Event>>(
        std::make_unique<Reader>(settings_, index, splits_, next));
  }
  Result<Event> decode(const DeadLetter&) const override {
    return Error{ErrorCode::invalid_argument, "generated events are not decoded"};
  }
  std::string describe() const override { return "Nexmark events"; }

 private:
  GeneratorSettings settings_;
  std::uint32_t splits_;
};

}  // namespace

std::shared_ptr<Source<Event>> make_source(const GeneratorSettings& settings,
                                           std::uint32_t splits) {
  return std::make_shared<NexmarkSource>(settings, splits);
}

}  // namespace weir::bench::nexmark
