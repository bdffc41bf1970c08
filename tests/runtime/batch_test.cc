// Batches: content and meta data stay together whatever is done with them.
#include "weir/runtime/batch.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "weir/base/describe.h"

namespace weir {
namespace {

std::unique_ptr<Batch<std::string>> filled(int rows) {
  auto made = std::make_unique<Batch<std::string>>();
  Batch<std::string>& batch = *made;
  for (int i = 0; i < rows; ++i) {
    batch.push("a long enough text number " + std::to_string(i), i * 10,
               i % 3 == 0 ? i : INT64_MIN);
    batch.hashes()[i] = static_cast<std::uint64_t>(i) * 7;
  }
  batch.set_has_hashes(true);
  return made;
}
void expect_row(Batch<std::string>& batch, std::size_t row, int i) {
  EXPECT_EQ(batch[row], "a long enough text number " + std::to_string(i));
  EXPECT_EQ(batch.times()[row], i * 10);
  EXPECT_EQ(batch.seen(row), i % 3 == 0 ? i : INT64_MIN);
}

TEST(Batch, HoldsBetween32And512Records) {
  EXPECT_EQ(batch_capacity(1), 512u);
  EXPECT_EQ(batch_capacity(64), 256u);
  EXPECT_EQ(batch_capacity(1 << 20), 32u);
  EXPECT_EQ(Batch<std::int64_t>().capacity(), 512u);
}

TEST(Batch, CopiesSwapsAndClears) {
  const auto made = filled(20);
  Batch<std::string>& batch = *made;
  Batch<std::string> copy;
  copy.push("old", 1);
  batch.copy_to(copy);
  ASSERT_EQ(copy.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    expect_row(copy, static_cast<std::size_t>(i), i);
    expect_row(batch, static_cast<std::size_t>(i), i);
    EXPECT_EQ(copy.hashes()[i], static_cast<std::uint64_t>(i) * 7);
  }
  Batch<std::string> other;
  other.swap(copy);
  EXPECT_TRUE(copy.empty());
  ASSERT_EQ(other.size(), 20u);
  expect_row(other, 7, 7);
  other.clear();
  EXPECT_TRUE(other.empty());
  EXPECT_FALSE(other.has_seen());
  EXPECT_FALSE(other.has_hashes());
  other.push("again", 5);
  EXPECT_EQ(other.seen(0), INT64_MIN) << "what was seen before does not come back";
}

TEST(Batch, KeepsASubsetInPlace) {
  const auto made = filled(30);
  Batch<std::string>& batch = *made;
  std::size_t kept = 0;
  for (std::size_t i = 0; i < 30; ++i) {
    if (i % 4 == 1) batch.keep(i, kept++);
  }
  batch.truncate(kept);
  ASSERT_EQ(batch.size(), 8u);
  for (std::size_t i = 0; i < 8; ++i) {
    expect_row(batch, i, static_cast<int>(i * 4 + 1));
    EXPECT_EQ(batch.hashes()[i], (i * 4 + 1) * 7);
  }
}

TEST(Batch, ScattersUntilOneIsFull) {
  Batch<std::int64_t> batch, a, b;
  std::vector<std::uint16_t> targets;
  for (std::int64_t i = 0; i < 512; ++i) {
    batch.push(i, i, i % 2 ? i : INT64_MIN);
    batch.hashes()[i] = static_cast<std::uint64_t>(i);
    targets.push_back(i % 4 == 0 ? 1 : 0);
  }
  batch.set_has_hashes(true);
  for (std::int64_t i = 0; i < 400; ++i) a.push(-1, 0);
  BatchBase* outs[] = {&a, &b};
  const std::size_t stopped = batch.scatter(0, targets.data(), outs);
  EXPECT_TRUE(a.full());
  ASSERT_LT(stopped, 512u);
  EXPECT_EQ(targets[stopped], 0);
  a.clear();
  EXPECT_EQ(batch.scatter(stopped, targets.data(), outs), 512u);
  ASSERT_EQ(b.size(), 128u);
  for (std::size_t i = 0; i < b.size(); ++i) {
    EXPECT_EQ(b[i], static_cast<std::int64_t>(4 * i));
    EXPECT_EQ(b.hashes()[i], 4 * i);
    EXPECT_EQ(b.seen(i), INT64_MIN);
  }
  EXPECT_EQ(a[0], static_cast<std::int64_t>(stopped));
  EXPECT_EQ(a.seen(0), stopped % 2 ? static_cast<std::int64_t>(stopped) : INT64_MIN);
}

TEST(Batch, TakesTypesThatOnlyMove) {
  Batch<std::string> batch;
  auto& record = batch.push_empty();
  record = "filled in place";
  batch.times()[0] = 9;
  EXPECT_EQ(batch.time(0), from_millis(9));
  auto empty = batch.make_empty();
  EXPECT_TRUE(empty->empty());
  EXPECT_EQ(empty->capacity(), batch.capacity());
}

struct Point {
  std::int64_t x = 0;
  double y = 0;
};
WEIR_DESCRIBE(Point, x, y);

template <class T>
std::string bytes_of(const Batch<T>& batch) {
  std::string bytes;
  batch.encode_to(bytes);
  return bytes;
}

TEST(Batch, CrossesToAnotherProcess) {
  const auto made = filled(20);
  const std::string bytes = bytes_of(*made);
  Batch<std::string> read;
  read.push("what it held before", 1);
  ASSERT_TRUE(read.decode_from(bytes));
  ASSERT_EQ(read.size(), 20u);
  for (int i = 0; i < 20; ++i) {
    expect_row(read, static_cast<std::size_t>(i), i);
    EXPECT_EQ(read.hashes()[i], static_cast<std::uint64_t>(i) * 7);
  }
  Batch<Point> points, copies;
  for (int i = 0; i < 100; ++i) points.push(Point{i, i / 2.0}, i);
  ASSERT_TRUE(copies.decode_from(bytes_of(points)));
  ASSERT_EQ(copies.size(), 100u);
  EXPECT_EQ(copies[99].x, 99);
  EXPECT_EQ(copies[99].y, 49.5);
  EXPECT_EQ(copies.times()[99], 99);
  EXPECT_FALSE(copies.has_hashes());
  EXPECT_EQ(copies.seen(99), INT64_MIN);
  EXPECT_TRUE(read.decode_from(bytes_of(Batch<std::string>())));
  EXPECT_TRUE(read.empty());
}

TEST(Batch, RefusesBytesThatAreNoBatch) {
  Batch<std::string> read;
  const std::string texts = bytes_of(*filled(3));
  Batch<Point> points;
  points.push(Point{1, 2}, 3);
  const std::string numbers = bytes_of(points);
  for (std::size_t size = 0; size < texts.size(); ++size) {
    EXPECT_FALSE(read.decode_from(std::string_view(texts).substr(0, size)));
    EXPECT_TRUE(read.empty());
  }
  for (std::size_t size = 0; size < numbers.size(); ++size) {
    EXPECT_FALSE(points.decode_from(std::string_view(numbers).substr(0, size)));
    EXPECT_TRUE(points.empty());
  }
  EXPECT_FALSE(read.decode_from(texts + "x"));
  std::string many;  // more records than a batch holds
  ByteWriter writer(many);
  writer.u8(0);
  writer.varint(read.capacity() + 1);
  many.append((read.capacity() + 1) * 16, '\0');
  EXPECT_FALSE(read.decode_from(many));
}

}  // namespace
}  // namespace weir
