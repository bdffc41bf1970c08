// Look-ups against std::map, and runs that are damaged after they were opened.
#include "weir/checkpoint/run_lookup.h"

#include <gtest/gtest.h>

#include "tests/checkpoint/fixture.h"
#include "weir/base/bytes.h"

namespace weir {
namespace {

using testing::must;
using testing::Rows;

std::string key_of(std::uint64_t word, const std::string& rest) {
  std::string key;
  ByteWriter(key).big_endian64(word);
  return key + rest;
}

class RunLookupTest : public ::testing::Test {
 protected:
  RunLookupTest() { must(storage_.make_dirs("runs")); }
  std::unique_ptr<RunLookup> open(const Rows& rows, bool with_filter) {
    const auto writer =
        must(RunWriter::create(storage_, "runs", "r.run", with_filter ? rows.size() : 0));
    for (const auto& [key, value] : rows) {
      must(value ? writer->put(key, *value) : writer->erase(key));
    }
    info_ = must(writer->finish());
    return must(RunLookup::open(storage_, "runs", info_));
  }
  static Rows with_word(RunLookup& run, std::uint64_t word) {
    Rows rows;
    for (must(run.find(word)); run.valid(); must(run.next())) {
      rows[std::string(run.key())] =
          run.tombstone() ? std::nullopt : std::optional(std::string(run.value()));
    }
    return rows;
  }
  MemoryStorage storage_;
  RunInfo info_;
};

/// Words that are spread evenly, bunched together, or at the ends; some with many rows.
Rows random_rows(Random& random, std::vector<std::uint64_t>& words) {
  Rows rows;
  const std::size_t count = 1 + random.below(2000);
  const bool bunched = random.chance(0.3);
  for (std::size_t i = 0; i < count; ++i) {
    std::uint64_t word = bunched ? random.below(500) << 20 : random.next();
    if (random.chance(0.01)) word = random.chance(0.5) ? 0 : UINT64_MAX;
    words.push_back(word);
    const std::size_t repeats = random.chance(0.02) ? random.below(300) : 1;
    for (std::size_t j = 0; j < repeats; ++j) {
      const std::string value(random.below(60), static_cast<char>(random.below(256)));
      rows[key_of(word, std::to_string(j))] =
          random.chance(0.2) ? std::nullopt : std::optional(value);
    }
  }
  return rows;
}

TEST_F(RunLookupTest, FindsAllRowsOfAWordAndNoOther) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    std::vector<std::uint64_t> words;
    const Rows rows = random_rows(random, words);
    const auto run = open(rows, random.chance(0.7));
    for (int i = 0; i < 300; ++i) {
      std::uint64_t word = words[random.below(words.size())];
      if (random.chance(0.3)) word += random.below(3) - 1;
      Rows expected;
      for (auto row = rows.lower_bound(key_of(word, "")); row != rows.end(); ++row) {
        if (row->first.substr(0, 8) != key_of(word, "")) break;
        expected.insert(*row);
      }
      ASSERT_EQ(with_word(*run, word), expected) << word;
      if (!expected.empty()) {
        EXPECT_TRUE(run->may_hold(word));
      }
    }
  }
}

TEST_F(RunLookupTest, TheFilterTellsMostOfWhatIsNotThere) {
  Random random(1);
  Rows rows;
  for (int i = 0; i < 20'000; ++i) rows[key_of(random.next(), "")] = "v";
  const auto run = open(rows, true);
  int passed = 0;
  for (int i = 0; i < 20'000; ++i) passed += run->may_hold(random.next());
  EXPECT_LT(passed, 20'000 * 3 / 100);
}

TEST_F(RunLookupTest, ARunWithoutRowsHoldsNothing) {
  const auto run = open({}, true);
  must(run->find(7));
  EXPECT_FALSE(run->valid());
}

TEST_F(RunLookupTest, ADamagedBlockIsRefusedWhenItIsMet) {
  Random random(2);
  Rows rows;
  for (int i = 0; i < 2000; ++i) rows[key_of(random.next(), "")] = "value";
  open(rows, false);
  std::string bytes = must(read_file(storage_, "runs/r.run"));
  bytes[100] = static_cast<char>(bytes[100] ^ 4);
  testing::overwrite(storage_, "runs/r.run", bytes);
  const auto run = must(RunLookup::open(storage_, "runs", info_));
  int refused = 0;
  for (const auto& [key, value] : rows) {
    const Status found = run->find(run_format::leading_word(key));
    EXPECT_EQ(found.ok(), run->valid());
    if (found.ok()) continue;
    EXPECT_EQ(found.error().code, ErrorCode::corrupt);
    EXPECT_NE(found.error().message.find("r.run"), std::string::npos);
    ++refused;
  }
  EXPECT_GT(refused, 10);
  EXPECT_LT(refused, 1000);
}

TEST_F(RunLookupTest, ADamagedIndexIsRefusedAtOnce) {
  open({{key_of(1, "a"), "x"}, {key_of(2, "b"), std::nullopt}}, true);
  const std::string bytes = must(read_file(storage_, "runs/r.run"));
  const std::size_t rows = 2 * (2 + 9) + 1 + run_format::kHashBytes;
  for (std::size_t i = rows; i < bytes.size(); ++i) {
    std::string damaged = bytes;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x20);
    testing::overwrite(storage_, "runs/r.run", damaged);
    EXPECT_FALSE(RunLookup::open(storage_, "runs", info_).ok()) << i;
  }
}

/// A file whose hashes are all right, and that no writer wrote.
TEST_F(RunLookupTest, AnIndexOrFilterThatNoWriterWritesIsRefused) {
  const std::string block("\x01\x01k", 3);
  const auto opens = [&](const std::vector<std::string>& firsts, const std::string& filter) {
    std::string bytes, index, footer;
    ByteWriter out(bytes), to_index(index), to_footer(footer);
    for (const std::string& first : firsts) {
      out.raw(block);
      out.little_endian64(run_format::hash64(block));
      to_index.string(first);
      to_index.varint(block.size() + run_format::kHashBytes);
    }
    to_index.raw(filter);
    to_footer.little_endian64(run_format::kMagic);
    for (const std::uint64_t word : {firsts.size(), firsts.size(), index.size() - filter.size(),
                                     filter.size(), run_format::hash64(index)}) {
      to_footer.little_endian64(word);
    }
    to_footer.little_endian64(run_format::hash64(footer));
    testing::overwrite(storage_, "runs/r.run", bytes + index + footer);
    const std::size_t size = bytes.size() + index.size() + footer.size();
    return RunLookup::open(storage_, "runs", {"r.run", size, firsts.size(), {}}).ok();
  };
  EXPECT_TRUE(opens({"k", "l"}, std::string(64, '\xff')));
  EXPECT_TRUE(opens({"k"}, ""));
  EXPECT_FALSE(opens({"k"}, std::string(63, '\xff')));
  EXPECT_FALSE(opens({"l", "k"}, ""));
  EXPECT_FALSE(opens({"k", "k"}, ""));
}

}  // namespace
}  // namespace weir
