// How bytes of an older schema become a value of today's type: a tree made once from both schemas,
// then followed for each record. Made and checked here without the C++ type; followed by
// base/evolve.h.
//
// Invariant: a plan exists only when every record of the written schema can be read; whatever does
// not fit is found while planning, before the first record. Immutable once made: any thread.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/schema.h"

namespace weir {

/// A function of struct `structure` converts from a struct of schema `old`. The functions of one
/// structure are numbered in the order of these rules.
struct MigrationRule {
  std::string structure;
  Schema old;
};

/// What the author says about all structs in a type.
struct EvolutionRules {
  Renames renames;
  std::vector<MigrationRule> migrations;
};

/// How to read one node of the written schema.
struct ReadPlan {
  enum class Path : std::uint8_t {
    same,     ///< the bytes are today's: plain decode
    convert,  ///< node by node, through `children`
    wrap,     ///< a T that became optional<T>: children[0] reads the T
    migrate,  ///< children[0] reads the old struct, function number `migration` converts it
  };
  /// A written value of an enumeration and today's of the same name.
  struct EnumValue {
    std::int64_t written;
    std::int64_t now;
  };

  Path path = Path::same;
  const Schema* written = nullptr;  ///< lives in the schema that was planned for
  std::vector<ReadPlan> children;   ///< of the elements, or of the written fields
  std::vector<int> targets;         ///< by written field: today's field, or -1 to skip it
  std::vector<bool> filled;         ///< by today's field: some written field goes there
  std::vector<EnumValue> enum_values;
  bool unnamed_enum_values_pass = false;  ///< all names kept their numbers, so others mean the same
  std::size_t migration = 0;
};

/// Plans to read `written` as `now`, by the rules of `check_compatible` and with migrations. A
/// struct is migrated when it was written exactly as a migration's `old` (or as one that migrates
/// to that), or when it does not fit by name itself but fits `old` with no field left over. The
/// plan points into `written`, which must outlive it. Errors: ErrorCode::incompatible, with the
/// path of the field that does not fit and both schemas.
Result<ReadPlan> plan_reading(const Schema& written, const Schema& now,
                              const EvolutionRules& rules);

namespace read_plan_detail {
/// Reads an integer of the written kind; of an unsigned 64-bit one: the same bits.
std::int64_t read_integer(ByteReader& reader, SchemaKind kind);
/// Reads a real of the written kind.
double read_real(ByteReader& reader, SchemaKind kind);
/// Reads a value of the written enumeration and gives today's number of it; fails on an unknown
/// one.
std::int64_t read_enum(ByteReader& reader, const ReadPlan& plan);
}  // namespace read_plan_detail

}  // namespace weir
