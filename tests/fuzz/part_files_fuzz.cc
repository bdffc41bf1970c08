// The folder of a file sink: whatever stands in it and in the checkpoint, a sink starts or is
// refused; it touches nothing outside of it, and no committed file but to add one.
//
// Input := byte flags, string owner file, (byte kind, string name, string item)*
#include <map>

#include "tests/fuzz/world.h"
#include "weir/base/bytes.h"
#include "weir/connectors/file/part_files.h"
#include "weir/runtime/sink.h"

namespace weir::fuzz {
namespace {

using namespace file::detail;

/// Every file below `folder`, with its content.
void list(Storage& storage, const std::string& folder, std::map<std::string, std::string>& out) {
  const auto entries = storage.list(folder);
  if (!entries.ok()) return;
  for (const StorageEntry& entry : *entries) {
    const std::string path = join_path(folder, entry.name);
    if (entry.is_directory) {
      list(storage, path, out);
    } else {
      out[path] = read_file(storage, path).value();
    }
  }
}

bool is_committed(const std::string& path) {
  return parent_path(path) == "/out" && file_name(path).starts_with("part-");
}

void check_kept(const std::map<std::string, std::string>& before, Storage& storage, bool all) {
  std::map<std::string, std::string> after;
  for (const char* folder : {"/out", "/other", "/"}) list(storage, folder, after);
  for (const auto& [path, bytes] : before) {
    if (!all && !is_committed(path) && path.starts_with("/out/")) continue;
    const auto kept = after.find(path);
    WEIR_CHECK(kept != after.end(), "a file that is not the sink's to remove stays");
    check_same(bytes, kept->second, "a file that is not the sink's to change stays as it is");
  }
}

}  // namespace

void run(std::string_view input) {
  ByteReader in(input);
  const unsigned flags = in.u8();
  const std::string owner(in.string());
  World world;
  world.put("/other/.staging/b1-0-1.csv", "of another sink");
  world.put("/secret", "of nobody's concern");
  if ((flags & 1) != 0) world.put("/out/.staging/owner", owner);
  std::vector<std::string> live;
  for (int n = 0; n < 6 && !in.at_end(); ++n) {
    const unsigned kind = in.u8();
    const std::string name(in.string());
    if (kind % 4 == 3) live.emplace_back(in.string());
    const bool plain = name.find('/') == name.npos && !name.empty() && name != "." && name != "..";
    if (plain && kind % 4 == 0) world.put("/out/" + name, "committed");
    if (plain && kind % 4 == 1) world.put("/out/.staging/" + name, "staged");
  }
  SinkContext context;
  context.env = &world.env;
  context.run_id = "run-1";
  context.attempt = "a1";
  context.restored = (flags & 2) != 0;
  context.restored_checkpoint = 5;
  context.owner = {"state-1", "/state", (flags & 4) != 0};
  HeldLocks locks;
  context.locks = &locks;
  std::map<std::string, std::string> before;
  for (const char* folder : {"/out", "/other", "/"}) list(world.storage, folder, before);
  const Status prepared = prepare_parts(context, "/out", live);
  const bool refused = !prepared.ok() && prepared.error().code == ErrorCode::already_exists;
  check_kept(before, world.storage, refused);
  if (!prepared.ok()) return;
  std::vector<Committable> committables;
  for (const std::string& bytes : live) {
    if (!PartItem::decode(bytes)->final_name.empty()) committables.push_back(bytes);
  }
  static_cast<void>(commit_parts(context, "/out", committables));
  check_kept(before, world.storage, false);
  if (commit_parts(context, "/out", committables).ok()) {
    WEIR_CHECK(commit_parts(context, "/out", committables).ok(), "a commit can be repeated");
  }
}

std::vector<std::string> seeds() {
  const auto seed = [](std::uint8_t flags, const std::string& owner,
                       const std::vector<std::pair<int, std::string>>& files,
                       const std::vector<PartItem>& items) {
    std::string out;
    ByteWriter writer(out);
    writer.u8(flags);
    writer.string(owner);
    for (const auto& [kind, name] : files) {
      writer.u8(static_cast<std::uint8_t>(kind));
      writer.string(name);
    }
    for (const PartItem& item : items) {
      writer.u8(3);
      writer.string("");
      writer.string(item.encode());
    }
    return out;
  };
  const std::string mine = R"({"format":1,"state_id":"state-1","state_folder":"/state",)"
                           R"("run_id":"run-1","temporary":false})";
  std::string other = mine;
  other.replace(other.find("state-1"), 7, "state-2");
  return {seed(0, "", {}, {}),
          seed(3, mine, {{0, "part-4-0-1.csv"}, {1, "a0-0-2.csv"}, {1, "a0-0-3.csv"}},
               {{"a0-0-2.csv", "part-5-0-2.csv", 6, "/out"}, {"a0-0-3.csv", "", 3, "/out"}}),
          seed(3, other, {{0, "part-6-0-1.csv"}}, {}), seed(1, other, {{1, "a0-0-2.csv"}}, {}),
          seed(2, "", {}, {{"b1-0-1.csv", "part-5-0-1.csv", 5, "/other"}})};
}

}  // namespace weir::fuzz
