// Paths of a Storage as text: parts separated by '/', whatever the operating system. Any thread.
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
/// The one name of a file or folder of the operating system: absolute, without "." and "..", with
/// symbolic links followed as far as `path` exists. Looks at the file system. Empty stays empty.
std::string canonical_path(const std::string& path);

}  // namespace weir
