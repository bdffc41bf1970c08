// The keyed table against plain maps: whatever happens between the slices of a snapshot, the rows
// of all snapshots together are the state at the last barrier.
#include "weir/runtime/keyed_table.h"

#include <gtest/gtest.h>

#include <array>
#include <map>

#include "weir/base/clock.h"
#include "weir/base/key.h"
#include "weir/runtime/keyed_restore.h"

namespace weir {
namespace {

struct Bag {
  std::int64_t n = 0;
  MapState<std::int64_t, std::int64_t> items;
  ListState<std::int64_t> log;
};
WEIR_DESCRIBE(Bag, n, items, log);

struct Plain {
  std::int64_t n = 0;
  std::map<std::int64_t, std::int64_t> items;
  std::vector<std::int64_t> log;
  friend bool operator==(const Plain&, const Plain&) = default;
};

Plain plain(const Bag& bag) {
  Plain p;
  p.n = bag.n;
  bag.items.for_each([&](std::int64_t k, std::int64_t v) { p.items[k] = v; });
  bag.log.for_each([&](std::int64_t v) { p.log.push_back(v); });
  return p;
}

template <class K>
K make_key(std::uint64_t n) {
  if constexpr (std::is_same_v<K, std::string>)
    return "key " + std::to_string(n);
  else
    return static_cast<K>(n * 1'000'003);
}

/// A table, its model, and all runs that its snapshots have written.
template <class K>
class Checked {
 public:
  using Table = KeyedTable<K, Bag>;

  explicit Checked(std::uint64_t seed) : random_(seed), table_(0, UINT64_MAX) {
    EXPECT_TRUE(storage_.make_dirs("/runs").ok());
  }

  void change(std::uint64_t keys) {
    const K key = make_key<K>(random_.below(keys));
    const std::uint64_t hash = hash_key(key);
    if (random_.chance(0.15)) {
      auto* entry = table_.find(hash, key);
      ASSERT_EQ(entry != nullptr, model_.contains(key));
      if (entry != nullptr) table_.erase(*entry);
      model_.erase(key);
      return;
    }
    bool created = false;
    auto& entry = table_.upsert(hash, key, created);
    ASSERT_EQ(created, !model_.contains(key));
    table_.touch(entry);
    change(entry.value(), model_[key]);
  }

  void change(Bag& bag, Plain& p) {
    const auto item = static_cast<std::int64_t>(random_.below(6));
    ++bag.n;
    ++p.n;
    switch (random_.below(8)) {
      case 0:
      case 1:
        bag.items.put(item, bag.n);
        p.items[item] = p.n;
        break;
      case 2:
        bag.items.erase(item);
        p.items.erase(item);
        break;
      case 3:
      case 4:
        bag.log.push_back(item);
        p.log.push_back(item);
        break;
      case 5:
        if (p.log.empty()) break;
        bag.log.pop_front();
        p.log.erase(p.log.begin());
        break;
      case 6:
        if (!random_.chance(0.2)) break;
        bag.log.clear();
        bag.items.clear();
        p.log.clear();
        p.items.clear();
        break;
      default:
        if (p.log.empty()) break;
        bag.log.change(p.log.size() - 1) = -item;
        p.log.back() = -item;
    }
  }

  void begin() {
    table_.begin_snapshot();
    at_barrier_ = model_;
  }
  /// True when the snapshot is whole; then checks what all runs give.
  bool slice() {
    RowBuffer rows;
    if (!table_.snapshot_slice(rows, 1 + random_.below(40))) return false;
    const std::string file = "r" + std::to_string(runs_.size());
    auto writer = RunWriter::create(storage_, "/runs", file);
    EXPECT_TRUE(writer.ok());
    EXPECT_TRUE(rows.write_to(**writer).ok());
    auto run = (*writer)->finish();
    EXPECT_TRUE(run.ok());
    runs_.push_back(*run);
    check();
    return true;
  }
  void check_live() {
    ASSERT_EQ(table_.size(), model_.size());
    std::uint64_t last = 0;
    std::size_t count = 0;
    table_.for_each([&](auto& entry) {
      EXPECT_GE(entry.hash, last);
      last = entry.hash;
      ++count;
      EXPECT_EQ(plain(entry.value()), model_.at(K(entry.key())));
    });
    EXPECT_EQ(count, model_.size());
  }
  Random& random() { return random_; }

