// Finding the leader and staying with it; see worker_leader.h.
#include "weir/cluster/worker_leader.h"

#include <netdb.h>
#include <sys/socket.h>

#include <algorithm>
#include <utility>

#include "weir/base/log.h"
#include "weir/cluster/link_options.h"

namespace weir::cluster {
namespace {

using namespace std::chrono_literals;

/// What a leader may send. Less than processes may, so that it can be passed on to one.
constexpr std::size_t kMaxMessage = 32 << 20;
/// Longer answers are refused; less than a message may have.
constexpr std::size_t kMaxAnswer = 16 << 20;

SteadyTime now() { return std::chrono::steady_clock::now(); }

bool is_order(const Message& message) {
  return std::holds_alternative<Start>(message) || std::holds_alternative<Peers>(message) ||
         std::holds_alternative<Kill>(message) || std::holds_alternative<Ask>(message);
}

/// What `host` means now, as addresses; none when that cannot be found out.
std::vector<std::string> addresses_of(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  std::vector<std::string> all;
  if (::getaddrinfo(host.c_str(), nullptr, &hints, &found) != 0) return all;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    char text[NI_MAXHOST];
    if (::getnameinfo(one->ai_addr, one->ai_addrlen, text, sizeof text, nullptr, 0,
                      NI_NUMERICHOST) == 0) {
      all.emplace_back(text);
    }
  }
  ::freeaddrinfo(found);
  return all;
}

}  // namespace

std::vector<Address> all_addresses(const std::vector<Address>& coordinators) {
  std::vector<Address> all;
  for (const Address& coordinator : coordinators) {
    const std::vector<std::string> hosts = addresses_of(coordinator.host);
    if (hosts.size() < 2) all.push_back(coordinator);  // whoever connects says what is wrong
    for (std::size_t i = 0; hosts.size() > 1 && i < hosts.size(); ++i) {
      all.push_back({hosts[i], coordinator.port});
    }
  }
  return all;
}

LeaderLink::LeaderLink(Options options, OnOrder on_order)
    : options_(std::move(options)), on_order_(std::move(on_order)), last_contact_(now()) {}

LeaderLink::~LeaderLink() { stop(); }

void LeaderLink::start() {
  thread_ = std::thread([this] { loop(); });
}

void LeaderLink::stop() {
  stopping_ = true;
  network_.interrupt();
  if (thread_.joinable()) thread_.join();
}

SteadyTime LeaderLink::last_contact() const { return last_contact_; }

// ---- what the worker says -----------------------------------------------------------------------

void LeaderLink::report(const ProcessReport& report) {
  const std::lock_guard lock(mutex_);
  reports_[report.id] = report;
  if (link_) link_->send(encode(report));
}

void LeaderLink::forget(const ProcessId& id) {
  const std::lock_guard lock(mutex_);
  reports_.erase(id);
}

void LeaderLink::answer(std::uint64_t connection, const Answer& answer) {
  const std::lock_guard lock(mutex_);
  if (!link_ || connection != connection_) return;
  if (answer.json.size() <= kMaxAnswer) return link_->send(encode(answer));
  const std::string size = std::to_string(answer.json.size());
  const Error too_long{ErrorCode::invalid_argument, "The answer of " + size + " bytes is too long"};
  link_->send(encode(Answer{answer.request, "", too_long}));
}

/// Under one lock: no change of a process is left out of both the registration and the reports
/// behind it.
void LeaderLink::open(std::unique_ptr<net::Link> link) {
  const std::lock_guard lock(mutex_);
  link_ = std::move(link);
  ++connection_;
  Register worker = options_.worker;
  for (const auto& [id, report] : reports_) worker.processes.push_back(report);
  link_->send(encode(worker));
}

// ---- the thread ---------------------------------------------------------------------------------

