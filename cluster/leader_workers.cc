// The links of workers; see leader.h.
#include <algorithm>

#include "weir/base/log.h"
#include "weir/cluster/leader.h"
#include "weir/net/link.h"

namespace weir::cluster {
namespace {

constexpr int kMostUnread = 100'000;  // messages of one worker that wait for the control thread
constexpr std::size_t kMostProcesses = 100'000;

Status check(const Register& worker) {
  const auto wrong = [](const std::string& what) {
    return Error{ErrorCode::corrupt, "it registers with " + what};
  };
  const auto plain = [](char c) { return c > ' ' && c < 0x7f; };
  if (worker.worker.empty() || worker.worker.size() > 200 ||
      !std::all_of(worker.worker.begin(), worker.worker.end(), plain)) {
    return wrong("no name that can be printed");
  }
  if (worker.host.empty() || worker.host.size() > 255) return wrong("no host");
  if (worker.slots == 0 || worker.slots > 100'000) {
    return wrong(std::to_string(worker.slots) + " slots");
  }
  if (worker.processes.size() > kMostProcesses) return wrong("too many processes");
  return {};
}

}  // namespace

void ClusterLeader::arrived(std::shared_ptr<net::Link> link, const std::string& peer) {
  if (!check_certain()) return;
  const std::uint64_t number = next_session_++;
  auto unread = std::make_shared<std::atomic<int>>(0);
  sessions_[number] = {link, peer, "", "", now(), unread};
  // The link's callbacks run on the network thread, and only as long as the link lives.
  const auto post = [control = &seams_.control,
                     alive = std::weak_ptr<int>(alive_)](std::function<void()> work) {
    control->post([alive, work = std::move(work)] {
      if (alive.lock()) work();
    });
  };
  link->start(
      [this, number, post](const Error& error) {
        post([this, number, why = error.message] { close(number, why); });
      },
      [this, number, post, unread](std::string_view bytes) {
        if (unread->fetch_add(1) >= kMostUnread) return;  // closed with the one that was the last
        const bool last = unread->load() == kMostUnread;
        post([this, number, unread, last, message = decode(bytes)]() mutable {
          unread->fetch_sub(1);
          if (last) return close(number, "it sends more than can be read");
          take(number, std::move(message));
        });
      });
}

void ClusterLeader::take(std::uint64_t number, Result<Message> message) {
  const auto found = sessions_.find(number);
  if (found == sessions_.end() || !check_certain()) return;
  if (!message.ok() && message.error().code == ErrorCode::incompatible) {  // of a newer version
    return log_warn("leader", "left out what a worker said: " + message.error().message);
  }
  if (!message.ok()) return close(number, message.error().message);
  found->second.last_heard = now();
  if (std::holds_alternative<Heartbeat>(*message)) return;
  const std::string worker = found->second.worker;
  if (auto* hello = std::get_if<Register>(&*message)) {
    return take_register(number, std::move(*hello));
  }
  if (worker.empty()) return close(number, "it does not register");
  if (auto* answer = std::get_if<Answer>(&*message)) {
    return take_answer(worker, std::move(*answer));
  }
  if (const auto* report = std::get_if<ProcessReport>(&*message)) {
    return carry_out(scheduler_.reported(worker, *report, now(), wall()));
  }
  close(number, "it sends what only a leader says");
}

void ClusterLeader::take_register(std::uint64_t number, Register message) {
  Session& session = sessions_.at(number);
  if (!session.worker.empty()) return close(number, "it registers twice");
  if (Status fits = check(message); !fits.ok()) return close(number, fits.error().message);
  // It has come back before its old connection was missed: that is nobody's any more.
  if (const auto old = session_of_.find(message.worker); old != session_of_.end()) {
    sessions_.erase(old->second);
    fail_requests(message.worker, "it connected anew");
  }
  session.worker = message.worker;
  session.build_id = message.build_id;
  session_of_[message.worker] = number;
  log_info("leader", "worker " + message.worker + " is here, on " + message.host + " with " +
                         std::to_string(message.slots) + " slots and " +
                         std::to_string(message.processes.size()) + " processes");
  send({message.worker, Welcome{epoch_, static_cast<std::uint32_t>(options_.heartbeat.count()),
                                static_cast<std::uint32_t>(options_.timeout.count())}});
  carry_out(scheduler_.worker_joined(message, now(), wall()));
}

void ClusterLeader::close(std::uint64_t number, const std::string& why) {
  const auto found = sessions_.find(number);
  if (found == sessions_.end()) return;
  const Session session = std::move(found->second);
  sessions_.erase(found);
  if (session.worker.empty()) {
    return log_warn("leader", "closed a connection from " + session.peer + ": " + why);
  }
  log_warn("leader", "worker " + session.worker + " is lost: " + why);
  session_of_.erase(session.worker);
  fail_requests(session.worker, why);
  if (!over_) carry_out(scheduler_.worker_lost(session.worker, why, now(), wall()));
}

/// Tells all workers that the leader is there, and closes those that say nothing.
void ClusterLeader::beat() {
  const SteadyTime at = now();
  next_beat_ = at + options_.heartbeat;
  const std::string heartbeat = encode(Heartbeat{});
  std::vector<std::uint64_t> silent;
  for (auto& [number, session] : sessions_) {
    if (at - session.last_heard > options_.timeout) silent.push_back(number);
    if (!session.worker.empty()) session.link->send(heartbeat);
  }
  for (const std::uint64_t number : silent) {
    close(number, "it has said nothing for " + std::to_string(options_.timeout.count()) + " ms");
  }
}

/// What is for a worker that is gone is dropped: the scheduler hears, or has heard, that it is.
void ClusterLeader::send(const Send& order) {
  const auto number = session_of_.find(order.worker);
  if (number != session_of_.end()) {
    sessions_.at(number->second).link->send(encode(order.message));
  }
}

std::vector<WorkerInfo> ClusterLeader::workers() const {
  std::vector<WorkerInfo> list;
  for (WorkerView& view : scheduler_.workers()) {
    WorkerInfo info{std::move(view), "", 0};
    if (const auto number = session_of_.find(info.view.id); number != session_of_.end()) {
      const Session& session = sessions_.at(number->second);
      info.build_id = session.build_id;
      info.silent_ms =
          std::chrono::duration_cast<std::chrono::milliseconds>(now() - session.last_heard).count();
    }
    list.push_back(std::move(info));
  }
  return list;
}

}  // namespace weir::cluster
