// The table of the bench: events a second for each core, beside Flink's. One thread.
#pragma once

#include <string>
#include <vector>

#include "bench/report.h"

namespace weir::bench::nexmark {

/// One run of a query.
struct Measured {
  double per_second = 0;  ///< events, by wall time
  double per_core = 0;    ///< events for each second of processor time of the whole process
  std::uint64_t rows = 0;
};

class Table {
 public:
  explicit Table(bool json) : json_(json) {}

  /// Prints the row of a query. `flink_per_core`: events a second; 0 when there is no figure.
  void add(const std::string& query, unsigned subtasks, const std::vector<Measured>& runs,
           double flink_per_core);
  /// Prints the geometric means over the queries for which Flink has a figure, one for each number
  /// of subtasks.
  void finish() const;

 private:
  struct Pair {
    unsigned subtasks;
    double ours, flink;
  };
  void print(const std::string& query, unsigned subtasks, const Summary& per_second,
             const Summary& per_core, std::uint64_t rows, double flink_per_core) const;

  bool json_;
  bool header_printed_ = false;
  std::vector<Pair> pairs_;
};

}  // namespace weir::bench::nexmark
