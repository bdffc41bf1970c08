// Compressed input: damaged streams are errors, what is read does not depend on the sizes of the
// pieces, a file entered at an offset gives the rest, and what was compressed comes out again.
//
// Input := byte size of pieces, file
#include <zlib.h>
#include <zstd.h>

#include "tests/fuzz/world.h"
#include "weir/connectors/file/decompress.h"
#include "weir/connectors/file/input.h"

namespace weir::fuzz {
namespace {

using namespace file::detail;

constexpr std::size_t kMost = 1 << 20;  // few bytes may hold very many

struct Unpacked {
  std::string bytes;
  bool failed = false, whole = false;
};

/// Undoes a compression with this much input and output at a time.
Unpacked unpack(Compression compression, std::string_view input, std::size_t piece) {
  Unpacked out;
  const auto decompressor = make_decompressor(compression);
  std::string buffer(piece, '\0');
  while (out.bytes.size() < kMost) {
    const auto progress = decompressor->run(input.substr(0, piece), buffer.data(), buffer.size());
    out.failed = !progress.ok();
    if (out.failed) break;
    out.bytes.append(buffer, 0, progress->produced);
    input.remove_prefix(progress->consumed);
    if (progress->consumed == 0 && progress->produced == 0) break;
  }
  out.whole = !out.failed && input.empty() && decompressor->may_end();
  return out;
}

Unpacked read_file(World& world, std::uint64_t offset) {
  Unpacked out;
  auto input = open_file({.env = &world.env, .path = "f", .offset = offset});
  out.failed = !input.ok();
  while (!out.failed && out.bytes.size() < kMost) {
    const auto fill = (*input)->fill();
    out.failed = !fill.ok();
    if (out.failed || *fill == Fill::end) break;
    WEIR_CHECK(*fill == Fill::grew, "a bounded file does not wait");
    const std::string_view window = (*input)->window();
    out.bytes.append(window);
    (*input)->consume(window.size());
  }
  out.whole = !out.failed && out.bytes.size() < kMost;
  return out;
}

void check_file(std::string_view bytes) {
  World world;
  world.put("f", bytes);
  const Unpacked all = read_file(world, 0);
  if (!all.whole) return;
  const std::size_t offset = all.bytes.size() / 2;
  const Unpacked rest = read_file(world, offset);
  WEIR_CHECK(rest.whole && rest.bytes == std::string_view(all.bytes).substr(offset),
             "a file entered at an offset gives the rest");
}

std::string gzip(std::string_view plain) {
  z_stream stream{};
  WEIR_CHECK(deflateInit2(&stream, 1, Z_DEFLATED, 31, 1, Z_DEFAULT_STRATEGY) == Z_OK, "zlib");
  std::string out(deflateBound(&stream, plain.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  WEIR_CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END, "zlib compresses");
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 1));
  return out;
}

}  // namespace

void run(std::string_view input) {
  if (input.empty() || input.size() > 4096) return;
  const std::size_t piece = static_cast<unsigned char>(input[0]) + 1u;
  const std::string_view file = input.substr(1);
  check_file(file);
  for (const Compression compression : {Compression::gzip, Compression::zstd}) {
    const Unpacked large = unpack(compression, file, 1 << 16),
                   small = unpack(compression, file, piece);
    WEIR_CHECK(large.whole == small.whole, "pieces do not decide whether a stream is whole");
    WEIR_CHECK(!large.whole || large.bytes == small.bytes, "pieces do not change what is read");
    const std::string packed = compression == Compression::gzip ? gzip(file) : zstd(file);
    const Unpacked again = unpack(compression, packed, piece);
    WEIR_CHECK(again.whole && again.bytes == file, "what was compressed comes out again");
  }
}

std::vector<std::string> seeds() {
  std::string long_one(5000, 'a');
  return {"\x10plain",
          "\x10" + gzip("one\ntwo\n"),
          "\x01" + gzip("a") + gzip("b"),
          "\x7f" + zstd("one\ntwo\n"),
          "\x02" + zstd("a") + "\x50\x2a\x4d\x18" + std::string("\1\0\0\0x", 5) + zstd("b"),
          "\xff" + gzip(long_one),
          "\xff" + zstd(long_one),
          "\x03\x1f",
          "\x03\x28\xb5"};
}

}  // namespace weir::fuzz
