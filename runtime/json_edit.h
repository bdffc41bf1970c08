// Changing JSON texts: JSON Pointer (RFC 6901), JSON Patch (RFC 6902), and writing a tree back.
// Numbers keep the text they were written with. Pure functions: any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/base/json_tree.h"
#include "weir/base/result.h"

namespace weir {

/// Appends `value` as compact JSON.
void append_json(std::string& out, const JsonValue& value);

/// Equality of RFC 6902, section 4.6: numbers by value, objects whatever the order of names.
bool same_json(const JsonValue& a, const JsonValue& b);

JsonValue json_string(std::string text);
/// `text` must be a JSON number.
JsonValue json_number(std::string text);

/// The parts of a pointer: "/a/b~1c" is "a", "b/c"; "" is the whole text. Error: invalid_argument.
Result<std::vector<std::string>> parse_json_pointer(std::string_view pointer);

/// The value at `path`, or null.
JsonValue* find_json(JsonValue& root, const std::vector<std::string>& path);
/// RFC 6902 "add": a member is set, an element inserted ("-" is the end of an array). Error: the
/// parent does not exist, the index is not one, or it would lie deeper than parse_json reads.
Status add_json(JsonValue& root, const std::vector<std::string>& path, JsonValue value);
/// RFC 6902 "replace". Error: there is nothing, or it would lie deeper than parse_json reads.
Status replace_json(JsonValue& root, const std::vector<std::string>& path, JsonValue value);
/// RFC 6902 "remove". Error: there is nothing.
Status remove_json(JsonValue& root, const std::vector<std::string>& path);

/// Applies a JSON Patch, all of it or, on an error, nothing. Errors: invalid_argument with the
/// number of the operation (from 0) and what is wrong with it; also when it makes more than
/// 100 000 copies of values, since copies of copies soon fill the memory.
Status apply_json_patch(JsonValue& root, const JsonValue& patch);

}  // namespace weir
