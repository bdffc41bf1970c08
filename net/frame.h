// What surrounds everything on a connection, so that a damaged, foreign or truncated stream is
// noticed before anything is made of it (hazards H17, H33):
//
//   frame := uint32 length of the body, uint32 crc, uint32 channel, byte kind, byte 0 * 3, body
//
// Little endian. The CRC32C covers all behind itself. Pure functions: any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "weir/base/result.h"

namespace weir::net {

enum class FrameKind : std::uint8_t {
  hello = 1,  ///< of net/hello.h, first in both directions
  refusal,    ///< instead of a hello: why, as text
  element,    ///< of net/element.h
  credit,     ///< varint bytes that the writer of the channel may send besides
  message,    ///< whatever the two ends have to say besides their channels
};

struct Frame {
  FrameKind kind{};
  std::uint32_t channel = 0;
  std::string_view body;
};

constexpr std::size_t kFrameHeader = 16;

/// Fills in the header of the frame that begins at `begin` and ends where `out` does.
void seal_frame(std::string& out, std::size_t begin, FrameKind kind, std::uint32_t channel);
/// Appends a frame whose body `write_body` appends to the same string.
template <class WriteBody>
void append_frame(std::string& out, FrameKind kind, std::uint32_t channel, WriteBody&& write_body) {
  const std::size_t begin = out.size();
  out.resize(begin + kFrameHeader);
  write_body(out);
  seal_frame(out, begin, kind, channel);
}

/// The first frame of `bytes`, and behind it `bytes` are left; nothing when it is not there as a
/// whole yet. The body points into `bytes`. Errors: corrupt, for a body of more than
/// `max_body` bytes, an unknown kind, or a CRC that does not fit; nothing more can be read then.
Result<std::optional<Frame>> take_frame(std::string_view& bytes, std::size_t max_body);
/// The size of the frame that begins `bytes`, header included; 0 when that cannot be known yet.
std::size_t frame_size(std::string_view bytes);

}  // namespace weir::net
