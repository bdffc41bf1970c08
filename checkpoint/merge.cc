// K-way merge of runs: a binary heap of cursors by (key, age), so that of equal keys the newest
// comes first and hides the others.
#include <algorithm>
#include <utility>

#include "weir/checkpoint/run.h"

namespace weir {
namespace {

class MergeCursor final : public RowCursor {
 public:
  MergeCursor(std::vector<std::unique_ptr<RowCursor>> newest_first, bool hide_tombstones)
      : cursors_(std::move(newest_first)), hide_tombstones_(hide_tombstones) {
    heap_.reserve(cursors_.size());
  }

  Status seek(std::string_view key) override {
    heap_.clear();
    current_ = nullptr;
    for (std::size_t age = 0; age < cursors_.size(); ++age) {
      WEIR_TRY(cursors_[age]->seek(key));
      push(age);
    }
    return land();
  }

  bool valid() const override { return current_ != nullptr; }

  Status next() override {
    WEIR_CHECK(valid(), "next() of a cursor that stands on no row");
    WEIR_TRY(step_current());
    return land();
  }

  std::string_view key() const override { return current_->key(); }
  std::string_view value() const override { return current_->value(); }
  bool tombstone() const override { return current_->tombstone(); }

 private:
  /// True when `a` comes after `b`; std::push_heap then keeps the first one at the front.
  bool after(std::size_t a, std::size_t b) const {
    const int order = cursors_[a]->key().compare(cursors_[b]->key());
    return order != 0 ? order > 0 : a > b;
  }
  void push(std::size_t age) {
    if (!cursors_[age]->valid()) return;
    heap_.push_back(age);
    std::push_heap(heap_.begin(), heap_.end(), [this](auto a, auto b) { return after(a, b); });
  }
  std::size_t pop() {
    std::pop_heap(heap_.begin(), heap_.end(), [this](auto a, auto b) { return after(a, b); });
    const std::size_t age = heap_.back();
    heap_.pop_back();
    return age;
  }

  Status step_current() {
    RowCursor* cursor = std::exchange(current_, nullptr);
    WEIR_TRY(cursor->next());
    push(current_age_);
    return {};
  }

  /// Takes the next key out of the heap and moves every older row of it out of the way.
  Status land() {
    while (!heap_.empty()) {
      const std::size_t newest = pop();
      const std::string_view key = cursors_[newest]->key();
      while (!heap_.empty() && cursors_[heap_.front()]->key() == key) {
        const std::size_t older = pop();
        WEIR_TRY(cursors_[older]->next());
        push(older);
      }
      current_ = cursors_[newest].get();
      current_age_ = newest;
      if (!hide_tombstones_ || !current_->tombstone()) return {};
      WEIR_TRY(step_current());
    }
    return {};
  }

  std::vector<std::unique_ptr<RowCursor>> cursors_;  // by age, the newest first
  bool hide_tombstones_;
  std::vector<std::size_t> heap_;  // ages of valid cursors, without the current one
  RowCursor* current_ = nullptr;
  std::size_t current_age_ = 0;
};

}  // namespace

std::unique_ptr<RowCursor> merge_cursors(std::vector<std::unique_ptr<RowCursor>> newest_first,
                                         bool hide_tombstones) {
  return std::make_unique<MergeCursor>(std::move(newest_first), hide_tombstones);
}

Result<RunInfo> merge_runs(Storage& storage, const std::string& folder,
                           const std::vector<RunInfo>& oldest_first, const std::string& output_file,
                           bool is_oldest) {
  std::vector<std::unique_ptr<RowCursor>> cursors;
  std::uint64_t most_rows = 0;
  for (auto run = oldest_first.rbegin(); run != oldest_first.rend(); ++run) {
    WEIR_ASSIGN(auto cursor, open_run(storage, folder, *run));
    cursors.push_back(std::move(cursor));
    most_rows += run->rows;
  }
  const auto rows = merge_cursors(std::move(cursors), /*hide_tombstones=*/is_oldest);
  WEIR_ASSIGN(const auto writer, RunWriter::create(storage, folder, output_file, most_rows));
  WEIR_TRY(rows->seek({}));
  while (rows->valid()) {
    WEIR_TRY(rows->tombstone() ? writer->erase(rows->key())
                               : writer->put(rows->key(), rows->value()));
    WEIR_TRY(rows->next());
  }
  return writer->finish();
}

}  // namespace weir
