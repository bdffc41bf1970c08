// `weir run`: runs a job library in this process.
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "cli/commands.h"
#include "cli/config_file.h"
#include "cli/control_socket.h"
#include "cli/crash.h"
#include "cli/exit_codes.h"
#include "cli/job_control.h"
#include "cli/job_file.h"
#include "cli/output.h"
#include "cli/run_options.h"
#include "cli/watch.h"
#include "weir/base/log.h"

namespace weir::cli {
namespace {

void set_level(const std::string& level) {
  if (level == "debug") set_log_level(LogLevel::debug);
  if (level == "info") set_log_level(LogLevel::info);
  if (level == "warn") set_log_level(LogLevel::warn);
  if (level == "error") set_log_level(LogLevel::error);
  if (level == "off") set_log_level(LogLevel::off);
}

void say(const std::string& text) { std::fprintf(stderr, "weir: %s\n", text.c_str()); }

void say_start(const JobRunner& runner) {
  const RunOptions& options = runner.options();
  const std::string how = ", parallelism " + std::to_string(options.parallelism);
  const std::string job = "job " + runner.job().name();
  if (options.state_dir.empty()) {
    say(job + how + ", without --state: nothing is kept when it ends");
  } else if (const Manifest* from = runner.restored_from()) {
    const bool elsewhere = options.from != "latest" &&
                           options.from.find_first_not_of("0123456789") != std::string::npos;
    say(job + how + ", resumed from checkpoint " + std::to_string(from->id) + " of " +
        (elsewhere ? options.from : options.state_dir) + " (taken " +
        to_iso8601(from->completed_at) + ")");
  } else {
    say(job + how + ", begins anew with its state in " + options.state_dir);
  }
}

const char* word_of(RunResult::Outcome outcome) {
  switch (outcome) {
    case RunResult::Outcome::finished:
      return "finished";
    case RunResult::Outcome::stopped:
      return "stopped";
    case RunResult::Outcome::cancelled:
      return "cancelled";
    case RunResult::Outcome::already_finished:
      return "already finished";
  }
  return "ended";
}

int say_end(const JobRunner& runner, const RunResult& result) {
  const RunOptions& options = runner.options();
  for (const auto& line : end_lines(result, options.state_dir, options.config)) say(line);
  return result.outcome == RunResult::Outcome::cancelled ? kCancelled : kOk;
}

/// Records how the job was called, for commands that have to start it by themselves.
Status record_call(const JobRunner& runner, const JobLibrary& library) {
  const RunOptions& used = runner.options();
  if (used.state_dir.empty()) return {};
  return write_job_file(used.state_dir,
                        {library.path, library.version, runner.job().name(), used.config,
                         used.parallelism, used.threads, std::filesystem::current_path().string()});
}

/// Ends the process although an operation on its storage has not come back: whatever else would be
/// done, as removing the control socket, would hang there too.
[[noreturn]] void end_beside(const Result<RunResult>& result) {
  if (!result.ok()) say(result.error().message);
  std::fflush(nullptr);
  ::_exit(result.ok() ? kCancelled : exit_code_of(result.error()));
}

/// Runs the job under watch, and reachable for other commands when it has a state folder.
Result<int> run_watched(JobRunner& runner, const JobLibrary& library) {
  const std::string& state = runner.options().state_dir;
  Watch watch(runner, ::isatty(STDERR_FILENO) == 1);
  JobControl control(runner, state, [&watch] { watch.request_stop(); });
  std::unique_ptr<ControlServer> server;
  if (!state.empty()) {
    WEIR_ASSIGN(server, ControlServer::start(state, [&control](const boost::json::object& request) {
                  return control.handle(request);
                }));
  }
  Status recorded;
  const ExitGuard guard;
  const auto result = runner.run([&] {  // a run that is refused leaves no trace
    say_start(runner);
    recorded = record_call(runner, library);
    if (!recorded.ok()) runner.cancel();
  });
  control.ended(result.ok() ? word_of(result->outcome) : "failed",
                result.ok() ? result->last_checkpoint : 0);
  if (runner.hangs()) end_beside(result);
  server.reset();
  watch.finish();
  if (!result.ok()) return result.error();
  WEIR_TRY(recorded);
  return say_end(runner, *result);
}

Result<int> run(const Args& given) {
  Args args = given;
  if (const std::string* path = args.value("config")) WEIR_TRY(add_config_file(args, *path));
  set_level(args.text("log-level"));
  install_crash_handler();
  set_crash_context(args.operands()[0], args.text("state"));
  const ExitGuard guard;
  WEIR_ASSIGN(const JobLibrary library, load_job_library(args.operands()[0]));
  WEIR_ASSIGN(RunOptions options, run_options(args, library));
  WEIR_ASSIGN(const auto runner, JobRunner::create(library.entry->function, std::move(options)));
  const Manifest* from = runner->restored_from();
  set_crash_checkpoint(from != nullptr ? from->id : 0);
  return run_watched(*runner, library);
}

}  // namespace

Command run_command() {
  return {
      "run",
      "JOB.so",
      1,
      1,
      "Run a job in this process",
      {
          {"set", "KEY=VALUE", "a setting of the job.", true, nullptr, false},
          {"config", "FILE", "a YAML file with these options, and settings under 'set'", false,
           nullptr, false},
          {"parallelism", "N", "subtasks of each step that does not say its own; default 1"},
          {"threads", "N", "threads; default one for each core, at most the parallelism"},
          {"state", "DIR", "where checkpoints are kept; without it nothing is"},
          {"checkpoint-interval", "TIME",
           "time between checkpoints, such as 500ms or 10s; default 1s"},
          {"checkpoint-timeout", "TIME", "after which a checkpoint is given up; default 10min"},
          {"tolerated-checkpoint-failures", "N",
           "so many checkpoints may fail in a row before the job restarts; default any number"},
          {"memory", "SIZE",
           "memory for keyed state, such as 4GB; what does not fit stays on disk. Default: no "
           "limit"},
          {"from", "WHERE",
           "latest (default), none, the id of a checkpoint, or the path of a savepoint"},
          {"keep", "N", "how many checkpoints are kept; default 3"},
          {"max-dead-letters", "N", "more than this many in one run fail the job"},
          {"max-dead-letter-share", "X",
           "a larger share of the records read (0 to 1) fails the job, from 1000 records on"},
          {"max-restarts", "N", "restarts in a row without a checkpoint between; default 10"},
          {"allow-dropped-state", nullptr, "go on without the state of steps that are gone"},
          {"take-over", "JOB",
           "the id of a job of a cluster that holds the state folder and is over for good"},
          {"log-level", "LEVEL", "least important message shown", false,
           "debug info warn error off"},
      },
      "With --state a second run resumes from the newest checkpoint by itself. A bounded job ends\n"
      "with status 0 once everything is committed; run again it only says that it has finished.\n"
      "Ctrl-C or SIGTERM ends with a last checkpoint and status 0, a second one at once (130).\n",
      run};
}

}  // namespace weir::cli
