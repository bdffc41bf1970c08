// Schemas made of the bytes of a fuzzer's input, so that it does not have to find their grammar.
// Pure functions.
#pragma once

#include <array>
#include <string>

#include "weir/base/schema.h"

namespace weir::fuzz {

/// A schema of at most `depth` levels. Its fields have the names that `names` begins with.
inline Schema take_schema(ByteReader& in, int depth) {
  namespace sb = schema_build;
  static constexpr std::array kNames{"user", "total", "lines", "sum", "sku", "count", "note"};
  const unsigned kind = in.u8() % (depth > 0 ? 23 : 13);
  const auto below = [&] { return take_schema(in, depth - 1); };
  if (kind < 13) return Schema(static_cast<SchemaKind>(kind));
  switch (kind) {
    case 13:
      return sb::duration(Schema(SchemaKind::i64), 1, 1000);
    case 14:
      return sb::enumeration("Tier", Schema(in.u8() % 2 == 0 ? SchemaKind::u8 : SchemaKind::i64),
                             {{"basic", 1}, {"gold", in.zigzag()}});
    case 15:
      return sb::of(SchemaKind::optional, below());
    case 16:
      return sb::of(SchemaKind::list, below());
    case 17:
      return sb::of(SchemaKind::set, below());
    case 18: {
      const Schema key = below();
      return sb::of(SchemaKind::map, key, below());
    }
    case 19:
      return sb::array(below(), in.u8() % 4 == 3 ? in.varint() : in.u8() % 4);
    case 20: {
      Schema tuple(SchemaKind::tuple);
      for (unsigned n = in.u8() % 4; n > 0; --n) tuple.elements.push_back(below());
      return tuple;
    }
    case 21:
      return sb::opaque("blob");
    default: {
      Schema made = sb::structure("Row");
      const unsigned first = in.u8(), count = in.u8() % 5;
      for (unsigned i = 0; i < count; ++i) {
        sb::add_field(made, kNames[(first + i) % kNames.size()], below());
      }
      return made;
    }
  }
}

}  // namespace weir::fuzz
