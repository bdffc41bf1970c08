// `weir state show`: the state of a step, read from a checkpoint as JSON lines.
#include <cstdio>

#include "cli/cluster_options.h"
#include "cli/commands.h"
#include "cli/exit_codes.h"
#include "cli/state_folder.h"
#include "weir/runtime/state_view.h"

namespace weir::cli {
namespace {

Result<int> show(const Args& args) {
  WEIR_ASSIGN(const std::string state, state_option(args));
  WEIR_ASSIGN(const auto limit, args.number("limit", UINT64_MAX, 1, UINT64_MAX));
  WEIR_ASSIGN(auto folder, StateFolder::open(state));
  StateQuery query;
  if (const std::string* key = args.value("key")) query.key = *key;
  std::uint64_t shown = 0;
  WEIR_TRY(folder.read_checkpoint(args.text("checkpoint", "latest"), [&](const Manifest& manifest) {
    return view_state(folder.storage(), folder.store().runs_folder(), manifest, args.operands()[0],
                      query, [&](const std::string& json) {
                        std::printf("%s\n", json.c_str());
                        return ++shown < limit;
                      });
  }));
  if (shown > 0) return kOk;
  if (query.key) {
    return Error{ErrorCode::not_found,
                 "Step '" + args.operands()[0] + "' has no state under key " + *query.key};
  }
  return kOk;
}

}  // namespace

Command state_show_command() {
  return {
      "state show",
      "STEP",
      1,
      1,
      "Show the state of a step as JSON lines",
      asking({{"state", "DIR", "state folder of the job, a savepoint, or a job of the cluster"},
              {"key", "KEY", "only this key: JSON, or text for keys that are strings"},
              {"checkpoint", "ID", "of this checkpoint; default the newest"},
              {"limit", "N", "at most this many lines"},
              {"json", nullptr, "as it is always"}}),
      "A line for the state of each key, then one for each entry of its MapState and ListState\n"
      "members. Of a source the splits and their positions are shown. The job may be running.\n",
      show};
}

}  // namespace weir::cli
