// Batches: what travels between operators. Each holds up to `capacity` records of one type with
// their event times and, behind a key_by, the hashes of their keys, as parallel arrays.
//
// A batch belongs to one thread at a time. It is passed by reference: the receiver may change it,
// move the values out of it or swap its content away, and the sender clears and refills it
// afterwards.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <new>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "weir/base/bytes.h"
#include "weir/base/check.h"
#include "weir/base/codec.h"
#include "weir/base/time.h"

namespace weir {

/// The part of a batch that does not depend on the type of its records.
class BatchBase {
 public:
  virtual ~BatchBase() = default;
  BatchBase(const BatchBase&) = delete;
  BatchBase& operator=(const BatchBase&) = delete;

  std::size_t size() const { return size_; }
  std::size_t capacity() const { return capacity_; }
  bool empty() const { return size_ == 0; }
  bool full() const { return size_ == capacity_; }

  EventTime time(std::size_t i) const { return from_millis(times_[i]); }
  std::int64_t* times() { return times_.get(); }
  const std::int64_t* times() const { return times_.get(); }

  /// Hashes of the records' keys under the key_by that made this batch, if `has_hashes`.
  bool has_hashes() const { return has_hashes_; }
  std::uint64_t* hashes() { return hashes_.get(); }
  const std::uint64_t* hashes() const { return hashes_.get(); }
  void set_has_hashes(bool on) { has_hashes_ = on; }

  /// For records that came late: the watermark of their split when they were read, by which windows
  /// judge them whatever the batching (INT64_MIN for a record in time). Only if `has_seen`.
  bool has_seen() const { return has_seen_; }
  std::int64_t seen(std::size_t i) const { return has_seen_ ? seen_[i] : INT64_MIN; }
  void set_seen(std::size_t i, std::int64_t watermark_ms);

  /// Drops all records.
  virtual void clear() = 0;
  /// Destroys the records from `size` on.
  virtual void truncate(std::size_t size) = 0;
  virtual std::unique_ptr<BatchBase> make_empty() const = 0;
  /// Replaces the content of `to`, a batch of the same type, by a copy of this one's.
  virtual void copy_to(BatchBase& to) const = 0;
  /// Exchanges all content with `other`, a batch of the same type. Constant time.
  virtual void swap(BatchBase& other) = 0;
  /// Appends the content as it crosses to another process of the same build and machine type:
  ///   content := byte flags (1: hashes, 2: seen), varint count, int64 time*, uint64 hash*,
  ///              int64 seen*, value*
  /// Values without pointers lie as in memory; others are in the form of base/codec.h.
  virtual void encode_to(std::string& bytes) const = 0;
  /// Replaces the content by what `encode_to` of such a batch wrote; on other bytes false, and the
  /// batch is empty.
  [[nodiscard]] virtual bool decode_from(std::string_view bytes) = 0;
  /// Moves records from `begin` on, with times, seen and hashes, each to the end of the batch
  /// `outs[targets[i]]`, until one of those is full; returns the first record not moved.
  virtual std::size_t scatter(std::size_t begin, const std::uint16_t* targets,
                              BatchBase* const* outs) = 0;

 protected:
  explicit BatchBase(std::size_t capacity);
  void swap_base(BatchBase& other);
  void copy_meta_to(BatchBase& to) const;
  void set_meta(std::size_t i, std::int64_t time_ms, std::int64_t seen_ms) {
    times_[i] = time_ms;
    if (seen_ms != INT64_MIN) [[unlikely]]
      set_seen(i, seen_ms);
    else if (has_seen_) [[unlikely]]
      seen_[i] = INT64_MIN;
  }
  void encode_meta(ByteWriter& writer) const;
  void decode_meta(ByteReader& reader);
  void reset_meta() { has_hashes_ = has_seen_ = false; }

  std::size_t size_ = 0;
  std::size_t capacity_;
  bool has_hashes_ = false;
  bool has_seen_ = false;
  std::unique_ptr<std::int64_t[]> times_;
  std::unique_ptr<std::uint64_t[]> hashes_;
  std::unique_ptr<std::int64_t[]> seen_;  // allocated with the first late record
};

/// How many records of `record_bytes` a batch holds: about 16 KiB, so that it stays in the first
/// cache levels beside the state it meets.
constexpr std::size_t batch_capacity(std::size_t record_bytes) {
  return std::clamp<std::size_t>(16 * 1024 / std::max<std::size_t>(record_bytes, 1), 32, 512);
}

/// Records of type T. Records that were dropped stay constructed in their slots, so that the
/// strings of those that follow find memory to reuse.
template <class T>
class Batch final : public BatchBase {
 public:
  Batch() : BatchBase(batch_capacity(sizeof(T))), values_(allocate(capacity_)) {}
  ~Batch() override {
    std::destroy_n(values_, constructed_);
    ::operator delete(values_, std::align_val_t(alignof(T)));
  }

