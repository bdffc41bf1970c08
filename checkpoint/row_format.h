// The first byte of a row's value in a run; the grammar is at the top of run.h. Deletes are ours,
// since a table reader hides RocksDB's own. Internal to checkpoint/.
#pragma once

namespace weir::row_format {

inline constexpr char kTombstone = 0x00;
inline constexpr char kLive = 0x01;

}  // namespace weir::row_format
