// Hashes whose values are part of stored formats: they are the same on every compiler and machine
// and never change without a format version.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace weir {

/// Mixes 64 bits so that every output bit depends on every input bit (the finaliser of MurmurHash3,
/// Appleby 2011, with the constants of Stafford's variant 13). A bijection.
constexpr std::uint64_t mix64(std::uint64_t x) {
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ull;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebull;
  return x ^ (x >> 31);
}

/// The number whose mix64 is `x`.
constexpr std::uint64_t unmix64(std::uint64_t x) {
  x = (x ^ (x >> 31) ^ (x >> 62)) * 0x319642b2d24d8ec3ull;
  x = (x ^ (x >> 27) ^ (x >> 54)) * 0x96de1b173f119089ull;
  return x ^ (x >> 30) ^ (x >> 60);
}
static_assert(unmix64(mix64(0x0123456789abcdefull)) == 0x0123456789abcdefull);

namespace hash_detail {

inline std::uint64_t multiply_fold(std::uint64_t a, std::uint64_t b) {
  const unsigned __int128 product = static_cast<unsigned __int128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
inline std::uint64_t load64(const char* p) {
  std::uint64_t v;
  std::memcpy(&v, p, 8);
  return v;  // little-endian machines only; checked in base/hash.cc
}
inline std::uint64_t load32(const char* p) {
  std::uint32_t v;
  std::memcpy(&v, p, 4);
  return v;
}
/// What crc32c() returns, on any processor; kept apart so that tests can compare the two.
std::uint32_t crc32c_by_table(std::string_view bytes, std::uint32_t crc);

}  // namespace hash_detail

/// Hashes bytes: 16 at a time through a 64x64 multiply whose halves are folded (the construction of
/// wyhash, Wang Yi 2019, with our own constants).
inline std::uint64_t hash_bytes(std::string_view bytes, std::uint64_t seed = 0) {
  using namespace hash_detail;
  constexpr std::uint64_t k0 = 0x9e3779b97f4a7c15ull, k1 = 0xc2b2ae3d27d4eb4full,
                          k2 = 0x165667b19e3779f9ull;
  const char* p = bytes.data();
  std::size_t n = bytes.size();
  std::uint64_t h = seed ^ k0;
  while (n > 16) {
    h = multiply_fold(load64(p) ^ k1, load64(p + 8) ^ h);
    p += 16;
    n -= 16;
  }
  std::uint64_t a = 0, b = 0;
  if (n >= 8) {
    a = load64(p);
    b = load64(p + n - 8);
  } else if (n >= 4) {
    a = load32(p);
    b = load32(p + n - 4);
  } else if (n > 0) {
    a = (static_cast<std::uint64_t>(static_cast<unsigned char>(p[0])) << 16) |
        (static_cast<std::uint64_t>(static_cast<unsigned char>(p[n >> 1])) << 8) |
        static_cast<unsigned char>(p[n - 1]);
  }
  return multiply_fold(k2 ^ bytes.size(), multiply_fold(a ^ k1, b ^ h) ^ k0);
}

/// XXH3 with 64 bits: slower than hash_bytes, and has nothing in common with it.
std::uint64_t hash_bytes_xxh3(std::string_view bytes);

/// CRC32C (Castagnoli), as in RFC 3720, over `bytes`, continuing from `crc` of what came before.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t crc = 0);

/// 128-bit content hash (XXH3), for whole files; fed in pieces.
struct Hash128 {
  std::uint64_t high = 0, low = 0;
  friend bool operator==(const Hash128&, const Hash128&) = default;
  std::string hex() const;  ///< 32 lower-case digits
};
class ContentHasher {
 public:
  ContentHasher();
  ~ContentHasher();
  ContentHasher(ContentHasher&&) noexcept;
  void update(std::string_view bytes);
  Hash128 digest() const;

 private:
  void* state_;
};
Hash128 content_hash(std::string_view bytes);

}  // namespace weir
