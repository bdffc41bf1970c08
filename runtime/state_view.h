// The state of a step as JSON, read from a checkpoint by the schemas that stand in its manifest, so
// without the job's code. One line of JSON a row:
//
//   keyed state   {"key": K, "state": S, "timers": [{"at", "name", "clock"}], "expires": time,
//                  "parked": n}                        (the last three only where there are any)
//   MapState      {"key": K, "collection": name, "entry": K2, "value": V}
//   ListState     {"key": K, "collection": name, "index": n, "value": V}
//   a source      {"split": id, "position" or "position_hex": text, "newest": time,
//                  "ended": bool}
//   other items   {"item": key as hexadecimal, "value": bytes as hexadecimal}
//
// Rows of a key come together, its main row first. Pure reading: any thread.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "weir/base/storage.h"
#include "weir/checkpoint/manifest.h"

namespace weir {

/// What to show of a step.
struct StateQuery {
  /// Only this key: JSON, or for keys that are strings the text itself.
  std::optional<std::string> key;
};

/// Calls `visit` with each row of `step` until it returns false. Errors: not_found when the
/// checkpoint has no such step; invalid_argument when the key is not of the key's schema; corrupt.
Status view_state(Storage& storage, const std::string& runs_folder, const Manifest& manifest,
                  const std::string& step, const StateQuery& query,
                  const std::function<bool(const std::string& json)>& visit);

}  // namespace weir
