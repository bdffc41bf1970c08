#include "tests/cluster/sim_cluster.h"

#include <algorithm>
#include <utility>

namespace weir::cluster::sim {
namespace {

constexpr std::size_t kCoordinators = 3, kWorkers = 50;
constexpr Millis kRestWithin{60'000}, kLastDisaster{14'000};

}  // namespace

SimCluster::SimCluster(std::uint64_t seed) : world_(seed) { build(); }

void SimCluster::build() {
  Loop& loop = world_.loop;
  calm_workers_ = loop.chance(0.2);
  if (calm_workers_) world_.alone = Millis(60'000);
  worker_share_ = 0.1 * static_cast<double>(loop.below(11));
  pace_ = static_cast<std::int64_t>(30 + loop.below(loop.chance(0.3) ? 4000 : 600));
  for (std::size_t i = 0; i < kCoordinators; ++i) {
    world_.coordinators.push_back(
        std::make_unique<SimCoordinator>(world_, "coordinator-" + std::to_string(i)));
    world_.coordinators.back()->start();
  }
  // A small cluster is without any worker now and then.
  const std::size_t workers = loop.chance(0.15) ? 1 + loop.below(4) : kWorkers;
  for (std::size_t i = 0; i < workers; ++i) {
    const auto slots = static_cast<std::uint32_t>(1 + loop.below(4));
    world_.workers.push_back(
        std::make_unique<SimWorker>(world_, "w" + std::to_string(10 + i), slots));
    world_.workers.back()->start();
  }
}

std::string SimCluster::run() {
  Loop& loop = world_.loop;
  run_for(Millis(3000));
  const std::uint64_t jobs = 1 + loop.below(5);
  for (std::uint64_t i = 0; i < jobs; ++i) submit();
  if (calm_workers_ && !run_until_rest(kRestWithin)) return loop.problem();
  std::map<std::string, std::uint64_t> attempts;
  for (const auto& [id, record] : world_.rules.records()) attempts[id] = record.attempt;
  const std::size_t begun = world_.rules.attempts();

  storm_ = true;
  Weather& weather = world_.weather;
  weather.lost_answer = loop.chance(0.5) ? 0.1 : 0;
  weather.slow_request = loop.chance(0.5) ? 0.05 : 0;
  if (!calm_workers_) {
    weather.slow_start = loop.chance(0.5) ? 0.1 : 0;
    weather.failing_start = loop.chance(0.5) ? 0.03 : 0;
    weather.hanging_start = loop.chance(0.3) ? 0.01 : 0;
    weather.crash_at_step = loop.chance(0.5) ? 0.002 : 0;
    plan_request();
  }
  plan_disaster();
  if (!run_for(loop.between(4000, 12'000))) return loop.problem();
  end_storm();
  if (!run_for(kLastDisaster)) return loop.problem();
  if (!run_until_rest(kRestWithin)) return loop.problem();
  run_for(Millis(2000));
  if (const std::string why = unrest(); !why.empty()) loop.problem("rest did not last: " + why);
  if (calm_workers_ && world_.rules.attempts() != begun) {
    loop.problem("what ran did not go on when only coordinators had disasters");
  }
  return loop.problem();
}

bool SimCluster::run_for(Millis time) {
  const SteadyTime until = world_.loop.now() + time;
  bool over = false;
  world_.loop.after(time, [&over] { over = true; });
  while (!over && world_.loop.problem().empty()) world_.loop.step();
  return world_.loop.problem().empty() && world_.loop.now() >= until;
}

bool SimCluster::run_until_rest(Millis bound) {
  for (Millis waited{0}; waited < bound; waited += Millis(500)) {
    if (!run_for(Millis(500))) return false;
    if (unrest().empty()) return true;
  }
  world_.loop.problem("no rest after " + std::to_string(bound.count()) + " ms: " + unrest());
  return false;
}

std::string SimCluster::summary() const {
  return std::to_string(steps()) + " steps, " + std::to_string(wishes_.size()) + " jobs, " +
         std::to_string(world_.rules.attempts()) + " attempts, " + std::to_string(disasters_) +
         " disasters";
}

// ---- disasters --------------------------------------------------------------------------------

SimCoordinator& SimCluster::a_coordinator() {
  SimCoordinator* leader = a_leader();
  if (leader != nullptr && world_.loop.chance(0.6)) return *leader;
  return *world_.coordinators[world_.loop.below(world_.coordinators.size())];
}

/// One that runs something, more often than not.
SimWorker& SimCluster::a_worker() {
  SimWorker* worker = nullptr;
  for (int i = 0; i < 4; ++i) {
    worker = world_.workers[world_.loop.below(world_.workers.size())].get();
    if (!worker->processes().empty()) break;
  }
  return *worker;
}

SimCoordinator* SimCluster::a_leader() {
  std::vector<SimCoordinator*> leaders;
  for (const auto& each : world_.coordinators) {
    if (each->up() && each->leads()) leaders.push_back(each.get());
  }
  return leaders.empty() ? nullptr : leaders[world_.loop.below(leaders.size())];
}

void SimCluster::plan_disaster() {
  world_.loop.after(world_.loop.between(pace_ / 2, pace_ * 2), [this] {
    if (!storm_) return;
    disaster();
    plan_disaster();
  });
}

void SimCluster::disaster() {
  ++disasters_;
  if (!calm_workers_ && world_.loop.chance(worker_share_)) return disaster_of_a_worker();
  disaster_of_a_coordinator();
}

void SimCluster::disaster_of_a_worker() {
  Loop& loop = world_.loop;
  SimWorker& worker = a_worker();
  const auto back = [&] {
    if (worker.up()) return;
    loop.after(loop.between(50, 4000), [&worker] { worker.start(); });
  };
  switch (loop.below(10)) {
    case 0:
      worker.crash();
      return back();
    case 1:
      worker.power_off();
      return back();
    case 2:
      return worker.pause(loop.between(10, 6000));
    case 3:
      return worker.drop(false);
    case 8:
      return worker.drop(true);
    case 9:
      worker.drop(true);
      return worker.fail_one();  // and it cannot say so at once
    case 4:
      return worker.cut(true, false, loop.between(10, 9000));
    case 5:
      return worker.cut(false, true, loop.between(10, 9000));
    case 6:
      return worker.cut(true, true, loop.between(10, 14'000));
    default:
      return worker.fail_one();
  }
}

void SimCluster::disaster_of_a_coordinator() {
  Loop& loop = world_.loop;
  SimCoordinator& coordinator = a_coordinator();
  const auto back = [&] {
    if (coordinator.up()) return;
    loop.after(loop.between(50, 3000), [&coordinator] { coordinator.start(); });
  };
  switch (loop.below(calm_workers_ ? 3 : 5)) {
    case 0:
      coordinator.crash();
      return back();
    case 1:
      return coordinator.cut_off(loop.between(100, 5000));
    case 2:
      // Long pauses, one after another, use up the time in which a new leader adopts what runs.
      return coordinator.pause(loop.between(10, calm_workers_ ? 300 : 6000));
    case 3:
      coordinator.power_off();
      return back();
    default:
      loop.tell("the registry is down");
      world_.weather.registry_down = true;
      loop.after(loop.between(100, 4000), [this] { world_.weather.registry_down = false; });
  }
}

void SimCluster::end_storm() {
  world_.loop.tell("the storm is over");
  storm_ = false;
  world_.weather = {};
  for (const auto& each : world_.coordinators) {
    each->start();
    each->cut_off(Millis(0));
  }
  for (const auto& each : world_.workers) each->start();
}

// ---- users ------------------------------------------------------------------------------------

void SimCluster::plan_request() {
  world_.loop.after(world_.loop.between(100, 2500), [this] {
    if (!storm_) return;
    request();
    plan_request();
  });
}

void SimCluster::submit() {
  SimCoordinator* leader = a_leader();
  if (leader == nullptr) return;
  Loop& loop = world_.loop;
  auto wish = std::make_unique<Wish>();
  wish->id = "j-" + std::to_string(wishes_.size() + 1);
  JobRecord record;
  record.id = wish->id;
  record.spec.name = wish->id;
  record.spec.parallelism = static_cast<std::uint32_t>(1 + loop.below(loop.chance(0.3) ? 60 : 8));
  record.spec.options["max-restarts"] = "1000000";
  if (loop.chance(0.3)) record.spec.from = "/savepoints/1";
  wish->parallelism = record.spec.parallelism;
  if (!calm_workers_ && loop.chance(0.3)) {
    wish->bounded = true;
    record.spec.settings[kCheckpoints] = std::to_string(1 + loop.below(20));
  } else if (!calm_workers_ && loop.chance(0.05)) {
    wish->poison = true;
    record.spec.settings[kPoison] = "";
  }
  Wish& kept = *wishes_.emplace_back(std::move(wish));
  leader->ask([&](Scheduler& scheduler, SteadyTime now,
                  EventTime wall) { return scheduler.submit(record, now, wall); },
              [&kept] { kept.submitted = true; });
}

void SimCluster::request() {
  Loop& loop = world_.loop;
  if (wishes_.empty() || (wishes_.size() < 8 && loop.chance(0.3))) return submit();
  Wish& wish = *wishes_[loop.below(wishes_.size())];
  SimCoordinator* leader = a_leader();
  if (leader == nullptr || !leader->scheduler().jobs().contains(wish.id)) return;
  const auto ask = [&](Wish::Last what, const SimCoordinator::Request& request) {
    bool accepted = false;
    leader->ask(
        [&](Scheduler& scheduler, SteadyTime now, EventTime wall) {
          auto orders = request(scheduler, now, wall);
          accepted = orders.ok();
          if (accepted) {
            loop.tell("a user asks " + std::to_string(static_cast<int>(what)) + " of " + wish.id);
            wish.last = what;
            wish.last_done = false;
            ++wish.requests;
          }
          return orders;
        },
        [&wish, number = wish.requests + 1] {
          wish.last_done = wish.last_done || wish.requests == number;
        });
  };
  switch (loop.below(6)) {
    case 0:
    case 1:
      wish.stop = true;
      return ask(Wish::Last::stop, [&](Scheduler& scheduler, SteadyTime now, EventTime wall) {
        return scheduler.stop(wish.id, now, wall);
      });
    case 2:
      wish.cancel = true;
      return ask(Wish::Last::cancel, [&](Scheduler& scheduler, SteadyTime now, EventTime wall) {
        return scheduler.cancel(wish.id, now, wall);
      });
    default: {
      JobSpec spec = leader->scheduler().jobs().at(wish.id).spec;
      spec.parallelism = static_cast<std::uint32_t>(1 + loop.below(12));
      wish.change = true;
      wish.parallelism = spec.parallelism;
      world_.rules.may_start_anew(wish.id);
      return ask(Wish::Last::change, [&](Scheduler& scheduler, SteadyTime now, EventTime wall) {
        return scheduler.change(wish.id, spec, now, wall);
      });
    }
  }
}

}  // namespace weir::cluster::sim
