// Compares a written schema with today's and plans the reading. See read_plan.h.
#include "weir/base/read_plan.h"

#include <algorithm>
#include <bit>

#include "weir/base/schema_names.h"

namespace weir {
namespace {

// Older versions of older versions: deeper chains than this are a circle.
constexpr int kMaxMigrations = 8;

using Path = ReadPlan::Path;

bool widens(SchemaKind from, SchemaKind to) {
  if (from == SchemaKind::f32) return to == SchemaKind::f64;
  if (!is_integer(from) || !is_integer(to)) return false;
  if (is_signed_integer(from) == is_signed_integer(to))
    return integer_bytes(from) <= integer_bytes(to);
  return is_signed_integer(to) && integer_bytes(from) < integer_bytes(to);
}

/// Plans by walking both schemas in step; `path_` is where it is, `why_` and `where_` tell the
/// first thing that did not fit.
class Planner {
 public:
  explicit Planner(const EvolutionRules& rules) : rules_(rules) {}

  bool plan(const Schema& written, const Schema& now, ReadPlan& out) {
    out.written = &written;
    if (written == now) {
      out.path = Path::same;
      return true;
    }
    out.path = Path::convert;
    if (now.custom && now.kind != SchemaKind::external)
      return refuse(written, now, "its own Codec reads only its own bytes");
    if (now.kind == SchemaKind::optional && written.kind != SchemaKind::optional) {
      out.path = Path::wrap;
      return plan(written, now.elements[0], out.children.emplace_back());
    }
    if (now.kind == SchemaKind::structure) return plan_structure(written, now, out);
    if (is_simple(now.kind))
      return widens(written.kind, now.kind) || refuse(written, now, reason(written, now));
    if (written.kind != now.kind) return refuse(written, now, reason(written, now));
    if (now.kind == SchemaKind::enumeration) return plan_enumeration(written, now, out);
    return plan_elements(written, now, out);
  }

  std::string problem() const {
    return (where_.empty() ? std::string("the whole value") : "field '" + where_ + "'") + " " +
           why_;
  }

 private:
  static const char* reason(const Schema& written, const Schema& now) {
    const bool numbers =
        (is_integer(written.kind) || written.kind == SchemaKind::f64 ||
         written.kind == SchemaKind::f32) &&
        (is_integer(now.kind) || now.kind == SchemaKind::f64 || now.kind == SchemaKind::f32);
    if (numbers) return "not every value fits: numbers may only widen";
    if (written.kind == SchemaKind::optional) return "an empty one would have no value";
    return "the kinds differ";
  }

  bool refuse(const Schema& written, const Schema& now, const std::string& why) {
    if (!why_.empty()) return false;
    where_ = path_;
    why_ = "was written as " + describe(written) + " and is now " + describe(now) + ": " + why;
    return false;
  }

  /// Plans something below, `step` further along the path.
  bool plan_below(const std::string& step, const Schema& written, const Schema& now,
                  ReadPlan& out) {
    const std::size_t length = path_.size();
    if (!path_.empty() && step[0] != '[') path_ += '.';
    path_ += step;
    const bool fits = plan(written, now, out);
    path_.resize(length);
    return fits;
  }

  bool plan_elements(const Schema& written, const Schema& now, ReadPlan& out) {
    if (written.size != now.size) return refuse(written, now, "the sizes differ");
    if (written.unit != now.unit) return refuse(written, now, "the units differ");
    if (written.elements.size() != now.elements.size())
      return refuse(written, now, "the numbers of elements differ");
    const bool owned = now.kind == SchemaKind::opaque || now.kind == SchemaKind::external;
    if (owned && written.name != now.name) return refuse(written, now, "the kinds differ");
    out.children.resize(now.elements.size());
    for (std::size_t i = 0; i < now.elements.size(); ++i) {
      if (!plan_below(step_name(now, i), written.elements[i], now.elements[i], out.children[i]))
        return false;
    }
    return true;
  }

  static std::string step_name(const Schema& schema, std::size_t index) {
    if (schema.kind == SchemaKind::tuple) return "[" + std::to_string(index) + "]";
    if (schema.kind == SchemaKind::map) return index == 0 ? "[key]" : "[value]";
    return "[]";
  }

  bool plan_enumeration(const Schema& written, const Schema& now, ReadPlan& out) {
    if (!widens(written.elements[0].kind, now.elements[0].kind))
      return refuse(written, now, "the underlying integer became narrower");
    out.unnamed_enum_values_pass = true;
    for (const SchemaEnumerator& old : written.enumerators) {
      const auto same_name = [&](const SchemaEnumerator& e) { return e.name == old.name; };
      const auto found = std::find_if(now.enumerators.begin(), now.enumerators.end(), same_name);
      if (found == now.enumerators.end())
        return refuse(written, now, "enumerator '" + old.name + "' was removed");
      out.enum_values.push_back({old.value, found->value});
      out.unnamed_enum_values_pass &= old.value == found->value;
    }
    return true;
  }

  /// A migration that was written for exactly these bytes comes first: read by name, they might fit
  /// by accident, with everything that matters skipped.
  bool plan_structure(const Schema& written, const Schema& now, ReadPlan& out) {
    if (plan_migration(written, now, out, Match::exact)) return true;
    const bool fields = written.kind == SchemaKind::structure;
    if (fields && plan_fields(written, now, out)) return true;
    if (!fields) refuse(written, now, "the kinds differ");
    ReadPlan migrated;
    migrated.written = &written;
    if (!plan_migration(written, now, migrated, Match::by_name)) return false;
    out = std::move(migrated);
    return true;
  }

  enum class Match { exact, by_name };

