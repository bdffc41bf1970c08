// Elements of channels as bytes; see element.h.
#include "weir/net/element.h"

#include "weir/base/bytes.h"

namespace weir::net {
namespace {

constexpr std::uint8_t kActive = 1, kLast = 2, kBatch = 4;

}  // namespace

void write_element(std::string& bytes, const ChannelElement& element) {
  ByteWriter w(bytes);
  w.u8(static_cast<std::uint8_t>(element.kind));
  w.u8(static_cast<std::uint8_t>((element.active ? kActive : 0) | (element.last ? kLast : 0) |
                                 (element.batch ? kBatch : 0)));
  w.zigzag(element.watermark_ms);
  w.varint(static_cast<std::uint64_t>(element.since_ns));
  w.varint(element.checkpoint);
  if (element.batch) element.batch->encode_to(bytes);
}

Status read_element(std::string_view bytes, ChannelElement& element,
                    std::unique_ptr<BatchBase>& batch) {
  ByteReader r(bytes);
  const std::uint8_t kind = r.u8(), flags = r.u8();
  element.kind = static_cast<ChannelElement::Kind>(kind);
  element.active = (flags & kActive) != 0;
  element.last = (flags & kLast) != 0;
  element.watermark_ms = r.zigzag();
  element.since_ns = static_cast<std::int64_t>(r.varint());
  element.checkpoint = r.varint();
  element.batch.reset();
  const bool known = kind <= static_cast<std::uint8_t>(ChannelElement::Kind::end) &&
                     flags <= (kActive | kLast | kBatch);
  if (r.failed() || !known) return Error{ErrorCode::corrupt, "an element does not read back"};
  if ((flags & kBatch) == 0) {
    return r.at_end() ? Status() : Error{ErrorCode::corrupt, "bytes behind an element"};
  }
  if (!batch->decode_from(r.rest())) {
    return Error{ErrorCode::corrupt, "a batch does not read back"};
  }
  element.batch = std::move(batch);
  return {};
}

}  // namespace weir::net
