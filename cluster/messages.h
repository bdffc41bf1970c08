// What coordinator, workers and the processes of jobs tell each other, each as a Cap'n Proto
// message (messages.capnp) in a frame of net/. Plain values and pure functions: any thread.
//
//   worker       -> coordinator   register, heartbeat, report, answer
//   coordinator  -> worker        welcome, start, peers, kill, ask
//   worker       -> process       assignment, peers, ask
//   process      -> worker        heartbeat, report, answer
//
// A process speaks with the processes of its attempt by task_messages.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "weir/base/result.h"
#include "weir/cluster/records.h"

namespace weir::cluster {

struct Address {
  std::string host;
  std::uint16_t port = 0;
  friend bool operator==(const Address&, const Address&) = default;
};

/// One process of one attempt of a job.
struct ProcessId {
  std::string job;  ///< its id
  std::uint64_t attempt = 0;
  std::uint32_t process = 0;
  friend auto operator<=>(const ProcessId&, const ProcessId&) = default;
};
/// "j-0a1b2c3d/4/0"
std::string to_string(const ProcessId& id);

/// How a process of a job stands.
enum class ProcessPhase : std::uint8_t {
  starting,   ///< it loads its library
  listening,  ///< it waits for the addresses of the others
  running,    ///< its tasks are restored
  ended,      ///< it is gone, or about to be
};

/// The task whose failure ended an attempt.
struct FailedTask {
  std::string steps;  ///< with commas between
  std::uint32_t subtask = 0;
  std::uint32_t process = 0;  ///< in which it ran
};

/// What a worker says of a process, once after each change and all anew to each new leader.
struct ProcessReport {
  ProcessId id;
  ProcessPhase phase = ProcessPhase::starting;
  Address address;  ///< for the other processes of the attempt; from `listening` on
  /// Of a master: how its job stands; `running` until the job ends.
  JobState outcome = JobState::running;
  std::uint64_t checkpoint = 0;  ///< of a master: the last one that its attempt completed, or 0
  std::optional<Error> failure;  ///< of `ended`: why, if not by the coordinator's word
  std::optional<FailedTask> failed_task = {};  ///< of a master, where it was that of a task
};

// ---- worker -> coordinator
struct Register {
  std::string worker;       ///< its id: name and incarnation, "host-1.5f3a"
  std::string host;         ///< where its processes listen
  std::uint32_t slots = 1;  ///< how many subtasks it is made for; cores
  std::string build_id;     ///< of its Weir: libraries must have been compiled with it
  std::vector<ProcessReport> processes;
};
struct Heartbeat {};
/// What a job answered, JSON, to the request of that number.
struct Answer {
  std::uint64_t request = 0;
  std::string json;              ///< an object
  std::optional<Error> failure;  ///< or why not
};

// ---- coordinator -> worker
struct Welcome {
  std::uint64_t epoch = 0;  ///< of the leader that speaks; a worker obeys none older
  std::uint32_t heartbeat_ms = 200;
  std::uint32_t timeout_ms = 3000;  ///< silence after which the other end is taken for dead
};
/// Start a process. A second one with the same id changes nothing.
struct Start {
  ProcessId id;
  JobSpec spec;
  std::vector<ProcessPlace> processes;  ///< of the whole attempt
  std::string library_path;             ///< in the shared storage
  std::uint64_t last_checkpoint = 0;    ///< that the job is known to have completed
  /// Of a master: jobs that have ended, so that their state folders are free.
  std::vector<std::string> over = {};
};
/// Where all processes of an attempt listen; by number. A second one changes nothing.
struct Peers {
  std::string job;
  std::uint64_t attempt = 0;
  std::vector<Address> addresses;
};
/// End all processes of this job up to this attempt, at once.
struct Kill {
  std::string job;
  std::uint64_t attempt = 0;
};
/// A request to a job's master (the grammar is that of the control socket); one Answer follows.
/// A second request to stop changes nothing.
struct Ask {
  std::uint64_t request = 0;  ///< 0: nobody waits for the answer
  ProcessId id;
  std::string json;
};

// ---- worker -> process
struct Assignment {
  Start start;
  std::string library;  ///< a copy on this host
  std::string host;     ///< on which to listen
  std::string token;    ///< of the cluster
};

using Message = std::variant<Register, Heartbeat, ProcessReport, Answer, Welcome, Start, Peers,
                             Kill, Ask, Assignment>;

std::string encode(const Message& message);
/// Errors: corrupt; incompatible for a kind of message that this version does not know yet. Takes
/// no more than 64 MiB, nested no deeper than 16.
Result<Message> decode(std::string_view bytes);

}  // namespace weir::cluster
