// Paths of a Storage as text: parts separated by '/', whatever the operating system. Any thread.
#pragma once

#include <string>
#include <string_view>

namespace weir {

/// Appends `name` to `folder` with one '/' between them; an empty folder gives `name` alone.
std::string join_path(std::string_view folder, std::string_view name);
/// True for the path of an object or of a folder of objects: s3://BUCKET/NAME...
bool is_object_path(std::string_view path);
/// The folder that holds `path`: "a" for "a/b", "/" for "/a", "." for "a"; a bucket has none above
/// it, and is its own, as "/" is.
std::string parent_path(std::string_view path);
/// The last part of `path`: "b" for "a/b" and for "a/b/".
std::string_view file_name(std::string_view path);
/// The one name of a file or folder of the operating system: absolute, without "." and "..", with
/// symbolic links followed as far as `path` exists. Looks at the file system. Empty stays empty. Of
/// objects: without needless slashes.
std::string canonical_path(const std::string& path);
/// `path` as seen from any working directory, without "." and ".."; links are not followed.
std::string absolute_path(const std::string& path);

}  // namespace weir
