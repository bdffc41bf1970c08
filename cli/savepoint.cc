// `weir savepoint`, `weir stop` and `weir status`: of a job that runs, over its control socket.
#include <cstdio>
#include <filesystem>

#include "cli/commands.h"
#include "cli/control_socket.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "cli/state_folder.h"

namespace weir::cli {
namespace {

namespace json = boost::json;

std::string absolute(const std::string& path) {
  std::error_code failed;
  const auto full = std::filesystem::absolute(path, failed);
  return failed ? path : full.lexically_normal().string();
}

int report(const Args& args, const json::object& answer, const std::string& text) {
  if (args.has("json")) {
    print_json(answer);
  } else {
    std::printf("%s\n", text.c_str());
  }
  return kOk;
}

std::string number_text(const json::object& object, const char* name) {
  const json::value& value = object.at(name);
  return std::to_string(value.is_uint64() ? value.get_uint64()
                                          : static_cast<std::uint64_t>(value.as_int64()));
}

Result<int> savepoint_of_running(const Args& args, const std::string& state, const std::string& to,
                                 bool stop) {
  WEIR_ASSIGN(const json::object answer,
              ask_running_job(state, {{"request", "savepoint"}, {"to", to}, {"stop", stop}}));
  return report(args, answer,
                "checkpoint " + number_text(answer, "checkpoint") + " is in " + to +
                    (stop ? "; the job has stopped" : "; the job goes on"));
}

Result<int> savepoint(const Args& args) {
  WEIR_ASSIGN(const std::string state, state_option(args));
  if (args.text("to").empty()) {
    return Error{ErrorCode::invalid_argument,
                 "'weir savepoint' needs a folder to write: --to PATH"};
  }
  const std::string to = absolute(args.text("to"));
  if (job_is_running(state)) return savepoint_of_running(args, state, to, args.has("stop"));
  WEIR_ASSIGN(auto folder, StateFolder::open(state));
  CheckpointId id = 0;
  WEIR_TRY(folder.read_checkpoint("latest", [&](const Manifest& manifest) {
    id = manifest.id;
    return folder.store().export_savepoint(manifest, to);
  }));
  return report(
      args, {{"checkpoint", id}, {"to", to}},
      "the job is not running; its newest checkpoint " + std::to_string(id) + " is in " + to);
}

Result<int> stop(const Args& args) {
  WEIR_ASSIGN(const std::string state, state_option(args));
  if (const std::string* to = args.value("savepoint")) {
    return savepoint_of_running(args, state, absolute(*to), true);
  }
  WEIR_ASSIGN(const json::object answer, ask_running_job(state, {{"request", "stop"}}));
  return report(args, answer,
                "the job has ended (" + std::string(answer.at("outcome").as_string()) +
                    ") with checkpoint " + number_text(answer, "checkpoint"));
}

void print_status(const json::object& s) {
  const json::value& watermark = s.at("watermark");
  std::printf(
      "job %s is running: %s records read, watermark %s, checkpoint %s, %s dead letters, "
      "%s restarts\n",
      s.at("job").as_string().c_str(), number_text(s, "records").c_str(),
      watermark.is_string() ? watermark.as_string().c_str() : "-",
      number_text(s, "checkpoint").c_str(), number_text(s, "dead_letters").c_str(),
      number_text(s, "restarts").c_str());
  Table table({"STEP", "KIND", "PARALLELISM", "IN", "OUT", "LATE", "DEAD LETTERS", "WATERMARK"});
  for (const json::value& value : s.at("steps").as_array()) {
    const json::object& step = value.as_object();
    const json::object& counters = step.at("counters").as_object();
    const auto counter = [&](const char* name) {
      return counters.contains(name) ? number_text(counters, name) : "0";
    };
    const json::value& time = step.at("watermark");
    table.add({std::string(step.at("name").as_string()), std::string(step.at("kind").as_string()),
               number_text(step, "parallelism"), counter("records_in"), counter("records_out"),
               counter("late"), counter("dead_letters"),
               time.is_string() ? std::string(time.as_string()) : "-"});
  }
  table.print();
}

Result<int> status(const Args& args) {
  WEIR_ASSIGN(const std::string state, state_option(args));
  if (job_is_running(state)) {
    WEIR_ASSIGN(json::object answer, ask_running_job(state, {{"request", "status"}}));
    answer.erase("ok");
    if (args.has("json")) {
      print_json(answer);
    } else {
      print_status(answer);
    }
    return kOk;
  }
  WEIR_ASSIGN(auto folder, StateFolder::open(state));
  WEIR_ASSIGN(const Manifest manifest, folder.checkpoint("latest"));
  return report(args,
                {{"job", manifest.job},
                 {"running", false},
                 {"finished", manifest.finished},
                 {"checkpoint", manifest.id},
                 {"completed_at", time_json(to_millis(manifest.completed_at))}},
                "job " + manifest.job + (manifest.finished ? " has finished" : " is not running") +
                    "; its newest checkpoint is " + std::to_string(manifest.id) + " of " +
                    to_iso8601(manifest.completed_at));
}

const Option kJson{"json", nullptr, "print JSON"};
const Option kState{"state", "DIR", kStateHelp};

}  // namespace

Command savepoint_command() {
  return {"savepoint",
          "",
          0,
          0,
          "Copy a job's state into a folder that stands by itself",
          {kState,
           {"to", "PATH", "folder to write; absent or empty"},
           {"stop", nullptr, "end the job with it, if it is running"},
           kJson},
          "Of a running job a checkpoint is taken now; otherwise its newest one is copied. Start\n"
          "from it with  weir run JOB.so --state NEW --from PATH.\n",
          savepoint};
}
Command stop_command() {
  return {"stop",
          "",
          0,
          0,
          "End a running job with a last checkpoint",
          {kState, {"savepoint", "PATH", "copy that checkpoint into this folder"}, kJson},
          "",
          stop};
}
Command status_command() {
  return {"status", "", 0, 0, "Say how a job stands", {kState, kJson}, "", status};
}

}  // namespace weir::cli
