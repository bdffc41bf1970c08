// Text of a Nexmark event: a view of characters that live as long as the process, in eight bytes.
// The generator's names, channels, URLs and fillers are a fixed stock, so records refer to it and
// copy no strings; checkpoints hold the characters themselves. Any thread.
#pragma once

#include <cstdint>
#include <string_view>

#include "weir/base/codec.h"
#include "weir/base/hash.h"
#include "weir/base/schema.h"

namespace weir::bench::nexmark {

class Text {
 public:
  Text() = default;
  /// Refers to `text`, at most 65,535 bytes, which must never be freed.
  static Text lasting(std::string_view text) {
    Text made;
    made.bits_ = reinterpret_cast<std::uintptr_t>(text.data()) << kLengthBits | text.size();
    return made;
  }
  /// The same characters in memory that is never freed; equal texts share it. Takes a lock.
  static Text interned(std::string_view text);

  std::string_view view() const {
    return {reinterpret_cast<const char*>(bits_ >> kLengthBits),
            static_cast<std::size_t>(bits_ & kLongest)};
  }
  friend bool operator==(Text a, Text b) { return a.bits_ == b.bits_ || a.view() == b.view(); }

 private:
  static constexpr int kLengthBits = 16;  // user addresses have 48 bits on x86-64 and arm64
  static constexpr std::uint64_t kLongest = (std::uint64_t{1} << kLengthBits) - 1;
  std::uint64_t bits_ = 0;  // address, then length
};

}  // namespace weir::bench::nexmark

/// Stored as a string; what is read back is interned.
template <>
struct weir::Codec<weir::bench::nexmark::Text> {
  using Text = weir::bench::nexmark::Text;
  static void encode(ByteWriter& writer, const Text& text) { writer.string(text.view()); }
  static void decode(ByteReader& reader, Text& text) { text = Text::interned(reader.string()); }
  static Schema schema() { return Schema(SchemaKind::string); }
  static std::uint64_t hash_key(const Text& text) { return hash_bytes(text.view()); }
};
