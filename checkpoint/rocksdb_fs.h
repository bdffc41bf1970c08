// The one door between RocksDB and the outside: an Env that knows a single file, which is ours.
// RocksDB writes its table into an AppendFile, or reads it from a ReadFile, and reaches nothing
// else; so the simulator's storage works below it, and the content hash is made while the bytes
// pass. Internal to checkpoint/. Called on I/O threads; an env belongs to the one writer or reader
// it serves.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>

#include <rocksdb/env.h>
#include <rocksdb/options.h>

#include "weir/base/hash.h"
#include "weir/base/result.h"
#include "weir/base/storage.h"

namespace weir {

/// A file being written by RocksDB, with what has passed through so far. The first error stays,
/// with our own code (disk_full, fsync_failed), which RocksDB's status would lose.
struct TableSink {
  std::unique_ptr<AppendFile> file;
  std::uint64_t size_bytes = 0;
  ContentHasher hasher;
  std::optional<Error> error;
};

/// A file being read by RocksDB. The first error stays.
struct TableSource {
  std::unique_ptr<ReadFile> file;
  std::optional<Error> error;
};

/// An env in which every path is `sink`'s file. `sink` must outlive the env.
std::unique_ptr<rocksdb::Env> make_sink_env(TableSink& sink);
/// An env in which every path is `source`'s file. `source` must outlive the env.
std::unique_ptr<rocksdb::Env> make_source_env(TableSource& source);

/// Syncs and closes `sink`'s file, remembering an error: the failpoints of a run lie in here.
Status sync_and_close(TableSink& sink);

/// How all runs are written and read: no compression, no filter, no cache; the reasons with figures
/// are in README.md.
rocksdb::Options table_options(rocksdb::Env& env);

}  // namespace weir
