// Reading the options of a run; see run_options.h.
#include "cli/run_options.h"

namespace weir::cli {

Result<std::map<std::string, std::string>> settings_of(const Args& args) {
  std::map<std::string, std::string> settings;
  for (const std::string& text : args.all("set")) {
    WEIR_ASSIGN(auto setting, split_assignment("set", text));
    settings[setting.first] = setting.second;
  }
  return settings;
}

Result<RunOptions> run_options(const Args& args, const JobLibrary& library) {
  RunOptions options;
  options.name = library.name;
  options.job_version = library.version;
  WEIR_ASSIGN(options.config, settings_of(args));
  WEIR_ASSIGN(const auto parallelism, args.number("parallelism", 1, 1, 32768));
  options.parallelism = static_cast<std::uint32_t>(parallelism);
  WEIR_ASSIGN(const auto threads, args.number("threads", 0, 1, 1024));
  options.threads = static_cast<unsigned>(threads);
  options.state_dir = args.text("state");
  options.from = args.text("from", "latest");
  WEIR_ASSIGN(options.checkpoint_interval,
              args.duration("checkpoint-interval", options.checkpoint_interval));
  WEIR_ASSIGN(options.checkpoint_timeout,
              args.duration("checkpoint-timeout", options.checkpoint_timeout));
  WEIR_ASSIGN(const auto tolerated,
              args.number("tolerated-checkpoint-failures", options.tolerated_checkpoint_failures, 0,
                          UINT32_MAX));
  options.tolerated_checkpoint_failures = static_cast<std::uint32_t>(tolerated);
  WEIR_ASSIGN(const auto keep, args.number("keep", options.keep_checkpoints, 1, 1'000'000));
  options.keep_checkpoints = static_cast<std::size_t>(keep);
  WEIR_ASSIGN(options.max_dead_letters, args.number("max-dead-letters", UINT64_MAX, 0, UINT64_MAX));
  WEIR_ASSIGN(options.max_dead_letter_share, args.real("max-dead-letter-share", 1.0, 0.0, 1.0));
  WEIR_ASSIGN(options.memory_bytes, args.bytes("memory", 0));
  WEIR_ASSIGN(const auto restarts, args.number("max-restarts", options.max_restarts, 0, 1'000'000));
  options.max_restarts = static_cast<unsigned>(restarts);
  options.allow_dropped_state = args.has("allow-dropped-state");
  options.take_over = args.text("take-over");
  return options;
}

}  // namespace weir::cli
