// What the tests of checkpoint/ share: small runs, manifests over them, and damage.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/log.h"
#include "weir/base/storage.h"
#include "weir/checkpoint/store.h"

namespace weir::testing {

/// Key to value, or to nothing for a tombstone.
using Rows = std::map<std::string, std::optional<std::string>>;

/// Unwraps a Result in a test; a failure ends the test program with its message.
template <class T>
T must(Result<T> result) {
  return std::move(result).value();
}
inline void must(Status status) { WEIR_CHECK(status.ok(), status.error().message.c_str()); }

inline Rows random_rows(Random& random, std::size_t count, std::uint64_t key_space) {
  Rows rows;
  for (std::size_t i = 0; i < count; ++i) {
    std::string key = "k" + std::to_string(random.below(key_space));
    if (random.chance(0.2)) key.insert(random.below(key.size() + 1), 1, '\0');
    if (random.chance(0.25)) {
      rows[key] = std::nullopt;
    } else {
      rows[key] = std::string(random.below(40), static_cast<char>(random.below(256)));
    }
  }
  return rows;
}

inline Result<RunInfo> write_run(Storage& storage, const std::string& folder,
                                 const std::string& file, const Rows& rows) {
  WEIR_ASSIGN(const auto writer, RunWriter::create(storage, folder, file));
  for (const auto& [key, value] : rows) {
    WEIR_TRY(value ? writer->put(key, *value) : writer->erase(key));
  }
  return writer->finish();
}

/// All rows from `from` on.
inline Rows read_rows(RowCursor& cursor, const std::string& from = {}) {
  Rows rows;
  must(cursor.seek(from));
  while (cursor.valid()) {
    const std::string key(cursor.key());
    EXPECT_TRUE(rows.empty() || rows.rbegin()->first < key) << "keys must rise";
    rows[key] = cursor.tombstone() ? std::nullopt : std::optional(std::string(cursor.value()));
    must(cursor.next());
  }
  return rows;
}

/// A manifest of one step, "count", whose two subtasks hold `state` (the first gets the odd ones).
inline Manifest make_manifest(CheckpointId id, const std::vector<RunInfo>& state) {
  Manifest manifest;
  manifest.job = "test";
  manifest.run_id = "run-1";
  manifest.id = id;
  manifest.attempt = "a1";
  manifest.completed_at = from_millis(1'600'000'000'123);
  StepManifest step;
  step.name = "count";
  step.kind = "process";
  step.parallelism = 2;
  step.subtasks.resize(2);
  for (std::uint32_t i = 0; i < 2; ++i) {
    step.subtasks[i].index = i;
    step.subtasks[i].groups = key_groups_of(i, 2, manifest.max_parallelism);
  }
  for (std::size_t i = 0; i < state.size(); ++i) step.subtasks[i % 2].state.push_back(state[i]);
  manifest.steps.push_back(std::move(step));
  return manifest;
}

/// Gives `path` other bytes.
inline void overwrite(Storage& storage, const std::string& path, const std::string& bytes) {
  const auto file = must(storage.create(path));
  must(file->append(bytes));
  must(file->sync());
  must(file->close());
}

/// Keeps expected warnings out of a test's output.
struct QuietLog {
  QuietLog() { set_log_level(LogLevel::off); }
  ~QuietLog() { set_log_level(LogLevel::info); }
};

/// A store in memory, with a way to write runs as a task of attempt "a1" would.
class StoreTest : public ::testing::Test {
 protected:
  StoreTest() { reopen(); }

  void reopen() { store_ = must(CheckpointStore::open(storage_, "state")); }
  RunInfo add_run(const std::string& file, const Rows& rows = {{"key", "value"}}) {
    return must(write_run(storage_, store_->runs_folder(), file, rows));
  }
  std::vector<std::string> names_in(const std::string& folder) {
    std::vector<std::string> names;
    for (const StorageEntry& entry : must(storage_.list(folder))) names.push_back(entry.name);
    return names;
  }

  QuietLog quiet_;
  MemoryStorage storage_;
  std::unique_ptr<CheckpointStore> store_;
};

}  // namespace weir::testing