void LeaderLink::loop() {
  std::vector<Address> round;
  for (std::size_t turn = 0; !stopping_;) {
    if (turn >= round.size()) {  // names may mean other addresses by now
      round = all_addresses(options_.coordinators);
      turn = 0;
    }
    const Address& address = round[turn];
    const std::string where = address.host + ":" + std::to_string(address.port);
    const net::Hello mine{"", "", 0, 0, options_.token};
    auto link = network_.connect(address.host, address.port,
                                 link_options(options_.tls, kMaxMessage), mine, options_.timeout);
    bool again = false;
    if (link.ok()) {
      again = serve(std::move(*link), where);
    } else {
      say_once(where, link.error().message);
    }
    if (!again) ++turn;
    const SteadyTime until = now() + options_.pause;
    while (!stopping_ && now() < until) network_.wait(until - now());
  }
}

bool LeaderLink::serve(std::unique_ptr<net::Link> link, const std::string& where) {
  lost_.reset();
  silent_ = false;
  terms_.reset();
  heard_ = now();
  link->start([this](const Error& why) { lost_ = why.message; },
              [this](std::string_view bytes) { on_message(bytes); });
  open(std::move(link));
  bool greeted = false;
  while (!stopping_ && !lost_) {
    keep_alive();
    network_.poll();  // after a long sleep: what has come meanwhile counts
    if (terms_ && !greeted) {
      greeted = true;
      said_.clear();
      log_info("worker", "registered with the leader at " + where + ", epoch " +
                             std::to_string(terms_->epoch));
    }
  }
  {
    const std::lock_guard lock(mutex_);
    link_.reset();
  }
  if (!lost_) return greeted;
  if (greeted) {
    log_warn("worker", "lost the leader at " + where + ": " + *lost_ + ". What runs goes on.");
  } else {
    say_once(where, *lost_);
  }
  return greeted && !silent_;
}

/// Sleeps until a message comes or a heartbeat is due, from either side.
void LeaderLink::keep_alive() {
  const auto timeout = terms_ ? std::chrono::milliseconds(terms_->timeout_ms) : options_.timeout;
  if (now() - heard_ > timeout) {
    silent_ = true;
    lost_ = "it has been silent for " + std::to_string(timeout.count()) + " ms";
    return;
  }
  SteadyTime wake = heard_ + timeout + 1ms;
  if (terms_) {
    if (now() >= next_beat_) {
      const std::lock_guard lock(mutex_);
      link_->send(encode(Heartbeat{}));
      next_beat_ = now() + std::chrono::milliseconds(terms_->heartbeat_ms);
    }
    wake = std::min(wake, next_beat_);
  }
  network_.wait(std::max<std::chrono::nanoseconds>(wake - now(), 0ns));
}

void LeaderLink::on_message(std::string_view bytes) {
  if (lost_ || stopping_) return;
  auto message = decode(bytes);
  if (!message.ok()) {
    if (message.error().code == ErrorCode::incompatible) {
      return log_warn("worker", "left out what the leader said: " + message.error().message);
    }
    lost_ = message.error().message;
    return;
  }
  heard_ = now();
  if (const auto* welcome = std::get_if<Welcome>(&*message)) return on_welcome(*welcome);
  if (terms_) last_contact_ = heard_;
  if (std::holds_alternative<Heartbeat>(*message)) return;
  if (!terms_) {
    lost_ = "it gives orders before it says which leader it is";
  } else if (!is_order(*message)) {
    lost_ = "it says what no leader says";
  } else {
    on_order_(connection_, std::move(*message));
  }
}

void LeaderLink::on_welcome(const Welcome& welcome) {
  if (welcome.epoch < epoch_) {
    lost_ = "it is the leader of epoch " + std::to_string(welcome.epoch) +
            ", and there has been one of epoch " + std::to_string(epoch_) +
            " since; it is not obeyed";
    return;
  }
  epoch_ = welcome.epoch;
  terms_ = welcome;
  terms_->heartbeat_ms = std::clamp(welcome.heartbeat_ms, 10u, 60'000u);
  terms_->timeout_ms = std::max(welcome.timeout_ms, 2 * terms_->heartbeat_ms);
  last_contact_ = heard_;
}

/// Not the same each time that it is tried.
void LeaderLink::say_once(const std::string& where, const std::string& what) {
  std::string& before = said_[where];
  if (before == what) return;
  before = what;
  log_warn("worker", "the coordinator at " + where + " does not lead us: " + what);
}

}  // namespace weir::cluster
