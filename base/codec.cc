// See codec.h.
#include "weir/base/codec.h"

#include <algorithm>

namespace weir::codec_detail {

void write_sorted(ByteWriter& writer, std::vector<std::string>& entries) {
  std::sort(entries.begin(), entries.end());
  writer.varint(entries.size());
  for (const std::string& entry : entries) writer.raw(entry);
}

}  // namespace weir::codec_detail
