// See large_twin.h.
#include "bench/twins/large_twin.h"

#include <rocksdb/cache.h>
#include <rocksdb/db.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <cmath>
#include <cstring>
#include <numeric>

#include "weir/base/check.h"

namespace weir::bench {

LargeKeys::LargeKeys(std::uint64_t keys, double theta)
    : keys_(keys), stride_(keys / 3 * 2 + 1), theta_(theta) {
  while (std::gcd(stride_, keys_) != 1) ++stride_;
  if (theta_ == 0) return;
  for (std::uint64_t i = 1; i <= keys; ++i) zeta_ += std::pow(1.0 / static_cast<double>(i), theta);
  const double two = 1 + std::pow(0.5, theta);
  eta_ = (1 - std::pow(2.0 / static_cast<double>(keys), 1 - theta)) / (1 - two / zeta_);
}

std::uint64_t LargeKeys::fill(std::uint64_t i) const {
  return static_cast<std::uint64_t>(static_cast<unsigned __int128>(i) * stride_ % keys_);
}

double LargeKeys::uniform() {
  state_ ^= state_ << 13;
  state_ ^= state_ >> 7;
  state_ ^= state_ << 17;
  return static_cast<double>(state_ >> 11) * 0x1p-53;
}

std::uint64_t LargeKeys::next() { return fill(rank()); }

std::uint64_t LargeKeys::rank() {
  const double u = uniform();
  const auto n = static_cast<double>(keys_);
  if (theta_ == 0) return static_cast<std::uint64_t>(u * n);
  if (u * zeta_ < 1) return 0;
  if (u * zeta_ < 1 + std::pow(0.5, theta_)) return 1;
  const double rank = n * std::pow(eta_ * u - eta_ + 1, 1 / (1 - theta_));
  return std::min(static_cast<std::uint64_t>(rank), keys_ - 1);
}

namespace {

void must(const rocksdb::Status& status) { WEIR_CHECK(status.ok(), status.ToString().c_str()); }

rocksdb::Slice slice_of(const std::uint64_t& word) {
  return {reinterpret_cast<const char*>(&word), sizeof(word)};
}
rocksdb::Slice slice_of(const LargeTotals& totals) {
  return {reinterpret_cast<const char*>(&totals), sizeof(totals)};
}

rocksdb::Options options_of(std::uint64_t budget_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(budget_bytes / 4 * 3);
  table.cache_index_and_filter_blocks = false;
  rocksdb::Options options;
  options.create_if_missing = true;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.compression = rocksdb::kNoCompression;
  options.write_buffer_size = budget_bytes / 16;
  options.max_write_buffer_number = 4;
  options.max_background_jobs = 2;
  return options;
}

}  // namespace

struct LargeTwin::Database {
  std::unique_ptr<rocksdb::DB> db;
};

LargeTwin::LargeTwin(std::string folder, std::uint64_t keys, std::uint64_t budget_bytes)
    : database_(std::make_unique<Database>()) {
  const rocksdb::Options options = options_of(budget_bytes);
  rocksdb::DB* db = nullptr;
  must(rocksdb::DB::Open(options, folder, &db));
  database_->db.reset(db);
  rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options);
  const std::string file = folder + "/fill.sst";
  must(writer.Open(file));
  for (std::uint64_t key = 0; key < keys; ++key) {
    LargeTotals totals;
    add(totals, 1, 0);
    const std::uint64_t bytes = __builtin_bswap64(key);  // in the order of their bytes
    must(writer.Put(slice_of(bytes), slice_of(totals)));
  }
  must(writer.Finish());
  rocksdb::IngestExternalFileOptions ingest;
  ingest.move_files = true;
  must(db->IngestExternalFile({file}, ingest));
}

LargeTwin::~LargeTwin() = default;

std::uint64_t LargeTwin::update(LargeKeys keys, std::uint64_t updates) {
  rocksdb::WriteOptions write;
  write.disableWAL = true;
  std::uint64_t checksum = 0;
  std::string value;
  for (std::uint64_t i = 0; i < updates; ++i) {
    const std::uint64_t key = __builtin_bswap64(keys.next());
    LargeTotals totals;
    const rocksdb::Status got = database_->db->Get({}, slice_of(key), &value);
    if (!got.IsNotFound()) {
      must(got);
      std::memcpy(&totals, value.data(), sizeof(totals));
    }
    add(totals, i & 255, i);
    checksum += totals.sum + totals.last * totals.count;
    must(database_->db->Put(write, slice_of(key), slice_of(totals)));
  }
  return checksum;
}

}  // namespace weir::bench
