// A keyed table with a memory budget beside a plain map: random changes, snapshots, merges of runs,
// sweeps and restores, with much of the state in the runs alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "weir/base/clock.h"
#include "weir/runtime/keyed_restore.h"
#include "weir/runtime/keyed_table.h"

namespace weir {
namespace {

struct Tally {
  std::int64_t count = 0;
  std::string note;
  MapState<std::int64_t, std::int64_t> items;
  BOOST_DESCRIBE_CLASS(Tally, (), (count, note, items), (), ())
};

struct PlainTally {
  std::int64_t count = 0;
  std::string note;
  std::map<std::int64_t, std::int64_t> items;
  friend bool operator==(const PlainTally&, const PlainTally&) = default;
};

PlainTally plain(const Tally& tally) {
  PlainTally out{tally.count, tally.note, {}};
  tally.items.for_each([&](std::int64_t key, std::int64_t value) { out.items[key] = value; });
  return out;
}
std::int64_t plain(std::int64_t count) { return count; }

template <class K>
K make_key(std::uint64_t n) {
  if constexpr (std::is_same_v<K, std::string>)
    return "key " + std::to_string(n);
  else
    return static_cast<K>(n * 1'000'003);
}

/// The table, its model, and its runs as a task would keep them.
template <class K, class S>
class World {
 public:
  using Table = KeyedTable<K, S>;
  using Entry = typename Table::Entry;
  using Plain = decltype(plain(std::declval<S&>()));

  World(std::uint64_t seed, std::uint64_t budget) : random_(seed), budget_(budget) {
    EXPECT_TRUE(storage_.make_dirs("/runs").ok());
    EXPECT_TRUE(loader_.open(to_json(schema_of<K>()), to_json(StateParts<S>::schema())).ok());
    begin_anew();
  }

  /// One random act on one of `keys` keys.
  void act(std::uint64_t keys) {
    const K key = make_key<K>(random_.below(keys));
    const std::uint64_t hash = hash_key(key);
    switch (random_.below(12)) {
      case 0:
      case 1: {
        Entry* entry = table_->find(hash, key);
        ASSERT_EQ(entry != nullptr, model_.contains(key));
        if (entry != nullptr) table_->erase(*entry);
        model_.erase(key);
        return;
      }
      case 2:
      case 3: {
        Entry* entry = table_->find(hash, key);
        ASSERT_EQ(entry != nullptr, model_.contains(key));
        if (entry != nullptr) {
          ASSERT_EQ(plain(entry->value()), model_[key]);
        }
        return;
      }
      case 4: {
        int seen = 0;
        table_->for_hash(hash, [&](Entry& entry) {
          EXPECT_EQ(plain(entry.value()), model_[key]);
          return ++seen > 0;
        });
        ASSERT_EQ(seen, static_cast<int>(model_.contains(key)));
        return;
      }
      default: {
        bool created = false;
        Entry& entry = table_->upsert(hash, key, created);
        ASSERT_EQ(created, !model_.contains(key));
        table_->touch(entry);
        change(entry.value(), model_[key]);
      }
    }
  }

  void begin() {
    table_->begin_snapshot();
    at_barrier_ = model_;
  }
  bool slice() {
    RowBuffer rows;
    const bool whole = table_->snapshot_slice(rows, 1 + random_.below(60));
    if (!rows.empty()) pieces_.push_back(std::move(rows));
    return whole;
  }
  /// The rows of the last snapshot become runs.
  void store() {
    for (RowBuffer& rows : std::exchange(pieces_, {})) {
      write([&](RunWriter& writer) { return rows.write_to(writer); });
    }
    stored_ = at_barrier_;
    if (runs_.size() > 4) merge();
    table_->set_runs(runs_, true);
  }
  void merge() {
    const std::size_t first = random_.below(runs_.size() - 1);
    std::vector<RunInfo> inputs;
    for (std::size_t i = first; i < runs_.size(); ++i) inputs.push_back(runs_[i]->info());
    auto merged = merge_runs(storage_, "/runs", inputs, name(), first == 0);
    ASSERT_TRUE(merged.ok());
    runs_.resize(first);
    runs_.push_back(open(*merged));
  }

  /// Each entry once, as a step that speaks at the end of time does it.
  void check_sweep() {
    std::map<K, Plain> got;
    std::uint64_t cursor = 0;
    while (!table_->sweep(cursor, 1 + random_.below(50), [&](Entry& entry) {
      ASSERT_TRUE(got.emplace(K(entry.key()), plain(entry.value())).second);
    })) {
    }
    ASSERT_TRUE(got == model_);
  }
  /// Erases every third key within a range of hashes.
  void erase_some() {
    const auto bad = [](const K& key) { return hash_key(key) % 3 == 0; };
    const std::uint64_t from = random_.next();
    const std::uint64_t last = from | random_.next();
    std::uint64_t cursor = from;
    while (!table_->erase_if(cursor, last, 1 + random_.below(50),
                             [&](Entry& entry) { return bad(entry.key()); })) {
    }
    std::erase_if(model_, [&](const auto& item) {
      const std::uint64_t hash = hash_key(item.first);
      return from <= hash && hash <= last && bad(item.first);
    });
  }
  /// The process dies: only what has been stored is left, and stays in its runs.
  void restart() {
    model_ = stored_;
    begin_anew();
    table_->set_runs(runs_, true);
    table_->begin_cold();
  }

