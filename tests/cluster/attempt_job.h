// The job that tests of attempts run: it reads numbered lines "key value" from the files of a
// folder and counts by key in another subtask; of each key every hundredth count comes out.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "weir/cluster/records.h"

namespace weir::cluster {

/// Writes the input into `folder` and returns how often each key is in it.
std::map<std::string, std::uint64_t> write_input(const std::string& folder, std::uint64_t files,
                                                 std::uint64_t lines);
/// Whether the output in `folder` is what a plain loop over that input makes; else what is wrong.
std::string check_output(const std::string& folder,
                         const std::map<std::string, std::uint64_t>& counts);
/// The job, with input, output and state in `folder`.
JobSpec counting_job(const std::string& folder, std::uint32_t parallelism);

}  // namespace weir::cluster
