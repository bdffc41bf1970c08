// See log_choice.h.
#include "weir/cluster/log_choice.h"

#include <algorithm>

namespace weir::cluster {
namespace {

const Failure* failure_in(const JobRecord& record, std::uint64_t attempt) {
  const auto found =
      std::find_if(record.exceptions.begin(), record.exceptions.end(),
                   [attempt](const Failure& each) { return each.attempt == attempt; });
  return found == record.exceptions.end() ? nullptr : &*found;
}

}  // namespace

Result<ProcessId> chosen_log(const JobRecord& record, const LogAsked& asked) {
  if (record.attempt == 0) {
    return Error{ErrorCode::not_found,
                 "Job " + record.id + " has said nothing yet: it has not begun an attempt"};
  }
  const std::uint64_t attempt = asked.attempt.value_or(record.attempt);
  if (attempt == 0 || attempt > record.attempt) {
    return Error{ErrorCode::not_found, "Job " + record.id + " has had no attempt " +
                                           std::to_string(attempt) + "; the newest is " +
                                           std::to_string(record.attempt)};
  }
  const Failure* failure = failure_in(record, attempt);
  const std::uint32_t first = failure != nullptr ? failure->process.value_or(0) : 0;
  return ProcessId{record.id, attempt, asked.process.value_or(first)};
}

std::string worker_of(const JobRecord& record, const ProcessId& id) {
  if (id.attempt == record.attempt && id.process < record.processes.size()) {
    return record.processes[id.process].worker;
  }
  const Failure* failure = failure_in(record, id.attempt);
  return failure != nullptr && failure->process == id.process ? failure->worker : "";
}

}  // namespace weir::cluster