 private:
  void check() {
    std::vector<std::unique_ptr<RowCursor>> newest_first;
    for (auto run = runs_.rbegin(); run != runs_.rend(); ++run) {
      auto cursor = open_run(storage_, "/runs", *run);
      ASSERT_TRUE(cursor.ok()) << cursor.error().message;
      newest_first.push_back(std::move(*cursor));
    }
    auto rows = merge_cursors(std::move(newest_first), true);
    Table restored(0, UINT64_MAX);
    KeyedRowLoader<K, Bag> loader;
    ASSERT_TRUE(loader.open(to_json(schema_of<K>()), to_json(schema_of<Bag>())).ok());
    const Status status = restore_rows(
        *rows, "step", [&](const StoredRow& row) { return loader.load(restored, row); });
    ASSERT_TRUE(status.ok()) << status.error().message;
    std::map<K, Plain> got;
    restored.for_each([&](auto& entry) { got[K(entry.key())] = plain(entry.value()); });
    ASSERT_EQ(got.size(), at_barrier_.size());
    ASSERT_TRUE(got == at_barrier_);
  }

  Random random_;
  Table table_;
  std::map<K, Plain> model_, at_barrier_;
  MemoryStorage storage_;
  std::vector<RunInfo> runs_;
};

template <class K>
void run_random(std::uint64_t seed, std::uint64_t keys) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  Checked<K> checked(seed);
  for (int snapshot = 0; snapshot < 12; ++snapshot) {
    const std::uint64_t before = checked.random().below(keys * 2);
    for (std::uint64_t i = 0; i < before; ++i) checked.change(keys);
    checked.begin();
    while (!checked.slice()) {
      for (std::uint64_t i = checked.random().below(keys); i > 0; --i) checked.change(keys);
    }
    if (::testing::Test::HasFatalFailure()) return;
    checked.check_live();
  }
}

TEST(KeyedTable, SnapshotsGiveTheStateAtTheirBarrierWithTextKeys) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) run_random<std::string>(seed, 60);
  run_random<std::string>(5, 900);
}

TEST(KeyedTable, SnapshotsGiveTheStateAtTheirBarrierWithNumbersAsKeys) {
  for (std::uint64_t seed = 11; seed <= 14; ++seed) run_random<std::int64_t>(seed, 60);
  run_random<std::int64_t>(15, 900);
}

