// Names of schema kinds that need no more than their name, shared by the writers and the reader of
// schema text. Constant data: any thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "weir/base/schema.h"

namespace weir {

inline constexpr std::string_view kSimpleKindNames[] = {
    "bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f32", "f64", "string", "time"};

/// `kind` comes before SchemaKind::duration: it has neither elements nor fields.
inline bool is_simple(SchemaKind kind) { return kind < SchemaKind::duration; }

/// The name of a simple kind.
inline std::string simple_kind_name(SchemaKind kind) {
  WEIR_CHECK(is_simple(kind), "this schema kind is no simple one");
  return std::string(kSimpleKindNames[static_cast<std::size_t>(kind)]);
}

/// The simple kind of that name, if there is one.
inline std::optional<SchemaKind> find_simple_kind(std::string_view name) {
  for (std::size_t i = 0; i < std::size(kSimpleKindNames); ++i) {
    if (kSimpleKindNames[i] == name) return static_cast<SchemaKind>(i);
  }
  return std::nullopt;
}

inline bool is_integer(SchemaKind kind) {
  return kind >= SchemaKind::i8 && kind <= SchemaKind::u64;
}
inline bool is_signed_integer(SchemaKind kind) {
  return kind >= SchemaKind::i8 && kind <= SchemaKind::i64;
}
/// The width of an integer kind: 1, 2, 4 or 8.
inline int integer_bytes(SchemaKind kind) {
  const SchemaKind first = is_signed_integer(kind) ? SchemaKind::i8 : SchemaKind::u8;
  return 1 << (static_cast<int>(kind) - static_cast<int>(first));
}

}  // namespace weir
