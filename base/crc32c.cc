// CRC32C: by the instruction of SSE 4.2 where the compiler may use it, else by table. Pure
// functions, any thread.
#include <array>

#include "weir/base/hash.h"
#ifdef __SSE4_2__
#include <nmmintrin.h>
#endif

namespace weir {
namespace {

constexpr std::uint32_t kReflectedPolynomial = 0x82f63b78;

constexpr std::array<std::uint32_t, 256> make_table() {
  std::array<std::uint32_t, 256> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) ? kReflectedPolynomial : 0);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<std::uint32_t, 256> kTable = make_table();

}  // namespace

std::uint32_t hash_detail::crc32c_by_table(std::string_view bytes, std::uint32_t crc) {
  crc = ~crc;
  for (const char c : bytes)
    crc = (crc >> 8) ^ kTable[(crc ^ static_cast<unsigned char>(c)) & 0xff];
  return ~crc;
}

#ifdef __SSE4_2__

namespace {

// The instruction takes three cycles, and a new one can begin in each: so long inputs are cut into
// three lanes side by side. A CRC is linear, so that of the whole is that of the first lane, moved
// over as many zero bytes as the others are long, and so on (the zeros operator of zlib's
// crc32_combine, here as a table for one length).
constexpr std::size_t kLane = 1024;  // bytes; 8 times a power of two

/// What `crc` becomes behind a zero byte.
constexpr std::uint32_t past_zero(std::uint32_t crc) { return (crc >> 8) ^ kTable[crc & 0xff]; }

struct PastLane {
  std::uint32_t of_byte[4][256];  // what a byte of the CRC contributes behind kLane zero bytes
};
PastLane make_past_lane() {
  PastLane tables{};
  for (int place = 0; place < 4; ++place) {
    for (std::uint32_t byte = 0; byte < 256; ++byte) {
      std::uint32_t crc = byte << (8 * place);
      for (std::size_t i = 0; i < kLane; ++i) crc = past_zero(crc);
      tables.of_byte[place][byte] = crc;
    }
  }
  return tables;
}

std::uint64_t past_lane(std::uint64_t crc) {
  static const PastLane tables = make_past_lane();
  const auto& t = tables.of_byte;
  return t[0][crc & 0xff] ^ t[1][crc >> 8 & 0xff] ^ t[2][crc >> 16 & 0xff] ^ t[3][crc >> 24];
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
  const char* p = bytes.data();
  std::size_t n = bytes.size();
  std::uint64_t state = static_cast<std::uint32_t>(~crc);
  for (; n >= 3 * kLane; p += 3 * kLane, n -= 3 * kLane) {
    std::uint64_t second = 0, third = 0;
    for (std::size_t i = 0; i < kLane; i += 8) {
      state = _mm_crc32_u64(state, hash_detail::load64(p + i));
      second = _mm_crc32_u64(second, hash_detail::load64(p + i + kLane));
      third = _mm_crc32_u64(third, hash_detail::load64(p + i + 2 * kLane));
    }
    state = past_lane(past_lane(state) ^ second) ^ third;
  }
  for (; n >= 8; p += 8, n -= 8) state = _mm_crc32_u64(state, hash_detail::load64(p));
  auto narrow = static_cast<std::uint32_t>(state);
  for (; n > 0; ++p, --n) narrow = _mm_crc32_u8(narrow, static_cast<unsigned char>(*p));
  return ~narrow;
}

#else

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
  return hash_detail::crc32c_by_table(bytes, crc);
}

#endif

}  // namespace weir
