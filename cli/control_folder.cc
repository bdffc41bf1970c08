// See control_folder.h.
#include "cli/control_folder.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>

#include "weir/base/hash.h"
#include "weir/base/path.h"

namespace weir::cli {
namespace {

/// A folder that nobody else can have put anything in, or taken the name of.
Status check_own(const std::string& path, bool make) {
  if (make) ::mkdir(path.c_str(), 0700);
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0) {
    return Error{ErrorCode::not_found, "There is no folder " + path};
  }
  if (S_ISDIR(info.st_mode) && info.st_uid == ::geteuid() && (info.st_mode & 077) == 0) return {};
  return Error{ErrorCode::io, path +
                                  " is not a folder of this user alone, so no commands are taken "
                                  "there. Remove it, or name another place by XDG_RUNTIME_DIR."};
}

}  // namespace

Result<std::string> control_folder(const std::string& state_dir, bool make) {
  if (!is_object_path(state_dir)) return state_dir;
  const char* base = std::getenv("XDG_RUNTIME_DIR");
  const bool given = base != nullptr && *base != 0;
  const std::string all =
      given ? std::string(base) + "/weir" : "/tmp/weir-" + std::to_string(::geteuid());
  const std::string own = all + "/" + content_hash(canonical_path(state_dir)).hex();
  for (const std::string& path : {all, own}) WEIR_TRY(check_own(path, make));
  return own;
}

}  // namespace weir::cli
