// Paths of a Storage as text: parts separated by '/', whatever the operating system.
#pragma once

#include <string>
#include <string_view>

namespace weir {

/// Appends `name` to `folder` with one '/' between them; an empty folder gives `name` alone.
std::string join_path(std::string_view folder, std::string_view name);
/// The folder that holds `path`: "a" for "a/b", "/" for "/a", "." for "a".
std::string parent_path(std::string_view path);
/// The last part of `path`: "b" for "a/b" and for "a/b/".
std::string_view file_name(std::string_view path);

}  // namespace weir
