// A key in 128 bits, for operators that only ask whether a key was there before. Two hashes that
// have nothing in common stand for it: the one that places the key (base/key.h) and XXH3 of its
// bytes. Among 10 thousand million keys held at once the chance that any two share both is about
// 10^-19. Whoever makes two ids on purpose that share both gains no more than by sending one id
// twice.
//
// Integers, enumerations and times are their own fingerprints.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>

#include "weir/base/codec.h"
#include "weir/base/key.h"
#include "weir/runtime/keyed_table.h"

namespace weir {

/// Stands for a key of type K.
template <class K>
struct Fingerprint {
  std::uint64_t hash = 0;    ///< hash_key of the key
  std::uint64_t second = 0;  ///< hash_bytes_xxh3 of its text or its encoding
};

/// Stored as 16 bytes; the schema names K, since fingerprints of another type mean nothing.
template <class K>
struct Codec<Fingerprint<K>> {
  static void encode(ByteWriter& writer, const Fingerprint<K>& key) {
    writer.little_endian64(key.hash);
    writer.little_endian64(key.second);
  }
  static void decode(ByteReader& reader, Fingerprint<K>& key) {
    key.hash = reader.little_endian64();
    key.second = reader.little_endian64();
  }
  static Schema schema() {
    Schema schema = schema_build::structure("fingerprint");
    schema_build::add_field(schema, ("of " + describe(schema_of<K>())).c_str(),
                            schema_of<std::array<std::uint8_t, 16>>());
    return schema;
  }
  static std::uint64_t hash_key(const Fingerprint<K>& key) { return key.hash; }
};

/// The first word is that of the slot already.
template <class K>
class KeyHolder<Fingerprint<K>> {
 public:
  explicit KeyHolder(const Fingerprint<K>& key) : second_(key.second) {}
  Fingerprint<K> get(std::uint64_t hash) const { return {hash, second_}; }
  bool is(const Fingerprint<K>& key) const { return second_ == key.second; }

 private:
  std::uint64_t second_;
};

/// As what a key of type K is kept.
template <class K>
using FingerprintKey =
    std::conditional_t<shape_of<K> == Shape::integer || shape_of<K> == Shape::boolean ||
                           shape_of<K> == Shape::enumeration || shape_of<K> == Shape::time,
                       K, Fingerprint<K>>;

/// `key`, whose hash_key is `hash`, as it is kept.
template <class K, class Key>
FingerprintKey<K> fingerprint_key(std::uint64_t hash, const Key& key) {
  if constexpr (std::is_same_v<FingerprintKey<K>, K>)
    return static_cast<K>(key);
  else if constexpr (std::is_convertible_v<const Key&, std::string_view>)
    return {hash, hash_bytes_xxh3(std::string_view(key))};
  else
    return {hash, hash_bytes_xxh3(encode_to_string(static_cast<const K&>(key)))};
}

}  // namespace weir
