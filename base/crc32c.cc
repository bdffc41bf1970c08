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

std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc) {
  const char* p = bytes.data();
  std::size_t n = bytes.size();
  std::uint64_t state = ~crc;
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
