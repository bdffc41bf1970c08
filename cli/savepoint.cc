// `weir savepoint`, `weir stop` and `weir status`: of a job that runs, over its control socket or,
// in a cluster, over the API.
#include <cstdio>

#include "cli/cluster_client.h"
#include "cli/cluster_options.h"
#include "cli/commands.h"
#include "cli/control_socket.h"
#include "cli/exit_codes.h"
#include "cli/job_place.h"
#include "cli/output.h"
#include "cli/state_folder.h"
#include "weir/base/path.h"

namespace weir::cli {
namespace {

namespace json = boost::json;

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

/// A savepoint beside which its job goes on is whole but for what the file sinks had open.
void hint_at_staged_output() {
  std::fputs(
      "weir: output that file sinks had not committed by then belongs to this savepoint too, and "
      "lies in .staging of their folders until the job goes on with it. To start from the "
      "savepoint later, or write elsewhere from it, take it with --stop.\n",
      stderr);
}

Result<int> savepoint_of_running(const Args& args, const std::string& state, const std::string& to,
                                 bool stop) {
  WEIR_ASSIGN(const json::object answer,
              ask_running_job(state, {{"request", "savepoint"}, {"to", to}, {"stop", stop}}));
  if (!stop) hint_at_staged_output();
  return report(args, answer,
                "checkpoint " + number_text(answer, "checkpoint") + " is in " + to +
                    (stop ? "; the job has stopped" : "; the job goes on"));
}

/// `--to PATH`, or the operand behind the job.
Result<std::string> savepoint_target(const Args& args) {
  const std::size_t index = args.has("state") ? 0 : 1;
  std::string to = args.text("to");
  if (to.empty() && args.operands().size() > index) to = args.operands()[index];
  if (to.empty()) {
    return Error{ErrorCode::invalid_argument,
                 "'weir savepoint' needs a folder to write: weir savepoint JOB PATH, or --to PATH"};
  }
  return absolute_path(to);
}

Result<int> savepoint_in_cluster(const Args& args, const JobPlace& place, const std::string& to,
                                 bool stop) {
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
  WEIR_ASSIGN(const json::object answer,
              client.post_job(place.cluster_id, "savepoint", {{"to", to}, {"stop", stop}},
                              std::chrono::hours(24)));
  if (stop) {
    WEIR_ASSIGN(const json::object ended, wait_until_over(client, place.cluster_id));
    return report(args, answer,
                  "checkpoint " + number_text(answer, "checkpoint") + " is in " + to +
                      "; the job is " + field(ended, "state"));
  }
  hint_at_staged_output();
  return report(
      args, answer,
      "checkpoint " + number_text(answer, "checkpoint") + " is in " + to + "; the job goes on");
}

Result<int> savepoint(const Args& args) {
  WEIR_ASSIGN(const JobPlace place, job_place(args));
  const std::string& state = place.folder;
  WEIR_ASSIGN(const std::string to, savepoint_target(args));
  if (!place.cluster_id.empty() && !place.over) {
    return savepoint_in_cluster(args, place, to, args.has("stop"));
  }
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

Result<int> stop_in_cluster(const Args& args, const JobPlace& place) {
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
  WEIR_ASSIGN(json::object job, client.post_job(place.cluster_id, "stop"));
  WEIR_ASSIGN(job, wait_until_over(client, place.cluster_id));
  const std::string outcome = field(job, "state");
  report(args, {{"outcome", outcome}, {"checkpoint", job.at("last_checkpoint")}},
         "job " + place.cluster_id + " is " + outcome + ", with checkpoint " +
             field(job, "last_checkpoint"));
  return outcome == "failed" ? kFailed : kOk;
}

Result<int> stop(const Args& args) {
  WEIR_ASSIGN(const JobPlace place, job_place(args));
  const std::string& state = place.folder;
  if (!place.cluster_id.empty()) {
    if (const std::string* to = args.value("savepoint")) {
      return savepoint_in_cluster(args, place, absolute_path(*to), true);
    }
    return stop_in_cluster(args, place);
  }
  if (const std::string* to = args.value("savepoint")) {
    return savepoint_of_running(args, state, absolute_path(*to), true);
  }
  WEIR_ASSIGN(const json::object answer, ask_running_job(state, {{"request", "stop"}}));
  return report(args, answer,
                "the job has ended (" + std::string(answer.at("outcome").as_string()) +
                    ") with checkpoint " + number_text(answer, "checkpoint"));
}

void print_steps(const json::object& s);

void print_status(const json::object& s) {
  const json::value& watermark = s.at("watermark");
  std::printf(
      "job %s is running: %s records read, watermark %s, checkpoint %s, %s dead letters, "
      "%s restarts\n",
      s.at("job").as_string().c_str(), number_text(s, "records").c_str(),
      watermark.is_string() ? watermark.as_string().c_str() : "-",
      number_text(s, "checkpoint").c_str(), number_text(s, "dead_letters").c_str(),
      number_text(s, "restarts").c_str());
  print_steps(s);
}

/// A rate as a whole number of `unit`; "-" where the job says none, as one of an older version.
std::string rate_text(const json::object& step, const char* name, int unit, const char* suffix) {
  const json::value* rates = step.if_contains("rates");
  if (rates == nullptr || !rates->is_object()) return "-";
  const json::value* rate = rates->get_object().if_contains(name);
  if (rate == nullptr || !rate->is_number()) return "-";
  return with_commas(static_cast<std::uint64_t>(rate->to_number<double>() / unit + 0.5)) + suffix;
}

void print_steps(const json::object& s) {
  Table table({"STEP", "KIND", "PARALLELISM", "IN", "OUT", "LATE", "DEAD LETTERS", "WATERMARK",
               "IN/S", "BUSY", "BACK-PRESSURED", "IDLE"});
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
               time.is_string() ? std::string(time.as_string()) : "-",
               rate_text(step, "records_in_per_second", 1, ""),
               rate_text(step, "busy_ms_per_second", 10, " %"),
               rate_text(step, "backpressured_ms_per_second", 10, " %"),
               rate_text(step, "idle_ms_per_second", 10, " %")});
  }
  table.print();
}

