// File sources: the rows and dead letters of a file are the same however it is read: at once, while
// it grows by pieces, from a position on, or in splits.
//
// Input := byte kind, byte size of pieces, byte size of splits, file
#include <optional>

#include "tests/fuzz/world.h"
#include "weir/base/json.h"
#include "weir/connectors/file/sources.h"

namespace weir::fuzz {

struct Row {
  std::string name;
  std::optional<std::int64_t> count;
  double price = 0;
};
WEIR_DESCRIBE(Row, name, count, price)

namespace {

constexpr std::size_t kMaxRecord = 40;  // small, so that too large ones occur

std::string show(const std::string& row) { return row; }
std::string show(const Row& row) {
  std::string json;
  to_json(json, row);
  return json;
}

template <class T>
Read read_from(World& world, const Source<T>& source, const std::string& split,
               const std::string& position = {}) {
  Read out;
  const auto reader = source.open(world.source, split, position);
  out.failed = !reader.ok();
  if (!out.failed) drain(**reader, out, [](const T& row) { return show(row); });
  return out;
}

void append(Read& out, const Read& more) {
  out.rows.insert(out.rows.end(), more.rows.begin(), more.rows.end());
  out.letters.texts.insert(out.letters.texts.end(), more.letters.texts.begin(),
                           more.letters.texts.end());
  out.failed |= more.failed;
}

std::string join(const std::vector<std::string>& texts) {
  std::string all;
  for (const std::string& text : texts) all += text + "\n";
  return all;
}

void check_alike(const Read& whole, const Read& other, const char* message) {
  WEIR_CHECK(whole.failed == other.failed, message);
  if (whole.failed) return;
  check_same(join(whole.rows), join(other.rows), message);
  check_same(join(whole.letters.texts), join(other.letters.texts), message);
}

/// Reads the file while it grows, then goes on from there as a bounded source.
template <class T>
Read read_growing(World& world, const Source<T>& follows, const Source<T>& bounded,
                  std::string_view file, std::size_t piece) {
  Read out;
  auto growing = std::move(world.storage.create("grown")).value();
  const auto reader = follows.open(world.source, "grown", "");
  WEIR_CHECK(reader.ok(), "an empty file can be followed");
  while (!file.empty() && !out.failed) {
    WEIR_CHECK(growing->append(file.substr(0, piece)).ok(), "a file can grow");
    file.remove_prefix(std::min(piece, file.size()));
    world.clock.advance(std::chrono::seconds(1));
    drain(**reader, out, [](const T& row) { return show(row); });
  }
  if (!out.failed) append(out, read_from(world, bounded, "grown", (*reader)->position()));
  return out;
}

template <class T>
Read read_splits(World& world, const Source<T>& source) {
  Read out;
  const auto splits = source.discover(world.source);
  WEIR_CHECK(splits.ok(), "a file can be cut");
  for (const std::string& split : *splits) append(out, read_from(world, source, split));
  return out;
}

/// Letters name the file and, in the first split only, the line: neither counts here.
void forget_places(Read& read) {
  for (std::string& text : read.letters.texts) {
    DeadLetter letter = decode_dead_letter(text).value();
    letter.source.clear();
    text = encode_dead_letter(letter);
  }
}

template <class T, class Make>
void check(std::string_view file, std::size_t piece, std::size_t split_bytes, bool cut, Make make) {
  World world;
  world.put("whole", file);
  const auto bounded = make("whole", false, 0);
  Read whole = read_from<T>(world, *bounded, "whole");
  Read grown = read_growing<T>(world, *make("grown", true, 0), *bounded, file, piece);
  forget_places(whole);
  forget_places(grown);
  check_alike(whole, grown, "a file is the same read while it grows");
  if (!cut) return;
  Read splits = read_splits<T>(world, *make("whole", false, split_bytes));
  forget_places(splits);
  check_alike(whole, splits, "a file is the same read in splits");
}

void check_csv(std::string_view file, std::size_t piece, std::size_t split_bytes, bool header) {
  // A quote may open a field with line ends, and of a header that does not fit each reader tells.
  const bool cut = file.find('"') == file.npos && !header;
  check<Row>(file, piece, split_bytes, cut,
             [&](const char* path, bool follow, std::uint64_t split) {
               return file::csv<Row>({.path = path,
                                      .defaults = {{"price", "1"}},
                                      .header = header,
                                      .follow = follow,
                                      .split_bytes = split,
                                      .no_newlines_in_fields = cut,
                                      .max_record = kMaxRecord});
             });
}

}  // namespace

void run(std::string_view input) {
  if (input.size() < 3) return;
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(input[i]); };
  const std::string_view file = input.substr(3);
  const std::size_t piece = byte(1) % 64 + 1u;
  const std::size_t split_bytes = std::max<std::size_t>(byte(2) + 1u, file.size() / 4);
  // Compressed ones are for the fuzzer of compression.
  if (file.size() > 400 || file.substr(0, 2) == "\x1f\x8b") return;
  switch (byte(0) % 4) {
    case 0:
      return check<std::string>(
          file, piece, split_bytes, true, [](const char* path, bool follow, std::uint64_t split) {
            return file::lines(
                {.path = path, .follow = follow, .split_bytes = split, .max_record = kMaxRecord});
          });
    case 1:
      return check<Row>(
          file, piece, split_bytes, true, [](const char* path, bool follow, std::uint64_t split) {
            return file::json<Row>(
                {.path = path, .follow = follow, .split_bytes = split, .max_record = kMaxRecord});
          });
    default:
      return check_csv(file, piece, split_bytes, byte(0) % 4 == 2);
  }
}

std::vector<std::string> seeds() {
  const std::string bom = "\xef\xbb\xbf", giant(100, 'x');
  const std::string lines = "one\r\ntwo\n\nthree\n" + giant + "\r\nfour";
  const std::string csv = "name,count,price\r\nann,1,2.5\r\n\"b \"\"o\"\" b\r\n\",,\nx\n" + giant +
                          ",1,2\n\"" + giant + "\n\",3,4\ncarl,5,6";
  return {std::string("\0\3\5", 3) + lines,
          std::string("\0\0\0", 3) + bom + lines,
          std::string("\1\7\20") + "{\"name\":\"a\",\"price\":1}\n{\"name\":2}\n" + giant + "\n{}",
          "\2\7\7" + csv,
          "\2\1\1" + bom + csv,
          "\3\4\11" + csv,
          "\3\4\11" + std::string("a,1,2\nb,,3\n")};
}

}  // namespace weir::fuzz
