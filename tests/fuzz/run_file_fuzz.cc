// The bytes of a run file, with all hashes put right: whatever stands in blocks, index, filter and
// footer, reading them ends, stays within the file, and gives rows or says that it is damaged.
//
// Input := byte flags, varint rows, string filter, (string first key, varint size, string block)*
//   flags: 1 the sizes of the blocks are right, 2 so is the number of rows
#include "tests/fuzz/world.h"
#include "weir/base/bytes.h"
#include "weir/checkpoint/run.h"
#include "weir/checkpoint/run_format.h"
#include "weir/checkpoint/run_lookup.h"

namespace weir::fuzz {
namespace {

using namespace run_format;

struct RunBytes {
  std::string bytes;
  std::uint64_t rows = 0;
};

RunBytes assemble(std::string_view input) {
  ByteReader in(input);
  const unsigned flags = in.u8();
  RunBytes run;
  run.rows = in.varint();
  const std::string_view filter = in.string();
  std::string index;
  std::uint64_t blocks = 0, rows = 0;
  for (; !in.at_end(); ++blocks) {
    const std::string_view first = in.string();
    const std::uint64_t size = in.varint();
    const std::string_view block = in.string();
    ByteWriter writer(run.bytes), to_index(index);
    writer.raw(block);
    writer.little_endian64(hash64(block));
    to_index.string(first);
    to_index.varint((flags & 1) != 0 ? block.size() + kHashBytes : size);
    RowWalk walk;
    const std::string whole = run.bytes.substr(run.bytes.size() - block.size() - kHashBytes);
    for (bool more = walk.open(whole) && walk.next(); more; more = walk.next()) ++rows;
  }
  if ((flags & 2) != 0) run.rows = rows;
  index += filter;
  std::string footer;
  ByteWriter writer(footer);
  for (const std::uint64_t word :
       {kMagic, run.rows, blocks, index.size() - filter.size(), filter.size(), hash64(index)}) {
    writer.little_endian64(word);
  }
  writer.little_endian64(hash64(footer));
  run.bytes += index + footer;
  return run;
}

void read_all(RowCursor& cursor, std::string_view from) {
  std::size_t bytes = 0;
  Status status = cursor.seek(from);
  for (; status.ok() && cursor.valid(); status = cursor.next()) {
    bytes += cursor.key().size() + cursor.value().size() + 1;
    WEIR_CHECK(bytes < 1 << 20, "reading ends");
  }
  WEIR_CHECK(status.ok() || status.error().code == ErrorCode::corrupt, "damage is called so");
}

void look_up(RunLookup& run, std::uint64_t word) {
  if (!run.may_hold(word)) return;
  Status status = run.find(word);
  for (int rows = 0; status.ok() && run.valid(); status = run.next()) {
    WEIR_CHECK(++rows < 1 << 20, "reading ends");
    WEIR_CHECK(leading_word(run.key()) == word, "what is found is what was looked for");
  }
}

}  // namespace

void run(std::string_view input) {
  const RunBytes made = assemble(input);
  World world;
  world.put("run", made.bytes);
  const RunInfo info{"run", made.bytes.size(), made.rows, content_hash(made.bytes)};
  if (const auto cursor = open_run(world.storage, ".", info); cursor.ok()) {
    read_all(**cursor, "");
    read_all(**cursor, "k");
  }
  const auto lookup = RunLookup::open(world.storage, ".", info);
  if (!lookup.ok()) return;
  for (const char* key : {"", "a", "key-1", "key-7", "\xff\xff\xff\xff\xff\xff\xff\xff"}) {
    look_up(**lookup, leading_word(key));
  }
}

std::vector<std::string> seeds() {
  std::string out, block;
  ByteWriter rows(block);
  for (const char* key : {"key-1", "key-3"}) {
    rows.varint(5);
    rows.varint(3);
    rows.raw(key);
    rows.raw("ab");
  }
  rows.raw(std::string("\x05\x00key-5", 7));
  ByteWriter writer(out);
  writer.u8(3);
  writer.varint(0);
  writer.string(std::string(64, '\xff'));
  for (const char* first : {"key-1", "key-7"}) {
    writer.string(first);
    writer.varint(block.size() + kHashBytes);
    writer.string(block);
  }
  return {out, "\x03", std::string("\x01\x02\x00\x01k\x10\x04\x01\x02kv", 11)};
}

}  // namespace weir::fuzz
