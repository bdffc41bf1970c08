// Speaking with the worker; see worker_line.h.
#include "weir/cluster/worker_line.h"

#include <unistd.h>

#include <chrono>

#include "weir/base/log.h"

namespace weir::cluster {
namespace {

constexpr std::chrono::milliseconds kBeat{500};
constexpr std::chrono::seconds kConnect{10};
constexpr std::size_t kMostRequests = 64;  // at a time

constexpr std::chrono::seconds kHeard{5};  // for the worker to hear the last word

}  // namespace

WorkerLine::WorkerLine(std::unique_ptr<net::Network> network) : network_(std::move(network)) {}

Result<std::unique_ptr<WorkerLine>> WorkerLine::connect(const Address& worker, const ProcessId& id,
                                                        const std::string& token,
                                                        const std::shared_ptr<net::Tls>& tls) {
  std::unique_ptr<WorkerLine> line(new WorkerLine(std::make_unique<net::Network>()));
  const net::Hello hello{"", id.job, id.attempt, id.process, token};
  net::LinkOptions link;
  link.tls = tls;
  WEIR_ASSIGN(line->link_,
              line->network_->connect(worker.host, worker.port, link, hello, kConnect));
  line->link_->start(
      [](const Error& why) {
        log_error("job process", "the worker is gone: " + why.message);
        ::_exit(1);
      },
      [line = line.get()](std::string_view bytes) { line->received(bytes); });
  line->beats_ = std::thread([line = line.get()] { line->beat(); });
  return line;
}

WorkerLine::~WorkerLine() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  if (beats_.joinable()) beats_.join();
  stop_serving();
  link_.reset();
}

void WorkerLine::beat() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    lock.unlock();
    link_->send(encode(Heartbeat{}));
    lock.lock();
    changed_.wait_for(lock, kBeat, [this] { return closing_; });
  }
}

void WorkerLine::received(std::string_view bytes) {
  Result<Message> message = decode(bytes);
  if (!message.ok()) {
    log_error("job process", "the worker sends " + message.error().message);
    ::_exit(1);
  }
  const std::lock_guard lock(mutex_);
  if (auto* assignment = std::get_if<Assignment>(&*message)) assignment_ = *assignment;
  if (auto* peers = std::get_if<Peers>(&*message)) peers_ = peers->addresses;
  if (auto* ask = std::get_if<Ask>(&*message)) {
    if (answer_ || refusing_) {
      handle(*ask);
    } else {
      early_.push_back(*ask);
    }
  }
  changed_.notify_all();
}

/// With the mutex held.
void WorkerLine::handle(const Ask& ask) {
  if (refusing_ || answering_ >= kMostRequests) {
    const Error why{ErrorCode::cancelled,
                    refusing_ ? "The job has just ended" : "Too many requests at a time", true};
    link_->send(encode(Answer{ask.request, "", why}));
    return;
  }
  ++answering_;
  std::thread([this, ask, answer = answer_] {
    Result<std::string> answered = answer(ask.json);
    Answer reply{ask.request, answered.ok() ? *answered : "", std::nullopt};
    if (!answered.ok()) reply.failure = answered.error();
    const std::lock_guard lock(mutex_);
    if (ask.request != 0) link_->send(encode(reply));
    --answering_;
    changed_.notify_all();
  }).detach();
}

Assignment WorkerLine::wait_for_assignment() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return assignment_.has_value(); });
  return *assignment_;
}

std::vector<Address> WorkerLine::wait_for_peers() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return peers_.has_value(); });
  return *peers_;
}

void WorkerLine::report(const ProcessReport& report) { link_->send(encode(report)); }

void WorkerLine::serve(AnswerJson answer) {
  const std::lock_guard lock(mutex_);
  answer_ = std::move(answer);
  for (const Ask& ask : std::exchange(early_, {})) handle(ask);
}

void WorkerLine::stop_serving() {
  std::unique_lock lock(mutex_);
  refusing_ = true;
  for (const Ask& ask : std::exchange(early_, {})) handle(ask);
  changed_.wait(lock, [this] { return answering_ == 0; });
}

void WorkerLine::die(const ProcessId& id, const Error& why, std::uint64_t checkpoint,
                     std::optional<FailedTask> task) {
  log_error("job process " + to_string(id), why.message);
  ProcessReport last;
  last.id = id;
  last.phase = ProcessPhase::ended;
  last.failure = why;
  last.failed_task = std::move(task);
  last.checkpoint = checkpoint;
  // By an older attempt that did not know better; the next one fences that.
  if (why.code == ErrorCode::fenced) last.failure->retryable = true;
  leave(last);
}

/// Without destructors: other threads of the job still run.
void WorkerLine::leave(const ProcessReport& last) {
  report(last);
  std::this_thread::sleep_for(kHeard);  // most likely the worker ends us before
  ::_exit(last.failure ? 1 : 0);
}

void WorkerLine::wait_for_end() {
  for (;;) std::this_thread::sleep_for(std::chrono::hours(1));
}

}  // namespace weir::cluster
