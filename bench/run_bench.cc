// Bench `run`: sorted runs, the files of a checkpoint, beside RocksDB's table files
// (SstFileWriter, SstFileReader) with the same rows: 16 bytes of hash and key, 32 of value.
//
//   run_bench [--json] [--runs N] [--rows MILLIONS]
#include <rocksdb/filter_policy.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/sst_file_reader.h>
#include <rocksdb/sst_file_writer.h>
#include <rocksdb/table.h>

#include <algorithm>
#include <chrono>

#include "bench/report.h"
#include "bench/scratch.h"
#include "weir/base/bytes.h"
#include "weir/base/hash.h"
#include "weir/checkpoint/run_lookup.h"

namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t kFinds = 200'000, kSmallRuns = 200, kSmallRows = 10;

template <class T>
T must(weir::Result<T> result) {
  WEIR_CHECK(result.ok(), result.ok() ? "" : result.error().message.c_str());
  return std::move(result).value();
}
void must(const weir::Status& status) {
  WEIR_CHECK(status.ok(), status.ok() ? "" : status.error().message.c_str());
}
void must(const rocksdb::Status& status) { WEIR_CHECK(status.ok(), status.ToString().c_str()); }

/// Nanoseconds that `work` takes for each of `n`.
template <class Work>
double time_of(std::size_t n, Work&& work) {
  const auto begin = Clock::now();
  work();
  const std::chrono::duration<double, std::nano> took = Clock::now() - begin;
  return took.count() / static_cast<double>(n);
}

class RunBench {
 public:
  explicit RunBench(std::size_t rows) {
    std::vector<std::uint64_t> hashes;
    for (std::size_t i = 0; i < rows; ++i) hashes.push_back(weir::mix64(i + 1));
    std::sort(hashes.begin(), hashes.end());
    for (const std::uint64_t hash : hashes) {
      weir::ByteWriter writer(keys_.emplace_back());
      writer.big_endian64(hash);
      writer.little_endian64(weir::unmix64(hash));
    }
  }

  double write_run() {
    return time_of(keys_.size(), [this] { info_ = write_run("all", keys_.size()); });
  }
  double write_table() {
    return time_of(keys_.size(), [this] { write_table("all.sst", keys_.size()); });
  }
  double small_runs() {
    return time_of(kSmallRuns, [this] {
      for (std::size_t i = 0; i < kSmallRuns; ++i) write_run("small", kSmallRows);
    });
  }
  double small_tables() {
    return time_of(kSmallRuns, [this] {
      for (std::size_t i = 0; i < kSmallRuns; ++i) write_table("small.sst", kSmallRows);
    });
  }

  double read_run() {
    return time_of(keys_.size(), [this] {
      const auto cursor = must(weir::open_run(*storage_, folder_.path(), info_));
      std::size_t bytes = 0, rows = 0;
      for (must(cursor->seek("")); cursor->valid(); must(cursor->next()), ++rows) {
        bytes += cursor->value().size();
      }
      WEIR_CHECK(rows == keys_.size() && bytes > 0, "rows are missing");
    });
  }
  double read_table() {
    return time_of(keys_.size(), [this] {
      rocksdb::SstFileReader reader(options_);
      must(reader.Open(folder_.path() + "/all.sst"));
      rocksdb::ReadOptions read;
      read.readahead_size = 256 * 1024;
      read.total_order_seek = true;
      const std::unique_ptr<rocksdb::Iterator> at(reader.NewIterator(read));
      std::size_t bytes = 0, rows = 0;
      for (at->SeekToFirst(); at->Valid(); at->Next(), ++rows) bytes += at->value().size();
      WEIR_CHECK(rows == keys_.size() && bytes > 0, "rows are missing");
    });
  }

