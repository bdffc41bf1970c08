// How tables are laid out. The figures behind each choice are in README.md; changing one needs no
// new format version, since every table names its own options.
#include <rocksdb/table.h>

#include "weir/checkpoint/rocksdb_fs.h"

namespace weir {
namespace {

std::shared_ptr<rocksdb::TableFactory> make_table_factory() {
  rocksdb::BlockBasedTableOptions table;
  table.format_version = 5;
  table.block_size = 64 * 1024;
  table.no_block_cache = true;  // a run is read once, from its start to its end, or at a few keys
  table.filter_policy = nullptr;
  table.checksum = rocksdb::kXXH3;
  table.enable_index_compression = false;
  return std::shared_ptr<rocksdb::TableFactory>(rocksdb::NewBlockBasedTableFactory(table));
}

}  // namespace

rocksdb::Options table_options(rocksdb::Env& env) {
  // Shared by all runs of the process: it is immutable, and building it costs more than a small
  // run.
  static const std::shared_ptr<rocksdb::TableFactory> factory = make_table_factory();
  rocksdb::Options options;
  options.env = &env;
  options.comparator = rocksdb::BytewiseComparator();
  options.table_factory = factory;
  options.compression = rocksdb::kNoCompression;
  options.db_host_id.clear();  // a savepoint does not tell where it was made

  options.bottommost_compression = rocksdb::kDisableCompressionOption;
  return options;
}

}  // namespace weir
