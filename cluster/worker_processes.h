// The processes of jobs on this host, from the order to start one to the report of its end:
//
//   fetching    its library is being copied
//   alive       it has been started; it connects to our door on loopback with the one-time token
//               that it was given in its environment, is told its assignment, and then beats
//   ended       it has been waited for, and what it said before has been read
//
// It ends by itself, by the coordinator's word (then it is forgotten), or because it is frozen,
// says what no process says, or the worker is cut off. A process that reported its end itself, with
// an outcome or a failure, is believed; of every other one the exit status or signal is the
// failure, with the last lines of its log. What it had started, and has left its group, is ended
// after it.
//
// Threads: `post` from any; everything else, and all that is posted, on the one that calls `step`,
// which must live as long as the processes (worker_child.h).
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/clock.h"
#include "weir/cluster/messages.h"
#include "weir/cluster/worker_child.h"
#include "weir/cluster/worker_files.h"
#include "weir/cluster/worker_leader.h"
#include "weir/net/link.h"
#include "weir/net/network.h"

namespace weir::cluster {

class Processes {
 public:
  struct Settings {
    std::string host;   ///< where they listen for each other
    std::string token;  ///< of the cluster
    /// At our door, and between them: they are told where its files are. Null: none is spoken.
    std::shared_ptr<net::Tls> tls;
    std::string program;  ///< the `weir` command
    std::string work;     ///< folder
    std::chrono::milliseconds frozen{10'000};
    bool adopts = false;  ///< as WorkerOptions::adopts
  };
  /// Reports to `leader`, which must outlive this.
  Processes(Settings settings, LeaderLink& leader);
  /// As `kill_all`.
  ~Processes();
  Processes(const Processes&) = delete;
  Processes& operator=(const Processes&) = delete;

  /// Opens the door for processes, on a free port of loopback. Once. Error: io.
  Status open();
  /// Has `task` run in the next step.
  void post(std::function<void()> task);

  /// Carries out Start, Peers, Kill or Ask of the leader of `connection`.
  void obey(std::uint64_t connection, const Message& order);
  /// Waits for something to do, not for long, and does it.
  void step();
  /// Ends all that run; `why` is their failure.
  void end_all(const Error& why);
  /// Kills all that run, without a report, and waits for their end.
  void kill_all();
  bool empty() const { return running_.empty(); }

 private:
  struct Process {
    Start start;
    ProcessReport report;  // the newest
    std::string library;   // the copy
    std::string token;     // for its greeting; empty once used
    std::string mark;      // of what it starts
    std::unique_ptr<ChildProcess> child;
    std::unique_ptr<net::Link> link;
    std::optional<Peers> peers;
    bool dropped = false;          // by the coordinator's word
    bool hung_up = false;          // its connection is over
    std::optional<Error> failure;  // why it was ended here
    std::optional<ChildProcess::End> end;
    std::chrono::nanoseconds silent{}, over{};  // how long
  };
  /// A request that was passed on to a process.
  struct Question {
    std::uint64_t connection, request;  // as the leader calls it
    ProcessId id;
  };

  // Orders, and what becomes of processes: worker_processes.cc.
  void start(const Start& order);
  void fetched(const ProcessId& id, const Result<std::string>& library);
  Status launch(Process& process, const std::string& library);
  void tell(const Peers& peers);
  void kill(const Kill& order);
  void fail(Process& process, const Error& why);
  void supervise();
  bool is_over(Process& process, std::chrono::nanoseconds awake);
  void conclude(Process& process);
  Error failure_of(const Process& process) const;
  void remember(const ProcessId& id);
  void end_left_behind();
  void bury() const;
  Process* find(const ProcessId& id);

  // What is said through the door: worker_door.cc.
  Result<net::Hello> greet(const net::Hello& theirs);
  void arrived(const net::Hello& theirs, std::unique_ptr<net::Link> link);
  void heard(const ProcessId& id, std::string_view bytes);
  void on_report(Process& process, ProcessReport report);
  void on_answer(const ProcessId& id, Answer answer);
  void ask(std::uint64_t connection, const Ask& order);
  Answer log_answer(const Ask& order, std::uint64_t bytes) const;
  void answer_open_questions(const ProcessId& id);

  const Settings settings_;
  LeaderLink& leader_;
  ProcessLogs logs_;
  net::Network door_{net::Network::Drive::by_caller};
  std::uint16_t port_ = 0;
  std::map<ProcessId, Process> running_;
  std::deque<ProcessId> ended_;  // and not forgotten, the oldest first
  std::uint64_t last_question_ = 0;
  std::map<std::uint64_t, Question> questions_;
  SteadyTime last_step_;
  std::set<std::string> orphans_of_;            // marks of processes that have ended
  SteadyTime orphans_due_ = SteadyTime::max();  // when to look for what they left behind

  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;
  LibraryCache libraries_;  // the last one: its thread posts
};

}  // namespace weir::cluster
