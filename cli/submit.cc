// `weir submit` and `weir update`: jobs for a cluster.
#include "cli/submit.h"

#include <cstdio>
#include <filesystem>

#include "cli/cluster_options.h"
#include "cli/commands.h"
#include "cli/config_file.h"
#include "cli/crash.h"
#include "cli/exit_codes.h"
#include "cli/output.h"
#include "cli/restore_check.h"
#include "cli/run_options.h"
#include "weir/base/clock.h"
#include "weir/base/path.h"
#include "weir/base/storage.h"
#include "weir/cluster/job_options.h"

namespace weir::cli {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

/// Where a savepoint lies, as the hosts of the cluster see it too; other words as they are.
std::string from_text(const std::string& from) {
  const bool word = from == "latest" || from == "none" ||
                    from.find_first_not_of("0123456789") == std::string::npos;
  return word ? from : absolute_path(from);
}

/// The job as its library builds it, with these settings.
Result<Job> build(const JobLibrary& library, RunOptions options) {
  options.state_dir.clear();
  return build_job(library.entry->function, options);
}

json::array names_of(const json::object& workers) {
  json::array names;
  for (const json::value& worker : workers.at("workers").as_array()) {
    names.push_back(worker.as_object().at("id"));
  }
  return names;
}

/// How a job ended, for one who waited.
int say_end(const Args& args, const json::object& job) {
  const std::string state = field(job, "state");
  if (args.has("json")) {
    print_json(job);
  } else {
    std::printf("job %s (%s) is %s, with checkpoint %s\n", field(job, "name").c_str(),
                field(job, "id").c_str(), state.c_str(), field(job, "last_checkpoint").c_str());
  }
  if (state == "failed") {
    std::fprintf(stderr, "weir: %s\n", for_people(field(job, "problem")).c_str());
    std::fprintf(stderr, "weir: 'weir logs %s' shows what its process said\n",
                 field(job, "id").c_str());
  }
  return state == "finished" || state == "stopped" ? kOk : kFailed;
}

Result<int> submit(const Args& given) {
  Args args = given;
  if (const std::string* path = args.value("config")) WEIR_TRY(add_config_file(args, *path));
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
  install_crash_handler();
  set_crash_context(args.operands()[0], "");
  const ExitGuard guard;
  WEIR_ASSIGN(const JobLibrary library, load_job_library(args.operands()[0]));
  WEIR_ASSIGN(const RunOptions options, run_options(args, library));
  WEIR_ASSIGN(const Job job, build(library, options));
  warn_of_relative_paths(options.config);
  WEIR_TRY(upload_library(client, library));
  char id[16];
  std::snprintf(id, sizeof id, "j-%08x", static_cast<unsigned>(entropy_seed()));
  json::object body{{"id", id},
                    {"name", args.text("name", job.name())},
                    {"library", std::string(file_name(library.path))},
                    {"library_hash", library.version},
                    {"settings", to_object(options.config)},
                    {"options", to_object(job_options(args))},
                    {"parallelism", options.parallelism},
                    {"from", from_text(options.from)}};
  if (!options.state_dir.empty()) body["state_dir"] = absolute_path(options.state_dir);
  WEIR_ASSIGN(json::object made, client.post("/jobs", body));
  if (args.has("wait")) {
    WEIR_ASSIGN(made, wait_until_over(client, id));
    return say_end(args, made);
  }
  if (args.has("json")) {
    print_json(made);
    return kOk;
  }
  std::printf("job %s is submitted as %s; 'weir status %s' says how it stands\n",
              field(made, "name").c_str(), id, id);
  WEIR_ASSIGN(const json::object workers, client.get("/workers"));
  if (names_of(workers).empty()) {
    std::fputs("weir: the cluster has no worker; the job waits for one ('weir worker')\n", stderr);
  }
  return kOk;
}

/// Whether the new library can go on with what the old one has written.
Status check_update(const Args& args, const json::object& job, const JobLibrary& library,
                    const RunOptions& options) {
  const std::string folder = field(job, "state_dir");
  WEIR_ASSIGN(const Job built, build(library, options));
  if (args.has("no-check")) return {};
  const auto against = read_against(folder, "latest");
  if (!against.ok()) {
    const bool none = against.error().code == ErrorCode::not_found;
    if (none && field(job, "last_checkpoint") == "0") return {};  // nothing to go on with yet
    return Error{against.error().code,
                 "Whether the library fits the job's state cannot be checked here: " +
                     against.error().message +
                     ". Update where the cluster's storage is mounted, or with --no-check."};
  }
  return print_restore(built, *against, args.has("allow-dropped-state"), false);
}

using Settings = std::map<std::string, std::string>;

/// What of `names` is there, with commas between, behind a heading.
std::string listed(const char* heading, const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? heading : ", ") + name;
  return text;
}

