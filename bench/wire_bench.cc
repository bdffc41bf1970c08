// Bench `wire`: events of 64 bytes from one process to another over loopback, spread by key over
// two subtasks there, beside a bare TCP loop; the same over TLS; and how long a lone record takes.
//
//   wire_bench [--json] [--runs N] [--events MILLIONS] [--keys K]
#include <poll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <thread>

#include "bench/report.h"
#include "bench/scratch.h"
#include "bench/twins/cost_twin.h"
#include "bench/twins/wire_twin.h"
#include "tests/net/certificates.h"
#include "weir/base/describe.h"
#include "weir/base/key.h"
#include "weir/net/link.h"
#include "weir/net/network.h"
#include "weir/runtime/partitioner.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Drive = net::Network::Drive;

struct WireEvent {
  std::uint64_t user;
  std::int64_t ts;
  std::uint32_t type;
  std::uint32_t val;
  std::array<std::int64_t, 5> pad;
};
WEIR_DESCRIBE(WireEvent, user, ts, type, val, pad);
static_assert(sizeof(WireEvent) == sizeof(CostEvent));

constexpr std::uint32_t kSubtasks = 2;
const net::Hello kHello{"bench", "wire", 1, 0, ""};

/// How a connection is carried.
struct Way {
  Drive drive;
  std::shared_ptr<net::Tls> tls = nullptr;

  net::LinkOptions options() const {
    net::LinkOptions options;
    options.tls = tls;
    return options;
  }
};

std::unique_ptr<BatchBase> make_batch() { return std::make_unique<Batch<WireEvent>>(); }

class ByUser final : public KeyHasher {
 public:
  void hash(BatchBase& batch) const override {
    auto& events = static_cast<Batch<WireEvent>&>(batch);
    for (std::size_t i = 0; i < events.size(); ++i) batch.hashes()[i] = hash_key(events[i].user);
    batch.set_has_hashes(true);
  }
  Result<std::uint64_t> hash_letter(const DeadLetter&) const override { return std::uint64_t{0}; }
};

/// The thread of a task, which sleeps when it has nothing to do: here, or in the network that it
/// drives.
class Sleeper final : public Waker {
 public:
  explicit Sleeper(net::Network* driven) : driven_(driven) {}
  void wake() override {
    if (driven_ != nullptr || woken_.exchange(true)) return;
    const std::lock_guard lock(mutex_);
    condition_.notify_one();
  }
  void sleep() {
    if (driven_ != nullptr) {
      driven_->wait(std::chrono::seconds(1));
      return;
    }
    std::unique_lock lock(mutex_);
    condition_.wait(lock, [this] { return woken_.load(); });
    woken_ = false;
  }

 private:
  net::Network* driven_;
  std::mutex mutex_;
  std::condition_variable condition_;
  std::atomic<bool> woken_{false};
};

/// A connection that breaks before all has gone over it is a failure; afterwards it may.
class Watch {
 public:
  std::function<void(Error)> on_failure() const {
    return [over = over_](const Error& why) { WEIR_CHECK(over->load(), why.message.c_str()); };
  }
  void over() const { *over_ = true; }

 private:
  std::shared_ptr<std::atomic<bool>> over_ = std::make_shared<std::atomic<bool>>(false);
};

template <class T>
void put(int fd, T value) {
  WEIR_CHECK(write(fd, &value, sizeof value) == sizeof value, "the pipe of a benchmark broke");
}
template <class T>
T get(int fd) {
  T value{};
  WEIR_CHECK(read(fd, &value, sizeof value) == sizeof value, "the other process has died");
  return value;
}

/// Runs `there` in a process of its own with the writing end of a pipe, and `here` with the reading
/// one.
double in_two_processes(const std::function<void(int)>& there,
                        const std::function<double(int)>& here) {
  int ends[2];
  WEIR_CHECK(pipe(ends) == 0, "no pipe");
  const pid_t child = fork();
  WEIR_CHECK(child >= 0, "no process");
  if (child == 0) {
    close(ends[0]);
    there(ends[1]);
    _exit(0);
  }
  close(ends[1]);
  const double result = here(ends[0]);
  close(ends[0]);
  int status = 0;
  WEIR_CHECK(waitpid(child, &status, 0) == child && status == 0, "the other process failed");
  return result;
}

// ---- the receiving process --------------------------------------------------------------------

