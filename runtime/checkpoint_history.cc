// Keeping account of checkpoints; see checkpoint_history.h.
#include "weir/runtime/checkpoint_history.h"

#include <algorithm>

namespace weir {
namespace {

constexpr std::size_t kKept = 50;
constexpr std::size_t kMostReason = 1000;  // bytes

void raise(std::chrono::nanoseconds& to, std::chrono::nanoseconds by) { to = std::max(to, by); }

void add(CheckpointPhases& to, const CheckpointPhases& more) {
  to.alignment += more.alignment;
  to.pause += more.pause;
  to.write += more.write;
  to.manifest += more.manifest;
  to.commit += more.commit;
}

}  // namespace

const char* to_string(CheckpointKind kind) {
  switch (kind) {
    case CheckpointKind::periodic:
      return "periodic";
    case CheckpointKind::savepoint:
      return "savepoint";
    case CheckpointKind::savepoint_stop:
      return "savepoint_stop";
    case CheckpointKind::stop:
      return "stop";
    case CheckpointKind::final_:
      break;
  }
  return "final";
}

const char* to_string(CheckpointRecord::State state) {
  switch (state) {
    case CheckpointRecord::State::under_way:
      return "under_way";
    case CheckpointRecord::State::completed:
      return "completed";
    case CheckpointRecord::State::failed:
      break;
  }
  return "failed";
}

CheckpointHistory::Entry* CheckpointHistory::under_way() {
  const bool any =
      !entries_.empty() && entries_.front().record.state == CheckpointRecord::State::under_way;
  return any ? &entries_.front() : nullptr;
}

void CheckpointHistory::begin(CheckpointId id, CheckpointKind kind, std::uint32_t tasks,
                              EventTime wall, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  Entry& entry = entries_.emplace_front();
  entry.record.id = id;
  entry.record.kind = kind;
  entry.record.tasks = tasks;
  entry.record.triggered_at = wall;
  entry.began = entry.last_acknowledged = now;
  if (entries_.size() > kKept) entries_.pop_back();
}

void CheckpointHistory::acknowledged(const TaskPhases& phases, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  Entry* entry = under_way();
  if (entry == nullptr) return;
  ++entry->record.acknowledged;
  entry->last_acknowledged = now;
  raise(entry->record.phases.alignment, phases.alignment);
  raise(entry->record.phases.pause, phases.pause);
  raise(entry->record.phases.write, phases.write);
}

void CheckpointHistory::completed(CheckpointId id, std::uint64_t size_bytes, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  const auto entry = std::find_if(entries_.begin(), entries_.end(),
                                  [id](const Entry& each) { return each.record.id == id; });
  if (entry == entries_.end()) return;
  if (entry->record.state == CheckpointRecord::State::failed) {
    --totals_.failed;
    entry->record.failure.clear();
  }
  entry->record.state = CheckpointRecord::State::completed;
  entry->record.duration = now - entry->began;
  entry->record.phases.manifest = now - entry->last_acknowledged;
  entry->record.size_bytes = totals_.newest_bytes = size_bytes;
  ++totals_.completed;
  totals_.duration += entry->record.duration;
  add(totals_.phases, entry->record.phases);
}

void CheckpointHistory::failed(const std::string& why, SteadyTime now) {
  const std::lock_guard lock(mutex_);
  Entry* entry = under_way();
  if (entry == nullptr) return;
  entry->record.state = CheckpointRecord::State::failed;
  entry->record.duration = now - entry->began;
  entry->record.failure = why.substr(0, kMostReason);
  ++totals_.failed;
}

void CheckpointHistory::committed(CheckpointId id, std::chrono::nanoseconds took) {
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) {
    auto& commit = entry.record.phases.commit;
    if (entry.record.id != id || took <= commit) continue;
    totals_.phases.commit += took - commit;
    commit = took;
  }
}

std::vector<CheckpointRecord> CheckpointHistory::newest(SteadyTime now) const {
  const std::lock_guard lock(mutex_);
  std::vector<CheckpointRecord> records;
  for (const Entry& entry : entries_) {
    records.push_back(entry.record);
    if (entry.record.state == CheckpointRecord::State::under_way) {
      records.back().duration = now - entry.began;
    }
  }
  return records;
}

CheckpointTotals CheckpointHistory::totals() const {
  const std::lock_guard lock(mutex_);
  return totals_;
}

}  // namespace weir