TEST(KeyedTable, GrowsFarAndFindsAll) {
  KeyedTable<std::int64_t, std::int64_t> table(0, UINT64_MAX);
  bool created = false;
  for (std::int64_t k = 0; k < 50'000; ++k) {
    auto& entry = table.upsert(hash_key(k), k, created);
    ASSERT_TRUE(created);
    table.touch(entry);
    entry.value() = k * 3;
  }
  for (std::int64_t k = 0; k < 50'000; k += 2) table.erase(*table.find(hash_key(k), k));
  EXPECT_EQ(table.size(), 25'000u);
  for (std::int64_t k = 0; k < 50'000; ++k) {
    auto* entry = table.find(hash_key(k), k);
    ASSERT_EQ(entry != nullptr, k % 2 == 1) << k;
    if (entry != nullptr) {
      EXPECT_EQ(entry->value(), k * 3);
    }
  }
}

// Entries in the order of hashes crowd at one end of a table that is too small: without `expect`
// this takes time by the square of their number, hours instead of a fraction of a second.
TEST(KeyedTable, TakesEntriesInTheOrderOfHashes) {
  std::vector<std::uint64_t> hashes;
  for (std::int64_t k = 0; k < 2'000'000; ++k) hashes.push_back(hash_key(k));
  std::sort(hashes.begin(), hashes.end());
  KeyedTable<std::int64_t, std::int64_t> table(0, UINT64_MAX);
  std::size_t n = 0;
  for (const std::uint64_t hash : hashes) {
    table.place(hash, 0);
    if (++n % 256 == 0) table.expect(n, hash);
  }
  EXPECT_EQ(table.size(), hashes.size());
  std::size_t seen = 0;
  table.for_each([&](auto& entry) { EXPECT_EQ(entry.hash, hashes[seen++]); });
}

TEST(KeyedTable, KeepsToItsRangeOfHashes) {
  // A narrow range, as that of one subtask among many: most of the 64 bits are the same.
  const std::uint64_t first = 0x4000'0000'0000'0000ull, last = 0x40ff'ffff'ffff'ffffull;
  KeyedTable<std::string, std::int64_t> table(first, last);
  std::map<std::string, std::int64_t> model;
  for (int i = 0; model.size() < 2000; ++i) {
    const std::string key = "k" + std::to_string(i);
    const std::uint64_t hash = hash_key(key);
    if (hash < first || hash > last) continue;
    bool created = false;
    auto& entry = table.upsert(hash, key, created);
    table.touch(entry);
    entry.value() = model[key] = i;
  }
  for (const auto& [key, value] : model) {
    auto* entry = table.find(hash_key(key), key);
    ASSERT_NE(entry, nullptr);
    EXPECT_EQ(entry->value(), value);
  }
}

// Far enough for the table to grow where it lies, several times, with erasures in between.
TEST(KeyedTable, ErasesByTestInSlicesWhileItGrows) {
  Random random(5);
  KeyedTable<std::int64_t, std::array<std::int64_t, 3>> table(0, UINT64_MAX);
  std::map<std::uint64_t, std::int64_t> model;  // value by hash
  std::uint64_t cursor = 0;
  for (int round = 0; round < 30; ++round) {
    for (int i = 0; i < 20'000; ++i) {
      const auto key = static_cast<std::int64_t>(random.next());
      bool created = false;
      table.upsert(hash_key(key), key, created).value()[0] = round;
      model[hash_key(key)] = round;
    }
    const std::uint64_t last = cursor + (UINT64_MAX - cursor) / (1 + random.below(3));
    const std::uint64_t begin = cursor;
    std::size_t slices = 1;
    const auto old = [&](auto& entry) { return entry.value()[0] < round - 8; };
    while (!table.erase_if(cursor, last, 5000, old)) ++slices;
    EXPECT_GT(slices, last - begin > UINT64_MAX / 2 ? 1u : 0u);
    std::erase_if(model, [&](const auto& e) {
      return e.first >= begin && e.first <= last && e.second < round - 8;
    });
    cursor = last == UINT64_MAX ? 0 : last + 1;
    ASSERT_EQ(table.size(), model.size());
    if (round % 6 != 5) continue;
    auto expected = model.begin();
    table.for_each([&](auto& entry) {
      ASSERT_EQ(entry.hash, expected->first);
      ASSERT_EQ(entry.value()[0], expected->second);
      ASSERT_EQ(table.find(entry.hash, entry.key()), &entry);
      ++expected;
    });
  }
}

// What comes and goes behind the cursor has had its turn; everything else gets exactly one.
TEST(KeyedTable, ASweepMeetsEachEntryOnceWhileTheTableGrows) {
  Random random(9);
  KeyedTable<std::int64_t, std::int64_t> table(0, UINT64_MAX);
  bool created = false;
  for (std::int64_t k = 0; k < 3000; ++k) table.upsert(hash_key(k), k, created);
  std::map<std::int64_t, int> met;
  std::uint64_t cursor = 0;
  std::int64_t next = 3000;
  const auto count = [&](auto& entry) { ++met[entry.key()]; };
  while (!table.sweep(cursor, 50, count)) {
    for (int i = 0; i < 100; ++i, ++next) {
      table.upsert(hash_key(next), next, created);
      if (hash_key(next) < cursor) met[next] = 1;
    }
  }
  EXPECT_EQ(met.size(), static_cast<std::size_t>(next));
  for (const auto& [key, times] : met) ASSERT_EQ(times, 1) << key;
}

TEST(KeyedTable, SweepsOverAnEmptiedTableComeInSlices) {
  KeyedTable<std::int64_t, std::int64_t> table(0x4000'0000'0000'0000ull, 0x7fff'ffff'ffff'ffffull);
  std::vector<std::int64_t> keys;
  bool created = false;
  for (std::int64_t k = 0; keys.size() < 40'000; ++k) {
    if (hash_key(k) >> 62 != 1) continue;
    table.upsert(hash_key(k), k, created);
    keys.push_back(k);
  }
  std::size_t left = 0;
  for (const std::int64_t k : keys) {
    if (k % 1000 == 0)
      ++left;
    else
      table.erase(*table.find(hash_key(k), k));
  }
  std::size_t met = 0, slices = 1;
  std::uint64_t cursor = 0;
  while (!table.sweep(cursor, 50, [&](auto&) { ++met; })) ++slices;
  EXPECT_EQ(met, left);
  EXPECT_GT(slices, 40'000u / (50 * 16));

  table.for_each([&](auto& entry) { table.touch(entry); });
  table.begin_snapshot();
  RowBuffer rows;
  slices = 1;
  while (!table.snapshot_slice(rows, 5)) ++slices;
  EXPECT_GE(slices, left / 5);
  EXPECT_LT(slices, 40'000u / (5 * 16)) << "what has not changed is passed over";
  EXPECT_EQ(rows.rows(), left);
}

}  // namespace
}  // namespace weir
