// What a cluster knows about its jobs, as the leader keeps it in the registry: JSON by description,
// so that a newer coordinator reads what an older one wrote. Plain values: any thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/describe.h"
#include "weir/base/result.h"
#include "weir/base/time.h"

namespace weir::cluster {

/// What a user submitted.
struct JobSpec {
  std::string name;
  std::string library;                          ///< file name, for people
  std::string library_hash;                     ///< its content hash: STORAGE/libraries/HASH.so
  std::map<std::string, std::string> settings;  ///< --set
  std::map<std::string, std::string> options;   ///< of `weir run`, by name: {"memory", "4GB"}
  std::uint32_t parallelism = 1;
  std::string state_dir;        ///< where checkpoints are kept
  std::string from = "latest";  ///< where the first attempt begins: as --from of `weir run`
  /// Where `state_dir` led to on the coordinator's host when the job was submitted, links followed.
  std::string state_at = {};
};
WEIR_DESCRIBE(JobSpec, name, library, library_hash, settings, options, parallelism, state_dir, from,
              state_at);

/// The most that a spec may be as text, settings and all. A quarter of what the registry takes: a
/// record has two of them while a job changes, and its failures and processes besides.
inline constexpr std::size_t kMaxSpecBytes = std::size_t{256} << 10;
/// Error: invalid_argument for a spec of more than kMaxSpecBytes.
Status check_size(const JobSpec& spec);

/// How a job stands. The last four are for good.
enum class JobState : std::uint8_t {
  waiting,   ///< for a worker
  starting,  ///< processes of an attempt are being started
  running,
  restarting,  ///< a pause after a failure
  stopping,    ///< a last checkpoint has been asked for: to stop, to rescale or to update
  finished,
  stopped,
  cancelled,
  failed,
};
WEIR_DESCRIBE_ENUM(JobState, waiting, starting, running, restarting, stopping, finished, stopped,
                   cancelled, failed);
const char* to_string(JobState state);
/// The job has ended; nothing of it runs, or will.
constexpr bool is_over(JobState state) { return state >= JobState::finished; }

/// What went wrong with an attempt.
struct Failure {
  std::string code;     ///< as to_string(ErrorCode)
  std::string message;  ///< the scheduler keeps up to 4 KiB of it
  bool retryable = false;
  std::uint64_t attempt = 0;
  std::string worker;  ///< on which it happened, if on one
  /// In which process of the attempt, and in which task: its steps, and the subtask; if known.
  std::optional<std::uint32_t> process = {};
  std::string task = {};
  std::optional<std::uint32_t> subtask = {};
  EventTime at{};  ///< wall time
};
WEIR_DESCRIBE(Failure, code, message, retryable, attempt, worker, process, task, subtask, at);

/// One process of an attempt.
struct ProcessPlace {
  std::string worker;       ///< the worker's id
  std::uint32_t slots = 1;  ///< how many subtasks of each step it runs, about
};
WEIR_DESCRIBE(ProcessPlace, worker, slots);

/// One job. Who writes it: the leader alone, and each write is fenced by its epoch.
struct JobRecord {
  std::string id;  ///< "j-" and eight random hexadecimal digits
  JobSpec spec;
  JobState state = JobState::waiting;
  /// Counts all attempts of the job. A number is in the registry before anything starts under it,
  /// so that no two attempts ever have the same.
  std::uint64_t attempt = 0;
  std::vector<ProcessPlace> processes;  ///< of that attempt; process 0 is its master
  /// What the job becomes once its last checkpoint is there: stopped, or, to rescale or update,
  /// waiting with `next`.
  JobState then = JobState::stopped;
  std::vector<JobSpec> next;  ///< at most one
  std::uint64_t last_checkpoint = 0;
  std::uint32_t failures = 0;       ///< in a row without a checkpoint between
  std::vector<Failure> exceptions;  ///< the newest ten, newest first
  EventTime submitted_at{}, changed_at{};
  /// What became of a request that was accepted and could not be carried out; else empty.
  std::string notice = {};
  /// The newest exception is history: an attempt has completed a checkpoint since, or the job has
  /// ended well.
  bool healed = false;
};
WEIR_DESCRIBE(JobRecord, id, spec, state, attempt, processes, then, next, last_checkpoint, failures,
              exceptions, submitted_at, changed_at, notice, healed);
/// It takes a last checkpoint and then goes on with `next`.
bool is_to_change(const JobRecord& record);

std::string to_text(const JobRecord& record);
/// Error: corrupt, which names `key`.
Result<JobRecord> parse_record(const std::string& text, const std::string& key);

/// A job whose record this version cannot read: a newer one wrote it, or it is damaged. It is left
/// as it is, and so is whatever runs of that job.
struct UnreadableRecord {
  std::string id;               ///< by its key
  std::string name, state_dir;  ///< empty where they cannot be read either
  std::string why;
};
/// All that is in a registry about jobs.
struct RecordSet {
  std::vector<JobRecord> records;
  std::vector<UnreadableRecord> unreadable;
};
/// Of texts by key, as the registry gives them, and of those that it could not read at all; a key
/// ends with '/' and the job's id. A record that says another id than its key is unreadable.
RecordSet parse_records(const std::map<std::string, std::string>& texts,
                        const std::map<std::string, Error>& unreadable = {});

}  // namespace weir::cluster
