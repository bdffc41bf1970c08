// See mark.h.
#include "weir/checkpoint/mark.h"

#include "weir/base/hash.h"
#include "weir/base/json.h"
#include "weir/checkpoint/store_layout.h"

namespace weir {
namespace {

constexpr std::string_view kTrailer = "\nweir-mark-hash ";
constexpr std::uint64_t kMaxMarkBytes = 2048;  // what is larger is a manifest
constexpr std::string_view kNoOwner = ",\"owner\":null}";

}  // namespace

std::string encode_mark(const Mark& mark) {
  std::string bytes;
  to_json(bytes, mark);
  // As in folders of before there were owners.
  if (!mark.owner) bytes.replace(bytes.size() - kNoOwner.size(), kNoOwner.size(), "}");
  const std::string hash = content_hash(bytes).hex();
  return bytes.append(kTrailer).append(hash).append("\n");
}

std::optional<Mark> decode_mark(std::string_view bytes, CheckpointId first) {
  const std::size_t end = bytes.find(kTrailer);
  if (end == std::string_view::npos || bytes.size() > kMaxMarkBytes) return std::nullopt;
  Mark mark;
  if (!from_json(bytes.substr(0, end), mark).ok() || encode_mark(mark) != bytes) {
    return std::nullopt;
  }
  // One that was renamed decides nothing.
  if (mark.format != 1 || mark.first != first || mark.last < first) return std::nullopt;
  return mark;
}

Result<std::optional<Mark>> read_mark(Storage& storage, const std::string& root, CheckpointId first,
                                      std::uint64_t size_bytes) {
  if (size_bytes > kMaxMarkBytes) return std::optional<Mark>();
  WEIR_ASSIGN(const std::string bytes,
              read_file(storage, store_layout::manifest_path(root, first), kMaxMarkBytes));
  return decode_mark(bytes, first);
}

Result<std::vector<Slot>> list_slots(Storage& storage, const std::string& root) {
  WEIR_ASSIGN(const auto names, store_layout::list_names(storage, root));
  std::vector<Slot> slots;
  for (const auto& [id, size] : names) {
    auto mark = read_mark(storage, root, id, size);
    if (mark.ok()) {
      slots.push_back({id, std::move(*mark)});
    } else if (mark.error().code != ErrorCode::not_found) {
      return mark.error();  // it may be the claim that decides
    }                       // else another attempt has just deleted it
  }
  return slots;
}

}  // namespace weir
