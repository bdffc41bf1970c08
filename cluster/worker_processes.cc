// Starting, watching and ending processes; see worker_processes.h.
#include "weir/cluster/worker_processes.h"

#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "weir/base/log.h"
#include "weir/base/path.h"

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;

/// In the environment of a process and of what it starts; no other process has this value.
constexpr const char* kMark = "WEIR_PROCESS";
constexpr std::size_t kMostEnded = 256;  // of which leaders to come hear
constexpr std::uint64_t kLogInFailure = 2048;
/// A process that has hung up ends, and one that has ended has hung up; if not soon, it is helped.
constexpr std::chrono::nanoseconds kGrace = 2s;
/// Until the next look for what hangs in the kernel.
constexpr std::chrono::nanoseconds kOrphansAgain = 1s;

SteadyTime now() { return std::chrono::steady_clock::now(); }

bool is_hash(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

std::string entry_of(const std::string& mark) { return kMark + ("=" + mark); }

std::string one_time_token() {
  std::string token;
  for (int i = 0; i < 2; ++i) token += std::to_string(entropy_seed()) + ".";
  return token;
}

/// It said itself how its job stands now, or what went wrong.
bool has_spoken(const ProcessReport& report) {
  return report.phase == ProcessPhase::ended && (is_over(report.outcome) || report.failure);
}

}  // namespace

Processes::Processes(Settings settings, LeaderLink& leader)
    : settings_(std::move(settings)),
      leader_(leader),
      logs_(join_path(settings_.work, "logs")),
      last_step_(now()),
      libraries_(join_path(settings_.work, "libraries")) {}

Processes::~Processes() { kill_all(); }

void Processes::kill_all() {
  for (auto& [id, process] : running_) {
    if (process.child) process.child->kill();
    if (process.child) orphans_of_.insert(entry_of(process.mark));
  }
  running_.clear();
  end_left_behind();
}

void Processes::end_left_behind() {
  if (!settings_.adopts || orphans_of_.empty()) return;
  if (end_orphans(orphans_of_)) orphans_of_.clear();
  orphans_due_ = now() + kOrphansAgain;
}

/// Those that end by themselves while the process that started them goes on.
void Processes::bury() const {
  if (!settings_.adopts) return;
  std::set<pid_t> known;
  for (const auto& [id, process] : running_) {
    if (process.child) known.insert(process.child->pid());
  }
  bury_orphans(known);
}

void Processes::post(std::function<void()> task) {
  {
    const std::lock_guard lock(mutex_);
    posted_.push_back(std::move(task));
  }
  door_.interrupt();
}

void Processes::step() {
  const bool soon = std::any_of(running_.begin(), running_.end(), [](const auto& entry) {
    return entry.second.hung_up || entry.second.end;
  });
  door_.wait(soon ? 2ms : 100ms);
  door_.poll();  // after a long sleep: what has come meanwhile counts
  std::vector<std::function<void()>> tasks;
  {
    const std::lock_guard lock(mutex_);
    tasks.swap(posted_);
  }
  for (const auto& task : tasks) task();
  supervise();
}

Processes::Process* Processes::find(const ProcessId& id) {
  const auto place = running_.find(id);
  return place == running_.end() ? nullptr : &place->second;
}

// ---- orders -------------------------------------------------------------------------------------

void Processes::obey(std::uint64_t connection, const Message& order) {
  if (const auto* started = std::get_if<Start>(&order)) return start(*started);
  if (const auto* peers = std::get_if<Peers>(&order)) return tell(*peers);
  if (const auto* killed = std::get_if<Kill>(&order)) return kill(*killed);
  if (const auto* asked = std::get_if<Ask>(&order)) return ask(connection, *asked);
}

void Processes::start(const Start& order) {
  const ProcessId& id = order.id;
  if (std::find(ended_.begin(), ended_.end(), id) != ended_.end()) return;
  const auto [place, fresh] = running_.try_emplace(id);
  if (!fresh) return;
  Process& process = place->second;
  process.start = order;
  process.report.id = id;
  leader_.report(process.report);
  log_info("worker", "starts process " + to_string(id) + " of job " + order.spec.name);
  if (!is_plain_name(id.job) || !is_hash(order.spec.library_hash)) {
    return fail(process, {ErrorCode::invalid_argument,
                          "'" + id.job + "' with library '" + order.spec.library_hash +
                              "' is no job that a worker can start: its id or hash is malformed",
                          false});
  }
  libraries_.fetch(order.spec.library_hash, order.library_path,
                   [this, id](Result<std::string> library) {
                     post([this, id, library = std::move(library)] { fetched(id, library); });
                   });
}

void Processes::fetched(const ProcessId& id, const Result<std::string>& library) {
  Process* process = find(id);
  if (process == nullptr || process->child || process->dropped || process->failure) return;
  const Status started = library.ok() ? launch(*process, *library) : Status(library.error());
  if (!started.ok()) fail(*process, started.error());
}

