// All commands, one a file; the table that main, help and completion read.
#pragma once

#include <string>
#include <vector>

#include "cli/args.h"

namespace weir::cli {

const std::vector<Command>& all_commands();

/// The command that the first words of `words` name, and how many words that took; null when there
/// is none. Knows one more than the table: that by which workers start processes of jobs.
const Command* find_command(const std::vector<std::string>& words, std::size_t& taken);

Command run_command();
Command plan_command();
Command status_command();
Command stop_command();
Command savepoint_command();
Command checkpoints_list_command();
Command checkpoints_show_command();
Command checkpoints_verify_command();
Command state_show_command();
Command dlq_list_command();
Command dlq_show_command();
Command dlq_export_command();
Command dlq_replay_command();
Command dlq_drop_command();
Command submit_command();
Command jobs_command();
Command cancel_command();
Command rescale_command();
Command update_command();
Command logs_command();
Command workers_command();
Command health_command();
Command local_command();
Command coordinator_command();
Command worker_command();
Command generate_command();
Command completion_command();
Command job_process_command();

}  // namespace weir::cli
