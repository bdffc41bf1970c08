// Compresses what other tests read, and checks how compression is told.
#include <zlib.h>
#include <zstd.h>

#include "tests/connectors/support.h"
#include "weir/connectors/file/decompress.h"

namespace weir::testing_support {

std::string gzip(std::string_view plain) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&stream, plain.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

std::string zstd(std::string_view plain) {
  std::string out(ZSTD_compressBound(plain.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), plain.data(), plain.size(), 3));
  return out;
}

}  // namespace weir::testing_support

namespace weir::file::detail {
namespace {

TEST(Compression, IsToldByTheFirstBytes) {
  EXPECT_EQ(detect_compression(testing_support::gzip("x")), Compression::gzip);
  EXPECT_EQ(detect_compression(testing_support::zstd("x")), Compression::zstd);
  EXPECT_EQ(detect_compression("invoice"), Compression::none);
  EXPECT_EQ(detect_compression("(x"), Compression::none);
}

TEST(Compression, WaitsForEnoughBytes) {
  EXPECT_EQ(detect_compression(""), std::nullopt);
  EXPECT_EQ(detect_compression("\x1f"), std::nullopt);
  EXPECT_EQ(detect_compression("\x28\xb5\x2f"), std::nullopt);
  EXPECT_EQ(detect_compression("P"), std::nullopt);  // may become a skippable frame
  EXPECT_EQ(detect_compression("Pr"), Compression::none);
}

}  // namespace
}  // namespace weir::file::detail