/// The list of that name; empty when it is not there.
json::array list_in(const json::object& object, const char* name) {
  const json::value* list = object.if_contains(name);
  return list != nullptr && list->is_array() ? list->get_array() : json::array();
}

/// The workers of a job that have more to do than they are made for.
void print_overcommitted(const json::object& job) {
  for (const json::value& value : list_in(job, "overcommitted")) {
    const json::object& worker = value.as_object();
    std::printf("worker %s has %s slots and was given %s: subtasks share its cores\n",
                field(worker, "worker").c_str(), field(worker, "slots").c_str(),
                field(worker, "slots_used").c_str());
  }
}

/// What it said, unless the job is well again.
void print_last_failure(const json::object& job) {
  const json::array exceptions = list_in(job, "exceptions");
  if (exceptions.empty()) return;
  const json::object& last = exceptions.front().as_object();
  const bool healed = field(job, "problem").empty();
  std::printf("attempt %s failed at %s%s%s%s%s\n", field(last, "attempt").c_str(),
              field(last, "at").c_str(), field(last, "worker").empty() ? "" : " on ",
              field(last, "worker").c_str(), healed ? "; the job got on since" : ": ",
              healed ? "" : for_people(field(last, "message")).c_str());
}

void print_cluster_status(const json::object& job) {
  std::printf("job %s (%s) is %s: attempt %s, parallelism %s, checkpoint %s, since %s\n",
              field(job, "name").c_str(), field(job, "id").c_str(), field(job, "state").c_str(),
              field(job, "attempt").c_str(), field(job, "parallelism").c_str(),
              field(job, "last_checkpoint").c_str(), field(job, "changed_at").c_str());
  if (const std::string waits = field(job, "waits_for"); !waits.empty()) {
    std::printf("it waits for %s\n", waits.c_str());
  }
  if (const std::string notice = field(job, "notice"); !notice.empty()) {
    std::printf("%s\n", notice.c_str());
  }
  const json::value* processes = job.if_contains("processes");
  if (processes != nullptr && processes->is_array()) {
    int number = 0;
    for (const json::value& process : processes->get_array()) {
      std::printf("process %d runs on %s\n", number++,
                  field(process.as_object(), "worker").c_str());
    }
  }
  print_overcommitted(job);
  print_last_failure(job);
  const json::value* status = job.if_contains("status");
  if (status != nullptr && status->is_object()) {
    const json::object& s = status->get_object();
    std::printf("%s records read, watermark %s, %s dead letters\n", field(s, "records").c_str(),
                field(s, "watermark").empty() ? "-" : field(s, "watermark").c_str(),
                field(s, "dead_letters").c_str());
    print_steps(s);
  } else if (const std::string problem = field(job, "status_problem"); !problem.empty()) {
    std::printf("it does not say how it stands: %s\n", for_people(problem).c_str());
  }
}

Result<int> status_in_cluster(const Args& args, const JobPlace& place) {
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
  WEIR_ASSIGN(const json::object job, client.job(place.cluster_id));
  if (args.has("json")) {
    print_json(job);
  } else {
    print_cluster_status(job);
  }
  return kOk;
}

Result<int> status(const Args& args) {
  WEIR_ASSIGN(const JobPlace place, job_place(args));
  if (!place.cluster_id.empty()) return status_in_cluster(args, place);
  const std::string& state = place.folder;
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
  return {
      "savepoint",
      "[JOB] [PATH]",
      0,
      2,
      "Copy a job's state into a folder that stands by itself",
      asking({kState,
              {"to", "PATH", "folder to write; absent or empty"},
              {"stop", nullptr, "end the job with it, if it is running"},
              kJson}),
      "Of a running job a checkpoint is taken now; otherwise its newest one is copied. Start\n"
      "from it with  weir run JOB.so --state NEW --from PATH. What file sinks had staged in "
      "their\nfolders belongs to it: with --stop that stays there as long as nobody resumes the "
      "job.\n",
      savepoint};
}
Command stop_command() {
  return {"stop",
          "[JOB]",
          0,
          1,
          "End a running job with a last checkpoint",
          asking({kState, {"savepoint", "PATH", "copy that checkpoint into this folder"}, kJson}),
          "",
          stop};
}
Command status_command() {
  return {"status", "[JOB]", 0, 1, "Say how a job stands", asking({kState, kJson}), "", status};
}

}  // namespace weir::cli
