// The table that every benchmark prints: ours against its hand-written twin, run in turn (ours,
// twin, ours, twin, ...), since on a shared machine only neighbours in time compare. One thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir::bench {

/// What the command line of a benchmark asks for.
struct ReportOptions {
  bool json = false;              ///< `--json`: one object a row instead of a table
  int runs = 5;                   ///< `--runs N`: pairs of runs per row
  std::vector<std::string> rest;  ///< all other arguments, for the benchmark itself
};

/// Reads `--json` and `--runs N`. Ends the process with status 2 and a message if N is no number
/// from 1.
ReportOptions parse_report_options(int argc, char** argv);

/// Several measurements of one thing: their middle, and the extremes.
struct Summary {
  double median = 0, min = 0, max = 0;
};
/// Summarises one or more values; the median of an even number is the mean of the two in the
/// middle.
Summary summarize(std::vector<double> values);

/// Prints rows to standard output as they are measured.
class Report {
 public:
  /// One run: returns the measured value, in the unit of the row; less is better.
  using Run = std::function<double()>;

  Report(std::string bench, ReportOptions options);

  /// Runs both `options.runs` times in turn and prints a row: medians of both, the median of the
  /// ratios ours / twin of each pair, and the spread of these ratios. Returns the ratios.
  Summary compare(const std::string& name, const std::string& unit, const Run& weir,
                  const Run& twin);

  /// A row without a twin: the median of `options.runs` runs; the spread is that of the values.
  Summary measure(const std::string& name, const std::string& unit, const Run& weir);

 private:
  struct Row {
    std::string name, unit;
    double weir = 0;
    std::optional<double> twin, ratio;
    Summary spread;
  };
  void print(const Row& row);

  std::string bench_;
  ReportOptions options_;
  bool header_printed_ = false;
};

}  // namespace weir::bench
