// Paths as text. Any thread; pure, but for canonical_path.
#include "weir/base/path.h"

#include <filesystem>
#include <system_error>

namespace weir {
namespace {

/// Without the slashes at the end, except where the path is nothing else.
std::string_view trim_slashes(std::string_view path) {
  while (path.size() > 1 && path.back() == '/') path.remove_suffix(1);
  return path;
}

}  // namespace

std::string join_path(std::string_view folder, std::string_view name) {
  std::string path(folder);
  if (!path.empty() && path.back() != '/') path += '/';
  return path.append(name);
}

std::string parent_path(std::string_view path) {
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
  std::error_code error;  // where the system cannot say, the text has to do
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  const std::filesystem::path whole = error ? std::filesystem::path(path) : absolute;
  const std::filesystem::path followed = std::filesystem::weakly_canonical(whole, error);
  return std::string(trim_slashes((error ? whole.lexically_normal() : followed).string()));
}

}  // namespace weir