  Random& random() { return random_; }
  Table& table() { return *table_; }
  std::size_t model_size() const { return model_.size(); }
  int reloaded() const { return reloaded_; }

 private:
  void change(Tally& tally, PlainTally& p) {
    tally.count = ++p.count;
    tally.note = p.note = std::string(random_.below(40), 'x');
    const auto item = static_cast<std::int64_t>(random_.below(5));
    if (random_.chance(0.3)) {
      tally.items.erase(item);
      p.items.erase(item);
    } else {
      tally.items.put(item, p.count);
      p.items[item] = p.count;
    }
  }
  void change(std::int64_t& count, std::int64_t& p) { count = ++p; }

  void begin_anew() {
    table_.emplace(0, UINT64_MAX);
    table_->limit_memory(
        budget_, [this](Table& table, const StoredRow& row) { return loader_.load(table, row); },
        [this](Entry&) { ++reloaded_; });
  }
  std::string name() { return "r" + std::to_string(files_++); }
  template <class Fill>
  void write(Fill&& fill) {
    auto writer = RunWriter::create(storage_, "/runs", name(), random_.chance(0.5) ? 1000 : 0);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE(fill(**writer).ok());
    auto run = (*writer)->finish();
    ASSERT_TRUE(run.ok());
    runs_.push_back(open(*run));
  }
  std::shared_ptr<RunLookup> open(const RunInfo& info) {
    auto opened = RunLookup::open(storage_, "/runs", info);
    EXPECT_TRUE(opened.ok());
    return std::move(*opened);
  }

  Random random_;
  std::uint64_t budget_;
  MemoryStorage storage_;
  KeyedRowLoader<K, S> loader_;
  std::optional<Table> table_;
  std::map<K, Plain> model_, at_barrier_, stored_;
  std::vector<RowBuffer> pieces_;
  std::vector<std::shared_ptr<RunLookup>> runs_;
  int files_ = 0, reloaded_ = 0;
};

template <class K, class S>
void run_random(std::uint64_t seed, std::uint64_t keys, std::uint64_t budget) {
  SCOPED_TRACE("seed " + std::to_string(seed));
  World<K, S> world(seed, budget);
  const auto act = [&](std::uint64_t most) {
    for (std::uint64_t i = world.random().below(most); i > 0; --i) world.act(keys);
  };
  for (int round = 0; round < 30; ++round) {
    act(keys);
    if (world.random().chance(0.3)) world.check_sweep();
    if (world.random().chance(0.3)) world.erase_some();
    world.begin();
    while (!world.slice()) act(40);
    act(keys / 2);  // while the rows are being written
    if (world.random().chance(0.2)) world.check_sweep();
    if (world.random().chance(0.2)) world.erase_some();
    world.store();
    act(keys);
    if (world.random().chance(0.1)) world.restart();
    if (::testing::Test::HasFatalFailure()) return;
  }
  world.check_sweep();
  EXPECT_GT(world.reloaded(), 100) << "hardly anything had left memory";
}

TEST(KeyedCold, AgreesWithAMapWithTextKeysAndCollections) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    run_random<std::string, Tally>(seed, 800, 20'000);
  }
}

TEST(KeyedCold, AgreesWithAMapWithNumbersAsKeys) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    run_random<std::int64_t, std::int64_t>(seed, 3000, 16'000);
  }
}

TEST(KeyedCold, KeepsToItsBudget) {
  World<std::int64_t, std::int64_t> world(7, 100'000);
  std::size_t most = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 1000; ++i) world.act(50'000);
    world.begin();
    while (!world.slice()) {
    }
    world.store();
    most = std::max(most, world.table().size());
  }
  EXPECT_GT(world.model_size(), most * 2);
  EXPECT_LE(most * 24, 120'000u);
}

TEST(KeyedCold, AsksForASnapshotWhenAllHasChanged) {
  World<std::int64_t, std::int64_t> world(3, 50'000);
  EXPECT_FALSE(world.table().wants_snapshot());
  for (int i = 0; i < 5000; ++i) world.act(50'000);
  EXPECT_TRUE(world.table().wants_snapshot());
  world.begin();
  while (!world.slice()) {
  }
  world.store();
  EXPECT_FALSE(world.table().wants_snapshot());
}

TEST(KeyedCold, ThawsABatchAtOnce) {
  World<std::int64_t, std::int64_t> world(5, 1 << 20);
  for (int i = 0; i < 2000; ++i) world.act(500);
  world.begin();
  while (!world.slice()) {
  }
  world.store();
  world.restart();
  EXPECT_EQ(world.table().size(), 0u);
  std::vector<std::uint64_t> hashes;
  for (std::uint64_t n = 0; n < 500; ++n) hashes.push_back(hash_key(make_key<std::int64_t>(n)));
  world.table().thaw(hashes.data(), hashes.size());
  EXPECT_EQ(world.table().size(), world.model_size());
  world.check_sweep();
}

}  // namespace
}  // namespace weir
