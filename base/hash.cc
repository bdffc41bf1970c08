// Content hashes by XXH3 (Collet), whose values its author has fixed since version 0.8.0.
#include "weir/base/hash.h"

#include <xxhash.h>

#include <bit>
#include <new>
#include <utility>

#include "weir/base/check.h"

namespace weir {

static_assert(std::endian::native == std::endian::little,
              "hash_bytes reads words as little-endian, and its values are stored");

namespace {

XXH3_state_t* as_xxh3(void* state) { return static_cast<XXH3_state_t*>(state); }

Hash128 from_xxh3(XXH128_hash_t hash) { return {hash.high64, hash.low64}; }

}  // namespace

std::string Hash128::hex() const {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text(32, '0');
  for (std::size_t i = 0; i < 16; ++i) {
    text[15 - i] = kDigits[(high >> (4 * i)) & 0xf];
    text[31 - i] = kDigits[(low >> (4 * i)) & 0xf];
  }
  return text;
}

ContentHasher::ContentHasher() : state_(XXH3_createState()) {
  if (state_ == nullptr) throw std::bad_alloc();
  XXH3_128bits_reset(as_xxh3(state_));
}

ContentHasher::~ContentHasher() { XXH3_freeState(as_xxh3(state_)); }

ContentHasher::ContentHasher(ContentHasher&& other) noexcept
    : state_(std::exchange(other.state_, nullptr)) {}

void ContentHasher::update(std::string_view bytes) {
  WEIR_CHECK(state_ != nullptr, "ContentHasher used after it was moved from");
  XXH3_128bits_update(as_xxh3(state_), bytes.data(), bytes.size());
}

Hash128 ContentHasher::digest() const {
  WEIR_CHECK(state_ != nullptr, "ContentHasher used after it was moved from");
  return from_xxh3(XXH3_128bits_digest(as_xxh3(state_)));
}

std::uint64_t hash_bytes_xxh3(std::string_view bytes) {
  return XXH3_64bits(bytes.data(), bytes.size());
}

Hash128 content_hash(std::string_view bytes) {
  return from_xxh3(XXH3_128bits(bytes.data(), bytes.size()));
}

}  // namespace weir