  double find_in_run(bool there) {
    const auto run = must(weir::RunLookup::open(*storage_, folder_.path(), info_));
    return time_of(kFinds, [&] {
      std::size_t found = 0;
      for (std::size_t i = 0; i < kFinds; ++i) {
        const std::uint64_t word = word_of(i, there);
        if (!run->may_hold(word)) continue;
        must(run->find(word));
        found += run->valid();
      }
      WEIR_CHECK(found == (there ? kFinds : 0), "what is there is found, and nothing else");
    });
  }
  double find_in_table(bool there) {
    rocksdb::SstFileReader reader(options_);
    must(reader.Open(folder_.path() + "/all.sst"));
    rocksdb::ReadOptions read;
    read.prefix_same_as_start = true;
    const std::unique_ptr<rocksdb::Iterator> at(reader.NewIterator(read));
    return time_of(kFinds, [&] {
      std::size_t found = 0;
      for (std::size_t i = 0; i < kFinds; ++i) {
        const std::uint64_t word = __builtin_bswap64(word_of(i, there));
        at->Seek({reinterpret_cast<const char*>(&word), sizeof word});
        found += at->Valid();
      }
      WEIR_CHECK(found == (there ? kFinds : 0), "what is there is found, and nothing else");
    });
  }

 private:
  weir::RunInfo write_run(const char* file, std::size_t rows) {
    const auto writer = must(weir::RunWriter::create(*storage_, folder_.path(), file, rows));
    for (std::size_t i = 0; i < rows; ++i) must(writer->put(keys_[i], value_));
    return must(writer->finish());
  }
  void write_table(const char* file, std::size_t rows) {
    rocksdb::SstFileWriter writer(rocksdb::EnvOptions(), options_);
    must(writer.Open(folder_.path() + "/" + file));
    for (std::size_t i = 0; i < rows; ++i) must(writer.Put(keys_[i], value_));
    must(writer.Finish());
  }
  static rocksdb::Options table_options() {
    rocksdb::BlockBasedTableOptions table;
    table.format_version = 5;
    table.checksum = rocksdb::kXXH3;
    table.no_block_cache = true;  // as in a run, whose blocks are in the system's cache
    table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
    table.whole_key_filtering = false;
    rocksdb::Options options;
    options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
    options.prefix_extractor.reset(rocksdb::NewFixedPrefixTransform(8));
    options.compression = rocksdb::kNoCompression;
    return options;
  }
  /// The hash of a random row, or one that no row has.
  std::uint64_t word_of(std::size_t i, bool there) const {
    const std::uint64_t random = weir::mix64(i + 77);
    return weir::mix64(there ? random % keys_.size() + 1 : random | std::uint64_t{1} << 63);
  }

  const weir::bench::ScratchFolder folder_{"run"};
  const std::unique_ptr<weir::Storage> storage_ = weir::make_posix_storage();
  const rocksdb::Options options_ = table_options();
  const std::string value_ = std::string(32, 'v');
  std::vector<std::string> keys_;
  weir::RunInfo info_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto options = weir::bench::parse_report_options(argc, argv);
  const std::size_t millions = weir::bench::number_option(options.rest, "--rows", 2);
  RunBench bench(millions * 1'000'000);
  weir::bench::Report report("run", options);
  const std::string rows = std::to_string(millions) + " M rows";
  report.compare(
      "write " + rows + ", with filter", "ns/row", [&] { return bench.write_run(); },
      [&] { return bench.write_table(); });
  report.compare(
      "write 10 rows", "ns/file", [&] { return bench.small_runs(); },
      [&] { return bench.small_tables(); });
  report.compare(
      "verify and read all", "ns/row", [&] { return bench.read_run(); },
      [&] { return bench.read_table(); });
  report.compare(
      "find a row", "ns", [&] { return bench.find_in_run(true); },
      [&] { return bench.find_in_table(true); });
  report.compare(
      "find that there is none", "ns", [&] { return bench.find_in_run(false); },
      [&] { return bench.find_in_table(false); });
}
