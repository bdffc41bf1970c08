// What a checkpoint keeps of sources and sinks: what decodes encodes to the same, and opening a
// split at any position reads what is there or refuses.
//
// Input := byte kind of source, string split, string position, file
#include "tests/fuzz/world.h"
#include "weir/base/bytes.h"
#include "weir/connectors/file/discover.h"
#include "weir/connectors/file/generator.h"
#include "weir/connectors/file/memory.h"
#include "weir/connectors/file/part_files.h"
#include "weir/connectors/file/sources.h"
#include "weir/runtime/splits.h"

namespace weir::fuzz {

struct Row {
  std::string name;
  std::optional<std::int64_t> count;
};
WEIR_DESCRIBE(Row, name, count)

namespace {

using namespace file::detail;

void check_bytes(std::string_view bytes) {
  if (const auto split = decode_split("s", bytes); split.ok()) {
    const auto again = decode_split("s", encode_split(*split));
    WEIR_CHECK(again.ok() && encode_split(*again) == encode_split(*split), "a split is kept");
  }
  if (const auto item = PartItem::decode(bytes); item.ok()) {
    const auto again = PartItem::decode(item->encode());
    WEIR_CHECK(again.ok() && again->encode() == item->encode(), "a staged file is kept");
    WEIR_CHECK(item->staged_name.find('/') == item->staged_name.npos &&
                   item->final_name.find('/') == item->final_name.npos,
               "a staged file stays in its folder");
  }
  const auto position = TextPosition::decode(bytes, {"s"});
  if (!position.ok() || bytes.empty()) return;
  const auto again = TextPosition::decode(position->encode(), {"s"});
  WEIR_CHECK(again.ok() && again->encode() == position->encode(), "a position is kept");
}

template <class T>
void read(const Source<T>& source, World& world, const std::string& split,
          const std::string& position) {
  const auto reader = source.open(world.source, split, position);
  if (!reader.ok()) return;
  Read out;
  drain(**reader, out, [](const T&) { return std::string(); });
  static_cast<void>((*reader)->progress());
  const auto again = source.open(world.source, split, (*reader)->position());
  WEIR_CHECK(again.ok() || out.failed, "a position that a reader gives can be opened");
}

}  // namespace

void run(std::string_view input) {
  ByteReader in(input);
  const unsigned kind = in.u8();
  const std::string split(in.string()), position(in.string());
  const std::string file(in.rest().substr(0, 500));
  check_bytes(position);
  World world;
  world.put("f", file);
  const std::uint64_t cut = kind % 2 == 0 ? 0 : 16;
  switch (kind / 2 % 5) {
    case 0:
      return read(*file::lines({.path = "f", .split_bytes = cut}), world, split, position);
    case 1:
      return read(*file::json<Row>({.path = "f", .split_bytes = cut}), world, split, position);
    case 2:
      return read(*file::csv<Row>({.path = "f", .split_bytes = cut, .no_newlines_in_fields = true}),
                  world, split, position);
    case 3:
      return read(*memory::json_lines<Row>(file, 3), world, split, position);
    default:
      read(*memory::values<int>({1, 2, 3, 4, 5}, 2), world, split, position);
      return read(*generator<int>({.count = 100, .splits = 3},
                                  [](std::uint64_t i) { return static_cast<int>(i); }),
                  world, split, position);
  }
}

std::vector<std::string> seeds() {
  const auto seed = [](std::uint8_t kind, const std::string& split, const std::string& position,
                       const std::string& file) {
    std::string out;
    ByteWriter writer(out);
    writer.u8(kind);
    writer.string(split);
    writer.string(position);
    writer.raw(file);
    return out;
  };
  const std::string json = "{\"name\":\"a\"}\n{\"name\":\"b\",\"count\":2}\n";
  const std::string csv = "name,count\na,1\nb,2\n";
  const std::string at_13 =
      TextPosition{13, 2, {json.size(), json.size(), hash_bytes(json)}}.encode();
  SplitState split;
  split.position = at_13;
  return {seed(0, "f", "", "one\ntwo\n"),
          seed(1, "f#16-32", "", "one\ntwo\nthree\nfour\nfive"),
          seed(2, "f", at_13, json),
          seed(4, "f", "", csv),
          seed(5, "f#16-32", "", csv),
          seed(6, "memory#13-26", at_13, json),
          seed(8, "1", "3", ""),
          seed(8, "2", "5", ""),
          seed(0, "f", encode_split(split), ""),
          seed(0, "f", PartItem{"a1-0-1.csv", "part-3-0-1.csv", 12, "/out"}.encode(), "")};
}

}  // namespace weir::fuzz
