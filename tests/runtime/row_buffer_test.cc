// Row buffers: rows come out sorted, and of a row and a tombstone for one key the row wins.
#include "weir/runtime/row_buffer.h"

#include <gtest/gtest.h>

#include <map>

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

TEST(RowBuffer, MayBeEmpty) {
  RowBuffer rows;
  EXPECT_TRUE(rows.empty());
  EXPECT_TRUE(written(rows).empty());
}

}  // namespace
}  // namespace weir
