// Sorting and writing buffered rows; see row_buffer.h.
#include "weir/runtime/row_buffer.h"

#include <algorithm>

namespace weir {

void RowBuffer::new_chunk() {
  chunks_.emplace_back();
  chunks_.back().bytes.reserve(kChunkBytes + kChunkBytes / 16);
}

void RowBuffer::add_tombstone(std::string_view key) {
  begin(ByteReader(key).big_endian64());
  bytes().append(key.substr(8));
  tombstone_done();
}

Status RowBuffer::write_to(RunWriter& writer) {
  const auto less = [this](const Row& a, const Row& b) {
    if (a.hash != b.hash) return a.hash < b.hash;
    if (const int order = key(a).compare(key(b)); order != 0) return order < 0;
    return a.tombstone > b.tombstone;  // the live row last, where it wins
  };
  // Most rows come in hash order from the sweep over the table; only before-images and tombstones,
  // which were taken out of turn, are out of place.
  if (!std::is_sorted(rows_.begin(), rows_.end(), less)) {
    std::sort(rows_.begin(), rows_.end(), less);
  }
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    if (i + 1 < rows_.size() && key(rows_[i]) == key(rows_[i + 1])) continue;
    const Row& row = rows_[i];
    if (row.tombstone) {
      WEIR_TRY(writer.erase(key(row)));
    } else {
      WEIR_TRY(writer.put(key(row), value(row)));
    }
  }
  return {};
}

}  // namespace weir
