// An element of a channel (runtime/channel.h) as the body of a frame:
//
//   element := byte kind, byte flags (1: active, 2: last, 4: has a batch), zigzag watermark_ms,
//              varint since_ns, varint checkpoint, content of the batch
//
// Pure functions: any thread.
#pragma once

#include <string>
#include <string_view>

#include "weir/base/result.h"
#include "weir/runtime/channel.h"

namespace weir::net {

/// Appends `element`, whose batch stays as it is.
void write_element(std::string& bytes, const ChannelElement& element);

/// Reads what `write_element` wrote into `element`, its batch into `batch`, which moves there when
/// the element has one. Error: corrupt.
Status read_element(std::string_view bytes, ChannelElement& element,
                    std::unique_ptr<BatchBase>& batch);

}  // namespace weir::net
