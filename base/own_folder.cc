// See own_folder.h.
#include "weir/base/own_folder.h"

#include <sys/stat.h>
#include <unistd.h>

namespace weir {

Status own_folder(const std::string& path, bool make) {
  if (make) ::mkdir(path.c_str(), 0700);
  struct stat info;
  if (::lstat(path.c_str(), &info) != 0) {
    return Error{ErrorCode::not_found, "There is no folder " + path};
  }
  const bool mine = S_ISDIR(info.st_mode) && info.st_uid == ::geteuid();
  const bool for_others = (info.st_mode & 077) != 0, written_by_others = (info.st_mode & 022) != 0;
  if (mine && !for_others) return {};
  if (mine && !written_by_others && ::chmod(path.c_str(), 0700) == 0) return {};
  return Error{ErrorCode::io,
               path +
                   " is not a folder of this user alone, so nothing that is in it is used. "
                   "Remove it, or give it to this user with mode 0700."};
}

}  // namespace weir
