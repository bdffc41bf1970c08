// A job that runs in this process as others see it: what the API of a cluster, `weir status` and
// whoever asks the control socket are shown, in one form for a job in one process and for one in a
// cluster. docs/openapi.yaml describes the fields. Any thread.
#pragma once

#include <boost/json/object.hpp>
#include <string>

#include "weir/runtime/run.h"

namespace weir::cli {

/// The job as a whole, and its steps.
boost::json::object status_view(const JobRunner& runner);
/// Steps, what flows between them, and which of them share a task.
boost::json::object graph_view(const JobRunner& runner);
/// How the checkpoints of the attempt went.
boost::json::object history_view(const JobRunner& runner);
/// Why attempts in this process ended.
boost::json::object exceptions_view(const JobRunner& runner);
/// The subtasks of all steps, or of one. Error: not_found when there is no such step.
Result<boost::json::object> subtasks_view(const JobRunner& runner, const std::string& step);

}  // namespace weir::cli
