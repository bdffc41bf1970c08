// See job_names.h.
#include "weir/cluster/job_names.h"

#include "weir/base/path.h"
#include "weir/base/plain_text.h"

namespace weir::cluster {
namespace {

// Files have 4,095 bytes for a path and 255 for each of its parts, objects 1,024 for their name:
// less what is put below or behind it.
constexpr std::size_t kMaxPath = 3800, kMaxPart = 240, kMaxObject = 800;
constexpr std::size_t kMaxLibrary = 255, kMaxHash = 32, kMaxSetting = 255, kMaxOption = 100;

Error wrong(const std::string& what) { return {ErrorCode::invalid_argument, what}; }

Status check_settings(const std::map<std::string, std::string>& settings) {
  for (const auto& [key, value] : settings) {
    WEIR_TRY(check_plain("settings (a name)", key, kMaxSetting));
    if (key.empty() || key.find('=') != std::string::npos) {
      return wrong("'settings' has a setting '" + key + "': its name must be given, without '='");
    }
    if (value.find('\0') != std::string::npos) {
      return wrong("'settings." + key + "' must not hold U+0000");
    }
  }
  return {};
}

}  // namespace

Status check_path(const std::string& field, std::string_view path) {
  const bool object = is_object_path(path);
  WEIR_TRY(check_plain(field, path, object ? kMaxObject : kMaxPath));
  for (std::string_view rest = path; !object && !rest.empty();) {
    const std::size_t size = std::min(rest.find('/'), rest.size());
    if (size > kMaxPart) {
      return wrong("'" + field + "' has a part of " + std::to_string(size) +
                   " bytes; between two '/' may be " + std::to_string(kMaxPart));
    }
    rest.remove_prefix(std::min(size + 1, rest.size()));
  }
  return {};
}

Status check_names(const JobSpec& spec) {
  WEIR_TRY(check_plain("name", spec.name, kMaxJobName));
  WEIR_TRY(check_plain("library", spec.library, kMaxLibrary));
  WEIR_TRY(check_plain("library_hash", spec.library_hash, kMaxHash));
  WEIR_TRY(check_path("state_dir", spec.state_dir));
  WEIR_TRY(check_path("from", spec.from));
  WEIR_TRY(check_settings(spec.settings));
  for (const auto& [name, value] : spec.options) {
    WEIR_TRY(check_plain("options (a name)", name, kMaxOption));
    WEIR_TRY(check_plain("options." + name, value, kMaxOption));
  }
  return {};
}

}  // namespace weir::cluster
