// Paths as text. Any thread; pure, but for canonical_path.
#include "weir/base/path.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

namespace weir {
namespace {

/// Without the slashes at the end, except where the path is nothing else.
std::string_view trim_slashes(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path;
}

constexpr std::string_view kObjects = "s3://";

/// Of objects: one slash between parts and none at the end, no parts ".".
std::string tidy_object_path(std::string_view path) {
  std::string tidy(kObjects);
  path.remove_prefix(kObjects.size());
  while (!path.empty()) {
    const std::string_view part = path.substr(0, path.find('/'));
    path.remove_prefix(std::min(path.size(), part.size() + 1));
    if (part.empty() || part == ".") continue;
    if (tidy.size() > kObjects.size()) tidy += '/';
    tidy += part;
  }
  return tidy;
}

}  // namespace

bool is_object_path(std::string_view path) { return path.starts_with(kObjects); }

std::string join_path(std::string_view folder, std::string_view name) {
  std::string path(folder);
  if (!path.empty() && path.back() != '/') path += '/';
  return path.append(name);
}

std::string parent_path(std::string_view path) {
  if (is_object_path(path)) {
    std::string tidy = tidy_object_path(path);
    const std::size_t slash = tidy.find('/', kObjects.size());
    if (slash != std::string::npos) tidy.resize(tidy.rfind('/'));
    return tidy;
  }
  path = trim_slashes(path);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos) return ".";
  if (slash == 0) return "/";
  return std::string(trim_slashes(path.substr(0, slash)));
}

std::string_view file_name(std::string_view path) {
  path = trim_slashes(path);
  const std::size_t slash = path.rfind('/');
  if (slash == std::string_view::npos || path.size() == 1) return path;
  return path.substr(slash + 1);
}

std::string canonical_path(const std::string& path) {
  if (path.empty()) return path;
  if (is_object_path(path)) return tidy_object_path(path);
  std::error_code error;  // where the system cannot say, the text has to do
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  const std::filesystem::path whole = error ? std::filesystem::path(path) : absolute;
  const std::filesystem::path followed = std::filesystem::weakly_canonical(whole, error);
  return std::string(trim_slashes((error ? whole.lexically_normal() : followed).string()));
}

std::string absolute_path(const std::string& path) {
  if (is_object_path(path)) return tidy_object_path(path);
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  return error ? path : absolute.lexically_normal().string();
}

}  // namespace weir
