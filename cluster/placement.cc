// See placement.h.
#include "weir/cluster/placement.h"

#include <algorithm>
#include <iterator>
#include <queue>

namespace weir::cluster {
namespace {

/// A worker and what it has been given of this job.
struct Candidate {
  const WorkerView* worker = nullptr;
  bool before = false;
  std::uint32_t given = 0;

  std::uint64_t slots() const { return std::max<std::uint32_t>(worker->slots, 1); }
  /// Used slots once it has got one more.
  std::uint64_t next_used() const { return std::uint64_t{worker->used} + given + 1; }
};

/// `a` comes after `b`: as std::priority_queue wants it, whose top is the first.
struct After {
  bool operator()(const Candidate& a, const Candidate& b) const {
    const std::uint64_t left = a.next_used() * b.slots(), right = b.next_used() * a.slots();
    if (left != right) return left > right;
    if (a.before != b.before) return b.before;
    if (a.slots() != b.slots()) return a.slots() < b.slots();
    return a.worker->id > b.worker->id;
  }
};

constexpr std::uint32_t kBlamed = 3;

/// The workers for which it holds; all when it holds for none.
template <class Holds>
std::vector<WorkerView> where(const std::vector<WorkerView>& workers, Holds holds) {
  std::vector<WorkerView> some;
  std::copy_if(workers.begin(), workers.end(), std::back_inserter(some), holds);
  return some.empty() ? workers : some;
}

}  // namespace

std::vector<WorkerView> eligible(std::uint32_t parallelism, const std::vector<WorkerView>& workers,
                                 const Reservations& against) {
  std::set<std::string> builds;
  for (const auto& [worker, build] : against.unfit) builds.insert(build);
  std::vector<WorkerView> fit =
      where(workers, [&](const WorkerView& each) { return !against.unfit.contains(each.id); });
  fit = where(fit, [&](const WorkerView& each) { return !builds.contains(each.build); });
  if (against.culprit.empty()) return fit;
  std::vector<WorkerView> rest =
      where(fit, [&](const WorkerView& each) { return each.id != against.culprit; });
  std::uint64_t room = 0;
  for (const WorkerView& each : rest) room += each.slots - std::min(each.slots, each.used);
  return room >= parallelism || against.in_a_row >= kBlamed ? rest : fit;
}

std::vector<ProcessPlace> place(std::uint32_t parallelism, const std::vector<WorkerView>& workers,
                                const std::set<std::string>& before) {
  std::vector<Candidate> candidates;
  candidates.reserve(workers.size());
  for (const WorkerView& worker : workers) {
    candidates.push_back({&worker, before.contains(worker.id), 0});
  }
  if (candidates.empty()) return {};
  std::priority_queue<Candidate, std::vector<Candidate>, After> queue(After{},
                                                                      std::move(candidates));
  for (std::uint32_t slot = 0; slot < parallelism; ++slot) {
    Candidate next = queue.top();
    queue.pop();
    ++next.given;
    queue.push(next);
  }

  std::vector<ProcessPlace> places;
  for (; !queue.empty(); queue.pop()) {
    if (queue.top().given > 0) places.push_back({queue.top().worker->id, queue.top().given});
  }
  std::sort(places.begin(), places.end(), [](const ProcessPlace& a, const ProcessPlace& b) {
    return a.slots != b.slots ? a.slots > b.slots : a.worker < b.worker;
  });
  if (!places.empty()) {
    std::sort(places.begin() + 1, places.end(),
              [](const ProcessPlace& a, const ProcessPlace& b) { return a.worker < b.worker; });
  }
  return places;
}

}  // namespace weir::cluster