/// The job's settings, without those of --unset and with those that are given in the place of its
/// own; says what became of them. Error: invalid_argument for one to unset that it does not have.
Result<Settings> updated_settings(const Args& args, const json::object& before,
                                  const Settings& given) {
  Settings settings;
  for (const auto& [key, value] : before) settings[std::string(key)] = value.as_string();
  std::vector<std::string> kept, changed, dropped = args.all("unset");
  for (const std::string& key : dropped) {
    if (settings.erase(key) > 0) continue;
    std::vector<std::string> names;
    for (const auto& [name, value] : settings) names.push_back(name);
    return Error{ErrorCode::invalid_argument, "--unset " + key + ": the job has no setting '" +
                                                  key + "'" + suggestion(key, names)};
  }
  for (const auto& [key, value] : settings) {
    if (!given.contains(key)) kept.push_back(key);
  }
  for (const auto& [key, value] : given) {
    settings[key] = value;
    changed.push_back(key);
  }
  if (changed.empty() && dropped.empty()) return settings;
  std::string said;
  for (const std::string& part :
       {listed("set: ", changed), listed("dropped: ", dropped), listed("as before: ", kept)}) {
    if (!part.empty()) said += (said.empty() ? "" : "; ") + part;
  }
  std::fprintf(stderr, "weir: settings %s\n", said.c_str());
  return settings;
}

/// How a job is told that it goes on.
std::string says_how(const json::object& before, const json::object& now) {
  if (field(before, "over") != "true") return "takes a last checkpoint and goes on with";
  const std::string checkpoint = field(now, "last_checkpoint");
  return "was " + field(before, "state") + " and starts anew " +
         (checkpoint == "0" ? "from where it was to begin" : "from checkpoint " + checkpoint) +
         ", with";
}

Result<int> update(const Args& args) {
  WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
  WEIR_ASSIGN(const json::object job, client.job(args.operands()[0]));
  install_crash_handler();
  set_crash_context(args.operands()[1], "");
  const ExitGuard guard;
  WEIR_ASSIGN(const JobLibrary library, load_job_library(args.operands()[1]));
  RunOptions options;
  WEIR_ASSIGN(options, run_options(args, library));
  options.name = field(job, "name");
  const json::object& spec = job.at("spec").as_object();
  WEIR_ASSIGN(options.config,
              updated_settings(args, spec.at("settings").as_object(), options.config));
  warn_of_relative_paths(options.config);
  WEIR_TRY(check_update(args, job, library, options));
  WEIR_TRY(upload_library(client, library));
  json::object body{{"library_hash", library.version},
                    {"library", std::string(file_name(library.path))},
                    {"settings", to_object(options.config)}};
  if (args.has("parallelism")) body["parallelism"] = options.parallelism;
  json::object kept = spec.at("options").as_object();
  kept.erase("allow-dropped-state");  // was meant for the update before
  for (const auto& [name, value] : job_options(args)) kept[name] = value;
  body["options"] = std::move(kept);
  WEIR_ASSIGN(const json::object changed, client.post_job(field(job, "id"), "update", body));
  if (args.has("json")) {
    print_json(changed);
  } else {
    std::printf("job %s (%s) %s %s\n", field(job, "name").c_str(), field(job, "id").c_str(),
                says_how(job, changed).c_str(), library.path.c_str());
  }
  return kOk;
}

