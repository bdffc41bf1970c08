// Committing staged blocks exactly once; see shards.h.
#include "weir/connectors/kafka/shards.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "weir/base/failpoint.h"
#include "weir/base/json.h"
#include "weir/base/log.h"
#include "weir/base/schema.h"

namespace weir::kafka::detail {
namespace {

constexpr Millis kTakeOver{30'000}, kCommit{20'000}, kAbort{10'000};
/// Longer than others' transactions stay open when nobody ends them.
constexpr Millis kReadProgress{75'000};
/// Whoever takes over a shard claims it within that time, as a rule.
constexpr Millis kTimeToClaim{1000};

/// Runs `work(number)` for each, side by side; the first error.
template <class Work>
Status for_each_at_once(const std::set<std::uint32_t>& numbers, Work work) {
  constexpr std::size_t kAtOnce = 16;
  std::vector<std::uint32_t> left(numbers.begin(), numbers.end());
  std::mutex mutex;
  Status first;
  const auto run = [&] {
    for (;;) {
      std::uint32_t number = 0;
      {
        const std::lock_guard lock(mutex);
        if (left.empty() || !first.ok()) return;
        number = left.back();
        left.pop_back();
      }
      Status status = work(number);
      const std::lock_guard lock(mutex);
      if (!status.ok() && first.ok()) first = std::move(status);
    }
  };
  std::vector<std::thread> threads;
  for (std::size_t i = 1; i < std::min(kAtOnce, numbers.size()); ++i) threads.emplace_back(run);
  run();
  for (std::thread& thread : threads) thread.join();
  return first;
}

/// Says what is waited for while it lives, once that has taken some seconds.
class WhenSlow {
 public:
  WhenSlow(const std::string& who, const std::string& waits_for)
      : thread_([this, who, waits_for] {
          std::unique_lock lock(mutex_);
          if (over_.wait_for(lock, std::chrono::seconds(3), [this] { return done_; })) return;
          log_info(who, "waits for " + waits_for);
        }) {}
  ~WhenSlow() {
    {
      const std::lock_guard lock(mutex_);
      done_ = true;
      over_.notify_one();
    }
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable over_;
  bool done_ = false;
  std::thread thread_;
};

std::set<std::uint32_t> numbers_of(const std::map<std::uint32_t, ProgressRecord>& progress) {
  std::set<std::uint32_t> numbers;
  for (const auto& [number, record] : progress) numbers.insert(number);
  return numbers;
}

}  // namespace

Result<std::map<std::uint32_t, Shards::Blocks>> Shards::by_shard(
    const std::vector<std::string>& blocks) const {
  std::map<std::uint32_t, Blocks> groups;
  for (const std::string& bytes : blocks) {
    WEIR_ASSIGN(const Block block, Block::parse(bytes));
    groups[block.shard()].push_back(block);
  }
  for (auto& [number, group] : groups) {
    std::sort(group.begin(), group.end(),
              [](const Block& a, const Block& b) { return a.progress() < b.progress(); });
  }
  return groups;
}

Shards::Shard& Shards::shard(std::uint32_t number) {
  const std::lock_guard lock(mutex_);
  auto& shard = shards_[number];
  if (!shard) shard = std::make_unique<Shard>();
  return *shard;
}

Status Shards::make_producers(std::uint32_t number, Shard& mine) const {
  decltype(mine.producers) made;
  const char* const names[] = {"/a", "/b"};
  for (std::size_t i = 0; i < made.size(); ++i) {
    WEIR_ASSIGN(made[i],
                Producer::make(options_.to, name_of(number) + names[i], options_.max_record));
    const Outcome taken = made[i]->init(kTakeOver);
    if (!taken.ok()) return taken.error;
  }
  mine.producers = std::move(made);
  mine.turn = 0;
  return {};
}

Status Shards::take_over(const std::set<std::uint32_t>& numbers) {
  return for_each_at_once(
      numbers, [this](std::uint32_t number) { return make_producers(number, shard(number)); });
}

Status Shards::check_not_ahead(const std::map<std::uint32_t, ProgressRecord>& progress,
                               std::uint64_t restored_checkpoint) const {
  std::uint64_t newest = 0;
  for (const auto& [number, record] : progress) newest = std::max(newest, record.checkpoint);
  if (newest <= restored_checkpoint) return {};
  return Error{
      ErrorCode::already_exists,
      "output of checkpoint " + std::to_string(newest) +
          " of this run has been committed already, and the job would go on from "
          "checkpoint " +
          std::to_string(restored_checkpoint) +
          ": its records would come twice. Restore the newest checkpoint; or, to have them "
          "twice, give the sink another .id",
      false};
}

Status Shards::recover(const std::vector<std::string>& blocks, std::uint64_t restored_checkpoint) {
  const WhenSlow note(options_.to.who,
                      "Kafka to end the transactions of the run before; it may take as long as "
                      "their time-out");
  WEIR_ASSIGN(const auto groups, by_shard(blocks));
  // First without disturbing anybody: a zombie that starts anew must not fence its successor.
  WEIR_ASSIGN(Standing standing,
              read_progress(options_.to, options_.place, ReadTo::visible, kReadProgress));
  WEIR_TRY(check_not_overtaken(standing));
  WEIR_TRY(check_not_ahead(standing.progress, restored_checkpoint));
  std::set<std::uint32_t> numbers = numbers_of(standing.progress);
  for (const auto& [number, attempt] : standing.owners) numbers.insert(number);
  for (std::uint32_t i = 0; i < options_.shards; ++i) numbers.insert(i);
  for (const auto& [number, group] : groups) numbers.insert(number);
  WEIR_TRY(take_over(numbers));
  WEIR_FAILPOINT("kafka.after_take_over");
  WEIR_ASSIGN(standing, read_progress(options_.to, options_.place, ReadTo::end, kReadProgress));
  WEIR_TRY(check_not_overtaken(standing));
  WEIR_TRY(check_not_ahead(standing.progress, restored_checkpoint));
  for (const std::uint32_t number : numbers_of(standing.progress)) {
    if (numbers.contains(number)) continue;
    return Error{ErrorCode::io, "another process is starting this job at the same time", true};
  }
  for (const auto& [number, record] : standing.progress) {
    shard(number).progress = {record.checkpoint, record.block};
  }
  // At once, and all of them: whoever is fenced looks there before it tries again.
  WEIR_TRY(for_each_at_once(numbers, [this](std::uint32_t number) { return claim(number); }));
  WEIR_TRY(for_each_at_once(numbers, [&](std::uint32_t number) -> Status {
    const auto group = groups.find(number);
    return group == groups.end() ? Status() : commit_shard(number, group->second);
  }));
  const std::lock_guard lock(mutex_);
  for (auto& [number, owned] : shards_) {
    // Nothing more goes there, or another process of the attempt takes over (`attach`).
    if (!options_.here.contains(number)) owned->drop();
  }
  return {};
}

Status Shards::attach() {
  // To the end, since readers of committed records may see less than the claims of this attempt.
  WEIR_ASSIGN(Standing standing,
              read_progress(options_.to, options_.place, ReadTo::end, kReadProgress));
  WEIR_TRY(check_owners(standing));
  WEIR_TRY(take_over(options_.here));
  WEIR_FAILPOINT("kafka.after_attach");
  WEIR_ASSIGN(standing, read_progress(options_.to, options_.place, ReadTo::end, kReadProgress));
  WEIR_TRY(check_owners(standing));
  for (const auto& [number, record] : standing.progress) {
    shard(number).progress = {record.checkpoint, record.block};
  }
  return {};
}

Outcome Shards::add_progress(std::uint32_t number, Producer& producer,
                             const Progress& progress) const {
  std::string value;
  to_json(value, ProgressRecord{progress.checkpoint, progress.block});
  const std::string key = options_.place.key(number);
  OutRecord record;
  record.partition = 0;
  record.key = key;
  record.value = value;
  return producer.add(options_.place.topic, record);
}

Outcome Shards::add_owner(std::uint32_t number, Producer& producer) const {
  std::string value;
  to_json(value, options_.self);
  const std::string key = options_.place.owner_key(number);
  OutRecord record;
  record.partition = 0;
  record.key = key;
  record.value = value;
  return producer.add(options_.place.topic, record);
}

Status Shards::claim(std::uint32_t number) {
  Shard& mine = shard(number);
  const std::lock_guard lock(mine.mutex);
  WEIR_FAILPOINT("kafka.before_claim");
  Outcome outcome = mine.producer().begin();
  if (outcome.ok()) outcome = add_owner(number, mine.producer());
  if (outcome.ok()) outcome = mine.producer().commit(kCommit);
  if (outcome.fault == Fault::fenced) {
    return Error{ErrorCode::already_exists,
                 "transactional id " + name_of(number) +
                     " was fenced while this process began: another one has begun at the same "
                     "time, or this one stood still for longer than transaction.timeout.ms",
                 true};
  }
  return settle(number, mine, std::move(outcome));
}

Status Shards::commit(const std::vector<std::string>& blocks) {
  WEIR_ASSIGN(const auto groups, by_shard(blocks));
  for (const auto& [number, group] : groups) WEIR_TRY(commit_shard(number, group));
  return {};
}

Status Shards::commit_shard(std::uint32_t number, const Blocks& blocks) {
  Shard& mine = shard(number);
  const std::lock_guard lock(mine.mutex);
  for (std::size_t next = 0;;) {
    while (next < blocks.size() && blocks[next].progress() <= mine.progress) ++next;
    if (next == blocks.size()) return {};
    const bool was_ready = mine.is_ready();
    WEIR_TRY(make_ready(number, mine));
    if (!was_ready) continue;  // it has looked at the progress
    WEIR_TRY(settle(number, mine, transact(number, mine, blocks, next)));
  }
}

Status Shards::make_ready(std::uint32_t number, Shard& mine) {
  if (mine.is_ready()) return {};
  WEIR_TRY(make_producers(number, mine));
  const Status stands = [&]() -> Status {
    WEIR_ASSIGN(const Standing standing,
                read_progress(options_.to, options_.place, ReadTo::end, kReadProgress));
    WEIR_TRY(check_owner_of(number, standing));
    const auto found = standing.progress.find(number);
    if (found != standing.progress.end()) {
      mine.progress = {found->second.checkpoint, found->second.block};
    }
    return {};
  }();
  if (!stands.ok()) mine.drop();
  return stands;
}

Outcome Shards::add_block(Producer& producer, const Block& block) {
  const std::string topic(block.topic());
  OutRecord record;
  Block::Reader reader(block);
  while (reader.next(record)) {
    if (Outcome added = producer.add(topic, record); !added.ok()) return added;
  }
  if (!reader.failed()) return {};
  return {Fault::abort, {ErrorCode::corrupt, "a block of staged output does not read back", false}};
}

Outcome Shards::transact(std::uint32_t number, Shard& mine, const Blocks& blocks,
                         std::size_t& next) {
  WEIR_FAILPOINT("kafka.before_transaction");
  Producer& producer = mine.producer();
  std::size_t bytes = 0;
  std::size_t end = next;
  while (end < blocks.size() &&
         (end == next || bytes + blocks[end].size_bytes() <= options_.transaction_bytes)) {
    bytes += blocks[end++].size_bytes();
  }
  const Progress progress = blocks[end - 1].progress();
  if (Outcome begun = producer.begin(); !begun.ok()) return begun;
  // First, so that the coordinator hears of its partition together with the others.
  if (Outcome added = add_progress(number, producer, progress); !added.ok()) return added;
  for (std::size_t i = next; i < end; ++i) {
    if (Outcome added = add_block(producer, blocks[i]); !added.ok()) return added;
  }
  WEIR_FAILPOINT("kafka.before_commit");
  Outcome committed = producer.commit(kCommit);
  WEIR_FAILPOINT("kafka.after_commit");
  if (committed.ok()) {
    mine.progress = progress;
    mine.turn = 1 - mine.turn;
    next = end;
  }
  return committed;
}

Status Shards::settle(std::uint32_t number, Shard& mine, Outcome outcome) {
  if (outcome.ok()) return {};
  if (outcome.fault == Fault::abort && mine.producer().abort(kAbort).ok()) {
    return outcome.error;
  }
  mine.drop();
  if (outcome.fault != Fault::fenced) return outcome.error;
  std::this_thread::sleep_for(kTimeToClaim);
  WEIR_ASSIGN(const Standing standing,
              read_progress(options_.to, options_.place, ReadTo::end, kReadProgress));
  WEIR_TRY(check_owner_of(number, standing));
  outcome.error.message = "transactional id " + name_of(number) +
                          " was fenced, perhaps since a transaction took longer than "
                          "transaction.timeout.ms: " +
                          outcome.error.message;
  outcome.error.retryable = true;
  return outcome.error;
}

Status Shards::check_owners(const Standing& standing) const {
  for (const std::uint32_t number : options_.here) WEIR_TRY(check_owner_of(number, standing));
  return {};
}

Status Shards::check_owner_of(std::uint32_t number, const Standing& standing) const {
  const auto owner = standing.owners.find(number);
  if (owner == standing.owners.end()) return {};
  return check_owner(options_.self, owner->second, name_of(number));
}

Status Shards::check_not_overtaken(const Standing& standing) const {
  for (const auto& [number, owner] : standing.owners) {
    WEIR_TRY(check_not_newer(options_.self, owner, name_of(number)));
  }
  return {};
}

}  // namespace weir::kafka::detail
