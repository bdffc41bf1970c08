// Does a keyed table keep to its memory budget: with states that have memory of their own, after
// snapshots that failed, and within its range of hashes?
#include <gtest/gtest.h>

#include "weir/base/clock.h"
#include "weir/runtime/keyed_restore.h"
#include "weir/runtime/keyed_table.h"

namespace weir {
namespace {

/// A table with the runs of its snapshots.
template <class S>
class Budgeted {
 public:
  using Table = KeyedTable<std::int64_t, S>;

  explicit Budgeted(std::uint64_t budget) : budget_(budget) {
    EXPECT_TRUE(storage_.make_dirs("/runs").ok());
    EXPECT_TRUE(loader_.open(to_json(schema_of<std::int64_t>()), to_json(schema_of<S>())).ok());
    table_ = make(0, UINT64_MAX);
  }
  std::unique_ptr<Table> make(std::uint64_t first, std::uint64_t last) {
    auto table = std::make_unique<Table>(first, last);
    table->limit_memory(
        budget_, [this](Table& t, const StoredRow& row) { return loader_.load(t, row); },
        [](typename Table::Entry&) {});
    return table;
  }
  Table& table() { return *table_; }
  const std::vector<std::shared_ptr<RunLookup>>& runs() const { return runs_; }

  /// Puts `value` under the next `count` keys.
  void insert(int count, const S& value) {
    for (; count > 0; --count) put(++key_, value);
  }
  void put(std::int64_t key, const S& value) {
    bool created = false;
    auto& entry = table_->upsert(hash_key(key), key, created);
    table_->touch(entry);
    entry.value() = value;
  }
  /// Returns the number of its pieces. `between` runs after each slice.
  int snapshot(const std::function<void()>& between = [] {}) {
    table_->begin_snapshot();
    int pieces = 0;
    for (bool whole = false; !whole; between()) {
      RowBuffer rows;
      whole = table_->snapshot_slice(rows, 2048);
      if (rows.empty()) continue;
      ++pieces;
      auto writer =
          RunWriter::create(storage_, "/runs", "r" + std::to_string(runs_.size()), rows.rows());
      EXPECT_TRUE(writer.ok() && rows.write_to(**writer).ok());
      auto run = (*writer)->finish();
      EXPECT_TRUE(run.ok());
      auto opened = RunLookup::open(storage_, "/runs", *run);
      EXPECT_TRUE(opened.ok());
      runs_.push_back(std::move(*opened));
    }
    table_->set_runs(runs_, true);
    return pieces;
  }

 private:
  std::uint64_t budget_;
  MemoryStorage storage_;
  KeyedRowLoader<std::int64_t, S> loader_;
  std::unique_ptr<Table> table_;
  std::vector<std::shared_ptr<RunLookup>> runs_;
  std::int64_t key_ = 0;
};

constexpr std::uint64_t kBudget = 8 << 20;
constexpr std::size_t kTextBytes = 1000;

TEST(KeyedBudget, CountsTheMemoryOfTextsBeforeTheFirstSnapshotAndAfterOthers) {
  Budgeted<std::string> state(kBudget);
  const std::string text(kTextBytes, 'x');
  std::size_t until_asked = 0;
  for (; until_asked < 200 && !state.table().wants_snapshot(); ++until_asked) {
    state.insert(1000, text);
  }
  EXPECT_LE(until_asked * 1000 * kTextBytes, 2 * kBudget);
  state.snapshot();
  for (int round = 0; round < 40; ++round) {
    state.insert(2000, text);
    state.snapshot();
  }
  EXPECT_LE(state.table().size() * kTextBytes, 2 * kBudget);

  const auto later = state.make(0, UINT64_MAX);  // the same, brought back in the background
  later->set_runs(state.runs(), true);
  later->begin_cold();
  for (std::uint64_t cursor = 0; !later->load_slice(cursor, UINT64_MAX, 2048);) {
  }
  EXPECT_LE(later->size() * kTextBytes, 2 * kBudget);
}

TEST(KeyedBudget, StatesThatGrowWithoutNewKeysLeaveToo) {
  Budgeted<std::string> state(kBudget);
  constexpr int kKeys = 20'000;
  state.insert(kKeys, "small");
  state.snapshot();
  ASSERT_EQ(state.table().size(), static_cast<std::size_t>(kKeys));
  for (std::int64_t key = 1; key <= kKeys; ++key) state.put(key, std::string(kTextBytes, 'x'));
  for (int round = 0; round < 4; ++round) state.snapshot();
  EXPECT_LE(state.table().size() * kTextBytes, 2 * kBudget);
}

TEST(KeyedBudget, AsksAgainAfterASnapshotThatWasNotStored) {
  Budgeted<std::int64_t> state(100'000);
  state.insert(5000, 1);
  ASSERT_TRUE(state.table().wants_snapshot());
  state.table().begin_snapshot();
  RowBuffer rows;
  while (!state.table().snapshot_slice(rows, 2048)) {
  }
  state.table().set_runs({}, /*all_stored=*/false, /*storing=*/true);
  state.insert(1000, 1);
  state.table().set_runs({}, /*all_stored=*/false);  // its rows wait for the next one
  state.insert(20'000, 1);
  EXPECT_TRUE(state.table().is_full());
  EXPECT_TRUE(state.table().wants_snapshot());
}

/// A subtask that takes half of an old one's keys has the old one's runs at first.
TEST(KeyedBudget, ASweepOverRunsOfOtherSubtasksKeepsToItsRange) {
  Budgeted<std::int64_t> old(50'000);
  old.insert(1000, 1);
  old.snapshot();
  const std::uint64_t first = UINT64_MAX / 2 + 1;
  const auto table = old.make(first, UINT64_MAX);
  for (std::int64_t k = 1; k <= 1000; ++k) {
    if (hash_key(k) >= first) table->mark_stored(table->place(hash_key(k), k));
  }
  table->mark_all_changed();
  table->set_runs(old.runs(), true);
  for (std::int64_t k = 2000; k < 9000; ++k) {
    bool created = false;
    if (hash_key(k) >= first) table->touch(table->upsert(hash_key(k), k, created));
  }
  std::uint64_t cursor = 0;
  std::size_t own = 0, foreign = 0;
  while (!table->sweep(cursor, 1024, [&](auto& e) { ++(e.hash < first ? foreign : own); })) {
  }
  EXPECT_EQ(foreign, 0u);
  EXPECT_GE(own, table->size());
}

TEST(KeyedBudget, ASnapshotIsNotMadeOfCrumbs) {
  for (const std::uint64_t budget : {32ull << 20, 48ull << 20, 256ull << 20}) {
    SCOPED_TRACE(budget);
    Budgeted<std::int64_t> state(budget);
    state.insert(300'000, 1);
    std::int64_t key = 0;
    EXPECT_LE(state.snapshot([&] { state.put(++key, 2); }), 20);
  }
}

}  // namespace
}  // namespace weir
