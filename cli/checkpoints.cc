// `weir checkpoints list|show|verify`.
#include <boost/json/array.hpp>
#include <cstdio>

#include "cli/cluster_options.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/job_place.h"
#include "cli/output.h"
#include "cli/state_folder.h"

namespace weir::cli {
namespace {

namespace json = boost::json;

/// What a command is about: `DIR [ID]`, or as with the other commands `--state DIR [ID]`.
struct Target {
  std::string folder, id = "latest";
};
Result<Target> target_of(const Args& args) {
  std::vector<std::string> words = args.operands();
  if (const std::string* state = args.value("state")) words.insert(words.begin(), *state);
  const std::size_t most = args.command().max_operands;
  if (words.empty() || words.size() > most) {
    return Error{ErrorCode::invalid_argument,
                 (words.empty() ? std::string("Something is missing")
                                : "'" + words.back() + "' is too much") +
                     "; usage: weir " + args.command().name + " " + args.command().operands};
  }
  WEIR_ASSIGN(const JobPlace place, job_place(args, words[0]));
  Target target{place.folder};
  if (words.size() > 1) target.id = words[1];
  return target;
}

std::string notes_of(const CheckpointSummary& c) {
  if (!c.problem.empty()) return "DAMAGED: " + c.problem;
  std::string notes;
  if (c.finished) notes += "finished ";
  if (c.savepoint) notes += "savepoint ";
  return notes;
}

Result<int> list(const Args& args) {
  WEIR_ASSIGN(const Target target, target_of(args));
  WEIR_ASSIGN(auto folder, StateFolder::open(target.folder));
  const auto checkpoints = folder.store().list();
  Table table({"ID", "COMPLETED", "SIZE", "NOTES"});
  for (const CheckpointSummary& c : checkpoints) {
    if (args.has("json")) {
      json::object object{{"id", c.id},
                          {"path", c.path},
                          {"completed_at", time_json(to_millis(c.completed_at))},
                          {"size_bytes", c.size_bytes},
                          {"finished", c.finished},
                          {"savepoint", c.savepoint}};
      if (!c.problem.empty()) object["problem"] = c.problem;
      print_json(object);
    }
    table.add({std::to_string(c.id),
               c.completed_at == EventTime{} ? "-" : to_iso8601(c.completed_at),
               human_bytes(c.size_bytes), notes_of(c)});
  }
  if (!args.has("json")) {
    if (table.empty()) std::puts("no checkpoint yet");
    if (!table.empty()) table.print();
  }
  return kOk;
}

struct StepSizes {
  std::uint64_t runs = 0, rows = 0, bytes = 0;
};

StepSizes sizes_of(const StepManifest& step) {
  StepSizes sizes;
  for (const SubtaskManifest& subtask : step.subtasks) {
    for (const auto* runs : {&subtask.state, &subtask.items}) {
      for (const RunInfo& run : *runs) {
        ++sizes.runs;
        sizes.rows += run.rows;
        sizes.bytes += run.size_bytes;
      }
    }
  }
  return sizes;
}

json::object step_object(const StepManifest& step) {
  const StepSizes sizes = sizes_of(step);
  json::object counters;
  for (const auto& [name, value] : step.counters) counters[name] = value;
  std::int64_t watermark = INT64_MAX;
  for (const auto& subtask : step.subtasks) watermark = std::min(watermark, subtask.watermark_ms);
  json::object object{{"name", step.name},
                      {"kind", step.kind},
                      {"parallelism", step.parallelism},
                      {"rows", sizes.rows},
                      {"runs", sizes.runs},
                      {"size_bytes", sizes.bytes},
                      {"watermark", time_json(watermark)},
                      {"counters", std::move(counters)}};
  return object;
}

json::object manifest_object(const Manifest& m) {
  json::object settings;
  for (const auto& [key, value] : m.config) settings[key] = value;
  json::array steps;
  for (const StepManifest& step : m.steps) steps.push_back(step_object(step));
  return {{"id", m.id},
          {"job", m.job},
          {"run_id", m.run_id},
          {"completed_at", time_json(to_millis(m.completed_at))},
          {"max_parallelism", m.max_parallelism},
          {"finished", m.finished},
          {"savepoint", m.savepoint},
          {"set", std::move(settings)},
          {"dead_letter_runs", m.dead_letters.size()},
          {"steps", std::move(steps)}};
}

void print_manifest(const Manifest& m) {
  std::printf("checkpoint %llu of job %s, completed %s%s%s\n",
              static_cast<unsigned long long>(m.id), m.job.c_str(),
              to_iso8601(m.completed_at).c_str(), m.finished ? ", finished" : "",
              m.savepoint ? ", savepoint" : "");
  for (const auto& [key, value] : m.config) std::printf("  %s=%s\n", key.c_str(), value.c_str());
  Table table({"STEP", "KIND", "PARALLELISM", "ROWS", "SIZE", "IN", "OUT", "DEAD LETTERS"});
  for (const StepManifest& step : m.steps) {
    const StepSizes sizes = sizes_of(step);
    const auto counter = [&](const char* name) {
      const auto found = step.counters.find(name);
      return with_commas(found == step.counters.end() ? 0 : found->second);
    };
    table.add({step.name, step.kind, std::to_string(step.parallelism), with_commas(sizes.rows),
               human_bytes(sizes.bytes), counter("records_in"), counter("records_out"),
               counter("dead_letters")});
  }
  table.print();
}

Result<int> show(const Args& args) {
  WEIR_ASSIGN(const Target target, target_of(args));
  WEIR_ASSIGN(auto folder, StateFolder::open(target.folder));
  WEIR_ASSIGN(const Manifest manifest, folder.checkpoint(target.id));
  if (args.has("json")) {
    print_json(manifest_object(manifest));
  } else {
    print_manifest(manifest);
  }
  return kOk;
}

Result<int> verify(const Args& args) {
  WEIR_ASSIGN(const Target target, target_of(args));
  WEIR_ASSIGN(auto folder, StateFolder::open(target.folder));
  CheckpointId id = 0;
  std::size_t files = 0;
  WEIR_TRY(folder.read_checkpoint(target.id, [&](const Manifest& manifest) {
    id = manifest.id;
    files = manifest.files().size();
    return folder.store().verify(manifest);
  }));
  if (args.has("json")) {
    print_json({{"id", id}, {"files", files}, {"ok", true}});
  } else {
    std::printf("checkpoint %llu is whole: its manifest and %zu files read back as written\n",
                static_cast<unsigned long long>(id), files);
  }
  return kOk;
}

const Option kJson{"json", nullptr, "print JSON, one object a line"};
const Option kState{"state", "DIR", "the folder or job, instead of the operand"};

}  // namespace

Command checkpoints_list_command() {
  return {"checkpoints list",
          "DIR|JOB",
          0,
          1,
          "List the checkpoints of a job, state folder or savepoint",
          asking({kState, kJson}),
          "",
          list};
}
Command checkpoints_show_command() {
  return {"checkpoints show",
          "DIR|JOB [ID]",
          0,
          2,
          "Show what is in a checkpoint, by default the newest",
          asking({kState, kJson}),
          "",
          show};
}
Command checkpoints_verify_command() {
  return {"checkpoints verify",
          "DIR|JOB [ID]",
          0,
          2,
          "Check every byte of a checkpoint, by default the newest",
          asking({kState, kJson}),
          "Exit status 5 when something is damaged, with the file that is.\n",
          verify};
}

}  // namespace weir::cli
