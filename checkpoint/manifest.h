// The manifest: the one file that makes a checkpoint exist. It lists every other file with size and
// hash and is written last (hazard H14).
//
// Grammar of `manifest.json`:
//   manifest = json-object LF "weir-manifest-hash " 32*HEX LF
// where the hash (XXH3-128) covers the JSON bytes before the first LF; the JSON is one line.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "weir/base/result.h"
#include "weir/base/time.h"
#include "weir/checkpoint/run.h"

namespace weir {

using CheckpointId = std::uint64_t;

/// Half-open range of key groups.
struct KeyGroupRange {
  std::uint32_t begin = 0, end = 0;
  bool contains(std::uint32_t group) const { return begin <= group && group < end; }
  bool overlaps(const KeyGroupRange& o) const { return begin < o.end && o.begin < end; }
  friend bool operator==(const KeyGroupRange&, const KeyGroupRange&) = default;
};

/// The key groups of subtask `index` of `parallelism`, out of `max_parallelism`: contiguous, and
/// all subtasks together cover all groups once.
KeyGroupRange key_groups_of(std::uint32_t index, std::uint32_t parallelism,
                            std::uint32_t max_parallelism);
/// The group of a key's hash: its high bits scaled to `max_parallelism`, so that rows sorted by
/// hash are sorted by group and a range of groups is a range of hashes.
inline std::uint32_t key_group_of(std::uint64_t hash, std::uint32_t max_parallelism) {
  return static_cast<std::uint32_t>((static_cast<unsigned __int128>(hash) * max_parallelism) >> 64);
}
/// The smallest hash whose group is `group`; `group == max_parallelism` has none (use the end).
std::uint64_t first_hash_of(std::uint32_t group, std::uint32_t max_parallelism);

/// What one subtask of one step put into a checkpoint.
struct SubtaskManifest {
  std::uint32_t index = 0;
  KeyGroupRange groups;        ///< empty range for steps without keyed state
  std::vector<RunInfo> state;  ///< keyed rows, oldest run first
  std::vector<RunInfo> items;  ///< at most one run: rows that are not keyed (splits, staged output)
  std::int64_t watermark_ms = INT64_MIN;
};

struct StepManifest {
  std::string name;
  std::string kind;          ///< "source", "process", "sink", ...
  std::string key_schema;    ///< canonical JSON of the Schema, or empty
  std::string state_schema;  ///< likewise
  std::uint32_t parallelism = 0;
  std::map<std::string, std::uint64_t>
      counters;  ///< records in, out, late, dead letters ... since the job began
  std::vector<SubtaskManifest> subtasks;  ///< by index
};

struct Manifest {
  std::uint32_t format = 1;
  std::string job;
  std::string run_id;  ///< identifies the job's first start; kept over restores
  CheckpointId id = 0;
  std::string attempt;       ///< of the process that wrote it
  EventTime completed_at{};  ///< wall time
  std::uint32_t max_parallelism = 256;
  bool finished = false;  ///< the bounded job has ended; nothing is left but to commit
  bool savepoint = false;
  std::map<std::string, std::string>
      config;                         ///< --set values, so that offline commands can show them
  std::vector<StepManifest> steps;    ///< by name
  std::vector<RunInfo> dead_letters;  ///< of all steps, oldest run first

  const StepManifest* find(std::string_view step) const;
  /// Names of all run files, sorted, without repeats.
  std::vector<std::string> files() const;
};

/// The bytes of the manifest's file.
std::string encode_manifest(const Manifest& manifest);
/// Reads them back; anything that is not exactly what was written is ErrorCode::corrupt, a newer
/// `format` is ErrorCode::incompatible. `name` is used in messages.
Result<Manifest> decode_manifest(std::string_view bytes, const std::string& name);

}  // namespace weir
