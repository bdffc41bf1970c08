// Test job with much state: one total for each of `keys` keys, which are all there after the first
// `keys` records; then `rate` records a second go on updating them, without end.
#include <weir/weir.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace {

struct Event {
  std::uint64_t key = 0;
  std::int64_t amount = 0;
};
WEIR_DESCRIBE(Event, key, amount);

struct State {
  std::int64_t count = 0, sum = 0, most = 0, last = 0, first = 0, squares = 0, changes = 0;
};
WEIR_DESCRIBE(State, count, sum, most, last, first, squares, changes);

struct Row {
  std::uint64_t key = 0;
  std::int64_t count = 0;
};
WEIR_DESCRIBE(Row, key, count);

/// All keys once as fast as they are taken, then at a rate.
class Reader final : public weir::SplitReader<Event> {
 public:
  Reader(weir::Clock& clock, std::uint64_t keys, double rate, std::uint64_t next)
      : clock_(clock), keys_(keys), rate_(rate), next_(next), begin_(clock.steady_now()) {}
  weir::Result<weir::ReadStatus> read(weir::Batch<Event>& out, weir::DeadLetterSink&) override {
    const double seconds = std::chrono::duration<double>(clock_.steady_now() - begin_).count();
    const auto due = static_cast<std::uint64_t>(seconds * rate_);
    while (!out.full() && (next_ < keys_ || paced_ < due)) {
      const std::uint64_t i = next_++;
      if (i >= keys_) ++paced_;
      out.push(Event{i * 2654435761 % keys_, static_cast<std::int64_t>(i & 255)}, std::int64_t{0});
    }
    return out.empty() ? weir::ReadStatus::empty : weir::ReadStatus::more;
  }
  std::string position() const override { return std::to_string(next_); }

 private:
  weir::Clock& clock_;
  const std::uint64_t keys_;
  const double rate_;
  std::uint64_t next_, paced_ = 0;
  weir::SteadyTime begin_;
};

class Events final : public weir::Source<Event> {
 public:
  Events(std::uint64_t keys, double rate, std::uint64_t splits)
      : keys_(keys), rate_(rate), splits_(splits) {}
  weir::Result<std::vector<std::string>> discover(const weir::SourceContext&) const override {
    std::vector<std::string> ids;
    for (std::uint64_t i = 0; i < splits_; ++i) ids.push_back("split-" + std::to_string(i));
    return ids;
  }
  weir::Result<std::unique_ptr<weir::SplitReader<Event>>> open(
      const weir::SourceContext& context, const std::string&,
      const std::string& position) const override {
    const std::uint64_t next = position.empty() ? 0 : std::stoull(position);
    return std::unique_ptr<weir::SplitReader<Event>>(
        std::make_unique<Reader>(*context.env->clock, keys_, rate_, next));
  }
  weir::Result<Event> decode(const weir::DeadLetter&) const override {
    return weir::Error{weir::ErrorCode::invalid_argument, "nothing fails here"};
  }
  std::string describe() const override { return "all keys, then updates"; }

 private:
  const std::uint64_t keys_;
  const double rate_;
  const std::uint64_t splits_;
};

void add(State& state, const Event& event) {
  state.first = state.count == 0 ? event.amount : state.first;
  state.changes += event.amount != state.last ? 1 : 0;
  ++state.count;
  state.sum += event.amount;
  state.squares += event.amount * event.amount;
  state.most = std::max(state.most, event.amount);
  state.last = event.amount;
}

void big_state(weir::Job& job) {
  const auto keys = static_cast<std::uint64_t>(job.config("keys", std::int64_t{1'000'000}));
  const double rate = job.config("rate", 10'000.0);
  const auto splits = static_cast<std::uint64_t>(job.config("splits", std::int64_t{2}));
  job.source("events", std::make_shared<Events>(keys, rate, splits))
      .key_by(&Event::key)
      .process<State, Row>("totals",
                           [](State& state, const Event& event, auto& out) {
                             add(state, event);
                             if (state.count % 64 == 0) out.emit(Row{event.key, state.count});
                           })
      .sink("rows", weir::file::json_sink<Row>({.path = job.config("output")}));
}

}  // namespace
WEIR_JOB(big_state);
