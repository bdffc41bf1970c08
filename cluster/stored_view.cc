// JSON of state folders; see stored_view.h.
#include "weir/cluster/stored_view.h"

#include <algorithm>
#include <boost/json/parse.hpp>

#include "weir/base/json_tree.h"
#include "weir/runtime/letter_payload.h"
#include "weir/runtime/letter_store.h"
#include "weir/runtime/state_folder.h"

namespace weir::cluster {
namespace {

namespace json = boost::json;

constexpr std::size_t kMostBytes = 8 << 20;  // of letters in an answer; the last may exceed it

/// Nothing where the folder holds no state yet.
Result<std::optional<StateFolder>> folder_of(const std::string& path) {
  auto folder = StateFolder::open(path);
  if (folder.ok()) return std::optional<StateFolder>(std::move(*folder));
  if (folder.error().code == ErrorCode::not_found) return std::optional<StateFolder>();
  return folder.error();
}

}  // namespace

json::parse_options deep_json() {
  json::parse_options options;
  options.max_depth = 2 * kMaxJsonDepth;  // with what is around such a letter
  return options;
}

Result<json::array> stored_checkpoints(const std::string& folder) {
  WEIR_ASSIGN(auto state, folder_of(folder));
  json::array list;
  if (!state) return list;
  for (const CheckpointSummary& c : state->store().list()) {
    json::object checkpoint{{"id", c.id},
                            {"path", c.path},
                            {"completed_at", to_iso8601(c.completed_at)},
                            {"size_bytes", c.size_bytes},
                            {"finished", c.finished},
                            {"savepoint", c.savepoint}};
    if (!c.problem.empty()) checkpoint["problem"] = c.problem;
    list.push_back(std::move(checkpoint));
  }
  return list;
}

Result<json::object> stored_letters(const std::string& folder, const LettersAsked& asked) {
  LetterFilter filter{asked.step, {}, asked.after};
  if (!asked.reason.empty()) {
    WEIR_ASSIGN(filter.reason, parse_reason(asked.reason));
  }
  const std::uint64_t limit = std::min(asked.limit, kMostLettersAsked);
  WEIR_ASSIGN(auto state, folder_of(folder));
  json::array list;
  bool more = false;
  CheckpointId checkpoint = 0;
  const auto read = [&](const Manifest& manifest) -> Status {
    list.clear();
    more = false;
    checkpoint = manifest.id;
    std::size_t bytes = 0;
    return for_each_letter(state->storage(), state->store().runs_folder(), manifest, filter,
                           [&](DeadLetter&& letter) {
                             more = list.size() >= limit || bytes >= kMostBytes;
                             if (more) return false;
                             const std::string text = letter_to_json(letter, false);
                             bytes += text.size();
                             json::error_code failed;
                             json::value value = json::parse(text, failed, {}, deep_json());
                             if (failed) value = {{"id", letter.id}, {"problem", failed.message()}};
                             list.push_back(std::move(value));
                             return true;
                           });
  };
  if (state) {
    const Status status = state->read_checkpoint("latest", read);
    // Before the first checkpoint there are no letters that anybody could see.
    if (!status.ok() && (checkpoint != 0 || status.error().code != ErrorCode::not_found)) {
      return status.error();
    }
  }
  return json::object{
      {"checkpoint", checkpoint}, {"dead_letters", std::move(list)}, {"more", more}};
}

}  // namespace weir::cluster
