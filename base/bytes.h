// Reading and writing little binary records: varints, fixed-width big-endian numbers (which sort as
// bytes) and length-prefixed strings. Used by every stored format of ours.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace weir {

/// Writes `v` as LEB128 to `to`, which has room for 10 bytes; returns the place behind it.
inline char* put_varint(char* to, std::uint64_t v) {
  for (; v >= 0x80; v >>= 7) *to++ = static_cast<char>(v | 0x80);
  *to++ = static_cast<char>(v);
  return to;
}
/// ZigZag: small magnitudes of either sign become small numbers.
inline std::uint64_t zigzagged(std::int64_t v) {
  return (static_cast<std::uint64_t>(v) << 1) ^ static_cast<std::uint64_t>(v >> 63);
}

/// Appends to a string that the caller owns and may reuse.
class ByteWriter {
 public:
  explicit ByteWriter(std::string& out) : out_(out) {}

  void u8(std::uint8_t v) { out_.push_back(static_cast<char>(v)); }
  void raw(std::string_view bytes) { out_.append(bytes); }
  /// LEB128, 1 to 10 bytes.
  void varint(std::uint64_t v) {
    if (v < 0x80) [[likely]]
      return u8(static_cast<std::uint8_t>(v));
    char buffer[10];
    out_.append(buffer, static_cast<std::size_t>(put_varint(buffer, v) - buffer));
  }
  /// ZigZag, then LEB128: small magnitudes of either sign are short.
  void zigzag(std::int64_t v) { varint(zigzagged(v)); }
  void big_endian64(std::uint64_t v) {
    v = __builtin_bswap64(v);
    fixed(&v, 8);
  }
  void little_endian64(std::uint64_t v) { fixed(&v, 8); }
  void little_endian32(std::uint32_t v) { fixed(&v, 4); }
  void string(std::string_view v) {
    varint(v.size());
    raw(v);
  }
  std::string& out() { return out_; }

 private:
  void fixed(const void* p, std::size_t n) { out_.append(static_cast<const char*>(p), n); }
  std::string& out_;
};

/// Reads what a ByteWriter wrote. A read past the end or of a malformed number returns zero or an
/// empty view and makes `failed()` true for good: check it once after a record.
class ByteReader {
 public:
  explicit ByteReader(std::string_view bytes) : p_(bytes.data()), end_(p_ + bytes.size()) {}

  bool failed() const { return failed_; }
  bool at_end() const { return p_ == end_; }
  std::size_t remaining() const { return static_cast<std::size_t>(end_ - p_); }
  std::string_view rest() const { return {p_, remaining()}; }
  void fail() {
    failed_ = true;
    p_ = end_;
  }

  std::uint8_t u8() { return need(1) ? static_cast<std::uint8_t>(*p_++) : 0; }
  std::uint64_t varint() {
    std::uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (!need(1)) return 0;
      const auto byte = static_cast<std::uint8_t>(*p_++);
      if (shift == 63 && byte > 1) break;
      v |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return v;
    }
    fail();
    return 0;
  }
  std::int64_t zigzag() {
    const std::uint64_t v = varint();
    return static_cast<std::int64_t>((v >> 1) ^ (~(v & 1) + 1));
  }
  std::uint64_t big_endian64() { return __builtin_bswap64(little_endian64()); }
  std::uint64_t little_endian64() {
    std::uint64_t v = 0;
    if (need(8)) take(&v, 8);
    return v;
  }
  std::uint32_t little_endian32() {
    std::uint32_t v = 0;
    if (need(4)) take(&v, 4);
    return v;
  }
  std::string_view raw(std::size_t n) {
    if (!need(n)) return {};
    const std::string_view v(p_, n);
    p_ += n;
    return v;
  }
  std::string_view string() {
    const std::uint64_t n = varint();
    if (n > remaining()) {
      fail();
      return {};
    }
    return raw(static_cast<std::size_t>(n));
  }

 private:
  bool need(std::size_t n) {
    if (remaining() >= n) return true;
    fail();
    return false;
  }
  void take(void* to, std::size_t n) {
    std::memcpy(to, p_, n);
    p_ += n;
  }
  const char* p_;
  const char* end_;
  bool failed_ = false;
};

}  // namespace weir
