// See control_folder.h.
#include "cli/control_folder.h"

#include <unistd.h>

#include <cstdlib>

#include "weir/base/hash.h"
#include "weir/base/own_folder.h"
#include "weir/base/path.h"

namespace weir::cli {
Result<std::string> control_folder(const std::string& state_dir, bool make) {
  if (!is_object_path(state_dir)) return state_dir;
  const char* base = std::getenv("XDG_RUNTIME_DIR");
  const bool given = base != nullptr && *base != 0;
  const std::string all =
      given ? std::string(base) + "/weir" : "/tmp/weir-" + std::to_string(::geteuid());
  const std::string own = all + "/" + content_hash(canonical_path(state_dir)).hex();
  for (const std::string& path : {all, own}) WEIR_TRY(own_folder(path, make));
  return own;
}

}  // namespace weir::cli
