// Row buffers: rows come out sorted, and of a row and a tombstone for one key the row wins.
#include "weir/runtime/row_buffer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <map>
#include <set>

#include "weir/base/clock.h"

namespace weir {
namespace {

void put(RowBuffer& rows, std::uint64_t hash, const std::string& key, const std::string& value) {
  rows.begin(hash);
  rows.bytes().append(key);
  rows.key_done();
  rows.bytes().append(value);
  rows.row_done();
}
void erase(RowBuffer& rows, std::uint64_t hash, const std::string& key) {
  rows.begin(hash);
  rows.bytes().append(key);
  rows.tombstone_done();
}

std::map<std::string, std::string> written(RowBuffer& rows) {
  MemoryStorage storage;
  EXPECT_TRUE(storage.make_dirs("/r").ok());
  auto writer = RunWriter::create(storage, "/r", "run");
  EXPECT_TRUE(rows.write_to(**writer).ok());
  const auto info = (*writer)->finish();
  auto cursor = open_run(storage, "/r", *info);
  EXPECT_TRUE((*cursor)->seek("").ok());
  std::map<std::string, std::string> content;
  while ((*cursor)->valid()) {
    content[std::string((*cursor)->key())] =
        (*cursor)->tombstone() ? "(gone)" : std::string((*cursor)->value());
    EXPECT_TRUE((*cursor)->next().ok());
  }
  return content;
}

std::string row_key(std::uint64_t hash, const std::string& key) {
  std::string bytes;
  ByteWriter(bytes).big_endian64(hash);
  return bytes + key;
}

TEST(RowBuffer, EqualsAMapOfTheSameRows) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    RowBuffer rows;
    std::map<std::string, std::string> model;
    for (int i = 0; i < 2000; ++i) {
      const std::uint64_t hash = random.below(300) << 40;
      const std::string key = "k" + std::to_string(random.below(3));
      const std::string full = row_key(hash, key);
      if (model.contains(full) && model[full] != "(gone)") continue;
      if (random.chance(0.3)) {
        erase(rows, hash, key);
        model.try_emplace(full, "(gone)");
      } else {
        const std::string value(random.below(random.chance(0.01) ? 200'000 : 30), 'v');
        put(rows, hash, key, value);
        model[full] = value;
      }
    }
    EXPECT_EQ(written(rows), model);
    EXPECT_EQ(written(rows), model) << "a failed write can be repeated";
  }
}

/// What a table of numbers hands over: the state as it lies in memory.
struct Pair {
  std::uint32_t first = 0, second = 0;
};
const RawRows kPairs{sizeof(Pair), [](std::uint64_t, const char* raw, char* to) {
                       Pair pair;
                       std::memcpy(&pair, raw, sizeof pair);
                       const std::string key = "k", value = std::to_string(pair.first) + "/" +
                                                            std::to_string(pair.second);
                       std::memcpy(to, key.data(), key.size());
                       std::memcpy(to + key.size(), value.data(), value.size());
                       return std::pair(key.size(), value.size());
                     }};

TEST(RowBuffer, RowsOfASweepAndOthersComeTogether) {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    RowBuffer rows;
    std::map<std::string, std::string> model;
    // Hashes of a sweep rise; those of rows out of turn and of what is erased do not. Some hashes
    // have several rows, whose keys need not be in order.
    std::set<std::uint64_t> taken;
    std::uint64_t at = 1;
    for (int i = 0; i < 5000; ++i) {
      rows.in_order(random.chance(0.7));
      const bool sweep = random.chance(0.7);
      std::uint64_t hash = sweep ? (at += random.below(50)) : random.below(300'000);
      hash <<= 40;
      const std::string value(random.below(30), 'v');
      if (random.chance(0.4)) {
        if (!taken.insert(hash).second) continue;
        const Pair pair{static_cast<std::uint32_t>(random.below(1000)), 7};
        rows.add_raw(hash, pair, kPairs);
        model[row_key(hash, "k")] = std::to_string(pair.first) + "/7";
        continue;
      }
      const std::string key = "c" + std::to_string(random.below(3));
      const std::string full = row_key(hash, key);
      if (model.contains(full) && model[full] != "(gone)") continue;
      if (random.chance(0.2)) {
        erase(rows, hash, key);
        model.try_emplace(full, "(gone)");
      } else {
        rows.add(hash, key, value);
        model[full] = value;
      }
    }
    RowBuffer moved = std::move(rows);
    EXPECT_EQ(written(moved), model);
    EXPECT_EQ(written(moved), model) << "a failed write can be repeated";
  }
}

TEST(RowBuffer, TakesRowsLargerThanItsBlocks) {
  RowBuffer rows;
  rows.in_order(true);
  const std::string large(3 << 20, 'x');
  rows.add(1, "a", "small");
  rows.add(2, "b", large);
  rows.add(3, "c", "small");
  EXPECT_GT(rows.size_bytes(), large.size());
  const auto content = written(rows);
  EXPECT_EQ(content.at(row_key(2, "b")), large);
  EXPECT_EQ(content.size(), 3u);
}

TEST(RowBuffer, MayBeEmpty) {
  RowBuffer rows;
  EXPECT_TRUE(rows.empty());
  EXPECT_TRUE(written(rows).empty());
}

}  // namespace
}  // namespace weir
