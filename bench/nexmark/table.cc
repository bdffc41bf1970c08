#include "bench/nexmark/table.h"

#include <cmath>
#include <cstdio>
#include <map>
#include <utility>

namespace weir::bench::nexmark {
namespace {

constexpr double kMillion = 1e6;

template <double Measured::*Member>
Summary summary_of(const std::vector<Measured>& runs) {
  std::vector<double> values;
  for (const Measured& run : runs) values.push_back(run.*Member / kMillion);
  return summarize(values);
}

struct Mean {
  double logs = 0;
  int count = 0;
  void add(double value) {
    logs += std::log(value);
    ++count;
  }
  double get() const { return std::exp(logs / count); }
};

}  // namespace

void Table::add(const std::string& query, unsigned subtasks, const std::vector<Measured>& runs,
                double flink_per_core) {
  const Summary per_core = summary_of<&Measured::per_core>(runs);
  if (!json_ && !std::exchange(header_printed_, true)) {
    std::printf("%-6s %8s %12s %12s %12s %12s %8s\n", "query", "subtasks", "M events/s", "a core",
                "Flink a core", "ratio", "rows");
  }
  print(query, subtasks, summary_of<&Measured::per_second>(runs), per_core, runs.back().rows,
        flink_per_core / kMillion);
  if (flink_per_core > 0) pairs_.push_back({subtasks, per_core.median, flink_per_core / kMillion});
}

void Table::print(const std::string& query, unsigned subtasks, const Summary& per_second,
                  const Summary& per_core, std::uint64_t rows, double flink) const {
  char twin[32] = "null", ratio[32] = "null";
  if (flink > 0) {
    std::snprintf(twin, sizeof twin, "%.4f", flink);
    std::snprintf(ratio, sizeof ratio, "%.1f", per_core.median / flink);
  }
  if (json_) {
    std::printf(
        "{\"bench\":\"nexmark\",\"case\":\"%s, %u subtask%s\",\"unit\":\"M events/s a core\","
        "\"weir\":%.3f,\"twin\":%s,\"ratio\":%s,\"spread\":[%.3f,%.3f],\"total\":%.3f}\n",
        query.c_str(), subtasks, subtasks == 1 ? "" : "s", per_core.median, twin, ratio,
        per_core.min, per_core.max, per_second.median);
  } else {
    std::printf("%-6s %8u %12.2f %12.2f %12s %12s %8llu\n", query.c_str(), subtasks,
                per_second.median, per_core.median, flink > 0 ? twin : "-", flink > 0 ? ratio : "-",
                static_cast<unsigned long long>(rows));
  }
  std::fflush(stdout);
}

void Table::finish() const {
  std::map<unsigned, std::pair<Mean, Mean>> means;
  for (const Pair& pair : pairs_) {
    means[pair.subtasks].first.add(pair.ours);
    means[pair.subtasks].second.add(pair.flink);
  }
  for (const auto& [subtasks, mean] : means) {
    const double ours = mean.first.get(), flink = mean.second.get();
    const char* layout =
        json_
            ? "{\"bench\":\"nexmark\",\"case\":\"geometric mean of %d, %u subtasks\",\"unit\":\"M "
              "events/s a core\",\"weir\":%.3f,\"twin\":%.4f,\"ratio\":%.1f,\"spread\":null}\n"
            : "geometric mean of %d queries, %u subtasks: %.2f M events/s a core; Flink %.3f; "
              "ratio %.1f (to reach: 20)\n";
    std::printf(layout, mean.first.count, subtasks, ours, flink, ours / flink);
  }
}

}  // namespace weir::bench::nexmark
