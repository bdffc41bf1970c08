// Sorted runs: rows that are written are read, in order, from any place on, by key and merged with
// newer runs as a map would have it; a file that differs by a byte from the one its manifest speaks
// of is never opened.
//
// Input := byte runs, byte where to damage, string key to seek, (byte run, byte kind, string key,
// string value)*
#include <array>
#include <map>
#include <optional>

#include "tests/fuzz/world.h"
#include "weir/base/bytes.h"
#include "weir/checkpoint/run.h"
#include "weir/checkpoint/run_lookup.h"

namespace weir::fuzz {
namespace {

using Rows = std::map<std::string, std::optional<std::string>, std::less<>>;

template <class T>
T must(Result<T> result) {
  return std::move(result).value();
}
void must(const Status& status) { WEIR_CHECK(status.ok(), "a run in memory works"); }

RunInfo write(Storage& storage, const std::string& file, const Rows& rows) {
  const auto writer = must(RunWriter::create(storage, ".", file, rows.size()));
  for (const auto& [key, value] : rows) {
    must(value ? writer->put(key, *value) : writer->erase(key));
  }
  return must(writer->finish());
}

void check_rows(RowCursor& cursor, const Rows& rows, std::string_view from) {
  must(cursor.seek(from));
  for (auto row = rows.lower_bound(from); row != rows.end(); ++row) {
    WEIR_CHECK(cursor.valid() && cursor.key() == row->first, "every row is there, in order");
    WEIR_CHECK(cursor.tombstone() == !row->second, "a deleted row is a deleted row");
    check_same(cursor.value(), row->second.value_or(""), "a row has the value that was written");
    must(cursor.next());
  }
  WEIR_CHECK(!cursor.valid(), "there are no other rows");
}

void check_lookup(Storage& storage, const RunInfo& info, const Rows& rows) {
  const auto run = must(RunLookup::open(storage, ".", info));
  for (const auto& [key, value] : rows) {
    const std::uint64_t word = run_format::leading_word(key);
    WEIR_CHECK(run->may_hold(word), "a filter lets pass what is there");
    must(run->find(word));
    while (run->valid() && run->key() != key) must(run->next());
    WEIR_CHECK(run->valid() && run->tombstone() == !value, "a row is found");
  }
}

void check_damage(Storage& storage, const RunInfo& info, std::size_t where) {
  std::string bytes = must(read_file(storage, info.file));
  if (bytes.empty()) return;
  char& byte = bytes[where * (bytes.size() - 1) / 255];
  byte = static_cast<char>(byte ^ (1 << where % 8));
  must(write_file_atomically(storage, info.file, bytes));
  const auto opened = open_run(storage, ".", info);
  WEIR_CHECK(!opened.ok() && opened.error().code == ErrorCode::corrupt, "damage is noticed");
}

/// The runs together as one: the newest says, and what it deleted is gone.
Rows merged(const std::vector<Rows>& oldest_first, bool hide) {
  Rows all;
  for (const Rows& rows : oldest_first) {
    for (const auto& [key, value] : rows) all[key] = value;
  }
  if (hide) std::erase_if(all, [](const auto& row) { return !row.second; });
  return all;
}

void check_merge(Storage& storage, const std::vector<Rows>& runs, std::string_view from) {
  std::vector<RunInfo> infos;
  for (const Rows& rows : runs) {
    infos.push_back(write(storage, "run-" + std::to_string(infos.size()), rows));
  }
  for (const bool hide : {false, true}) {
    std::vector<std::unique_ptr<RowCursor>> newest_first;
    for (auto info = infos.rbegin(); info != infos.rend(); ++info) {
      newest_first.push_back(must(open_run(storage, ".", *info)));
    }
    const auto view = merge_cursors(std::move(newest_first), hide);
    check_rows(*view, merged(runs, hide), "");
    check_rows(*view, merged(runs, hide), from);
    const RunInfo one = must(merge_runs(storage, ".", infos, hide ? "oldest" : "all", hide));
    check_rows(*must(open_run(storage, ".", one)), merged(runs, hide), from);
  }
}

}  // namespace

void run(std::string_view input) {
  ByteReader in(input);
  std::vector<Rows> runs(1 + in.u8() % 3);
  const std::size_t where = in.u8();
  const std::string from(in.string());
  while (!in.at_end()) {
    Rows& rows = runs[in.u8() % runs.size()];
    const unsigned kind = in.u8();
    const std::string key(in.string());
    // Some are long, so that a run has several blocks.
    const std::string value(kind % 8 == 7 ? std::string(3000, 'x') : in.string());
    rows[key] = kind % 4 == 0 ? std::nullopt : std::optional(value);
  }
  World world;
  const RunInfo info = write(world.storage, "run", runs[0]);
  const auto cursor = must(open_run(world.storage, ".", info));
  check_rows(*cursor, runs[0], "");
  check_rows(*cursor, runs[0], from);
  check_lookup(world.storage, info, runs[0]);
  check_merge(world.storage, runs, from);
  check_damage(world.storage, info, where);
}

std::vector<std::string> seeds() {
  std::string out;
  ByteWriter writer(out);
  writer.raw("\x02\x80");
  writer.string("key-3");
  for (std::uint8_t i = 0; i < 24; ++i) {
    writer.u8(i % 3);
    writer.u8(i);
    writer.string("key-" + std::to_string(i * 7 % 10));
    if (i % 8 != 7) writer.string(std::string(i, 'v'));
  }
  return {out, "", std::string("\0\0\0", 3)};
}

}  // namespace weir::fuzz
