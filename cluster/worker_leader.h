// A worker's connection to the coordinator that leads. A thread of its own goes from one
// coordinator to the next until one lets it in, registers with all processes that there are, and
// then keeps the connection alive; when that is lost, or silent for too long, it begins again.
//
// Any thread may call; the callback is called on the thread of this.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "weir/base/clock.h"
#include "weir/cluster/messages.h"
#include "weir/net/link.h"
#include "weir/net/network.h"

namespace weir::cluster {

/// Where to try: coordinators whose name has several addresses (that of a service, behind which
/// one leads) count once for each, as names are now; others stay as they are. Asks
/// the system's resolver, which may block. Any thread.
std::vector<Address> all_addresses(const std::vector<Address>& coordinators);

class LeaderLink {
 public:
  struct Options {
    Register worker;                    ///< without processes
    std::vector<Address> coordinators;  ///< names are looked up anew in each round
    std::string token;
    std::shared_ptr<net::Tls> tls;            ///< null: coordinators speak without
    std::chrono::milliseconds pause{100};     ///< between two tries
    std::chrono::milliseconds timeout{1000};  ///< of a try
  };
  /// Start, Peers, Kill or Ask, from the leader of that connection (they are counted).
  using OnOrder = std::function<void(std::uint64_t connection, Message order)>;

  LeaderLink(Options options, OnOrder on_order);
  /// Stops.
  ~LeaderLink();
  LeaderLink(const LeaderLink&) = delete;
  LeaderLink& operator=(const LeaderLink&) = delete;

  void start();
  /// Closes the connection; nothing is called any more.
  void stop();

  /// Tells the leader how a process stands, and remembers it for the next one.
  void report(const ProcessReport& report);
  /// Leaders to come need not hear of it.
  void forget(const ProcessId& id);
  /// Answers the leader of `connection`; nobody when that is gone.
  void answer(std::uint64_t connection, const Answer& answer);
  /// When the leader was last heard of.
  SteadyTime last_contact() const;

 private:
  void loop();
  /// True when who leads there may be asked again first: it welcomed us, and then the connection
  /// broke. A leader that is silent would keep us waiting.
  bool serve(std::unique_ptr<net::Link> link, const std::string& where);
  void open(std::unique_ptr<net::Link> link);
  void keep_alive();
  void on_message(std::string_view bytes);
  void on_welcome(const Welcome& welcome);
  void say_once(const std::string& where, const std::string& what);

  const Options options_;
  const OnOrder on_order_;
  net::Network network_{net::Network::Drive::by_caller};
  std::atomic<bool> stopping_{false};
  std::atomic<SteadyTime> last_contact_;

  std::mutex mutex_;  // of the next three
  std::map<ProcessId, ProcessReport> reports_;
  std::unique_ptr<net::Link> link_;  // while there is one on which we have registered
  std::uint64_t connection_ = 0;

  // The thread's.
  std::uint64_t epoch_ = 0;           // the highest that was seen
  std::optional<std::string> lost_;   // why this connection is over
  bool silent_ = false;               // it is over since nothing was heard
  std::optional<Welcome> terms_;      // of this connection, once we are welcome
  SteadyTime heard_{}, next_beat_{};  // on this connection
  std::map<std::string, std::string> said_;
  std::thread thread_;
};

}  // namespace weir::cluster
