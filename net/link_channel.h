// The ends of a channel that crosses a link. In the process of the writer a ring from which the
// network thread takes elements; in that of the reader another one into which it puts them. Not
// for others than the link.
//
// Credit: a writer's network thread sends an element only while bytes of the channel's window are
// left, and every element costs its frame, but at least `least_cost`; so what is on its way or
// waits for the reader is bounded by the window and one element, in bytes and in number. What the
// reader takes out becomes credit again.
//
// Threads: one writer or reader; the network thread at the other side of each ring.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <utility>

#include "weir/runtime/channel.h"

namespace weir::net {

/// How many elements may wait at the reader's end.
constexpr std::size_t kMostElements = 64;

/// What an element in a frame of `frame_bytes` costs of a window.
constexpr std::int64_t cost_of(std::size_t frame_bytes, std::size_t window_bytes) {
  return static_cast<std::int64_t>(std::max(frame_bytes, window_bytes / (kMostElements / 2)));
}

/// The end that a task writes to.
class OutEnd final : public Channel {
 public:
  OutEnd(std::uint32_t channel, std::size_t capacity, std::size_t window_bytes, Waker& network)
      : id(channel),
        credit(static_cast<std::int64_t>(window_bytes)),
        network_(network),
        ring_(capacity),
        back_(capacity + 2) {}

  // ---- the writer
  bool push(ChannelElement& element) override {
    if (!ring_.push(element)) return false;
    network_.wake();
    return true;
  }
  std::unique_ptr<BatchBase> take_recycled() override {
    std::unique_ptr<BatchBase> batch;
    back_.pop(batch);
    return batch;
  }

  // ---- the network thread
  bool pop(ChannelElement& element) override {
    if (!ring_.pop(element)) return false;
    taken_ = true;
    return true;
  }
  void recycle(std::unique_ptr<BatchBase> batch) override {
    if (batch) back_.push(batch);
  }
  /// Tells the writer once of all the room that there is now: it would fill a single place and
  /// wait again.
  void announce_room() {
    if (std::exchange(taken_, false)) wake_writer();
  }

  const std::uint32_t id;
  std::int64_t credit;  // of the network thread

 private:
  Waker& network_;
  SpscRing<ChannelElement> ring_;
  SpscRing<std::unique_ptr<BatchBase>> back_;
  bool taken_ = false;  // since the writer was told
};

/// The end that a task reads from.
class InEnd final : public Channel {
 public:
  /// `network`: woken when there is credit to give back.
  InEnd(std::function<std::unique_ptr<BatchBase>()> make_batch, std::size_t window_bytes,
        Waker& network)
      : make_batch_(std::move(make_batch)),
        give_back_at_(static_cast<std::int64_t>(window_bytes / 4)),
        network_(network) {}

  // ---- the network thread
  /// A batch to read into.
  std::unique_ptr<BatchBase> take_batch() {
    std::unique_ptr<BatchBase> batch = spare_ ? std::move(spare_) : take_recycled();
    return batch ? std::move(batch) : make_batch_();
  }
  /// One that was not needed.
  void put_back(std::unique_ptr<BatchBase> batch) { spare_ = std::move(batch); }
  /// Puts an element of `cost` where the reader finds it; false when the writer has overdrawn its
  /// window.
  bool arrive(ChannelElement element, std::int64_t cost) {
    Arrived arrived{std::move(element), cost};
    if (!ring_.push(arrived)) return false;
    unannounced_ = true;
    return true;
  }
  /// Tells the reader once of all that has arrived.
  void announce() {
    if (std::exchange(unannounced_, false)) wake_reader();
  }
  /// What can be given back now; 0 when it is not worth a frame yet.
  std::int64_t take_credit() {
    if (taken_.load(std::memory_order_relaxed) < give_back_at_) return 0;
    return taken_.exchange(0, std::memory_order_acq_rel);
  }

  // ---- the reader
  bool pop(ChannelElement& element) override {
    Arrived arrived;
    if (!ring_.pop(arrived)) return false;
    element = std::move(arrived.element);
    const std::int64_t before = taken_.fetch_add(arrived.cost, std::memory_order_acq_rel);
    if (before < give_back_at_ && before + arrived.cost >= give_back_at_) network_.wake();
    return true;
  }
  void recycle(std::unique_ptr<BatchBase> batch) override {
    if (batch) back_.push(batch);
  }

  // Of the writer's end, which is elsewhere.
  bool push(ChannelElement&) override { return false; }
  std::unique_ptr<BatchBase> take_recycled() override {
    std::unique_ptr<BatchBase> batch;
    back_.pop(batch);
    return batch;
  }

 private:
  struct Arrived {
    ChannelElement element;
    std::int64_t cost = 0;
  };
  std::function<std::unique_ptr<BatchBase>()> make_batch_;
  const std::int64_t give_back_at_;
  Waker& network_;
  std::unique_ptr<BatchBase> spare_;
  bool unannounced_ = false;
  SpscRing<Arrived> ring_{kMostElements};
  SpscRing<std::unique_ptr<BatchBase>> back_{kMostElements};
  std::atomic<std::int64_t> taken_{0};
};

}  // namespace weir::net
