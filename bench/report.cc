#include "bench/report.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace weir::bench {
namespace {

// Four significant digits, without an exponent: units are chosen so that values are of human size.
std::string format_number(double value) {
  if (!std::isfinite(value)) return "null";  // JSON has no other word for it
  char buffer[64];
  const double size = value < 0 ? -value : value;
  const int decimals = size >= 1000 ? 0 : size >= 100 ? 1 : size >= 10 ? 2 : 3;
  std::snprintf(buffer, sizeof buffer, "%.*f", decimals, value);
  return buffer;
}

std::string or_else(const std::optional<double>& value, const char* otherwise) {
  return value ? format_number(*value) : otherwise;
}

// A JSON string; the names of benchmarks hold nothing else that needs an escape.
std::string quoted(const std::string& text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

int parse_runs(const char* text) {
  int runs = 0;
  const char* end = text == nullptr ? nullptr : text + std::strlen(text);
  if (text == nullptr || std::from_chars(text, end, runs).ptr != end || runs < 1) {
    std::fprintf(stderr, "--runs needs a number from 1, for example: --runs 5\n");
    std::exit(2);
  }
  return runs;
}

}  // namespace

ReportOptions parse_report_options(int argc, char** argv) {
  ReportOptions options;
  for (int i = 1; i < argc; ++i) {
    if (std::strcmp(argv[i], "--json") == 0) {
      options.json = true;
    } else if (std::strcmp(argv[i], "--runs") == 0) {
      ++i;
      options.runs = parse_runs(i < argc ? argv[i] : nullptr);
    } else {
      options.rest.emplace_back(argv[i]);
    }
  }
  return options;
}

Summary summarize(std::vector<double> values) {
  if (values.empty()) return {};
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  const double median =
      values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

Report::Report(std::string bench, ReportOptions options)
    : bench_(std::move(bench)), options_(std::move(options)) {}

Summary Report::compare(const std::string& name, const std::string& unit, const Run& weir,
                        const Run& twin) {
  std::vector<double> ours, theirs, ratios;
  for (int i = 0; i < options_.runs; ++i) {
    ours.push_back(weir());
    theirs.push_back(twin());
    ratios.push_back(ours.back() / theirs.back());
  }
  const Summary ratio = summarize(ratios);
  print({name, unit, summarize(ours).median, summarize(theirs).median, ratio.median, ratio});
  return ratio;
}

Summary Report::measure(const std::string& name, const std::string& unit, const Run& weir) {
  std::vector<double> values;
  for (int i = 0; i < options_.runs; ++i) values.push_back(weir());
  const Summary summary = summarize(values);
  print({name, unit, summary.median, std::nullopt, std::nullopt, summary});
  return summary;
}

void Report::print(const Row& row) {
  const std::string min = format_number(row.spread.min), max = format_number(row.spread.max);
  const std::string weir = format_number(row.weir);
  if (options_.json) {
    std::printf(
        "{\"bench\":%s,\"case\":%s,\"unit\":%s,\"weir\":%s,\"twin\":%s,\"ratio\":%s,"
        "\"spread\":[%s,%s]}\n",
        quoted(bench_).c_str(), quoted(row.name).c_str(), quoted(row.unit).c_str(), weir.c_str(),
        or_else(row.twin, "null").c_str(), or_else(row.ratio, "null").c_str(), min.c_str(),
        max.c_str());
  } else {
    constexpr const char* kLayout = "%-8s  %-44s  %-10s  %10s  %10s  %7s  %s\n";
    if (!std::exchange(header_printed_, true)) {
      std::printf(kLayout, "bench", "case", "unit", "weir", "twin", "ratio", "spread");
    }
    std::printf(kLayout, bench_.c_str(), row.name.c_str(), row.unit.c_str(), weir.c_str(),
                or_else(row.twin, "-").c_str(), or_else(row.ratio, "-").c_str(),
                (min + " .. " + max).c_str());
  }
  std::fflush(stdout);
}

}  // namespace weir::bench