const std::vector<Option>& run_option_list() {
  static const std::vector<Option> options = {
      {"threads", "N", "threads of each process; default one for each core"},
      {"checkpoint-interval", "TIME", "time between checkpoints; default 1s"},
      {"checkpoint-timeout", "TIME", "after which a checkpoint is given up; default 10min"},
      {"tolerated-checkpoint-failures", "N",
       "so many may fail in a row before the attempt ends; default any number"},
      {"memory", "SIZE", "memory for keyed state, such as 4GB"},
      {"keep", "N", "how many checkpoints are kept; default 3"},
      {"max-dead-letters", "N", "more than this many in one run fail the job"},
      {"max-dead-letter-share", "X", "a larger share of the records read fails the job"},
      {"max-restarts", "N", "failures in a row without a checkpoint between; default 10"},
      {"allow-dropped-state", nullptr, "go on without the state of steps that are gone"},
      {"take-over", "JOB", "a job that holds the state folder and is over for good"}};
  return options;
}

std::vector<Option> with_run_options(std::vector<Option> options) {
  options.insert(options.end(), run_option_list().begin(), run_option_list().end());
  options.push_back({"json", nullptr, "print JSON"});
  return asking(std::move(options));
}

}  // namespace

Status upload_library(ClusterClient& client, const JobLibrary& library) {
  const std::string path = "/libraries/" + library.version;
  const auto there = client.get(path);
  if (there.ok()) return {};
  if (there.error().code != ErrorCode::not_found) return there.error();
  auto storage = make_posix_storage();
  WEIR_ASSIGN(std::string bytes, read_file(*storage, library.path));
  const auto sent = client.put(path, std::move(bytes));
  return sent.ok() ? Status() : Status(sent.error());
}

std::map<std::string, std::string> job_options(const Args& args) {
  std::map<std::string, std::string> options;
  for (const char* name : cluster::kJobOptions) {
    if (const std::string* value = args.value(name)) options[name] = *value;
  }
  return options;
}

void warn_of_relative_paths(const std::map<std::string, std::string>& settings) {
  for (const auto& [key, value] : settings) {
    std::error_code ignored;
    if (value.empty() || value[0] == '/' || !fs::exists(value, ignored)) continue;
    std::fprintf(stderr,
                 "weir: setting %s=%s looks like a relative path; processes of a cluster run in "
                 "other folders, so it should be %s, on storage that all hosts share\n",
                 key.c_str(), value.c_str(), absolute_path(value).c_str());
  }
}

json::object to_object(const std::map<std::string, std::string>& map) {
  json::object object;
  for (const auto& [key, value] : map) object[key] = value;
  return object;
}

Command submit_command() {
  return {"submit",
          "JOB.so",
          1,
          1,
          "Run a job in a cluster",
          with_run_options(
              {{"set", "KEY=VALUE", "a setting of the job.", true, nullptr, false},
               {"config", "FILE", "a YAML file with these options, and settings under 'set'", false,
                nullptr, false},
               {"name", "NAME", "what people call the job; default its own, or the file's"},
               {"parallelism", "N", "subtasks of each step that does not say its own; default 1"},
               {"state", "DIR",
                "where checkpoints are kept, on storage that all hosts share; default in the "
                "cluster's"},
               {"from", "WHERE", "latest (default), none, or the path of a savepoint"},
               {"wait", nullptr, "wait until the job is over; status 1 when it failed"}}),
          "The library is loaded and its graph built here first, so that mistakes are told at "
          "once. It\n"
          "is sent to the cluster under its content hash.\n",
          submit};
}

Command update_command() {
  return {"update",
          "JOB NEW.so",
          2,
          2,
          "Go on with another library after a last checkpoint",
          with_run_options(
              {{"set", "KEY=VALUE", "a setting in the place of the job's own; others stay.", true},
               {"unset", "KEY", "drop a setting of the job.", true},
               {"parallelism", "N", "another parallelism; default as it is"},
               {"no-check", nullptr, "do not check first that the library fits the job's state"}}),
          "Checks first whether the library can go on with the job's newest checkpoint, as\n"
          "'weir plan --against' does; exit status 3 when it cannot. A job that is over starts "
          "anew.\n",
          update};
}

}  // namespace weir::cli
