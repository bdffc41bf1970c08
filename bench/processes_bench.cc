// Bench `processes`: the job of bench `exchange`, whole events of 64 bytes through a key_by, in a
// cluster of two workers with a process each, over loopback; beside two processes that exchange
// events by hand over a bare TCP connection. And how long a lone record takes from the source in
// one process to the sink in the other.
//
//   processes_bench [--json] [--runs N] [--events MILLIONS] [--keys K] [--records N]
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <vector>

#include "bench/cost_events.h"
#include "bench/local_cluster.h"
#include "bench/report.h"
#include "bench/twins/exchange_twin.h"
#include "bench/twins/wire_twin.h"
#include "weir/net/element.h"
#include "weir/net/frame.h"

namespace weir::bench {
namespace {

std::vector<std::int64_t> times_in(const std::string& path) {
  std::ifstream in(path);
  std::vector<std::int64_t> times;
  for (std::int64_t time = 0; in >> time;) times.push_back(time);
  return times;
}

/// From the first event of either process to the last: what is on its way then is a millisecond's.
double ours_ns(const LocalCluster& cluster, std::uint64_t events, std::uint64_t keys) {
  const ScratchFolder times("processes");
  const std::string job = cluster.submit("two_processes", 2,
                                         {{"times", times.path()},
                                          {"events", std::to_string(events)},
                                          {"keys", std::to_string(keys)}});
  cluster.wait_finished(job);
  const auto first = times_in(times.path() + "/0"), second = times_in(times.path() + "/1");
  WEIR_CHECK(first.size() == 2 && second.size() == 2, "the job did not write its times");
  return static_cast<double>(std::max(first[1], second[1]) - std::min(first[0], second[0])) /
         static_cast<double>(events);
}

/// The same by hand.
double bare_ns(std::uint64_t events, std::uint64_t keys) {
  std::uint16_t port = 0;
  const int door = listen_on_loopback(port);
  int ends[2];
  WEIR_CHECK(door >= 0 && ::pipe(ends) == 0, "no socket");
  const pid_t child = ::fork();
  WEIR_CHECK(child >= 0, "no process");
  const int fd = child == 0 ? connect_to_loopback(port) : ::accept(door, nullptr, nullptr);
  WEIR_CHECK(fd >= 0, "no connection");
  const ExchangeHalf here = run_exchange_half(fd, child == 0 ? 1 : 0, events / 2, keys);
  if (child == 0) {
    ::_exit(::write(ends[1], &here, sizeof here) == sizeof here ? 0 : 1);
  }
  ExchangeHalf there;
  WEIR_CHECK(::read(ends[0], &there, sizeof there) == sizeof there, "the other process has died");
  for (const int each : {fd, door, ends[0], ends[1]}) ::close(each);
  ::waitpid(child, nullptr, 0);
  WEIR_CHECK(here.whole && there.whole, "the bare connection broke");
  WEIR_CHECK(here.taken + there.taken > events / 2, "events were lost on the way");
  return static_cast<double>(std::max(here.ended_ns, there.ended_ns) -
                             std::min(here.began_ns, there.began_ns)) /
         static_cast<double>(events);
}

/// What an event takes on our wire, with its share of the frame around a full batch.
double wire_bytes() {
  auto batch = std::make_unique<Batch<Event>>();
  CostGenerator generator(1'000'000);
  for (CostEvent event; !batch->full();) {
    generator.next(batch->size(), event);
    push(*batch, event);
    batch->hashes()[batch->size() - 1] = hash_key(event.user);
  }
  batch->set_has_hashes(true);
  const auto events = static_cast<double>(batch->size());
  ChannelElement element;
  element.watermark_ms = 1'600'000'000'000;
  element.batch = std::move(batch);
  std::string bytes;
  net::append_frame(bytes, net::FrameKind::element, 1,
                    [&element](std::string& to) { net::write_element(to, element); });
  return static_cast<double>(bytes.size()) / events;
}

/// A percentile, in microseconds, of the records that crossed to the other process: those of the
/// subtask with the slower median.
double lone_us(const LocalCluster& cluster, std::uint64_t records, double percentile) {
  const ScratchFolder times("processes");
  cluster.wait_finished(cluster.submit(
      "two_processes", 2, {{"times", times.path()}, {"lone", std::to_string(records)}}));
  double slowest = 0, answer = 0;
  for (const char* subtask : {"/0", "/1"}) {
    auto took = times_in(times.path() + subtask);
    WEIR_CHECK(took.size() > records / 4, "the job did not write how long its records took");
    std::sort(took.begin(), took.end());
    const auto at = [&took](double part) {
      return static_cast<double>(
                 took[static_cast<std::size_t>(part * static_cast<double>(took.size() - 1))]) /
             1000;
    };
    if (at(0.5) <= slowest) continue;
    slowest = at(0.5);
    answer = at(percentile);
  }
  return answer;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  const auto options = parse_report_options(argc, argv);
  const std::uint64_t events = number_option(options.rest, "--events", 40) * 1'000'000;
  const std::uint64_t keys = number_option(options.rest, "--keys", 1'000'000);
  const std::uint64_t records = number_option(options.rest, "--records", 4000);
  const LocalCluster cluster(2);
  Report report("processes", options);
  const double bytes = wire_bytes() / sizeof(CostEvent);
  std::vector<double> ours, bare;
  const auto keep = [](std::vector<double>& in, double value) { return in.emplace_back(value); };
  const Summary ratio = report.compare(
      "whole events of 64 bytes", "ns/event",
      [&] { return keep(ours, ours_ns(cluster, events, keys)); },
      [&] { return keep(bare, bare_ns(events, keys)); });
  // Of the events that cross, so of the wire, each side counts its own bytes.
  std::size_t run = 0, twin = 0;
  report.compare(
      "the same by bytes on the wire", "ns/64 bytes", [&] { return ours[run++] / bytes; },
      [&] { return bare[twin++]; });
  if (!options.json) {
    std::printf("of the bare loop's: events/s %.2f, bytes/s %.2f\n", 1 / ratio.median,
                bytes / ratio.median);
  }
  report.measure("a lone record, median", "us", [&] { return lone_us(cluster, records, 0.5); });
  report.measure("a lone record, p99", "us", [&] { return lone_us(cluster, records, 0.99); });
}
