// The metrics of jobs and their steps, from what their masters say of themselves. Pure functions:
// any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/time.h"
#include "weir/cluster/prometheus_text.h"
#include "weir/cluster/records.h"

namespace weir::cluster {

/// A job, and its master's answer to the request `status`, if it gave one.
struct JobSample {
  JobRecord record;
  std::optional<std::string> status;  ///< JSON
};

/// Adds the metrics of all jobs. What an answer lacks, or says in another form, is left out.
void add_job_metrics(PrometheusText& out, const std::vector<JobSample>& jobs, EventTime wall);

}  // namespace weir::cluster
