// The job of attempt_job.h, what it should answer, and the test that is no test but a process of
// it.
#include "tests/cluster/attempt_job.h"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "weir/base/json.h"
#include "weir/base/log.h"
#include "weir/cluster/job_process.h"
#include "weir/weir.h"

namespace weir::cluster {

struct Line {
  std::string key;
  std::int64_t value = 0;
};
WEIR_DESCRIBE(Line, key, value);
struct Total {
  std::string key;
  std::uint64_t count = 0;
  std::int64_t sum = 0;
};
WEIR_DESCRIBE(Total, key, count, sum);

namespace {

constexpr std::uint64_t kKeys = 97, kEvery = 100;

std::string key_of(std::uint64_t line) { return "key-" + std::to_string(line * 31 % kKeys); }

void count_lines(Job& job) {
  job.source("lines", file::csv<Line>({.path = job.config("input") + "/*.csv"}))
      .key_by(&Line::key)
      .process<Total, Total>("count",
                             [](Total& total, const Line& line, auto& out) {
                               total.key = line.key;
                               total.sum += line.value;
                               if (++total.count % kEvery == 0) out.emit(total);
                             })
      .sink("totals", file::json_sink<Total>({.path = job.config("output")}));
}

class Requests final : public JobRequests {
 public:
  explicit Requests(JobRunner& runner) : runner_(runner) {}
  Result<std::string> answer(const std::string& json) override {
    if (json == "stop") {
      runner_.stop();
      return std::string("stopping");
    }
    const JobTotals totals = totals_of(runner_.status());
    return std::to_string(totals.records);
  }
  void ended(const std::string&, CheckpointId) override {}

 private:
  JobRunner& runner_;
};

}  // namespace

std::map<std::string, std::uint64_t> write_input(const std::string& folder, std::uint64_t files,
                                                 std::uint64_t lines) {
  std::filesystem::create_directories(folder);
  std::map<std::string, std::uint64_t> counts;
  for (std::uint64_t file = 0; file < files; ++file) {
    std::ofstream out(folder + "/part-" + std::to_string(file) + ".csv");
    out << "key,value\n";
    for (std::uint64_t line = 0; line < lines; ++line) {
      const std::string key = key_of(file * 7 + line);
      ++counts[key];
      out << key << ",1\n";
    }
  }
  return counts;
}

std::string check_output(const std::string& folder,
                         const std::map<std::string, std::uint64_t>& counts) {
  std::map<std::string, std::set<std::uint64_t>> seen;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) {
      Total total;
      if (!from_json(line, total).ok()) return "not a total: " + line;
      if (total.sum != static_cast<std::int64_t>(total.count)) return "a wrong sum: " + line;
      if (!seen[total.key].insert(total.count).second) return "twice: " + line;
    }
  }
  for (const auto& [key, count] : counts) {
    if (seen[key].size() != count / kEvery) {
      return key + ": " + std::to_string(seen[key].size()) + " totals instead of " +
             std::to_string(count / kEvery);
    }
  }
  return {};
}

JobSpec counting_job(const std::string& folder, std::uint32_t parallelism) {
  JobSpec spec;
  spec.name = "counting";
  spec.parallelism = parallelism;
  spec.state_dir = folder + "/state";
  spec.settings = {{"input", folder + "/in"}, {"output", folder + "/out"}};
  return spec;
}

/// Run alone, in processes that tests start.
TEST(AttemptProcess, Run) {
  const char* text = std::getenv("WEIR_TEST_PROCESS");
  if (text == nullptr) GTEST_SKIP() << "it is what other tests start";
  const std::string id = text;
  const std::size_t first = id.find('/'), second = id.rfind('/');
  JobProcessOptions options;
  options.worker = {"127.0.0.1",
                    static_cast<std::uint16_t>(std::stoul(std::getenv("WEIR_TEST_WORKER")))};
  options.id = {id.substr(0, first), std::stoull(id.substr(first + 1)),
                static_cast<std::uint32_t>(std::stoul(id.substr(second + 1)))};
  options.token = std::getenv("WEIR_PROCESS_TOKEN");
  options.load = [](const Assignment& assignment) -> Result<LoadedJob> {
    const JobSpec& spec = assignment.start.spec;
    RunOptions run;
    run.name = spec.name;
    run.config = spec.settings;
    run.parallelism = spec.parallelism;
    run.state_dir = spec.state_dir;
    run.from = spec.from;
    run.checkpoint_interval = Duration(50);
    return LoadedJob{count_lines, run, "build"};
  };
  options.make_requests = [](JobRunner& runner, const LoadedJob&) {
    return std::make_unique<Requests>(runner);
  };
  const Error why = run_job_process(options);
  FAIL() << why.message;
}

}  // namespace weir::cluster