Status Processes::launch(Process& process, const std::string& library) {
  const ProcessId& id = process.report.id;
  process.library = library;
  process.token = one_time_token();
  process.mark = to_string(id) + "/" + std::to_string(entropy_seed());
  std::set<std::string> running;
  for (const auto& [other, unused] : running_) running.insert(other.job);
  WEIR_ASSIGN(const int log, logs_.open(id, running));
  std::vector<std::string> words{"job-process", "--worker", "127.0.0.1:" + std::to_string(port_),
                                 "--id", to_string(id)};
  if (settings_.tls) {
    const net::TlsFiles& files = settings_.tls->files();
    for (const char* word : {"--tls-ca", files.ca.c_str(), "--tls-cert", files.cert.c_str(),
                             "--tls-key", files.key.c_str()}) {
      words.emplace_back(word);
    }
  }
  auto child = ChildProcess::start({settings_.program,
                                    std::move(words),
                                    {{"WEIR_PROCESS_TOKEN", process.token},
                                     {kMark, process.mark},
                                     {"WEIR_PROCESS_LOG", logs_.path_of(id)},
                                     {"WEIR_TOKEN", ""}},
                                    log});
  ::close(log);
  if (!child.ok()) return child.error();
  process.child = std::move(*child);
  return {};
}

void Processes::tell(const Peers& peers) {
  for (auto& [id, process] : running_) {
    if (id.job != peers.job || id.attempt != peers.attempt) continue;
    process.peers = peers;
    if (process.link) process.link->send(encode(peers));
  }
}

void Processes::kill(const Kill& order) {
  const auto meant = [&](const ProcessId& id) {
    return id.job == order.job && id.attempt <= order.attempt;
  };
  for (auto& [id, process] : running_) {
    if (!meant(id) || process.dropped) continue;
    log_info("worker", "ends process " + to_string(id) + ", as it was told to");
    process.dropped = true;
    if (process.child) process.child->kill();
  }
  std::erase_if(ended_, [&](const ProcessId& id) {
    if (meant(id)) leader_.forget(id);
    return meant(id);
  });
}

void Processes::end_all(const Error& why) {
  for (auto& [id, process] : running_) fail(process, why);
}

// ---- how they end -------------------------------------------------------------------------------

void Processes::fail(Process& process, const Error& why) {
  if (process.failure || process.dropped) return;
  process.failure = why;
  if (process.child) process.child->kill();
}

/// Looks at all processes after what they said has been heard. Time in which this thread could not
/// listen is nobody's silence.
void Processes::supervise() {
  const auto awake = std::min<std::chrono::nanoseconds>(now() - last_step_, 1s);
  last_step_ = now();
  for (auto place = running_.begin(); place != running_.end();) {
    if (is_over(place->second, awake)) {
      conclude(place->second);
      if (place->second.child) orphans_of_.insert(entry_of(place->second.mark));
      place = running_.erase(place);
      orphans_due_ = SteadyTime::min();
    } else {
      ++place;
    }
  }
  if (orphans_due_ <= now()) end_left_behind();
  bury();
}

bool Processes::is_over(Process& process, std::chrono::nanoseconds awake) {
  if (!process.child) return process.failure || process.dropped;
  if (!process.end) process.end = process.child->ended();
  if (process.end || process.hung_up) process.over += awake;
  // What it said last may still be on its way, until its end of the connection is closed.
  if (process.end) return !process.link || process.hung_up || process.over > kGrace;
  process.silent += awake;
  const std::string name = "Process " + to_string(process.report.id);
  if (process.hung_up && process.over > kGrace && process.report.phase != ProcessPhase::ended) {
    fail(process,
         {ErrorCode::io, name + " closed its connection to its worker and was ended.", true});
  }
  if (process.silent > settings_.frozen) {
    const auto limit = std::chrono::duration_cast<std::chrono::milliseconds>(settings_.frozen);
    fail(process, {ErrorCode::io,
                   name + " was frozen: it said nothing for " + std::to_string(limit.count()) +
                       " ms, and was ended.",
                   true});
  }
  return false;
}

void Processes::conclude(Process& process) {
  ProcessReport& report = process.report;
  const bool told = report.phase == ProcessPhase::ended;
  const bool expected = told && process.end && process.end->success && !process.failure;
  if (!has_spoken(report) && !process.dropped && !expected) report.failure = failure_of(process);
  report.phase = ProcessPhase::ended;
  if (report.failure) log_warn("worker", report.failure->message);
  leader_.report(report);
  answer_open_questions(report.id);
  if (process.dropped) {
    leader_.forget(report.id);
  } else {
    remember(report.id);
  }
}

Error Processes::failure_of(const Process& process) const {
  const ProcessId& id = process.report.id;
  Error error = process.failure.value_or(Error{ErrorCode::user_code, "", true});
  if (!process.child) return error;
  if (!process.failure) {
    if (process.end->killed) error.code = ErrorCode::killed;
    error.message = "Process " + to_string(id) + " on " + settings_.host + " " + process.end->text +
                    (process.end->success ? " without a word about its job." : ".");
  }
  const auto log = logs_.tail(id, kLogInFailure);
  if (log.ok() && !log->empty()) error.message += " The end of its log:\n" + *log;
  return error;
}

void Processes::remember(const ProcessId& id) {
  ended_.push_back(id);
  if (ended_.size() <= kMostEnded) return;
  leader_.forget(ended_.front());
  ended_.pop_front();
}

}  // namespace weir::cluster