  T& operator[](std::size_t i) { return values_[i]; }
  const T& operator[](std::size_t i) const { return values_[i]; }
  T* begin() { return values_; }
  T* end() { return values_ + size_; }

  /// Appends a record; the batch is not full.
  template <class U>
  void push(U&& value, std::int64_t time_ms, std::int64_t seen_ms = INT64_MIN) {
    put(size_, std::forward<U>(value));
    set_meta(size_, time_ms, seen_ms);
    ++size_;
  }
  void push(T value, EventTime time) { push(std::move(value), to_millis(time)); }

  /// Appends a default-made record (of a trivial type: one with any content) and returns it, for
  /// readers that fill it in place.
  T& push_empty(std::int64_t time_ms = 0) {
    // In its place: a copy of a fresh object waits until the stores that made it have drained.
    if constexpr (std::is_trivially_destructible_v<T> &&
                  !std::is_trivially_default_constructible_v<T>)
      ::new (static_cast<void*>(values_ + size_)) T();
    else if constexpr (!std::is_trivially_default_constructible_v<T>)
      put(size_, T());
    else
      note_constructed(size_);
    set_meta(size_, time_ms, INT64_MIN);
    return values_[size_++];
  }

  /// Moves record `from` to place `to` <= `from`; `truncate` drops what is left behind it. This is
  /// how a filter keeps a subset in place.
  void keep(std::size_t from, std::size_t to) {
    if (from == to) return;
    values_[to] = std::move(values_[from]);
    times_[to] = times_[from];
    if (has_hashes_) hashes_[to] = hashes_[from];
    if (has_seen_) [[unlikely]]
      seen_[to] = seen_[from];
  }

  void clear() override {
    size_ = 0;
    reset_meta();
  }
  void truncate(std::size_t size) override { size_ = size; }
  std::unique_ptr<BatchBase> make_empty() const override { return std::make_unique<Batch>(); }
  void copy_to(BatchBase& to) const override {
    auto& other = static_cast<Batch&>(to);
    other.clear();
    for (std::size_t i = 0; i < size_; ++i) other.put(i, std::as_const(values_[i]));
    copy_meta_to(other);
  }
  void swap(BatchBase& other) override {
    swap_base(other);
    std::swap(values_, static_cast<Batch&>(other).values_);
    std::swap(constructed_, static_cast<Batch&>(other).constructed_);
  }
  void encode_to(std::string& bytes) const override {
    ByteWriter writer(bytes);
    encode_meta(writer);
    if constexpr (kFlat) {
      writer.raw({reinterpret_cast<const char*>(values_), size_ * sizeof(T)});
    } else {
      for (std::size_t i = 0; i < size_; ++i) encode(writer, values_[i]);
    }
  }
  bool decode_from(std::string_view bytes) override {
    ByteReader reader(bytes);
    decode_meta(reader);
    if constexpr (kFlat) {
      const std::string_view raw = reader.raw(size_ * sizeof(T));
      if (!reader.failed()) std::memcpy(static_cast<void*>(values_), raw.data(), raw.size());
    } else {
      for (std::size_t i = 0; i < size_ && !reader.failed(); ++i) {
        if (i >= constructed_) put(i, T());
        decode(reader, values_[i]);
      }
    }
    if (!reader.failed() && reader.at_end()) return true;
    clear();
    return false;
  }
  std::size_t scatter(std::size_t begin, const std::uint16_t* targets,
                      BatchBase* const* outs) override {
    for (std::size_t i = begin; i < size_; ++i) {
      auto& out = static_cast<Batch&>(*outs[targets[i]]);
      if (out.full()) return i;
      if (has_hashes_) {
        out.has_hashes_ = true;
        out.hashes_[out.size_] = hashes_[i];
      }
      out.push(std::move(values_[i]), times_[i], seen(i));
    }
    return size_;
  }

 private:
  /// Values mean the same in another process of the same build, byte for byte.
  static constexpr bool kFlat = std::is_trivially_copyable_v<T>;

  static T* allocate(std::size_t n) {
    return static_cast<T*>(::operator new(n * sizeof(T), std::align_val_t(alignof(T))));
  }
  void note_constructed(std::size_t i) {
    if (i >= constructed_) constructed_ = i + 1;
  }
  /// Gives slot `i`, the first that is free or one before it, the content `value`.
  template <class U>
  void put(std::size_t i, U&& value) {
    if constexpr (std::is_trivially_destructible_v<T>) {
      ::new (static_cast<void*>(values_ + i)) T(std::forward<U>(value));
    } else if (i < constructed_) {
      if constexpr (std::is_assignable_v<T&, U>)
        values_[i] = std::forward<U>(value);
      else
        values_[i] = T(std::forward<U>(value));
    } else {
      ::new (static_cast<void*>(values_ + i)) T(std::forward<U>(value));
      constructed_ = i + 1;
    }
  }

  T* values_;
  std::size_t constructed_ = 0;  // slots that hold an object, used or left for reuse
};

}  // namespace weir
