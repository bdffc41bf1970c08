// What stored bytes mean, by names: a tree that is written beside the data, so that it can be read
// by a later version of a job, or without its code at all. `schema_of<T>()` derives it from the
// description of T (base/describe.h). Immutable once built; safe to read from any thread.
//
// Invariant: two schemas that compare equal describe the same bytes. Names of structs do not take
// part: a struct may be renamed freely; names of fields and enumerators do.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/describe.h"
#include "weir/base/result.h"

namespace weir {

/// The kind of a schema node. Integers and reals are named by their width.
enum class SchemaKind : std::uint8_t {
  boolean,
  i8,
  i16,
  i32,
  i64,
  u8,
  u16,
  u32,
  u64,
  f32,
  f64,
  string,
  time,         ///< EventTime
  duration,     ///< elements[0]: what counts the ticks; `unit`: seconds of one tick
  enumeration,  ///< elements[0]: the underlying integer; `enumerators`
  optional,     ///< elements[0]
  list,         ///< elements[0]
  array,        ///< elements[0], `size` of them
  set,          ///< elements[0]
  map,          ///< elements[0]: key, elements[1]: value
  tuple,        ///< elements
  structure,    ///< `name`, `fields`
  opaque,       ///< bytes only a Codec understands: one length-prefixed string; `name`, elements
  external,     ///< kept elsewhere by its owner (MapState): one length-prefixed string stays in the
                ///< record; `name`, elements, whose schemas may evolve under the owner's care
};

struct SchemaField;

/// A named value of an enumeration.
struct SchemaEnumerator {
  std::string name;
  std::int64_t value = 0;  ///< of an unsigned 64-bit enumeration: the same bits
  friend bool operator==(const SchemaEnumerator&, const SchemaEnumerator&) = default;
};

/// The length of a tick in seconds, as a fraction: milliseconds are 1/1000.
struct SchemaUnit {
  std::int64_t numerator = 1;
  std::int64_t denominator = 1;
  friend bool operator==(const SchemaUnit&, const SchemaUnit&) = default;
};

/// A node of the tree and all that is below it. Build one with `schema_of`, `parse_schema` or the
/// functions of `schema_build`; do not change it afterwards.
struct Schema {
  explicit Schema(SchemaKind kind = SchemaKind::boolean);
  Schema(SchemaKind kind, std::vector<Schema> elements);
  Schema(const Schema&);
  Schema(Schema&&) noexcept;
  Schema& operator=(const Schema&);
  Schema& operator=(Schema&&) noexcept;
  ~Schema();

  SchemaKind kind;
  /// Built from a type with its own Codec, which reads only its very own bytes; not written to
  /// text.
  bool custom = false;
  std::string name;  ///< of a structure, enumeration, opaque or external
  std::vector<Schema> elements;
  std::vector<SchemaField> fields;
  std::vector<SchemaEnumerator> enumerators;
  SchemaUnit unit;
  std::uint64_t size = 0;

  /// The place of field `field_name` in `fields`, or -1.
  int find_field(std::string_view field_name) const;

