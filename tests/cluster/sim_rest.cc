// What a cluster is like once it has come to rest. See sim_cluster.h.
#include <algorithm>

#include "tests/cluster/sim_cluster.h"

namespace weir::cluster::sim {

std::string SimCluster::unrest() const {
  const SimCoordinator* leader = nullptr;
  for (const auto& each : world_.coordinators) {
    if (!each->up() || !each->leads()) continue;
    if (leader != nullptr) return "two coordinators lead";
    leader = each.get();
  }
  if (leader == nullptr) return "nobody leads";
  if (!leader->idle()) return "there are orders to carry out";
  const auto& records = world_.rules.records();
  for (const auto& wish : wishes_) {
    const auto found = records.find(wish->id);
    const std::string why = unrest_of(*wish, found == records.end() ? nullptr : &found->second);
    if (!why.empty()) return wish->id + " " + why;
  }
  for (const auto& worker : world_.workers) {
    if (!worker->connected()) return worker->id() + " is not connected";
  }
  if (const std::string why = stray_processes(); !why.empty()) return why;
  return miscounted_slots(*leader);
}

std::string SimCluster::unrest_of(const Wish& wish, const JobRecord* record) const {
  if (record == nullptr) return wish.submitted ? "was submitted and is gone" : "";
  const std::string state = std::string("is ") + to_string(record->state);
  const bool done = wish.last_done;
  switch (record->state) {
    case JobState::running:
      if (wish.bounded) return state + " and should finish";
      if (wish.poison) return state + " and cannot";
      if (done && wish.last == Wish::Last::stop) return state + " and should have stopped";
      if (done && wish.last == Wish::Last::cancel) return state + " and was cancelled";
      if (done && wish.last == Wish::Last::change && record->spec.parallelism != wish.parallelism) {
        return "runs as it was before its change";
      }
      return "";
    case JobState::finished:
      return wish.bounded ? "" : state + " and has no end";
    case JobState::stopped:
      return wish.stop ? "" : state + " and nobody asked for it";
    case JobState::cancelled:
      return wish.cancel ? "" : state + " and nobody asked for it";
    case JobState::failed:
      return wish.poison ? "" : state + ": " + record->exceptions.at(0).message;
    default:
      return state;
  }
}

/// What runs is what the records say, all of it and nothing else.
std::string SimCluster::stray_processes() const {
  std::set<std::pair<std::string, ProcessId>> strays;
  std::map<std::string, const SimWorker*> workers;
  for (const auto& worker : world_.workers) {
    workers[worker->id()] = worker.get();
    for (const ProcessId& each : worker->processes()) strays.insert({worker->id(), each});
  }
  for (const auto& [id, record] : world_.rules.records()) {
    ProcessId process{id, record.attempt, 0};
    for (const ProcessPlace& place : record.processes) {
      const auto worker = workers.find(place.worker);
      if (worker == workers.end())
        return id + " has a process on " + place.worker + ", which is gone";
      if (!worker->second->runs(process)) return id + " does not run on " + place.worker;
      strays.erase({place.worker, process});
      ++process.process;
    }
  }
  if (strays.empty()) return "";
  const auto& [worker, stray] = *strays.begin();
  return "process " + std::to_string(stray.process) + " of attempt " +
         std::to_string(stray.attempt) + " of " + stray.job + " is still there, on " + worker;
}

std::string SimCluster::miscounted_slots(const SimCoordinator& leader) const {
  std::map<std::string, std::uint32_t> used;
  for (const auto& [id, record] : leader.scheduler().jobs()) {
    for (const ProcessPlace& place : record.processes) used[place.worker] += place.slots;
  }
  for (const WorkerView& worker : leader.scheduler().workers()) {
    if (worker.used != used[worker.id]) return worker.id + " has its slots counted wrong";
  }
  return "";
}

}  // namespace weir::cluster::sim
