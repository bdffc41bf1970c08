// K-way merge of runs: a binary heap of cursors by (key, age), so that of equal keys the newest
// comes first and hides the others.
#include <algorithm>
#include <utility>

#include "weir/checkpoint/run.h"
#include "weir/checkpoint/run_format.h"

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
  /// Where a cursor stands. Most comparisons end with the leading words of the keys.
  struct Place {
    std::uint64_t word;
    std::string_view key;
    std::size_t age;
  };
  /// True when `a` comes after `b`; std::push_heap then keeps the first one at the front.
  static bool after(const Place& a, const Place& b) {
    if (a.word != b.word) return a.word > b.word;
    const int order = a.key.compare(b.key);
    return order != 0 ? order > 0 : a.age > b.age;
  }
  void push(std::size_t age) {
    if (!cursors_[age]->valid()) return;
    const std::string_view key = cursors_[age]->key();
    heap_.push_back({run_format::leading_word(key), key, age});
    std::push_heap(heap_.begin(), heap_.end(), after);
  }
  Place pop() {
    std::pop_heap(heap_.begin(), heap_.end(), after);
    const Place first = heap_.back();
    heap_.pop_back();
    return first;
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
      const Place newest = pop();
      while (!heap_.empty() && heap_.front().word == newest.word &&
             heap_.front().key == newest.key) {
        const std::size_t older = pop().age;
        WEIR_TRY(cursors_[older]->next());
        push(older);
      }
      current_ = cursors_[newest.age].get();
      current_age_ = newest.age;
      if (!hide_tombstones_ || !current_->tombstone()) return {};
      WEIR_TRY(step_current());
    }
    return {};
  }

  std::vector<std::unique_ptr<RowCursor>> cursors_;  // by age, the newest first
  bool hide_tombstones_;
  std::vector<Place> heap_;  // of valid cursors, without the current one
  RowCursor* current_ = nullptr;
  std::size_t current_age_ = 0;
};

}  // namespace

std::unique_ptr<RowCursor> merge_cursors(std::vector<std::unique_ptr<RowCursor>> newest_first,
                                         bool hide_tombstones) {
  return std::make_unique<MergeCursor>(std::move(newest_first), hide_tombstones);
}

RunMerge::RunMerge(Storage& storage, std::string folder, std::vector<RunInfo> oldest_first,
                   std::string output_file, bool is_oldest)
    : storage_(storage),
      folder_(std::move(folder)),
      unopened_(std::move(oldest_first)),
      output_file_(std::move(output_file)),
      is_oldest_(is_oldest) {}

RunMerge::~RunMerge() = default;

Result<bool> RunMerge::step(std::size_t rows) {
  if (!unopened_.empty()) {
    WEIR_ASSIGN(auto cursor, open_run(storage_, folder_, unopened_.back()));
    opened_.push_back(std::move(cursor));
    most_rows_ += unopened_.back().rows;
    unopened_.pop_back();
    return false;
  }
  if (rows_ == nullptr) WEIR_TRY(begin());
  for (; rows_->valid() && rows > 0; --rows) {
    WEIR_TRY(rows_->tombstone() ? writer_->erase(rows_->key())
                                : writer_->put(rows_->key(), rows_->value()));
    WEIR_TRY(rows_->next());
  }
  if (rows_->valid()) return false;
  WEIR_ASSIGN(merged_, writer_->finish());
  rows_.reset();
  writer_.reset();
  return true;
}

Status RunMerge::begin() {
  rows_ = merge_cursors(std::move(opened_), /*hide_tombstones=*/is_oldest_);
  WEIR_ASSIGN(writer_, RunWriter::create(storage_, folder_, output_file_, most_rows_));
  return rows_->seek({});
}

Result<RunInfo> merge_runs(Storage& storage, const std::string& folder,
                           const std::vector<RunInfo>& oldest_first, const std::string& output_file,
                           bool is_oldest) {
  RunMerge merge(storage, folder, oldest_first, output_file, is_oldest);
  for (bool whole = false; !whole;) {
    WEIR_ASSIGN(whole, merge.step(SIZE_MAX));
  }
  return merge.merged();
}

}  // namespace weir
