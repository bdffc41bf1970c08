// What carries batches from one task to another: bounded, in order, one writer and one reader.
//
// Local channels are a ring of elements with a second ring on which empty batches go back to their
// owner, so that in the steady state nothing is allocated. A full channel is back-pressure.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "weir/base/time.h"
#include "weir/runtime/batch.h"

namespace weir {

/// What travels: a batch with the watermark that holds behind it, or a control event between
/// batches.
struct ChannelElement {
  enum class Kind : std::uint8_t { data, barrier, end };
  Kind kind = Kind::data;
  bool active = true;                ///< data: the sender is not idle
  bool last = false;                 ///< barrier: no record follows it
  std::unique_ptr<BatchBase> batch;  ///< data; may be null when only the watermark moves
  std::int64_t watermark_ms = INT64_MIN;
  /// data: of the sources behind the sender, by the steady clock, when the last one woke up (0:
  /// none was ever idle), or, when it is not active, when all of them were last known to be idle
  std::int64_t since_ns = 0;
  std::uint64_t checkpoint = 0;  ///< barrier
};

/// Lets the thread of a task sleep until there is something to do.
class Waker {
 public:
  virtual ~Waker() = default;
  /// Wakes the thread if it sleeps. Cheap when it does not. Thread-safe.
  virtual void wake() = 0;
};

class Channel {
 public:
  virtual ~Channel() = default;
  /// Writer: takes `element`; false, with it unchanged, when the channel is full.
  virtual bool push(ChannelElement& element) = 0;
  /// Writer: an empty batch that came back, or null.
  virtual std::unique_ptr<BatchBase> take_recycled() = 0;
  /// Reader: moves the next element out; false when there is none.
  virtual bool pop(ChannelElement& element) = 0;
  /// Reader: gives an emptied batch back.
  virtual void recycle(std::unique_ptr<BatchBase> batch) = 0;
  /// Whom to wake when an element arrives, and when there is room again. Set by the thread that
  /// reads or writes, before it first does; until then nobody is woken.
  void set_reader(Waker* reader) { reader_.store(reader, std::memory_order_release); }
  void set_writer(Waker* writer) { writer_.store(writer, std::memory_order_release); }

 protected:
  void wake_reader() { wake(reader_); }
  void wake_writer() { wake(writer_); }

 private:
  static void wake(const std::atomic<Waker*>& whom) {
    if (Waker* waker = whom.load(std::memory_order_acquire)) waker->wake();
  }
  std::atomic<Waker*> reader_{nullptr}, writer_{nullptr};
};

/// A ring between two threads, or between two tasks of one thread.
std::unique_ptr<Channel> make_local_channel(std::size_t capacity);

/// A bounded single-producer single-consumer ring (Lamport 1983, with the other side's index
/// cached).
template <class T>
class SpscRing {
 public:
  explicit SpscRing(std::size_t capacity) : slots_(capacity + 1) {}

  bool push(T& value) {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    const std::size_t next = tail + 1 == slots_.size() ? 0 : tail + 1;
    if (next == cached_head_) {
      cached_head_ = head_.load(std::memory_order_acquire);
      if (next == cached_head_) return false;
    }
    slots_[tail] = std::move(value);
    tail_.store(next, std::memory_order_release);
    return true;
  }
  bool pop(T& value) {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    if (head == cached_tail_) {
      cached_tail_ = tail_.load(std::memory_order_acquire);
      if (head == cached_tail_) return false;
    }
    value = std::move(slots_[head]);
    head_.store(head + 1 == slots_.size() ? 0 : head + 1, std::memory_order_release);
    return true;
  }

 private:
  std::vector<T> slots_;
  alignas(64) std::atomic<std::size_t> head_{0};
  std::size_t cached_tail_ = 0;  // reader's
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::size_t cached_head_ = 0;  // writer's
};

}  // namespace weir
