// Blocks of staged output: what is written reads back, and damage is noticed.
#include "weir/connectors/kafka/staged.h"

#include <gtest/gtest.h>

namespace weir::kafka::detail {
namespace {

struct Copy {
  std::int32_t partition;
  std::int64_t timestamp_ms;
  std::optional<std::string> key, value;
  std::vector<std::pair<std::string, std::optional<std::string>>> headers;
  bool operator==(const Copy&) const = default;
};

Copy copy_of(const OutRecord& record) {
  Copy copy{record.partition, record.timestamp_ms, {}, {}, {}};
  if (record.key) copy.key.emplace(*record.key);
  if (record.value) copy.value.emplace(*record.value);
  for (const auto& header : record.headers) {
    copy.headers.emplace_back(
        std::string(header.name),
        header.value ? std::optional<std::string>(*header.value) : std::nullopt);
  }
  return copy;
}

std::vector<Copy> records_of(const std::vector<std::string>& blocks) {
  std::vector<Copy> all;
  for (const std::string& bytes : blocks) {
    const Block block = Block::parse(bytes).value();
    Block::Reader reader(block);
    OutRecord record;
    while (reader.next(record)) all.push_back(copy_of(record));
    EXPECT_FALSE(reader.failed());
  }
  return all;
}

TEST(Staged, RecordsReadBackAsTheyWereWritten) {
  BlockWriter writer("out", 3, 1000);
  const OutRecord::OutHeader headers[] = {{"a", "1"}, {"none", std::nullopt}, {"empty", ""}};
  std::vector<OutRecord> records(4);
  records[0].key = "k";
  records[0].value = std::string_view("v\0w", 3);
  records[1].key = "gone";
  records[2].value = "";
  records[2].partition = 7;
  records[2].timestamp_ms = 1'700'000'000'123;
  records[3].value = "with headers";
  records[3].headers = headers;
  std::vector<Copy> wanted;
  for (const OutRecord& record : records) {
    writer.add(record);
    wanted.push_back(copy_of(record));
  }
  const auto blocks = writer.take(42);
  ASSERT_EQ(blocks.size(), 1U);
  const Block block = Block::parse(blocks[0]).value();
  EXPECT_EQ(block.shard(), 3U);
  EXPECT_EQ(block.topic(), "out");
  EXPECT_EQ(block.records(), 4U);
  EXPECT_EQ(block.progress(), (Progress{42, 1}));
  EXPECT_EQ(records_of(blocks), wanted);
}

TEST(Staged, BlocksOfACheckpointAreNumberedAndNewOnesBeginAnew) {
  BlockWriter writer("out", 0, 100);
  std::string value(60, 'x');
  OutRecord record;
  record.value = value;
  for (int i = 0; i < 5; ++i) writer.add(record);
  const auto first = writer.take(1);
  ASSERT_GT(first.size(), 1U);
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(Block::parse(first[i])->progress(), (Progress{1, static_cast<std::uint32_t>(i + 1)}));
  }
  EXPECT_EQ(records_of(first).size(), 5U);
  EXPECT_TRUE(writer.take(2).empty());
  writer.add(record);
  EXPECT_EQ(Block::parse(writer.take(3).at(0))->progress(), (Progress{3, 1}));
}

TEST(Staged, ProgressGrowsWithCheckpointThenBlock) {
  EXPECT_LT((Progress{1, 9}), (Progress{2, 1}));
  EXPECT_LT((Progress{2, 1}), (Progress{2, 2}));
}

TEST(Staged, WhatIsNotABlockIsRefused) {
  EXPECT_FALSE(Block::parse("").ok());
  EXPECT_FALSE(Block::parse(std::string(40, '\x7f')).ok());
  BlockWriter writer("out", 0, 100);
  OutRecord record;
  record.value = "value";
  writer.add(record);
  const std::string bytes = writer.take(1).at(0);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string part = bytes.substr(0, size);
    auto block = Block::parse(part);
    if (!block.ok()) continue;
    Block::Reader reader(*block);
    while (reader.next(record)) {
    }
    EXPECT_TRUE(reader.failed()) << "cut at " << size;
  }
}

}  // namespace
}  // namespace weir::kafka::detail
