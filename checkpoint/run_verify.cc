// See run_verify.h. Memory: one piece.
#include "weir/checkpoint/run_verify.h"

#include <algorithm>
#include <vector>

namespace weir {
namespace {

constexpr std::size_t kPieceBytes = 256 * 1024;

Error corrupt(const std::string& path, const std::string& what) {
  return {ErrorCode::corrupt,
          "The run file " + path + " is damaged: " + what +
              ". Restore it from a copy, or start from another checkpoint with --from ID.",
          false};
}

}  // namespace

Status read_verified(ReadFile& file, const std::string& path, const RunInfo& info,
                     const std::function<Status(std::string_view)>& visit) {
  if (file.size_bytes() != info.size_bytes) {
    return corrupt(path, "it has " + std::to_string(file.size_bytes()) +
                             " bytes, its checkpoint says " + std::to_string(info.size_bytes));
  }
  ContentHasher hasher;
  std::vector<char> piece(std::min<std::uint64_t>(kPieceBytes, info.size_bytes));
  for (std::uint64_t offset = 0; offset < info.size_bytes;) {
    const auto want =
        static_cast<std::size_t>(std::min<std::uint64_t>(piece.size(), info.size_bytes - offset));
    WEIR_ASSIGN(const std::size_t got, file.read_at(offset, piece.data(), want));
    if (got == 0) return corrupt(path, "it became shorter while it was read");
    const std::string_view bytes(piece.data(), got);
    hasher.update(bytes);
    WEIR_TRY(visit(bytes));
    offset += got;
  }
  const Hash128 found = hasher.digest();
  if (found == info.hash) return {};
  return corrupt(path,
                 "its content hash is " + found.hex() + ", its checkpoint says " + info.hash.hex());
}

Result<std::unique_ptr<ReadFile>> open_verified(Storage& storage, const std::string& folder,
                                                const RunInfo& info) {
  const std::string path = folder + "/" + info.file;
  auto opened = storage.open(path);
  if (!opened.ok()) {
    if (opened.error().code != ErrorCode::not_found) return opened.error();
    return corrupt(path, "it is missing");
  }
  std::unique_ptr<ReadFile> file = std::move(opened).value();
  WEIR_TRY(read_verified(*file, path, info, [](std::string_view) { return Status(); }));
  return file;
}

}  // namespace weir