  /// Both describe the same bytes. Names of structs, enums, and `custom` are not compared.
  friend bool operator==(const Schema&, const Schema&);
};

/// A field of a structure.
struct SchemaField {
  std::string name;
  Schema schema;
};

/// Today's schema of T. The same object at each call.
template <class T>
const Schema& schema_of();

/// Several indented lines for a person: `struct Cart {` and a line `name: kind` for each field.
std::string to_text(const Schema& schema);
/// Few words on one line, for messages: `list of i64`, `struct Cart`.
std::string describe(const Schema& schema);

/// The canonical form: one line of JSON, the same for equal schemas of the same names.
///
///   schema := "bool" | "i8" .. "i64" | "u8" .. "u64" | "f32" | "f64" | "string" | "time"
///           | {"duration":schema,"unit":[numerator,denominator]}
///           | {"enum":name,"of":schema,"values":[[name,value]*]}
///           | {"optional":schema} | {"list":schema} | {"set":schema} | {"map":[schema,schema]}
///           | {"array":schema,"size":n} | {"tuple":[schema*]}
///           | {"struct":name,"fields":[[name,schema]*]}
///           | {"opaque":name,"of":[schema*]} | {"external":name,"of":[schema*]}
std::string to_json(const Schema& schema);
/// Reads exactly that form. Anything else, or a tree over 64 levels deep or 1 MiB long, is
/// ErrorCode::corrupt.
Result<Schema> parse_schema(std::string_view json);

/// Field `old_name` of what is now struct `structure` was renamed to `new_name`.
struct Rename {
  std::string structure;
  std::string old_name;
  std::string new_name;
};
using Renames = std::vector<Rename>;

/// Says whether bytes of `written` can be read as `now`: added fields take their defaults, removed
/// ones are skipped (but not all at once), renamed ones follow `renames`; integers and reals may
/// widen without loss; enumerators are matched by name, may be added or renumbered, not removed; T
/// may become optional<T>. Anything else is ErrorCode::incompatible with the path of the field and
/// both schemas side by side.
Status check_compatible(const Schema& written, const Schema& now, const Renames& renames = {});

/// Passes over one value of `schema`, without its type. Safe on any bytes and any parsed schema.
void skip_value(ByteReader& reader, const Schema& schema);

/// Both schemas as text in two columns, for messages.
std::string side_by_side(const Schema& written, const Schema& now);

/// Out-of-line pieces of `schema_of`, which keep the compile time of a job low. A Codec's
/// `schema()` may use them too.
namespace schema_build {
Schema integer(bool is_signed, std::size_t size_bytes);
Schema duration(Schema rep, std::int64_t numerator, std::int64_t denominator);
Schema array(Schema element, std::uint64_t size);
Schema enumeration(std::string name, Schema underlying, std::vector<SchemaEnumerator> enumerators);
Schema structure(std::string name);
void add_field(Schema& structure, const char* name, const Schema& field);
Schema of(SchemaKind kind, const Schema& element);
Schema of(SchemaKind kind, const Schema& first, const Schema& second);
Schema opaque(std::string name, std::vector<Schema> elements = {});
Schema external(std::string name, std::vector<Schema> elements = {});
/// Marks `schema` as that of a type with its own Codec.
Schema custom(Schema schema);
}  // namespace schema_build

namespace schema_detail {

template <class... A>
Schema tuple_schema(const std::tuple<A...>*) {
  Schema schema(SchemaKind::tuple);
  (schema.elements.push_back(schema_of<A>()), ...);
  return schema;
}
template <class A, class B>
Schema tuple_schema(const std::pair<A, B>*) {
  return schema_build::of(SchemaKind::tuple, schema_of<A>(), schema_of<B>());
}

template <class T>
Schema enum_schema() {
  using Underlying = std::underlying_type_t<T>;
  std::vector<SchemaEnumerator> enumerators;
  for_each_enumerator<T>([&](const char* name, T value) {
    enumerators.push_back({name, static_cast<std::int64_t>(static_cast<Underlying>(value))});
  });
  return schema_build::enumeration(describe_detail::type_name<T>(), schema_of<Underlying>(),
                                   std::move(enumerators));
}

template <class... Field, template <class...> class List>
Schema struct_schema(std::string name, List<Field...>) {
  Schema schema = schema_build::structure(std::move(name));
  (schema_build::add_field(schema, Field::name,
                           schema_of<typename describe_detail::FieldType<Field>::type>()),
   ...);
  return schema;
}

template <class T>
Schema build() {
  namespace sb = schema_build;
  WEIR_REQUIRE_STORABLE(T);
  constexpr Shape shape = shape_of<T>;
  if constexpr (shape == Shape::custom)
    return sb::custom(Codec<T>::schema());
  else if constexpr (shape == Shape::boolean)
    return Schema(SchemaKind::boolean);
  else if constexpr (shape == Shape::integer)
    return sb::integer(std::is_signed_v<T> || std::is_same_v<T, char>, sizeof(T));
  else if constexpr (shape == Shape::floating)
    return Schema(sizeof(T) == 4 ? SchemaKind::f32 : SchemaKind::f64);
  else if constexpr (shape == Shape::enumeration)
    return enum_schema<T>();
  else if constexpr (shape == Shape::string)
    return Schema(SchemaKind::string);
  else if constexpr (shape == Shape::time)
    return Schema(SchemaKind::time);
  else if constexpr (shape == Shape::duration)
    return sb::duration(schema_of<typename T::rep>(), T::period::num, T::period::den);
  else if constexpr (shape == Shape::optional)
    return sb::of(SchemaKind::optional, schema_of<typename T::value_type>());
  else if constexpr (shape == Shape::list)
    return sb::of(SchemaKind::list, schema_of<typename T::value_type>());
  else if constexpr (shape == Shape::array)
    return sb::array(schema_of<typename T::value_type>(), std::tuple_size_v<T>);
  else if constexpr (shape == Shape::set)
    return sb::of(SchemaKind::set, schema_of<typename T::key_type>());
  else if constexpr (shape == Shape::map)
    return sb::of(SchemaKind::map, schema_of<typename T::key_type>(),
                  schema_of<typename T::mapped_type>());
  else if constexpr (shape == Shape::tuple)
    return tuple_schema(static_cast<const T*>(nullptr));
  else if constexpr (shape == Shape::structure)
    return struct_schema(describe_detail::type_name<T>(), describe_detail::Members<T>{});
  else
    return Schema();
}

}  // namespace schema_detail

template <class T>
const Schema& schema_of() {
  static const Schema schema = schema_detail::build<std::remove_cv_t<T>>();
  return schema;
}

}  // namespace weir
