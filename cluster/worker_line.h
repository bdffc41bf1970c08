// The connection of a job's process to the worker that started it. A process whose worker is gone
// ends at once: nobody could end it otherwise.
//
// Thread-safe.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "weir/cluster/messages.h"
#include "weir/net/link.h"
#include "weir/net/network.h"

namespace weir::cluster {

class WorkerLine {
 public:
  /// Connects to the worker's door and says who this is. `tls`: null when
  /// none is spoken there. Errors: io; incompatible when refused.
  static Result<std::unique_ptr<WorkerLine>> connect(const Address& worker, const ProcessId& id,
                                                     const std::string& token,
                                                     const std::shared_ptr<net::Tls>& tls);
  ~WorkerLine();

  /// What this process is to do; waits for it.
  Assignment wait_for_assignment();
  /// Where all processes of the attempt listen; waits until they do.
  std::vector<Address> wait_for_peers();
  /// Tells the worker, and through it the leader, how this process stands.
  void report(const ProcessReport& report);
  /// From now on requests are answered by `answer`, each on a thread of its own, where it may
  /// block.
  using AnswerJson = std::function<Result<std::string>(const std::string& json)>;
  void serve(AnswerJson answer);
  /// Waits for all requests under way; later ones are refused.
  void stop_serving();
  /// The job is lost: says why, and which checkpoint of this attempt is the newest (0: none), and
  /// ends the process.
  [[noreturn]] void die(const ProcessId& id, const Error& why, std::uint64_t checkpoint,
                        std::optional<FailedTask> task = {});
  /// Says the last word of this process and ends it.
  [[noreturn]] void leave(const ProcessReport& last);
  /// Nothing is left to do but to be ended by the worker.
  [[noreturn]] static void wait_for_end();

 private:
  explicit WorkerLine(std::unique_ptr<net::Network> network);
  void received(std::string_view bytes);
  void handle(const Ask& ask);
  void beat();

  std::unique_ptr<net::Network> network_;
  std::unique_ptr<net::Link> link_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<Assignment> assignment_;
  std::optional<std::vector<Address>> peers_;
  AnswerJson answer_;
  std::vector<Ask> early_;     // before there is somebody to answer
  std::size_t answering_ = 0;  // requests under way
  bool refusing_ = false;
  bool closing_ = false;
  std::thread beats_;
};

}  // namespace weir::cluster
