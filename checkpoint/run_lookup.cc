// See run_lookup.h.
#include "weir/checkpoint/run_lookup.h"

#include <algorithm>

namespace weir {

Result<std::unique_ptr<RunLookup>> RunLookup::open(Storage& storage, const std::string& folder,
                                                   const RunInfo& info) {
  std::unique_ptr<RunLookup> run(new RunLookup(folder + "/" + info.file, info));
  WEIR_ASSIGN(run->file_, storage.open(run->path_));
  if (run->file_->size_bytes() != info.size_bytes) return run->corrupt("its size has changed");
  if (info.size_bytes == 0) return run;
  if (Status status = run_format::read_index(*run->file_, run->index_, &run->filter_);
      !status.ok()) {
    if (status.error().code == ErrorCode::corrupt) return run->corrupt(status.error().message);
    return status.error();
  }
  run->index_.forget_keys();           // leading words are all that is looked for
  run->block_ = run->index_.blocks();  // none has been read
  return run;
}

/// The first block that may hold a row with this leading word: words are spread evenly where they
/// are hashes, so the search begins where the word would lie then.
std::size_t RunLookup::block_of(std::uint64_t word) const {
  const std::vector<std::uint64_t>& words = index_.words;
  const std::uint64_t first = words.front(), last = words.back();
  if (word <= first) return 0;
  std::size_t low = 0, high = words.size();  // words[low] < word, and not so from `high` on
  if (word > last) {
    low = words.size() - 1;
  } else {
    const auto guess = static_cast<std::size_t>(static_cast<unsigned __int128>(word - first) *
                                                (words.size() - 1) / (last - first));
    std::size_t step = 8;
    if (words[guess] < word) {
      for (low = guess; low + step < words.size() && words[low + step] < word; step *= 2) {
        low += step;
      }
      high = std::min(low + step, words.size());
    } else {
      for (high = guess; high > step && !(words[high - step] < word); step *= 2) high -= step;
      low = high > step ? high - step : 0;
    }
  }
  const auto from = words.begin() + static_cast<std::ptrdiff_t>(low);
  const auto to = words.begin() + static_cast<std::ptrdiff_t>(high);
  const auto found = static_cast<std::size_t>(std::lower_bound(from, to, word) - words.begin());
  return found == 0 ? 0 : found - 1;
}

Status RunLookup::find(std::uint64_t word) {
  valid_ = false;
  if (index_.blocks() == 0) return {};
  word_ = word;
  WEIR_TRY(enter(block_of(word)));
  return land();
}

Status RunLookup::next() {
  valid_ = false;
  if (walk_.next()) return land();
  if (walk_.damaged()) return corrupt("its block " + std::to_string(block_) + " is damaged");
  if (block_ + 1 >= index_.blocks() || index_.words[block_ + 1] > word_) return {};
  WEIR_TRY(enter(block_ + 1));
  return land();
}

Status RunLookup::seek(std::uint64_t word) {
  valid_ = false;
  if (index_.blocks() == 0) return {};
  word_ = word;
  WEIR_TRY(enter(block_of(word)));
  while (run_format::leading_word(walk_.key()) < word) {
    WEIR_TRY(forward());
    if (block_ >= index_.blocks()) return {};
  }
  valid_ = true;
  return {};
}

Status RunLookup::step() {
  WEIR_TRY(forward());
  valid_ = block_ < index_.blocks();
  return {};
}

/// On to the next row of the file; behind the last one, to no block.
Status RunLookup::forward() {
  if (walk_.next()) return {};
  if (walk_.damaged()) return corrupt("its block " + std::to_string(block_) + " is damaged");
  if (block_ + 1 < index_.blocks()) return enter(block_ + 1);
  block_ = index_.blocks();
  bytes_.clear();
  return {};
}

/// From the row at hand on to the first with the wanted word.
Status RunLookup::land() {
  for (;;) {
    const std::uint64_t word = run_format::leading_word(walk_.key());
    if (word >= word_) {
      valid_ = word == word_;
      return {};
    }
    if (walk_.next()) continue;
    if (walk_.damaged()) return corrupt("its block " + std::to_string(block_) + " is damaged");
    if (block_ + 1 >= index_.blocks()) return {};
    WEIR_TRY(enter(block_ + 1));
  }
}

/// Stands on the first row of `block`.
Status RunLookup::enter(std::size_t block) {
  if (block != block_ || bytes_.empty()) {
    const std::uint64_t begin = index_.begin_of(block);
    bytes_.resize(index_.ends[block] - begin);
    block_ = index_.blocks();  // none, until it has been read
    WEIR_ASSIGN(const std::size_t got, file_->read_at(begin, bytes_.data(), bytes_.size()));
    if (got != bytes_.size()) return corrupt("it became shorter while it was read");
    block_ = block;
  }
  if (walk_.open(bytes_) && walk_.next()) return {};
  block_ = index_.blocks();
  return corrupt("its block " + std::to_string(block) + " is damaged");
}

std::size_t RunLookup::memory_bytes() const {
  return filter_.bytes().capacity() + bytes_.capacity() +
         index_.blocks() * 2 * sizeof(std::uint64_t);
}

Error RunLookup::corrupt(const std::string& what) const {
  return {ErrorCode::corrupt, "The run file " + path_ + " cannot be read: " + what + ".", false};
}

}  // namespace weir
