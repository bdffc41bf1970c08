// The job of bench `processes`, in a cluster of two workers: that of bench `exchange` with whole
// events; or, with the setting "lone", single records that go from the one process to the other.
// What it measures it writes into the folder of the setting "times".
#include <algorithm>
#include <chrono>
#include <fstream>

#include "bench/cost_events.h"

namespace weir::bench {
namespace {

std::int64_t now_ns() { return std::chrono::steady_clock::now().time_since_epoch().count(); }

/// The steady clock is that of the host: times of two processes compare.
void write_times(const std::string& path, const std::vector<std::int64_t>& times) {
  std::ofstream out(path + ".new");
  for (const std::int64_t time : times) out << time << "\n";
  out.close();
  std::rename((path + ".new").c_str(), path.c_str());
}

/// Each of two splits makes half of the events, and writes when it began and ended.
class Events final : public Source<Event> {
 public:
  Events(std::uint64_t events, std::uint64_t keys, std::string times)
      : events_(events), keys_(keys), times_(std::move(times)) {}
  class Reader final : public SplitReader<Event> {
   public:
    Reader(std::uint64_t events, std::uint64_t keys, std::string path)
        : events_(events), generator_(keys), path_(std::move(path)) {}
    Result<ReadStatus> read(Batch<Event>& out, DeadLetterSink&) override {
      if (next_ == 0) began_ = now_ns();
      for (CostEvent event; !out.full() && next_ < events_;) {
        generator_.next(next_++, event);
        push(out, event);
      }
      if (next_ < events_) return ReadStatus::more;
      write_times(path_, {began_, now_ns()});
      return ReadStatus::end;
    }
    std::string position() const override { return std::to_string(next_); }

   private:
    const std::uint64_t events_;
    std::uint64_t next_ = 0;
    CostGenerator generator_;
    const std::string path_;
    std::int64_t began_ = 0;
  };
  Result<std::vector<std::string>> discover(const SourceContext&) const override {
    return std::vector<std::string>{"0", "1"};
  }
  Result<std::unique_ptr<SplitReader<Event>>> open(const SourceContext&, const std::string& split,
                                                   const std::string&) const override {
    return std::unique_ptr<SplitReader<Event>>(
        std::make_unique<Reader>(events_ / 2, keys_, times_ + "/" + split));
  }
  Result<Event> decode(const DeadLetter&) const override {
    return Error{ErrorCode::invalid_argument, "generated events are not decoded"};
  }
  std::string describe() const override { return "xorshift64 events"; }

 private:
  const std::uint64_t events_, keys_;
  const std::string times_;
};

/// One record a millisecond, each of another key.
class LoneRecords final : public Source<Event> {
 public:
  explicit LoneRecords(std::uint64_t count) : count_(count) {}
  class Reader final : public SplitReader<Event> {
   public:
    explicit Reader(std::uint64_t count) : left_(count) {}
    Result<ReadStatus> read(Batch<Event>& out, DeadLetterSink&) override {
      if (left_ == 0) return ReadStatus::end;
      const std::int64_t now = now_ns();
      if (now < next_ns_) return ReadStatus::empty;
      next_ns_ = now + 1'000'000;
      out.push_empty().ts = now;
      out[out.size() - 1].user = left_--;
      return ReadStatus::more;
    }
    std::string position() const override { return std::to_string(left_); }

   private:
    std::uint64_t left_;
    std::int64_t next_ns_ = 0;
  };
  Result<std::vector<std::string>> discover(const SourceContext&) const override {
    return std::vector<std::string>{"lone"};
  }
  Result<std::unique_ptr<SplitReader<Event>>> open(const SourceContext&, const std::string&,
                                                   const std::string&) const override {
    return std::unique_ptr<SplitReader<Event>>(std::make_unique<Reader>(count_));
  }
  Result<Event> decode(const DeadLetter&) const override {
    return Error{ErrorCode::invalid_argument, "generated events are not decoded"};
  }
  std::string describe() const override { return "lone records"; }

 private:
  const std::uint64_t count_;
};

/// How long records took to the sink, for each subtask of it: the one beside the source takes those
/// that cross nothing.
class Arrivals final : public Sink<Event> {
 public:
  explicit Arrivals(std::string times) : times_(std::move(times)) {}
  class Writer final : public SinkWriter<Event> {
   public:
    explicit Writer(std::string path) : path_(std::move(path)) {}
    Status write(Batch<Event>& batch) override {
      for (const Event& event : batch) took_.push_back(now_ns() - event.ts);
      return {};
    }
    Result<Staged> stage(std::uint64_t, bool last) override {
      if (last) write_times(path_, took_);
      return Staged{};
    }

   private:
    const std::string path_;
    std::vector<std::int64_t> took_;
  };
  Status prepare(const SinkContext&, const std::vector<std::string>&) const override { return {}; }
  Result<std::unique_ptr<SinkWriter<Event>>> open(const SinkContext& context,
                                                  const std::vector<std::string>&) const override {
    return std::unique_ptr<SinkWriter<Event>>(
        std::make_unique<Writer>(times_ + "/" + std::to_string(context.subtask)));
  }
  Status commit(const SinkContext&, const std::vector<Committable>&) const override { return {}; }
  std::string describe() const override { return "times"; }

 private:
  const std::string times_;
};

void two_processes(Job& job) {
  const std::string times = job.config("times");
  const std::int64_t lone = job.config("lone", std::int64_t{0});
  const auto events = static_cast<std::uint64_t>(job.config("events", std::int64_t{0}));
  const auto keys = static_cast<std::uint64_t>(job.config("keys", std::int64_t{1}));
  if (lone > 0) {
    job.source("records", std::make_shared<LoneRecords>(static_cast<std::uint64_t>(lone)))
        .key_by(&Event::user)
        .process<Totals, Event>("seen",
                                [](Totals&, const Event& event, auto& ctx) { ctx.emit(event); })
        .sink("times", std::make_shared<Arrivals>(times));
    return;
  }
  job.source("events", std::make_shared<Events>(events, keys, times))
      .filter("wanted", [](const Event& e) { return wanted(e); })
      .map("doubled", [](const Event& e) { return doubled(e); })
      .key_by(&Event::user)
      .process<Totals, Event>("totals", [](Totals& t, const Event& e, auto&) { add(t, e); })
      .discard("nothing");
}

}  // namespace
}  // namespace weir::bench

using weir::bench::two_processes;
WEIR_JOB(two_processes);
