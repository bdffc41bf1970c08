// Files that take ids of checkpoints without being one: the claim of an attempt, the mark of ids
// that an attempt has given up, and that of the end of a job. They lie under the names of
// manifests, where each name can be taken once, and so decide between attempts (claim.cc). Internal
// to checkpoint/. Any thread.
//
//   mark := json-object LF "weir-mark-hash " 32*HEX LF
//
// where the hash (XXH3-128) covers the JSON before the first LF.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/describe.h"
#include "weir/base/result.h"
#include "weir/base/storage.h"
#include "weir/checkpoint/manifest.h"

namespace weir {

enum class MarkKind : std::uint8_t {
  claim,     ///< an attempt has begun
  skipped,   ///< by the attempt before it: its checkpoints of these ids have failed
  released,  ///< by the attempt before it: its job has ended, and the folder is anybody's
};
WEIR_DESCRIBE_ENUM(MarkKind, claim, skipped, released);

/// What the file of a mark says.
struct Mark {
  std::uint32_t format = 1;
  MarkKind mark = MarkKind::claim;
  CheckpointId first = 0, last = 0;  ///< it takes these ids and all between; lies under the first
  std::string attempt;
  std::string run_id;  ///< of a claim: the run that its attempt belongs to
  EventTime at{};      ///< wall time
  /// Of a claim: the job that then holds the folder. Not written where it is missing.
  std::optional<std::string> owner = {};
};
WEIR_DESCRIBE(Mark, format, mark, first, last, attempt, run_id, at, owner);

std::string encode_mark(const Mark& mark);
/// The mark that lies under id `first`; nothing when `bytes` are not, to the last one, what
/// `encode_mark` gives.
std::optional<Mark> decode_mark(std::string_view bytes, CheckpointId first);

/// The mark under id `first` in `root`, whose file has `size_bytes`; nothing when that is something
/// else. Error: not_found when it is gone.
Result<std::optional<Mark>> read_mark(Storage& storage, const std::string& root, CheckpointId first,
                                      std::uint64_t size_bytes);

/// What has taken an id: a manifest, readable or not, or a mark.
struct Slot {
  CheckpointId id = 0;
  std::optional<Mark> mark;

  bool is_claim() const { return mark && mark->mark == MarkKind::claim; }
  /// It says who holds the folder from there on.
  bool says_owner() const { return mark && mark->mark != MarkKind::skipped; }
  /// The last id that it takes.
  CheckpointId last() const { return mark ? mark->last : id; }
};

/// All that lies in the checkpoints of `root`, ascending. A missing folder has none.
Result<std::vector<Slot>> list_slots(Storage& storage, const std::string& root);

}  // namespace weir
