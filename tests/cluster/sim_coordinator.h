// A coordinator around the real scheduler: it campaigns, keeps the lead by its own clock, carries
// out orders in their order, and asks for a write again until it knows how it ended.
#pragma once

#include <deque>
#include <map>
#include <memory>

#include "tests/cluster/sim_link.h"
#include "tests/cluster/sim_world.h"
#include "weir/cluster/scheduler.h"

namespace weir::cluster::sim {

class SimCoordinator : public Node {
 public:
  SimCoordinator(World& world, std::string name) : Node(world.loop), world_(world), name_(name) {}

  /// Of this life: who starts again is another candidate, since writes of an earlier life may still
  /// be on their way.
  std::string address() const { return name_ + "/" + std::to_string(life_); }
  bool leads() const { return scheduler_ != nullptr; }
  std::uint64_t epoch() const { return epoch_; }
  const Scheduler& scheduler() const { return *scheduler_; }
  bool idle() const { return orders_.empty(); }

  /// False: it does not lead, or cannot be reached.
  bool accept(const std::shared_ptr<Link>& link);
  /// What a user asks; `done` once the answer is durable.
  using Request = std::function<Result<Scheduler::Orders>(Scheduler&, SteadyTime, EventTime)>;
  void ask(const Request& request, std::function<void()> done);
  /// For how long the registry cannot be reached from here.
  void cut_off(Millis how_long) { cut_off_until_ = loop_.now() + how_long; }
  void power_off();

 private:
  struct Step {
    std::optional<Order> order;
    std::function<void()> done;  ///< instead of an order
  };
  struct Peer {
    std::string worker;
    std::shared_ptr<Link> link;
  };

  void on_start() override;
  void on_crash() override;
  void on_pause(bool begins) override;
  void beat();
  void campaign();
  void renew();
  void lead(std::uint64_t epoch, const std::map<std::string, std::string>& values);
  void step_down();
  void on_message(const std::shared_ptr<Link>& link, const Message& message);
  void on_closed(const std::shared_ptr<Link>& link, const std::string& why);
  void add(Scheduler::Orders orders, std::function<void()> done = nullptr);
  void carry_out();
  void save(const JobRecord& record);
  void plan_tick();
  void ask_registry(std::function<Status()> there, std::function<void(const Status&)> then);

  World& world_;
  std::string name_;
  std::unique_ptr<Scheduler> scheduler_;
  std::uint64_t epoch_ = 0, term_ = 0;  ///< term_: counts leads and ends of them
  SteadyTime lead_until_{}, cut_off_until_{}, slow_until_{}, tick_at_ = SteadyTime::max();
  std::map<std::string, std::shared_ptr<Link>> links_;  ///< by worker
  std::vector<std::shared_ptr<Link>> strangers_;        ///< that have not registered yet
  std::deque<Step> orders_;
  std::uint64_t life_ = 0;
  bool busy_ = false;  ///< with the first of them
};

}  // namespace weir::cluster::sim
