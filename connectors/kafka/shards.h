// The transactions of a sink: what makes a staged block visible, once.
//
// A shard is a pair of transactional ids, ID/SHARD/a and ID/SHARD/b, which take turns: a
// transaction begins when the one before it has been committed, but the broker is still busy with
// the marks of that one, and would keep its id waiting for 20 ms. Subtask i of the sink writes to
// shard i; so there are twice as many ids as the sink ever had subtasks, whatever the restarts.
// Each transaction carries staged blocks and the shard's progress, the (checkpoint, block) that it
// has come to; so a block is out exactly when the progress says so, and committing it again does
// nothing.
//
// `recover` runs once at the start of an attempt, before any subtask, unless a newer attempt of the
// job has claimed a shard: it takes over every shard that the run ever used, which fences whoever
// wrote there and ends what they had open; only then reads the progress; writes its claim to each
// of these shards, the name of its attempt; and commits what the restored checkpoint holds and is
// not out. So the order of a key's records holds although it may have moved to another shard. At
// the end it lets go the shards whose subtasks run in other processes of the attempt.
//
// `attach` runs after that in each of those processes: it takes over its shards anew, and looks
// whether they are still claimed by its attempt, before, lest it disturbs a newer one, and after,
// since only then nobody can change that without fencing it. Their claims are those that `recover`
// wrote, so a process of an older attempt finds another's name there, whenever it wakes up. The
// restored checkpoint may give a subtask blocks of any shard; they are out by then, and the
// progress says so. So after `recover` nobody uses an id but the process whose subtask has it.
//
// While the job runs, a producer that is told that it was fenced asks the progress topic who has
// the shard. If it is still its own, the broker has given up a transaction that took too long: the
// producer is made anew and goes on from the progress. Otherwise the process is a zombie and ends;
// or another job uses the same ids, which is said, with where that one runs.
// After any result that leaves open whether a transaction was committed the producer is destroyed
// as well; the next one's take-over settles it (H3).
//
// Threads: thread-safe; shards commit side by side, each under its own lock. All calls block.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/connectors/kafka/producer.h"
#include "weir/connectors/kafka/progress.h"

namespace weir::kafka::detail {

struct ShardOptions {
  Connection to;
  std::string id;  ///< the first part of transactional ids
  ProgressPlace place;
  OwnerRecord self;
  std::uint32_t shards = 1;      ///< that will be used, by all processes of the attempt
  std::set<std::uint32_t> here;  ///< of these, the ones whose subtasks run in this process
  std::size_t max_record = 1'000'000;
  std::size_t transaction_bytes = std::size_t{32} << 20;
};

class Shards {
 public:
  explicit Shards(ShardOptions options) : options_(std::move(options)) {}

  /// See above. `blocks` are those of the restored checkpoint, `restored_checkpoint` is its id.
  /// Error: already_exists when more than that checkpoint is out.
  Status recover(const std::vector<std::string>& blocks, std::uint64_t restored_checkpoint);

  /// See above; for a process that does not recover, when another of its attempt has.
  /// Error: fenced when another attempt has claimed a shard.
  Status attach();

  /// Makes blocks visible, in order; those that are out already are passed over.
  Status commit(const std::vector<std::string>& blocks);

 private:
  struct Shard {
    std::mutex mutex;
    /// All or none: none before their first use, and after a fault.
    std::array<std::unique_ptr<Producer>, 2> producers;
    std::size_t turn = 0;

    bool is_ready() const { return producers[0] != nullptr; }
    Producer& producer() { return *producers[turn]; }
    void drop() { producers = {}; }
    Progress progress;
  };
  using Blocks = std::vector<Block>;

  Result<std::map<std::uint32_t, Blocks>> by_shard(const std::vector<std::string>& blocks) const;
  Shard& shard(std::uint32_t number);
  Status check_not_ahead(const std::map<std::uint32_t, ProgressRecord>& progress,
                         std::uint64_t restored_checkpoint) const;
  Status take_over(const std::set<std::uint32_t>& numbers);
  /// Takes over the ids of a shard.
  Status make_producers(std::uint32_t number, Shard& mine) const;
  Status claim(std::uint32_t number);
  Status commit_shard(std::uint32_t number, const Blocks& blocks);
  /// Makes producers anew after a fault.
  Status make_ready(std::uint32_t number, Shard& shard);
  /// One transaction: as many of blocks from `next` on as it should carry; moves `next` on.
  Outcome transact(std::uint32_t number, Shard& shard, const Blocks& blocks, std::size_t& next);
  Status settle(std::uint32_t number, Shard& shard, Outcome outcome);
  std::string name_of(std::uint32_t number) const {
    return options_.id + "/" + std::to_string(number);
  }
  Status check_owner_of(std::uint32_t number, const Standing& standing) const;
  Status check_owners(const Standing& standing) const;
  Status check_not_overtaken(const Standing& standing) const;
  Outcome add_progress(std::uint32_t number, Producer& producer, const Progress& progress) const;
  static Outcome add_block(Producer& producer, const Block& block);
  Outcome add_owner(std::uint32_t number, Producer& producer) const;

  ShardOptions options_;
  std::mutex mutex_;  // of the map
  std::map<std::uint32_t, std::unique_ptr<Shard>> shards_;
};

}  // namespace weir::kafka::detail
