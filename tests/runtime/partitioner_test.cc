// The partitioner: where records go, and that watermarks and barriers keep their place among them.
#include "weir/runtime/partitioner.h"

#include <gtest/gtest.h>

#include <set>

#include "weir/base/clock.h"
#include "weir/base/hash.h"

namespace weir {
namespace {

class NumberHasher final : public KeyHasher {
 public:
  void hash(BatchBase& base) const override {
    auto& batch = static_cast<Batch<std::int64_t>&>(base);
    for (std::size_t i = 0; i < batch.size(); ++i) {
      batch.hashes()[i] = mix64(static_cast<std::uint64_t>(batch[i] % 100));
    }
    batch.set_has_hashes(true);
  }
  Result<std::uint64_t> hash_letter(const DeadLetter&) const override { return std::uint64_t{0}; }
};

struct Fixture {
  Fixture(Exchange exchange, std::size_t targets, std::size_t capacity = 1000) {
    std::vector<Channel*> raw;
    for (std::size_t i = 0; i < targets; ++i) {
      channels.push_back(make_local_channel(capacity));
      raw.push_back(channels.back().get());
    }
    partitioner = std::make_unique<Partitioner>(
        exchange, exchange == Exchange::hash ? std::make_shared<NumberHasher>() : nullptr, 256, 0,
        raw, [] { return std::unique_ptr<BatchBase>(std::make_unique<Batch<std::int64_t>>()); });
  }
  void send(std::int64_t from, std::int64_t to) {
    Batch<std::int64_t> batch;
    for (std::int64_t i = from; i < to; ++i) {
      if (batch.full()) {
        partitioner->receive(batch);
        batch.clear();
      }
      batch.push(i, i);
    }
    partitioner->receive(batch);
  }
  std::vector<std::unique_ptr<Channel>> channels;
  std::unique_ptr<Partitioner> partitioner;
};

TEST(Partitioner, SendsAKeyAlwaysToTheSubtaskThatOwnsIt) {
  Fixture f(Exchange::hash, 3);
  f.send(0, 5000);
  f.partitioner->flush();
  std::set<std::int64_t> seen;
  for (std::uint32_t subtask = 0; subtask < 3; ++subtask) {
    const KeyGroupRange groups = key_groups_of(subtask, 3, 256);
    std::int64_t last = -1;
    ChannelElement element;
    while (f.channels[subtask]->pop(element)) {
      auto& batch = static_cast<Batch<std::int64_t>&>(*element.batch);
      ASSERT_TRUE(batch.has_hashes());
      for (std::size_t i = 0; i < batch.size(); ++i) {
        EXPECT_GT(batch[i], last) << "order is kept";
        last = batch[i];
        EXPECT_TRUE(seen.insert(batch[i]).second);
        EXPECT_TRUE(groups.contains(key_group_of(batch.hashes()[i], 256)));
        EXPECT_EQ(batch.times()[i], batch[i]);
      }
    }
  }
  EXPECT_EQ(seen.size(), 5000u);
}

TEST(Partitioner, AWatermarkNeverOvertakesTheRecordsBeforeIt) {
  for (const Exchange exchange : {Exchange::hash, Exchange::rebalance, Exchange::forward}) {
    Random random(7);
    Fixture f(exchange, 3, 2000);
    std::int64_t next = 0;
    for (int round = 0; round < 300; ++round) {
      const std::int64_t count = static_cast<std::int64_t>(random.below(60));
      f.send(next, next + count);
      next += count;
      if (random.chance(0.5)) f.partitioner->set_watermark(next - 1, true);
      if (random.chance(0.2)) f.partitioner->flush();
    }
    f.partitioner->set_watermark(next - 1, true);
    f.partitioner->flush();
    f.partitioner->barrier(5, true);
    std::size_t rows = 0;
    for (auto& channel : f.channels) {
      std::int64_t watermark = INT64_MIN;
      ChannelElement element;
      bool barrier = false;
      while (channel->pop(element)) {
        EXPECT_FALSE(barrier) << "the barrier is last";
        barrier = element.kind == ChannelElement::Kind::barrier;
        if (element.batch) {
          for (std::size_t i = 0; i < element.batch->size(); ++i) {
            EXPECT_GT(element.batch->times()[i], watermark);
          }
          rows += element.batch->size();
        }
        if (!barrier) watermark = element.watermark_ms;
      }
      EXPECT_TRUE(barrier);
      EXPECT_EQ(watermark, next - 1);
    }
    EXPECT_EQ(rows, static_cast<std::size_t>(next));
  }
}

TEST(Partitioner, WhatAFullChannelRefusesWaitsInOrder) {
  Fixture f(Exchange::hash, 2, 1);
  f.send(0, 20'000);
  f.partitioner->barrier(1, false);
  EXPECT_TRUE(f.partitioner->blocked());
  std::int64_t last[2] = {-1, -1};
  std::size_t rows = 0, barriers = 0;
  bool empty = false;
  while (!empty) {
    const bool drained = f.partitioner->drain();
    empty = drained;
    for (int c = 0; c < 2; ++c) {
      ChannelElement element;
      while (f.channels[c]->pop(element)) {
        empty = false;
        barriers += element.kind == ChannelElement::Kind::barrier;
        if (!element.batch) continue;
        auto& batch = static_cast<Batch<std::int64_t>&>(*element.batch);
        for (std::int64_t value : batch) {
          EXPECT_GT(value, last[c]);
          last[c] = value;
        }
        rows += batch.size();
      }
    }
  }
  EXPECT_EQ(rows, 20'000u);
  EXPECT_EQ(barriers, 2u);
}

TEST(Partitioner, WhatComesLaterDoesNotTakeTheRoomOfWhatWaits) {
  Fixture f(Exchange::hash, 1, 1);
  std::int64_t next = 0;
  const auto take = [&] {
    ChannelElement element;
    if (!f.channels[0]->pop(element)) return false;
    for (std::int64_t value : static_cast<Batch<std::int64_t>&>(*element.batch)) {
      EXPECT_EQ(value, next++);
    }
    return true;
  };
  f.send(0, 5000);
  EXPECT_TRUE(f.partitioner->blocked());
  EXPECT_TRUE(take());
  f.send(5000, 10'000);
  f.partitioner->flush();
  while (take() || f.partitioner->blocked()) f.partitioner->drain();
  while (take()) {
  }
  EXPECT_EQ(next, 10'000);
}

TEST(Partitioner, RebalancesByBatch) {
  Fixture f(Exchange::rebalance, 3);
  for (int i = 0; i < 12; ++i) f.send(i * 100, i * 100 + 100);
  f.partitioner->flush();
  for (auto& channel : f.channels) {
    std::size_t rows = 0;
    ChannelElement element;
    while (channel->pop(element)) rows += element.batch ? element.batch->size() : 0;
    EXPECT_EQ(rows, 400u);
  }
}

}  // namespace
}  // namespace weir