/// Reads what comes in the channels of `link` until all have ended.
template <class Visit>
void read_channels(net::Link& link, Sleeper& sleeper, std::uint32_t channels, Visit&& visit) {
  std::vector<Channel*> ins;
  for (std::uint32_t i = 0; i < channels; ++i) {
    ins.push_back(&link.open_in(i, make_batch));
    ins.back()->set_reader(&sleeper);
  }
  const Watch watch;
  link.start(watch.on_failure());
  for (std::uint32_t ended = 0; ended < channels;) {
    bool any = false;
    for (Channel* in : ins) {
      ChannelElement element;
      while (in->pop(element)) {
        any = true;
        ended += element.kind == ChannelElement::Kind::end;
        if (!element.batch) continue;
        visit(static_cast<Batch<WireEvent>&>(*element.batch));
        element.batch->clear();
        in->recycle(std::move(element.batch));
      }
    }
    if (!any && ended < channels) sleeper.sleep();
  }
  watch.over();
}

template <class Visit>
void serve(int pipe, const Way& way, std::uint32_t channels, Visit&& visit) {
  net::Network network(way.drive);
  Sleeper sleeper(way.drive == Drive::by_caller ? &network : nullptr);
  std::mutex mutex;
  std::unique_ptr<net::Link> link;
  const auto port = network.listen(
      "127.0.0.1", 0, way.options(), [](const net::Hello&) -> Result<net::Hello> { return kHello; },
      [&](const net::Hello&, std::unique_ptr<net::Link> made) {
        const std::lock_guard lock(mutex);
        link = std::move(made);
        sleeper.wake();
      });
  WEIR_CHECK(port.ok(), "cannot listen");
  put(pipe, *port);
  const auto arrived = [&] {
    const std::lock_guard lock(mutex);
    return link != nullptr;
  };
  while (!arrived()) sleeper.sleep();
  read_channels(*link, sleeper, channels, visit);
  link.reset();
}

// ---- the sending process ----------------------------------------------------------------------

struct Sender {
  Sender(std::uint16_t port, const Way& way)
      : driven(way.drive == Drive::by_caller),
        network(way.drive),
        sleeper(way.drive == Drive::by_caller ? &network : nullptr) {
    auto made = network.connect("127.0.0.1", port, way.options(), kHello, std::chrono::seconds(10));
    WEIR_CHECK(made.ok(), "cannot connect");
    link = std::move(*made);
  }
  /// Lets time pass, and the bytes that wait go.
  void pause(std::chrono::microseconds time) {
    const auto end = Clock::now() + time;
    if (!driven) return std::this_thread::sleep_for(time);
    while (Clock::now() < end) network.wait(end - Clock::now());
  }
  /// What the other process says in the end.
  std::int64_t answer(int pipe) {
    pollfd ready{pipe, POLLIN, 0};
    while (driven && ::poll(&ready, 1, 0) == 0) network.wait(std::chrono::milliseconds(1));
    return get<std::int64_t>(pipe);
  }

  const bool driven;
  net::Network network;
  Sleeper sleeper;
  std::unique_ptr<net::Link> link;
};

void send_by_key(Sender& sender, std::uint64_t events, std::uint64_t keys) {
  net::Link& link = *sender.link;
  Sleeper& sleeper = sender.sleeper;
  std::vector<Channel*> outs;
  for (std::uint32_t i = 0; i < kSubtasks; ++i) outs.push_back(&link.open_out(i));
  Partitioner partitioner(Exchange::hash, std::make_shared<ByUser>(), 256, 0, outs, make_batch);
  partitioner.set_waker(&sleeper);
  const Watch watch;
  link.start(watch.on_failure());
  const auto drain = [&] {
    while (!partitioner.drain()) sleeper.sleep();
  };
  CostGenerator generator(keys);
  Batch<WireEvent> batch;
  for (std::uint64_t i = 0; i < events;) {
    for (; !batch.full() && i < events; ++i) {
      CostEvent event;
      generator.next(i, event);
      WireEvent& sent = batch.push_empty(event.ts);
      sent.user = event.user;
      sent.ts = event.ts;
      sent.type = event.type;
      sent.val = event.val;
    }
    partitioner.receive(batch);
    batch.clear();
    drain();
  }
  watch.over();  // the other end counts what has come
  partitioner.end();
  drain();
}

