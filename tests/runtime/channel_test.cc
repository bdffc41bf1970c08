// The local channel: bounded, in order, between two threads.
#include "weir/runtime/channel.h"

#include <gtest/gtest.h>

#include <thread>

namespace weir {
namespace {

TEST(Channel, IsBoundedAndRefusesWithoutChange) {
  auto channel = make_local_channel(3);
  ChannelElement element;
  for (std::uint64_t i = 0; i < 3; ++i) {
    element = {};
    element.checkpoint = i;
    ASSERT_TRUE(channel->push(element));
  }
  element = {};
  element.checkpoint = 99;
  element.batch = std::make_unique<Batch<int>>();
  EXPECT_FALSE(channel->push(element));
  EXPECT_EQ(element.checkpoint, 99u);
  EXPECT_NE(element.batch, nullptr);
  ChannelElement out;
  ASSERT_TRUE(channel->pop(out));
  EXPECT_EQ(out.checkpoint, 0u);
  EXPECT_TRUE(channel->push(element));
  for (const std::uint64_t expected : {1, 2, 99}) {
    ASSERT_TRUE(channel->pop(out));
    EXPECT_EQ(out.checkpoint, expected);
  }
  EXPECT_FALSE(channel->pop(out));
}

TEST(Channel, CarriesBatchesBetweenThreadsAndBack) {
  auto channel = make_local_channel(4);
  constexpr std::int64_t kBatches = 20'000;
  std::thread writer([&] {
    for (std::int64_t i = 0; i < kBatches; ++i) {
      ChannelElement element;
      element.watermark_ms = i;
      element.batch = channel->take_recycled();
      if (!element.batch) element.batch = std::make_unique<Batch<std::int64_t>>();
      static_cast<Batch<std::int64_t>&>(*element.batch).push(i, i);
      while (!channel->push(element)) std::this_thread::yield();
    }
  });
  for (std::int64_t i = 0; i < kBatches; ++i) {
    ChannelElement element;
    while (!channel->pop(element)) std::this_thread::yield();
    auto& batch = static_cast<Batch<std::int64_t>&>(*element.batch);
    ASSERT_EQ(element.watermark_ms, i);
    ASSERT_EQ(batch.size(), 1u);
    ASSERT_EQ(batch[0], i);
    batch.clear();
    channel->recycle(std::move(element.batch));
  }
  writer.join();
}

}  // namespace
}  // namespace weir