  bool plan_migration(const Schema& written, const Schema& now, ReadPlan& out, Match match) {
    if (migrations_ == kMaxMigrations) return false;
    std::size_t index = 0;
    for (const MigrationRule& rule : rules_.migrations) {
      if (rule.structure != now.name) continue;
      ReadPlan old;
      old.written = &written;
      if (plan_old(written, rule.old, old, match)) {
        out.path = Path::migrate;
        out.migration = index;
        out.children.push_back(std::move(old));
        return true;
      }
      ++index;
    }
    return false;
  }

  /// Plans to read an older version. Exactly: it was written as that one, or as one that migrates
  /// to it. By name: also where fields were added or widened, but with nothing left over; a version
  /// that would skip what was written is the wrong one.
  bool plan_old(const Schema& written, const Schema& old, ReadPlan& out, Match match) {
    if (written == old) return true;
    const std::string why = why_, where = where_;
    ++migrations_;
    bool fits = false;
    if (match == Match::exact) {
      fits = plan_migration(written, old, out, Match::exact);
    } else {
      ++keep_all_;
      fits = plan(written, old, out);
      --keep_all_;
    }
    --migrations_;
    why_ = fits ? "" : why;
    where_ = fits ? "" : where;
    return fits;
  }

  /// The field of today that written field `name` is, by name or by rename; -1 when it was removed.
  int find_target(const std::string& name, const Schema& written, const Schema& now) const {
    for (const Rename& rename : rules_.renames) {
      if (rename.structure == now.name && rename.old_name == name &&
          written.find_field(rename.new_name) < 0)
        return now.find_field(rename.new_name);
    }
    return now.find_field(name);
  }

  bool check_renames(const Schema& written, const Schema& now) {
    for (const Rename& rename : rules_.renames) {
      if (rename.structure == now.name && now.find_field(rename.new_name) < 0)
        return refuse(written, now,
                      "renamed(\"" + rename.old_name + "\", \"" + rename.new_name +
                          "\") names a field that '" + now.name + "' does not have");
    }
    return true;
  }

  bool plan_fields(const Schema& written, const Schema& now, ReadPlan& out) {
    if (!check_renames(written, now)) return false;
    out.filled.assign(now.fields.size(), false);
    out.children.resize(written.fields.size());
    for (std::size_t i = 0; i < written.fields.size(); ++i) {
      const SchemaField& field = written.fields[i];
      int target = find_target(field.name, written, now);
      if (target >= 0 && out.filled[static_cast<std::size_t>(target)])
        return refuse(written, now,
                      "two written fields become '" +
                          now.fields[static_cast<std::size_t>(target)].name + "'");
      out.targets.push_back(target);
      if (target < 0) {
        if (keep_all_ > 0) return refuse(written, now, "field '" + field.name + "' was removed");
        out.children[i].written = &field.schema;
        continue;
      }
      const auto at = static_cast<std::size_t>(target);
      out.filled[at] = true;
      if (!plan_below(field.name, field.schema, now.fields[at].schema, out.children[i]))
        return false;
    }
    return keeps_something(out) || now.fields.empty() || written.fields.empty() ||
           refuse(written, now,
                  "not one field has kept its name, so all data would be dropped; say what was "
                  "renamed, or give a migration function");
  }

  static bool keeps_something(const ReadPlan& plan) {
    return std::find(plan.filled.begin(), plan.filled.end(), true) != plan.filled.end();
  }

  const EvolutionRules& rules_;
  std::string path_, where_, why_;  // where_ and why_: the first thing that did not fit
  int migrations_ = 0;              // how many migration functions lead to here
  int keep_all_ = 0;                // above 0: written fields may not be skipped
};

}  // namespace

Result<ReadPlan> plan_reading(const Schema& written, const Schema& now,
                              const EvolutionRules& rules) {
  Planner planner(rules);
  ReadPlan plan;
  if (planner.plan(written, now, plan)) return plan;
  return Error{ErrorCode::incompatible,
               "Stored data does not fit the type that reads it: " + planner.problem() + ".\n" +
                   side_by_side(written, now) +
                   "Give the struct a migration function (static void evolve), or bring the field "
                   "back."};
}

Status check_compatible(const Schema& written, const Schema& now, const Renames& renames) {
  auto plan = plan_reading(written, now, EvolutionRules{renames, {}});
  return plan.ok() ? Status() : Status(plan.error());
}

namespace read_plan_detail {

std::int64_t read_integer(ByteReader& reader, SchemaKind kind) {
  const int bits = integer_bytes(kind) * 8;
  if (kind == SchemaKind::i8) return static_cast<std::int8_t>(reader.u8());
  if (kind == SchemaKind::u8) return reader.u8();
  if (is_signed_integer(kind)) {
    const std::int64_t value = reader.zigzag();
    if (bits < 64 && (value >> (bits - 1)) != (value < 0 ? -1 : 0)) reader.fail();
    return value;
  }
  const std::uint64_t value = reader.varint();
  if (bits < 64 && (value >> bits) != 0) reader.fail();
  return static_cast<std::int64_t>(value);
}

double read_real(ByteReader& reader, SchemaKind kind) {
  if (kind == SchemaKind::f32) return std::bit_cast<float>(reader.little_endian32());
  return std::bit_cast<double>(reader.little_endian64());
}

std::int64_t read_enum(ByteReader& reader, const ReadPlan& plan) {
  const SchemaKind kind = plan.written->elements[0].kind;
  const std::int64_t value = kind == SchemaKind::boolean ? reader.u8() : read_integer(reader, kind);
  for (const ReadPlan::EnumValue& each : plan.enum_values) {
    if (each.written == value) return each.now;
  }
  if (!plan.unnamed_enum_values_pass) reader.fail();
  return value;
}

}  // namespace read_plan_detail
}  // namespace weir
