// Rows that are not in memory; see cold_rows.h.
#include "weir/runtime/cold_rows.h"

#include <algorithm>

#include "weir/base/bytes.h"

namespace weir {
namespace {

constexpr std::size_t kHashBytes = 8;  // at the front of each row's key

/// Walks all rows of a run.
class LookupCursor final : public RowCursor {
 public:
  explicit LookupCursor(std::shared_ptr<RunLookup> run) : run_(std::move(run)) {}
  /// By the leading word of `key`; that is all that is asked for here.
  Status seek(std::string_view key) override { return run_->seek(run_format::leading_word(key)); }
  bool valid() const override { return run_->valid(); }
  Status next() override { return run_->step(); }
  std::string_view key() const override { return run_->key(); }
  std::string_view value() const override { return run_->value(); }
  bool tombstone() const override { return run_->tombstone(); }

 private:
  std::shared_ptr<RunLookup> run_;
};

}  // namespace

Status ColdRows::find(std::uint64_t hash, const Visit& visit) {
  holding_.clear();
  for (const auto& run : newest_first_) {
    if (!run->may_hold(hash)) continue;
    WEIR_TRY(run->find(hash));
    if (!run->valid()) continue;
    holding_.push_back(run.get());
    if (one_row_) break;  // it hides all older ones
  }
  if (holding_.size() != 1) return merge(hash, visit);
  for (RunLookup& run = *holding_[0]; run.valid();) {
    if (!run.tombstone()) {
      WEIR_TRY(visit({hash, run.key().substr(kHashBytes), run.value()}));
    }
    WEIR_TRY(run.next());
  }
  return {};
}

/// Takes the smallest key again and again; the newest run that has it speaks for it.
Status ColdRows::merge(std::uint64_t hash, const Visit& visit) {
  for (;;) {
    RunLookup* first = nullptr;
    for (RunLookup* run : holding_) {
      if (run->valid() && (first == nullptr || run->key() < first->key())) first = run;
    }
    if (first == nullptr) return {};
    if (!first->tombstone()) {
      WEIR_TRY(visit({hash, first->key().substr(kHashBytes), first->value()}));
    }
    for (RunLookup* run : holding_) {
      if (run != first && run->valid() && run->key() == first->key()) WEIR_TRY(run->next());
    }
    WEIR_TRY(first->next());
  }
}

Result<std::unique_ptr<RowCursor>> ColdRows::rows_from(std::uint64_t hash) const {
  std::vector<std::unique_ptr<RowCursor>> cursors;
  for (const auto& run : newest_first_) cursors.push_back(std::make_unique<LookupCursor>(run));
  auto rows = merge_cursors(std::move(cursors), /*hide_tombstones=*/true);
  std::string from;
  ByteWriter(from).big_endian64(hash);
  WEIR_TRY(rows->seek(from));
  return rows;
}

Status skip(RowCursor& rows, std::uint64_t hash) {
  while (rows.valid() && run_format::leading_word(rows.key()) == hash) WEIR_TRY(rows.next());
  return {};
}

std::size_t ColdRows::memory_bytes() const {
  std::size_t bytes = 0;
  for (const auto& run : newest_first_) bytes += run->memory_bytes();
  return bytes;
}

}  // namespace weir
