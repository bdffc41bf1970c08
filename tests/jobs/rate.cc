// Test job that runs for ever at full rate, for ./dev soak rate (tests/jobs/rate.py): users who
// come and go, devices that stay, windows, and a file of measurements beside the output.
//
// All that it reads is arithmetic, so that the right answer of any length is too. The events of a
// split come in blocks of `rounds` rounds; in a round each of `users` users has one event, in an
// order that jumps about the keys. Users of a block never come back. A block takes a minute of
// event time. Event i of a split, in round r = i / users: user = r / rounds * users + place *
// kStride % users, amount = user % 97 + r % 13. rate.py says the same.
#include <weir/weir.h>

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

using weir::EventTime;
using weir::Result;
using weir::Status;

namespace {

constexpr std::uint64_t kStride = 7919;  // a prime: every user has a turn in each round
constexpr std::uint64_t kShops = 100, kDevices = 100'003, kShownUsers = 1000;
constexpr std::int64_t kBlockMs = 60'000;
constexpr std::uint64_t kProbeEvery = 4096;  // events

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

struct Event {
  std::uint64_t user = 0;
  std::uint64_t number = 0;  ///< in its split
  std::int64_t read_ns = 0;  ///< by the steady clock
  std::int64_t at_ms = 0;
  std::int64_t amount = 0;
};
WEIR_DESCRIBE(Event, user, number, read_ns, at_ms, amount);

struct Sum {
  std::int64_t count = 0, sum = 0;
};
WEIR_DESCRIBE(Sum, count, sum);

struct UserRow {
  std::uint64_t user = 0;
  std::int64_t count = 0, sum = 0;
};
WEIR_DESCRIBE(UserRow, user, count, sum);

/// When the event was read whose result this is.
struct Probe {
  std::int64_t read_ns = 0;
};
WEIR_DESCRIBE(Probe, read_ns);

/// What the events are.
struct Course {
  std::uint64_t users = 200'000, rounds = 50;
};

class Events final : public weir::Source<Event> {
 public:
  explicit Events(Course course) : course_(course) {}

  Result<std::vector<std::string>> discover(const weir::SourceContext&) const override {
    return std::vector<std::string>{"0", "1"};
  }
  Result<std::unique_ptr<weir::SplitReader<Event>>> open(
      const weir::SourceContext&, const std::string&, const std::string& position) const override {
    std::uint64_t next = 0;
    std::from_chars(position.data(), position.data() + position.size(), next);
    return std::unique_ptr<weir::SplitReader<Event>>(std::make_unique<Reader>(course_, next));
  }
  Result<Event> decode(const weir::DeadLetter&) const override {
    return weir::Error{weir::ErrorCode::invalid_argument, "these events are not decoded"};
  }
  std::string describe() const override { return "arithmetic"; }

 private:
  class Reader final : public weir::SplitReader<Event> {
   public:
    Reader(Course course, std::uint64_t next) : course_(course), next_(next) {}
    Result<weir::ReadStatus> read(weir::Batch<Event>& out, weir::DeadLetterSink&) override {
      const std::int64_t read_ns = now_ns();
      while (!out.full()) {
        const std::uint64_t round = next_ / course_.users, block = round / course_.rounds;
        Event& event = out.push_empty(0);
        event.user = block * course_.users + next_ % course_.users * kStride % course_.users;
        event.number = next_;
        event.read_ns = read_ns;
        event.at_ms = static_cast<std::int64_t>(block) * kBlockMs +
                      static_cast<std::int64_t>(next_ % (course_.users * course_.rounds) *
                                                kBlockMs / (course_.users * course_.rounds));
        event.amount = static_cast<std::int64_t>(event.user % 97 + round % 13);
        ++next_;
      }
      return weir::ReadStatus::more;
    }
    std::string position() const override { return std::to_string(next_); }

   private:
    Course course_;
    std::uint64_t next_;
  };
  Course course_;
};

/// Writes a line for each checkpoint: when its barrier came, when it was complete, and how long
/// the results since the last barrier had taken. As often as it happens, restarts or not.
class Measurements final : public weir::Sink<Probe> {
 public:
  explicit Measurements(std::string path) : path_(std::move(path)) {}

