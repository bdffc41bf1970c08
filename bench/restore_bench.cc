// Bench `restore`: how long a new process takes from its start to the first record out of a step
// with 10 million keys, about 1 GB on disk.
//
//   restore_bench [--json] [--runs N] [--keys MILLIONS] [--memory MEGABYTES]
//
// Cases: `as it was`, by the subtasks that wrote the state; `at another parallelism`, which reads
// and rewrites it; `larger than memory`, with a budget of a fifth of the state. The twin reads the
// same files from their start to their end, and that is all it does.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "bench/one_split.h"
#include "bench/report.h"
#include "bench/scratch.h"
#include "weir/weir.h"

namespace weir::bench {
namespace {

using Clock = std::chrono::steady_clock;

struct Event {
  std::uint64_t key = 0;
};
WEIR_DESCRIBE(Event, key);

/// Takes about 90 bytes on disk: its numbers are large.
struct Profile {
  std::uint64_t count = 0;
  std::array<std::uint64_t, 7> numbers{};
};
WEIR_DESCRIBE(Profile, count, numbers);

std::uint64_t keys = 0;           // of the state
std::atomic<bool> filled{false};  // all of them have been read
std::atomic<bool> answered{false};
bool filling = false;

/// Each key once, and then, like the second process from its start, the same ones over and over.
class Events final : public SplitReader<Event> {
 public:
  explicit Events(std::uint64_t next) : next_(next) {}
  Result<ReadStatus> read(Batch<Event>& out, DeadLetterSink&) override {
    if (filling && next_ >= keys) {
      filled = true;
      return ReadStatus::empty;
    }
    while (!out.full()) {
      out.push_empty(static_cast<std::int64_t>(next_ / 1000)).key = next_ % keys;
      ++next_;
    }
    return ReadStatus::more;
  }
  std::string position() const override { return std::to_string(next_); }

 private:
  std::uint64_t next_;
};

void restore_job(Job& job) {
  job.source("events", std::make_shared<OneSplit<Event, Events>>("events"))
      .key_by(&Event::key)
      .process<Profile, Event>("profiles",
                               [](Profile& profile, const Event& event, auto&) {
                                 WEIR_CHECK(filling || profile.count > 0,
                                            "a key has lost its state");
                                 ++profile.count;
                                 for (std::size_t i = 0; i < profile.numbers.size(); ++i) {
                                   profile.numbers[i] = mix64(event.key * 8 + i);
                                 }
                                 if (!filling) answered = true;
                               })
      .discard("end");
}

RunOptions options_of(const std::string& state, std::uint32_t parallelism, std::uint64_t memory) {
  RunOptions options;
  options.name = "restore";
  options.state_dir = state;
  options.parallelism = parallelism;
  options.memory_bytes = memory;
  return options;
}

/// Fills a state folder and stops with a last checkpoint.
void fill(const std::string& state) {
  filling = true;
  auto runner = JobRunner::create(restore_job, options_of(state, 2, 0));
  WEIR_CHECK(runner.ok(), "the job does not start");
  std::thread stopper([&] {
    while (!filled) std::this_thread::sleep_for(std::chrono::milliseconds(50));
    (*runner)->stop();
  });
  const auto result = (*runner)->run();
  stopper.join();
  WEIR_CHECK(result.ok(), result.ok() ? "" : result.error().message.c_str());
}

/// What the second process does: it ends as soon as the first record is out.
int answer(const std::string& state, std::uint32_t parallelism, std::uint64_t memory) {
  auto runner = JobRunner::create(restore_job, options_of(state, parallelism, memory));
  WEIR_CHECK(runner.ok(), runner.ok() ? "" : runner.error().message.c_str());
  std::thread([] {
    while (!answered) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    _exit(0);
  }).detach();
  static_cast<void>((*runner)->run());
  return 1;
}

/// Milliseconds from the start of a process to its end.
double time_of_process(const char* self, const std::string& state, std::uint32_t parallelism,
                       std::uint64_t memory) {
  // What a process rewrites is of no use to the next one: each gets the folder as it was.
  const ScratchFolder copy("restore-copy");
  const std::string folder = copy.path() + "/state";
  std::filesystem::copy(
      state, folder,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::create_hard_links);
  const std::string arguments[] = {folder, std::to_string(parallelism), std::to_string(memory),
                                   std::to_string(keys)};
  const auto begin = Clock::now();
  const pid_t child = fork();
  if (child == 0) {
    execl(self, self, "--answer", arguments[0].c_str(), arguments[1].c_str(), arguments[2].c_str(),
          arguments[3].c_str(), nullptr);
    _exit(127);
  }
  int status = 0;
  waitpid(child, &status, 0);
  const std::chrono::duration<double, std::milli> took = Clock::now() - begin;
  WEIR_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the second process failed");
  return took.count();
}

/// The twin: reads all files of state.
double read_all(const std::string& state) {
  const auto begin = Clock::now();
  std::string buffer(1 << 20, '\0');
  std::uint64_t sum = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(state)) {
    if (entry.path().extension() != ".run") continue;
    std::ifstream in(entry.path(), std::ios::binary);
    while (in.read(buffer.data(), static_cast<std::streamsize>(buffer.size())) || in.gcount() > 0) {
      for (std::streamsize i = 0; i + 8 <= in.gcount(); i += 8) {
        std::uint64_t word = 0;
        std::memcpy(&word, buffer.data() + i, 8);
        sum += word;
      }
    }
  }
  WEIR_CHECK(sum != 0, "there is nothing to read");
  const std::chrono::duration<double, std::milli> took = Clock::now() - begin;
  return took.count();
}

std::uint64_t bytes_of(const std::string& state) {
  std::uint64_t bytes = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(state)) {
    if (entry.path().extension() == ".run") bytes += entry.file_size();
  }
  return bytes;
}

}  // namespace
}  // namespace weir::bench

int main(int argc, char** argv) {
  using namespace weir::bench;
  if (argc == 6 && std::strcmp(argv[1], "--answer") == 0) {
    keys = std::strtoull(argv[5], nullptr, 10);
    return answer(argv[2], static_cast<std::uint32_t>(std::strtoul(argv[3], nullptr, 10)),
                  std::strtoull(argv[4], nullptr, 10));
  }
  const auto options = parse_report_options(argc, argv);
  keys = number_option(options.rest, "--keys", 10) * 1'000'000;
  const ScratchFolder folder("restore");
  const std::string state = folder.path() + "/state";
  fill(state);
  const std::string size = std::to_string(keys / 1'000'000) + " M keys, " +
                           std::to_string(bytes_of(state) / 1'000'000) + " MB, ";
  const std::uint64_t fifth = keys * 80 / 5;
  Report report("restore", options);
  const auto twin = [&] { return read_all(state); };
  report.compare(
      size + "as it was", "ms", [&] { return time_of_process(argv[0], state, 2, 0); }, twin);
  report.compare(
      size + "at another parallelism", "ms", [&] { return time_of_process(argv[0], state, 1, 0); },
      twin);
  report.compare(
      size + "larger than memory", "ms", [&] { return time_of_process(argv[0], state, 2, fifth); },
      twin);
}
