// Of which process of a job a log is shown, and where that is. Pure functions: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "weir/cluster/messages.h"
#include "weir/cluster/records.h"

namespace weir::cluster {

/// What a user said of it.
struct LogAsked {
  std::optional<std::uint64_t> attempt;
  std::optional<std::uint32_t> process;
};

/// The process that is meant: without an attempt of the newest one, and without a number the one
/// that failed first in that attempt, as far as that is known, or else the master. Error:
/// not_found for an attempt that has not begun.
Result<ProcessId> chosen_log(const JobRecord& record, const LogAsked& asked);

/// The worker on which a process ran; empty where the record does not tell.
std::string worker_of(const JobRecord& record, const ProcessId& id);

}  // namespace weir::cluster