  Status prepare(const weir::SinkContext&, const std::vector<std::string>&) const override {
    return {};
  }
  Result<std::unique_ptr<weir::SinkWriter<Probe>>> open(
      const weir::SinkContext&, const std::vector<std::string>&) const override {
    return std::unique_ptr<weir::SinkWriter<Probe>>(std::make_unique<Writer>());
  }
  Status commit(const weir::SinkContext&,
                const std::vector<weir::Committable>& lines) const override {
    std::FILE* file = std::fopen(path_.c_str(), "a");
    if (file == nullptr) return weir::Error{weir::ErrorCode::io, "cannot open " + path_};
    for (const std::string& line : lines) {
      std::fprintf(file, "%s,\"complete_ns\":%lld}\n", line.c_str(),
                   static_cast<long long>(now_ns()));
    }
    std::fclose(file);
    return {};
  }
  bool at_least_once() const override { return true; }
  std::string describe() const override { return "measurements"; }

 private:
  class Writer final : public weir::SinkWriter<Probe> {
   public:
    Status write(weir::Batch<Probe>& batch) override {
      for (const Probe& probe : batch) took_ns_.push_back(now_ns() - probe.read_ns);
      return {};
    }
    Result<weir::Staged> stage(std::uint64_t checkpoint, bool) override {
      std::sort(took_ns_.begin(), took_ns_.end());
      const auto share = [this](double part) {
        const auto place = static_cast<std::size_t>(part * static_cast<double>(took_ns_.size()));
        return took_ns_.empty() ? 0 : took_ns_[std::min(place, took_ns_.size() - 1)];
      };
      std::string line = "{\"checkpoint\":" + std::to_string(checkpoint) +
                         ",\"results\":" + std::to_string(took_ns_.size()) +
                         ",\"median_ns\":" + std::to_string(share(0.5)) +
                         ",\"p99_ns\":" + std::to_string(share(0.99)) +
                         ",\"barrier_ns\":" + std::to_string(now_ns());
      took_ns_.clear();
      weir::Staged staged;
      staged.committables.push_back(std::move(line));
      return staged;
    }

   private:
    std::vector<std::int64_t> took_ns_;
  };
  std::string path_;
};

/// Counts a user's events, and says them for a few users when the block is over.
struct Follow {
  Course course;
  void operator()(Sum& sum, const Event& event, auto& ctx) const {
    if (++sum.count == 1) {
      const auto block = static_cast<std::int64_t>(event.user / course.users);
      ctx.set_timer(weir::from_millis((block + 1) * kBlockMs - 1));
    }
    sum.sum += event.amount;
    if (event.number % kProbeEvery == 0) ctx.emit(Probe{event.read_ns});
  }
};
struct SayUser {
  void operator()(Sum& sum, const weir::Timer&, auto& ctx) const {
    if (ctx.key() % kShownUsers == 0) ctx.emit(UserRow{ctx.key(), sum.count, sum.sum});
    ctx.clear_state();
  }
};

void add(Sum& sum, const Event& event) {
  ++sum.count;
  sum.sum += event.amount;
}
void combine(Sum& sum, const Sum& later) {
  sum.count += later.count;
  sum.sum += later.sum;
}

void rate(weir::Job& job) {
  Course course;
  course.users = static_cast<std::uint64_t>(job.config("users", std::int64_t{200'000}));
  course.rounds = static_cast<std::uint64_t>(job.config("rounds", std::int64_t{50}));
  const std::string output = job.config("output");
  // Aligned, or one split would run away from the other and its users would pile up.
  auto events = job.source("events", std::make_shared<Events>(course),
                           {.event_time = [](const Event& e) { return e.at_ms; },
                            .align = "rate",
                            .align_drift = weir::Duration(kBlockMs / 6)});

  auto [users, probes] =
      events.key_by(&Event::user).process<Sum, UserRow, Probe>("users", Follow{course}, SayUser{});
  users.sink("users_out", weir::file::json_sink<UserRow>({.path = output + "/users"}));
  probes.sink("measurements", std::make_shared<Measurements>(job.config("measurements")));

  auto [shops, late] =
      events.key_by([](const Event& e) { return e.user % kShops; })
          .window<Sum>("shops", weir::tumbling(weir::Duration(kBlockMs)), add, combine);
  shops.sink("shops_out", weir::file::json_sink<weir::Windowed<std::uint64_t, Sum>>(
                              {.path = output + "/shops"}));

  events.key_by([](const Event& e) { return e.number % kDevices; })
      .aggregate<Sum>("devices", add, combine)
      .discard("devices_end");
}

}  // namespace

WEIR_JOB(rate);
