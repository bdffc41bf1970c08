// A state folder: whatever lies in it, it is listed; the newest checkpoint is the one with the
// highest number or an error; garbage collection leaves what a checkpoint names; a claim goes
// above.
//
// Input := byte flags, string where to restore from, (byte kind, string name, string content)*
//   kind: 0 a manifest under this name, its content JSON whose hash is put right; 1 the same as it
//   is; 2 a run; 3 a good manifest with the length of the content as id
#include "tests/fuzz/world.h"
#include "weir/base/bytes.h"
#include "weir/checkpoint/mark.h"
#include "weir/checkpoint/store.h"
#include "weir/checkpoint/store_layout.h"

namespace weir::fuzz {
namespace {

std::string with_hash(std::string_view text) {
  return std::string(text) + "\nweir-manifest-hash " + content_hash(text).hex() + "\n";
}

Manifest good(CheckpointId id) {
  Manifest manifest;
  manifest.job = "job";
  manifest.run_id = "run";
  manifest.id = id;
  manifest.attempt = "a1";
  StepManifest step;
  step.name = "s";
  step.parallelism = 1;
  step.subtasks = {
      {0, {0, 256}, {{"s-0-" + std::to_string(id) + "-a0-1-state.run", 3, 1, {}}}, {}}};
  manifest.steps = {step};
  return manifest;
}

void fill(World& world, ByteReader& in) {
  for (int n = 0; n < 8 && !in.at_end(); ++n) {
    const unsigned kind = in.u8() % 4;
    const std::string name(in.string()), content(in.string());
    if (kind == 3) {
      const Manifest manifest = good(content.size());
      world.put(store_layout::manifest_path("state", manifest.id), encode_manifest(manifest));
      world.put("state/runs/" + manifest.steps[0].subtasks[0].state[0].file, "run");
    }
    if (name.empty() || name.find('/') != name.npos || name == "." || name == "..") continue;
    if (kind < 2) world.put("state/checkpoints/" + name, kind == 0 ? with_hash(content) : content);
    if (kind == 2) world.put("state/runs/" + name, content);
  }
}

/// The runs of the readable manifests that are there.
std::vector<std::string> named_runs(CheckpointStore& store, World& world,
                                    const Manifest& manifest) {
  std::vector<std::string> there;
  for (const std::string& file : manifest.files()) {
    if (world.storage.exists(store.runs_folder() + "/" + file).value()) there.push_back(file);
  }
  return there;
}

void check(CheckpointStore& store, World& world, const std::string& from) {
  const auto summaries = store.list();
  const auto newest = store.newest();
  if (newest.ok()) {
    WEIR_CHECK(newest->has_value() != summaries.empty(), "a store without checkpoints has none");
    if (*newest) WEIR_CHECK((*newest)->id == summaries.back().id, "the newest is the highest");
    const auto latest = resolve_restore(store, "latest");
    WEIR_CHECK(latest.ok() && latest->has_value() == newest->has_value(), "latest is the newest");
  }
  static_cast<void>(resolve_restore(store, from));
  if (!newest.ok() || !*newest) return;
  const auto before = named_runs(store, world, **newest);
  static_cast<void>(store.verify(**newest));
  store.collect_garbage(1, "a1", {"s-0-1-a0-1-state.run", from});
  const auto claimed = store.claim({"x", "run", 0, {}});
  WEIR_CHECK(!claimed.ok() || claimed->newest == (*newest)->id, "a claim finds the newest");
  const auto after = store.newest();
  WEIR_CHECK(after.ok() && *after && encode_manifest(**after) == encode_manifest(**newest),
             "garbage collection keeps the newest checkpoint");
  WEIR_CHECK(before == named_runs(store, world, **newest), "and all that it names");
}

}  // namespace

void run(std::string_view input) {
  ByteReader in(input);
  const unsigned flags = in.u8();
  const std::string from(in.string());
  World world;
  if (flags % 2 == 1) world.put("state/identity", from);
  fill(world, in);
  const auto store = CheckpointStore::open(world.storage, "state");
  if (!store.ok()) return;
  const auto identity = (*store)->identity(7);
  if (identity.ok()) {
    const auto again = (*store)->identity(8);
    WEIR_CHECK(again.ok() && again->id == identity->id, "a folder stays the same");
  }
  check(**store, world, from);
}

std::vector<std::string> seeds() {
  const auto seed = [](std::uint8_t flags, const std::string& from,
                       const std::vector<std::tuple<int, std::string, std::string>>& files) {
    std::string out;
    ByteWriter writer(out);
    writer.u8(flags);
    writer.string(from);
    for (const auto& [kind, name, content] : files) {
      writer.u8(static_cast<std::uint8_t>(kind));
      writer.string(name);
      writer.string(content);
    }
    return out;
  };
  const std::string bytes = encode_manifest(good(9)), text = bytes.substr(0, bytes.find('\n'));
  return {seed(0, "latest", {}),
          seed(0, "2", {{3, "", "12"}, {3, "", "123"}, {2, "s-0-1-a0-1-state.run", "x"}}),
          seed(1, "id\n/state\n", {{0, "00000009.json", text}, {2, "old.run", "x"}}),
          seed(0, "3",
               {{3, "", "12"},
                {1, "00000003.json", encode_mark({1, MarkKind::skipped, 3, 5, "a1_x", "", {}})}}),
          seed(0, "state", {{3, "", "1"}, {1, "00000099.json", "{}"}, {1, "x.json", ""}})};
}

}  // namespace weir::fuzz
