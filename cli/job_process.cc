// `weir job-process`: one process of a job in a cluster. Workers call it, people do not.
#include <boost/json/serialize.hpp>
#include <cstdlib>

#include "cli/cluster_options.h"
#include "cli/commands.h"
#include "cli/control_socket.h"
#include "cli/crash.h"
#include "cli/job_control.h"
#include "cli/run_options.h"
#include "weir/cluster/job_process.h"
#include "weir/cluster/process_log.h"

namespace weir::cli {
namespace {

namespace json = boost::json;
using namespace cluster;

/// "JOB/ATTEMPT/PROCESS"
Result<ProcessId> parse_id(const std::string& text) {
  const std::size_t second = text.rfind('/');
  const std::size_t first =
      second == std::string::npos || second == 0 ? std::string::npos : text.rfind('/', second - 1);
  if (first != std::string::npos) {
    char* end = nullptr;
    ProcessId id{text.substr(0, first), std::strtoull(text.c_str() + first + 1, &end, 10), 0};
    if (end == text.c_str() + second) {
      id.process = static_cast<std::uint32_t>(std::strtoul(text.c_str() + second + 1, &end, 10));
      if (*end == '\0') return id;
    }
  }
  return Error{ErrorCode::invalid_argument, "--id is not JOB/ATTEMPT/PROCESS: " + text};
}

/// The options of a submitted job are those of `weir run`.
Result<LoadedJob> load(const Assignment& assignment) {
  const JobSpec& spec = assignment.start.spec;
  WEIR_ASSIGN(const JobLibrary library, load_job_copy(assignment.library, spec.library_hash));
  const Command command = run_command();
  Args args(command);
  args.add_operand(assignment.library);
  for (const auto& [name, value] : spec.settings) args.add("set", name + "=" + value);
  for (const auto& [name, value] : spec.options) {
    if (command.find(name) == nullptr) {
      return Error{ErrorCode::invalid_argument, "Jobs have no option '" + name + "'"};
    }
    args.add(name, value);
  }
  args.add("state", spec.state_dir);
  args.add("from", spec.from.empty() ? "latest" : spec.from);
  LoadedJob loaded;
  WEIR_ASSIGN(loaded.options, run_options(args, library));
  loaded.options.name = spec.name;
  loaded.options.parallelism = spec.parallelism;
  loaded.function = library.entry->function;
  loaded.build = library.version;
  return loaded;
}

class Requests final : public JobRequests {
 public:
  Requests(JobRunner& runner, const std::string& state_dir)
      : control_(runner, state_dir, [&runner] { runner.stop(); }) {}
  Result<std::string> answer(const std::string& text) override {
    WEIR_ASSIGN(const json::object request, parse_control_line(text));
    WEIR_ASSIGN(const json::object answer, control_.handle(request));
    return json::serialize(answer);
  }
  void ended(const std::string& outcome, CheckpointId checkpoint) override {
    control_.ended(outcome, checkpoint);
  }

 private:
  JobControl control_;
};

Result<int> run(const Args& args) {
  install_crash_handler();
  const char* token = std::getenv("WEIR_PROCESS_TOKEN");
  JobProcessOptions options;
  WEIR_ASSIGN(options.worker, parse_address("worker", args.text("worker")));
  WEIR_ASSIGN(options.id, parse_id(args.text("id")));
  options.token = token != nullptr ? token : "";
  WEIR_ASSIGN(options.tls, net::Tls::open_member(tls_files_of(args)));
  options.load = [](const Assignment& assignment) {
    set_crash_context(assignment.start.spec.library, assignment.start.spec.state_dir);
    return load(assignment);
  };
  options.make_requests = [](JobRunner& runner, const LoadedJob& loaded) {
    return std::make_unique<Requests>(runner, loaded.options.state_dir);
  };
  if (const char* log = std::getenv("WEIR_PROCESS_LOG"); log != nullptr) bound_own_log(log);
  const ExitGuard guard;
  return run_job_process(options);
}

}  // namespace

Command job_process_command() {
  return {"job-process",
          "",
          0,
          0,
          "Run one process of a job; for workers",
          {
              {"worker", "HOST:PORT", "the door of the worker on this host"},
              {"id", "JOB/ATTEMPT/PROCESS", "which process this is"},
              kTlsCaOption,
              kTlsCertOption,
              kTlsKeyOption,
          },
          "Workers start it, with the token for their door in WEIR_PROCESS_TOKEN and the path of "
          "its log\n"
          "in WEIR_PROCESS_LOG.\n",
          run};
}

}  // namespace weir::cli
