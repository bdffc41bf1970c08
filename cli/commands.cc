// The table of commands; see commands.h.
#include "cli/commands.h"

namespace weir::cli {

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands = {
      run_command(),
      plan_command(),
      status_command(),
      stop_command(),
      savepoint_command(),
      checkpoints_list_command(),
      checkpoints_show_command(),
      checkpoints_verify_command(),
      state_show_command(),
      dlq_list_command(),
      dlq_show_command(),
      dlq_export_command(),
      dlq_replay_command(),
      dlq_drop_command(),
      submit_command(),
      jobs_command(),
      cancel_command(),
      rescale_command(),
      update_command(),
      logs_command(),
      workers_command(),
      health_command(),
      local_command(),
      coordinator_command(),
      worker_command(),
      generate_command(),
      completion_command(),
  };
  return commands;
}

const Command* find_command(const std::vector<std::string>& words, std::size_t& taken) {
  // Not for people, so not in the table.
  static const Command job_process = job_process_command();
  if (!words.empty() && words[0] == job_process.name) {
    taken = 1;
    return &job_process;
  }
  for (const Command& command : all_commands()) {
    const std::string name = command.name;
    const std::size_t space = name.find(' ');
    taken = space == std::string::npos ? 1 : 2;
    if (words.size() < taken) continue;
    if ((taken == 1 ? words[0] : words[0] + " " + words[1]) == name) return &command;
  }
  return nullptr;
}

}  // namespace weir::cli
