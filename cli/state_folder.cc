// Which state folder; see state_folder.h.
#include "cli/state_folder.h"

#include "cli/job_place.h"

namespace weir::cli {

Result<std::string> state_option(const Args& args) {
  WEIR_ASSIGN(const JobPlace place, job_place(args));
  return place.folder;
}

}  // namespace weir::cli
