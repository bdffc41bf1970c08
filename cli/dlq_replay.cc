// `weir dlq replay|drop`: through the running job where there is one, otherwise by starting the job
// without reading its sources, for as long as it takes.
#include <unistd.h>

#include <cstdio>
#include <thread>

#include "cli/cluster_client.h"
#include "cli/commands.h"
#include "cli/control_request.h"
#include "cli/control_socket.h"
#include "cli/crash.h"
#include "cli/dlq.h"
#include "cli/exit_codes.h"
#include "cli/job_file.h"
#include "cli/job_place.h"
#include "cli/output.h"
#include "cli/replay.h"
#include "cli/watch.h"
#include "weir/base/path.h"
#include "weir/base/storage.h"
#include "weir/runtime/job_library.h"
#include "weir/runtime/letter_payload.h"

namespace weir::cli {
namespace {

Result<std::string> read_text_file(const std::string& path) {
  auto storage = make_posix_storage();
  return read_file(*storage, path, 1 << 26);
}

/// The edits in the order in which they were given.
Result<std::vector<LetterEdit>> edits_of(const Args& args) {
  std::vector<LetterEdit> edits;
  for (const auto& [option, value] : args.given()) {
    std::string kind = option, text = value;
    if (option == "patch" && text.find_first_not_of(" \t\n") != std::string::npos &&
        text[text.find_first_not_of(" \t\n")] != '[') {
      WEIR_ASSIGN(text, read_text_file(value));
    } else if (option == "replace-bytes") {
      kind = "bytes";
      if (text.starts_with('@')) {
        WEIR_ASSIGN(text, read_text_file(value.substr(1)));
      }
    } else if (option != "set" && option != "rename" && option != "cast" && option != "remove" &&
               option != "patch") {
      continue;
    }
    WEIR_ASSIGN(LetterEdit edit, make_letter_edit(kind, std::move(text)));
    edits.push_back(std::move(edit));
  }
  return edits;
}

void print_heading(const DeadLetter& letter) {
  std::printf("%s  step %s, %s: %s\n", letter.id.c_str(), letter.step.c_str(),
              to_string(letter.reason), one_line(letter.message, 90).c_str());
}

/// Prints a letter before and after its edits; false when they do not fit it.
bool print_edit(const Args& args, const DeadLetter& letter, const LetterEditor& editor) {
  const auto edited = editor.apply(letter);
  const std::string before = payload_text(letter);
  const std::string after = edited.ok() ? payload_text(*edited) : "";
  if (args.has("json")) {
    boost::json::object object{{"id", letter.id}, {"step", letter.step}, {"before", before}};
    object[edited.ok() ? "after" : "problem"] = edited.ok() ? after : edited.error().message;
    print_json(object);
    return edited.ok();
  }
  print_heading(letter);
  const std::string then = !edited.ok()      ? "left as it is: " + edited.error().message
                           : before == after ? "(the same)"
                                             : after;
  std::printf("  before  %s\n  after   %s\n", before.c_str(), then.c_str());
  return edited.ok();
}

int dry_replay(const Args& args, const std::vector<DeadLetter>& letters,
               const LetterEditor& editor) {
  std::size_t fit = 0;
  for (const DeadLetter& letter : letters) fit += print_edit(args, letter, editor);
  std::fprintf(stderr, "weir: a dry run: %s of %s letters would be tried; nothing was replayed\n",
               with_commas(fit).c_str(), with_commas(letters.size()).c_str());
  return fit == letters.size() ? kOk : kFailed;
}

int dry_drop(const Args& args, const std::vector<DeadLetter>& letters) {
  for (const DeadLetter& letter : letters) {
    if (args.has("json")) {
      print_json({{"id", letter.id}, {"step", letter.step}, {"payload", payload_text(letter)}});
    } else {
      print_heading(letter);
      std::printf("  payload %s\n", payload_text(letter).c_str());
    }
  }
  std::fprintf(stderr, "weir: a dry run: %s letters would be dropped; none was\n",
               with_commas(letters.size()).c_str());
  return kOk;
}

/// How to start the job: as it was run last, or the library given with --job.
Result<RunOptions> offline_options(const Args& args, const std::string& state,
                                   JobLibrary& library) {
  const auto job = read_job_file(state);
  std::string path = args.text("job");
  if (path.empty()) {
    if (!job.ok()) {
      return Error{ErrorCode::not_found,
                   "The job is not running, and " + state +
                       " does not say which library it is of: give --job JOB.so"};
    }
    path = job->library;
  }
  set_crash_context(path, state);
  WEIR_ASSIGN(library, load_job_library(path));
  RunOptions options;
  options.name = library.name;
  options.job_version = library.version;
  options.state_dir = state;
  options.replay_only = true;
  if (job.ok()) {
    options.config = job->settings;
    options.parallelism = job->parallelism;
    options.threads = job->threads;
    if (job->library_hash != library.version) {
      std::fprintf(stderr,
                   "weir: %s has changed since it was last run; replaying with what it is now\n",
                   path.c_str());
    }
  }
  return options;
}

/// Goes where the job was run: its settings may name files relative to that.
Status enter_directory_of(const std::string& state) {
  const auto job = read_job_file(state);
  if (!job.ok() || ::chdir(job->directory.c_str()) == 0) return {};
  return Error{ErrorCode::not_found, "The job was run in " + job->directory +
                                         ", which cannot be entered; its settings may name files "
                                         "relative to it"};
}

/// `over` is the job of a cluster to which the folder belonged, if it is known to have ended.
Result<std::vector<LetterOutcome>> replay_offline(const Args& args, const std::string& state,
                                                  const std::string& over,
                                                  const std::vector<std::string>& ids,
                                                  const LetterEditor& editor, bool drop) {
  install_crash_handler();
  const ExitGuard guard;
  JobLibrary library;
  WEIR_ASSIGN(RunOptions options, offline_options(args, state, library));
  options.take_over = args.text("take-over", over);
  WEIR_TRY(enter_directory_of(state));
  WEIR_ASSIGN(const auto runner, JobRunner::create(library.entry->function, std::move(options)));
  Result<std::vector<LetterOutcome>> outcomes =
      Error{ErrorCode::cancelled, "The job ended before it had replayed anything"};
  Watch watch(*runner, false);
  std::atomic<bool> ended{false};
  std::thread asker([&] {
    while (!ended && runner->status().steps.empty()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
    if (!ended) outcomes = replay_letters(*runner, state, ids, editor, drop);
    watch.request_stop();
  });
  set_crash_checkpoint(runner->restored_from() != nullptr ? runner->restored_from()->id : 0);
  const ExitGuard running_guard;
  const auto result = runner->run();
  ended = true;
  asker.join();
  if (!result.ok()) return result.error();
  return outcomes;
}

int report(const Args& args, const std::vector<LetterOutcome>& outcomes) {
  std::size_t failed = 0, left = 0, gone = 0;
  for (const LetterOutcome& outcome : outcomes) {
    failed += outcome.outcome == "failed";
    left += outcome.outcome == "left";
    gone += outcome.outcome == "gone";
    if (args.has("json")) {
      boost::json::object object{{"id", outcome.id}, {"outcome", outcome.outcome}};
      if (!outcome.message.empty()) object["message"] = outcome.message;
      print_json(object);
    } else {
      std::printf("%s  %s%s%s\n", outcome.id.c_str(), outcome.outcome.c_str(),
                  outcome.message.empty() ? "" : ": ", one_line(outcome.message, 200).c_str());
    }
  }
  std::fprintf(stderr, "weir: %s of %s letters done%s%s\n",
               with_commas(outcomes.size() - failed - left - gone).c_str(),
               with_commas(outcomes.size()).c_str(),
               failed > 0 ? "; those that failed stay, with what went wrong now" : "",
               left > 0 ? "; those that could not be tried are as they were" : "");
  return failed + left > 0 ? kFailed : gone > 0 ? kNotFound : kOk;
}

Result<int> carry_out(const Args& args, bool drop) {
  WEIR_ASSIGN(const JobPlace place, job_place(args));
  const std::string& state = place.folder;
  WEIR_ASSIGN(const auto edits, edits_of(args));
  WEIR_ASSIGN(const LetterEditor editor, LetterEditor::create(edits));
  WEIR_ASSIGN(const auto letters, chosen_letters(args));
  if (args.has("dry-run")) {
    return drop ? dry_drop(args, letters) : dry_replay(args, letters, editor);
  }
  if (letters.empty()) {
    std::fputs("weir: no dead letters to do this with\n", stderr);
    return kOk;
  }
  std::vector<std::string> ids;
  std::vector<LetterOutcome> left;
  for (const DeadLetter& letter : letters) {
    ids.push_back(letter.id);
    const auto edited = editor.apply(letter);
    if (!edited.ok()) left.push_back({letter.id, "left", edited.error().message});
  }
  if (left.size() == ids.size()) return report(args, left);  // no need to ask the job
  const auto kind = drop ? ControlRequest::Kind::drop : ControlRequest::Kind::replay;
  const auto request = to_object(ControlRequest{.kind = kind, .ids = ids, .edits = edits});
  if (!place.cluster_id.empty() && !place.over) {
    WEIR_ASSIGN(ClusterClient client, ClusterClient::of(args));
    WEIR_ASSIGN(const auto answer,
                client.post_job(place.cluster_id, "request", request, std::chrono::hours(24)));
    return report(args, outcomes_of(answer));
  }
  if (job_is_running(state)) {
    WEIR_ASSIGN(const auto answer, ask_running_job(state, request));
    return report(args, outcomes_of(answer));
  }
  if (!place.cluster_id.empty() && !args.has("job") && !read_job_file(state).ok()) {
    return Error{ErrorCode::invalid_argument,
                 "Job " + place.cluster_id + " is over. Start it anew with 'weir update " +
                     place.cluster_id +
                     " JOB.so', and ask again while it runs; or give --job JOB.so, which is then "
                     "started here, without settings"};
  }
  const std::string folder = absolute_path(state);
  const std::string over = place.over ? place.cluster_id : "";
  WEIR_ASSIGN(const auto outcomes, replay_offline(args, folder, over, ids, editor, drop));
  return report(args, outcomes);
}

Result<int> replay(const Args& args) { return carry_out(args, false); }
Result<int> drop(const Args& args) { return carry_out(args, true); }

const Option kJobOption{"job", "JOB.so",
                        "library to start when the job is not running; default the last one run"};
const Option kTakeOverOption{
    "take-over", "JOB",
    "the id of a job of a cluster that holds the state folder and is over for good"};

}  // namespace

Command dlq_replay_command() {
  return {
      "dlq replay",
      "[ID]...",
      0,
      100000,
      "Replay dead letters at the step that failed",
      asking({kStateOption,
              kAllOption,
              kStepOption,
              kReasonOption,
              {"set", "FIELD=VALUE", "give a field this value (JSON, or text).", true},
              {"rename", "OLD=NEW", "rename a field.", true},
              {"cast", "FIELD=TYPE", "make a field int, double, string, bool or time.", true},
              {"remove", "FIELD", "remove a field.", true},
              {"patch", "FILE|JSON", "apply a JSON Patch (RFC 6902).", true},
              {"replace-bytes", "@FILE|TEXT", "put these bytes in the place of the payload"},
              {"dry-run", nullptr, "show each letter before and after, replay nothing"},
              kJobOption,
              kTakeOverOption,
              {"json", nullptr, "print JSON, one letter a line"}}),
      "Edits are applied in the order given, to the payload as JSON: JSON as it is, a CSV record\n"
      "as an object of its columns, a record by its schema, text as {\"text\": ...}. FIELD is a\n"
      "name, names joined by dots, or a JSON Pointer. A letter leaves the queue in the very\n"
      "checkpoint in which its effect becomes durable; one that fails again stays, with one\n"
      "attempt more; one that an edit does not fit is left as it is, and the others go on. Exit\n"
      "status 1 when one failed or was left.\n",
      replay};
}
Command dlq_drop_command() {
  return {"dlq drop",
          "[ID]...",
          0,
          100000,
          "Discard dead letters for good",
          asking({kStateOption,
                  kAllOption,
                  kStepOption,
                  kReasonOption,
                  kJobOption,
                  kTakeOverOption,
                  {"dry-run", nullptr, "show the letters, drop nothing"},
                  {"json", nullptr, "print JSON, one letter a line"}}),
          "",
          drop};
}

}  // namespace weir::cli