double wire_ns(const Way& way, std::uint64_t events, std::uint64_t keys) {
  return in_two_processes(
      [&way, events](int pipe) {
        std::int64_t sum = 0;
        std::uint64_t count = 0;
        serve(pipe, way, kSubtasks, [&](const Batch<WireEvent>& batch) {
          for (std::size_t i = 0; i < batch.size(); ++i) sum += batch[i].val;
          count += batch.size();
        });
        WEIR_CHECK(count == events, "events were lost on the way");
        put(pipe, sum);
      },
      [&](int pipe) {
        Sender sender(get<std::uint16_t>(pipe), way);
        const auto begin = Clock::now();
        send_by_key(sender, events, keys);
        static_cast<void>(sender.answer(pipe));
        return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() /
               static_cast<double>(events);
      });
}

double bare_ns(std::uint64_t events, std::uint64_t keys) {
  return in_two_processes(
      [events](int pipe) {
        std::uint16_t port = 0;
        const int door = listen_on_loopback(port);
        put(pipe, port);
        const int fd = accept(door, nullptr, nullptr);
        const std::int64_t sum = receive_events(fd, events);
        WEIR_CHECK(sum >= 0, "the bare connection broke");
        put(pipe, sum);
      },
      [&](int pipe) {
        const int fd = connect_to_loopback(get<std::uint16_t>(pipe));
        const auto begin = Clock::now();
        WEIR_CHECK(send_events(fd, events, keys), "the bare connection broke");
        static_cast<void>(get<std::int64_t>(pipe));
        close(fd);
        return std::chrono::duration<double, std::nano>(Clock::now() - begin).count() /
               static_cast<double>(events);
      });
}

/// The 50th or 99th percentile of how long a lone record takes, in microseconds: one a millisecond.
double lone_us(const Way& way, double percentile) {
  constexpr int kRecords = 2000;
  return in_two_processes(
      [&way, percentile](int pipe) {
        std::vector<std::int64_t> took;
        serve(pipe, way, 1, [&](const Batch<WireEvent>& batch) {
          took.push_back(Clock::now().time_since_epoch().count() - batch[0].ts);
        });
        std::sort(took.begin(), took.end());
        put(pipe,
            took[static_cast<std::size_t>(percentile * static_cast<double>(took.size() - 1))]);
      },
      [&way](int pipe) {
        Sender sender(get<std::uint16_t>(pipe), way);
        Channel& out = sender.link->open_out(0);
        const Watch watch;
        sender.link->start(watch.on_failure());
        for (int i = 0; i <= kRecords; ++i) {
          sender.pause(std::chrono::milliseconds(1));
          ChannelElement element;
          if (i == kRecords) {
            watch.over();
            element.kind = ChannelElement::Kind::end;
          } else {
            auto batch = std::make_unique<Batch<WireEvent>>();
            batch->push_empty().ts = Clock::now().time_since_epoch().count();
            element.batch = std::move(batch);
          }
          while (!out.push(element)) sender.pause(std::chrono::milliseconds(1));
        }
        return static_cast<double>(sender.answer(pipe)) / 1000;
      });
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  const auto options = parse_report_options(argc, argv);
  const std::uint64_t events = number_option(options.rest, "--events", 20) * 1'000'000;
  const std::uint64_t keys = number_option(options.rest, "--keys", 1'000'000);
  weir::net::Authority authority;
  const auto tls = authority.member();
  Report report("wire", options);
  for (const Drive drive : {Drive::by_caller, Drive::own_thread}) {
    const std::string thread =
        drive == Drive::by_caller ? "on the tasks' thread" : "on a thread of its own";
    const Way plain{drive}, secure{drive, tls};
    report.compare(
        "keyed, network " + thread, "ns/event", [&] { return wire_ns(plain, events, keys); },
        [&] { return bare_ns(events, keys); });
    report.compare(
        "keyed, TLS, network " + thread, "ns/event", [&] { return wire_ns(secure, events, keys); },
        [&] { return bare_ns(events, keys); });
    report.measure("a lone record, median, " + thread, "us", [&] { return lone_us(plain, 0.5); });
    report.measure("a lone record, p99, " + thread, "us", [&] { return lone_us(plain, 0.99); });
    report.measure("a lone record, p99, TLS, " + thread, "us",
                   [&] { return lone_us(secure, 0.99); });
  }
}
