// Running one query: to be measured, or for its answers.
#pragma once

#include <cstdint>
#include <string>

#include "bench/nexmark/queries.h"
#include "bench/nexmark/table.h"

namespace weir::bench::nexmark {

struct Workload {
  std::uint64_t events = 0;
  std::uint64_t events_per_second = 0;  ///< of event time
  std::uint64_t seed = 0;
  std::uint64_t start_ms = 0;
};

/// Runs a query with a checkpoint each second. Its rows go to the folder `answers`, or are counted
/// when that is empty. A failure ends the process.
Measured run_query(const Query& query, const Workload& work, unsigned subtasks,
                   const std::string& answers);

/// The same for answers, stopped once half of the events have been read and gone on with from the
/// checkpoint with one more subtask. False when the job had ended before it could be stopped.
bool run_in_two(const Query& query, const Workload& work, unsigned subtasks,
                const std::string& answers);

}  // namespace weir::bench::nexmark
