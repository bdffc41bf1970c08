// Writing and reading frames; see frame.h.
#include "weir/net/frame.h"

#include <cstring>

#include "weir/base/check.h"
#include "weir/base/hash.h"

namespace weir::net {
namespace {

constexpr std::size_t kCrcAt = 4, kCrcFrom = 8, kKindAt = 12;

void put32(char* to, std::uint32_t value) { std::memcpy(to, &value, 4); }
std::uint32_t get32(const char* from) {
  std::uint32_t value = 0;
  std::memcpy(&value, from, 4);
  return value;
}

}  // namespace

void seal_frame(std::string& out, std::size_t begin, FrameKind kind, std::uint32_t channel) {
  const std::size_t body = out.size() - begin - kFrameHeader;
  WEIR_CHECK(body <= UINT32_MAX, "a frame is larger than its length can say");
  char* const header = out.data() + begin;
  put32(header, static_cast<std::uint32_t>(body));
  put32(header + kCrcFrom, channel);
  put32(header + kKindAt, static_cast<std::uint32_t>(kind));
  put32(header + kCrcAt, crc32c(std::string_view(out).substr(begin + kCrcFrom)));
}

std::size_t frame_size(std::string_view bytes) {
  return bytes.size() < 4 ? 0 : kFrameHeader + get32(bytes.data());
}

Result<std::optional<Frame>> take_frame(std::string_view& bytes, std::size_t max_body) {
  if (bytes.size() < kFrameHeader) return std::optional<Frame>();
  const std::uint32_t length = get32(bytes.data());
  const std::uint32_t kind = get32(bytes.data() + kKindAt);
  // Before anything is waited for: whoever sends noise must not make us collect it.
  if (length > max_body) {
    return Error{ErrorCode::corrupt, "a frame claims " + std::to_string(length) +
                                         " bytes, more than the " + std::to_string(max_body) +
                                         " allowed"};
  }
  if (kind < static_cast<std::uint32_t>(FrameKind::hello) ||
      kind > static_cast<std::uint32_t>(FrameKind::message)) {
    return Error{ErrorCode::corrupt, "a frame of unknown kind " + std::to_string(kind)};
  }
  if (bytes.size() < kFrameHeader + length) return std::optional<Frame>();
  const std::string_view whole = bytes.substr(0, kFrameHeader + length);
  if (crc32c(whole.substr(kCrcFrom)) != get32(whole.data() + kCrcAt)) {
    return Error{ErrorCode::corrupt, "a frame's checksum does not fit its bytes"};
  }
  bytes.remove_prefix(whole.size());
  return std::optional<Frame>(
      {static_cast<FrameKind>(kind), get32(whole.data() + kCrcFrom), whole.substr(kFrameHeader)});
}

}  // namespace weir::net
