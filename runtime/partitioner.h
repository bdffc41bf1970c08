// The edge of a task: takes the batches of one output and spreads them over the channels to the
// subtasks of the next step.
//
// A record goes into the open batch of its target; that batch leaves when it is full or when
// `flush` is called. A watermark stays with the open batch and leaves behind it, so that frequent
// watermarks do not make small batches. What a full channel does not take waits in a queue here;
// the task then runs nothing until `drain` has emptied it, so the queue is bounded by what one
// slice of work can emit. Used by the thread of the task.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "weir/runtime/channel.h"
#include "weir/runtime/graph.h"
#include "weir/runtime/operator.h"

namespace weir {

class Partitioner final : public Receiver {
 public:
  /// `targets`: one channel for each subtask of the next step; not owned.
  Partitioner(Exchange exchange, std::shared_ptr<const KeyHasher> hasher,
              std::uint32_t max_parallelism, std::uint32_t own_subtask,
              std::vector<Channel*> targets,
              std::function<std::unique_ptr<BatchBase>()> make_batch);

  void set_waker(Waker* waker) {
    for (Target& target : targets_) target.channel->set_writer(waker);
  }
  void receive(BatchBase& batch) override;
  /// Event time has reached `watermark_ms`; `active` is false when all inputs are idle. `since_ns`:
  /// as in ChannelElement.
  void set_watermark(std::int64_t watermark_ms, bool active, std::int64_t since_ns = 0);
  void barrier(std::uint64_t checkpoint, bool last);
  void end();
  /// Sends all open batches.
  void flush();
  /// Moves waiting elements into their channels; true when none is left.
  bool drain();
  bool blocked() const { return waiting_ > 0; }
  bool has_open() const { return open_rows_ > 0 || watermark_pending_; }

 private:
  struct Target {
    Channel* channel = nullptr;
    std::unique_ptr<BatchBase> open;
    std::deque<ChannelElement> waiting;
  };
  void by_hash(BatchBase& batch);
  void whole(BatchBase& batch, Target& target);
  void send_open(Target& target);
  void send(Target& target, ChannelElement element);
  std::unique_ptr<BatchBase> fresh(Target& target);

  Exchange exchange_;
  std::shared_ptr<const KeyHasher> hasher_;
  std::uint32_t max_parallelism_;
  std::uint32_t next_target_;
  std::vector<Target> targets_;
  std::vector<BatchBase*> open_batches_;  // of each target
  std::vector<std::uint16_t> subtask_of_group_;
  std::vector<std::uint16_t> row_targets_;  // scratch
  std::function<std::unique_ptr<BatchBase>()> make_batch_;
  std::int64_t watermark_ms_ = INT64_MIN;
  std::int64_t since_ns_ = 0;
  bool active_ = true;
  bool watermark_pending_ = false;
  std::size_t open_rows_ = 0;
  std::size_t waiting_ = 0;
};

}  // namespace weir
