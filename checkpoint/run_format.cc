// See run_format.h.
#include "weir/checkpoint/run_format.h"

#include <xxhash.h>

#include <algorithm>

#include "weir/base/bytes.h"

namespace weir::run_format {
namespace {

Error damaged(const char* what) { return {ErrorCode::corrupt, what, false}; }

Status read_exactly(ReadFile& file, std::uint64_t offset, std::string& bytes) {
  WEIR_ASSIGN(const std::size_t got, file.read_at(offset, bytes.data(), bytes.size()));
  if (got != bytes.size()) return damaged("it became shorter while it was read");
  return {};
}

struct Footer {
  std::uint64_t rows, blocks, index_bytes, filter_bytes, hash;
};

Result<Footer> read_footer(ReadFile& file) {
  if (file.size_bytes() < kFooterBytes) return damaged("it is too short for a run");
  std::string bytes(kFooterBytes, '\0');
  WEIR_TRY(read_exactly(file, file.size_bytes() - kFooterBytes, bytes));
  ByteReader reader(bytes);
  if (reader.little_endian64() != kMagic) return damaged("it is no run of this version");
  Footer footer{};
  footer.rows = reader.little_endian64();
  footer.blocks = reader.little_endian64();
  footer.index_bytes = reader.little_endian64();
  footer.filter_bytes = reader.little_endian64();
  footer.hash = reader.little_endian64();
  const std::string_view before = std::string_view(bytes).substr(0, kFooterBytes - kHashBytes);
  if (reader.little_endian64() != hash64(before)) return damaged("its last bytes are damaged");
  if (footer.filter_bytes % Filter::kLineBytes != 0) return damaged("its filter has half a line");
  const std::uint64_t room = file.size_bytes() - kFooterBytes;
  if (footer.index_bytes > room || footer.filter_bytes > room - footer.index_bytes) {
    return damaged("its index does not fit into it");
  }
  return footer;
}

}  // namespace

std::uint64_t hash64(std::string_view bytes) { return XXH3_64bits(bytes.data(), bytes.size()); }

Filter::Filter(std::uint64_t keys)
    : bytes_(keys == 0 ? 0 : (keys * 10 / 8 / kLineBytes + 1) * kLineBytes, '\0') {}

void Filter::add(std::uint64_t word) {
  if (bytes_.empty()) return;
  const std::uint64_t mixed = mix(word);
  __builtin_prefetch(line_of(mixed), 1);
  std::uint64_t& place = ahead_[added_ % kAhead];
  if (added_++ >= kAhead) set(place);
  place = mixed;
}

void Filter::finish_adding() {
  for (std::size_t i = 0; i < std::min(added_, kAhead); ++i) set(ahead_[i]);
  added_ = 0;
}

void Filter::set(std::uint64_t mixed) {
  auto* line = const_cast<unsigned char*>(line_of(mixed));
  for (int i = 0; i < kProbes; ++i) {
    const std::uint64_t bit = mixed >> (i * 9) & 511;
    line[bit >> 3] = static_cast<unsigned char>(line[bit >> 3] | 1u << (bit & 7));
  }
}

Status read_index(ReadFile& file, Index& index, Filter* filter) {
  WEIR_ASSIGN(const Footer footer, read_footer(file));
  const std::uint64_t data_bytes =
      file.size_bytes() - kFooterBytes - footer.index_bytes - footer.filter_bytes;
  std::string bytes(footer.index_bytes + (filter ? footer.filter_bytes : 0), '\0');
  WEIR_TRY(read_exactly(file, data_bytes, bytes));
  if (filter != nullptr) {
    if (hash64(bytes) != footer.hash) return damaged("its index is damaged");
    *filter = Filter(bytes.substr(footer.index_bytes));
    bytes.resize(footer.index_bytes);
    bytes.shrink_to_fit();
  }
  index.bytes = std::move(bytes);
  index.rows = footer.rows;
  const auto blocks = static_cast<std::size_t>(std::min(footer.blocks, footer.index_bytes));
  index.firsts.reserve(blocks);
  index.words.reserve(blocks);
  index.ends.reserve(blocks);
  ByteReader reader(index.bytes);
  std::uint64_t end = 0;
  while (!reader.at_end()) {
    const std::string_view first = reader.string();
    if (index.blocks() > 0 && first <= index.firsts.back())
      return damaged("its index is not in order");
    index.firsts.push_back(first);
    index.words.push_back(leading_word(index.firsts.back()));
    const std::uint64_t size = reader.varint();
    if (reader.failed() || size <= kHashBytes || size > data_bytes - end) {
      return damaged("its index is not what a writer writes");
    }
    index.ends.push_back(end += size);
  }
  if (end != data_bytes || index.blocks() != footer.blocks) {
    return damaged("its index does not cover it");
  }
  return {};
}

bool RowWalk::open(std::string_view block) {
  damaged_ = block.size() <= kHashBytes;
  if (damaged_) return false;
  rest_ = block.substr(0, block.size() - kHashBytes);
  ByteReader hash(block.substr(rest_.size()));
  damaged_ = hash.little_endian64() != hash64(rest_);
  return !damaged_;
}

bool RowWalk::next() {
  if (rest_.empty() || damaged_) return false;
  ByteReader reader(rest_);
  const std::uint64_t key_bytes = reader.varint();
  const std::uint64_t value_bytes = reader.varint();
  rest_ = reader.rest();
  tombstone_ = value_bytes == 0;
  const std::uint64_t value = tombstone_ ? 0 : value_bytes - 1;
  if (reader.failed() || key_bytes > rest_.size() || value > rest_.size() - key_bytes) {
    damaged_ = true;
    return false;
  }
  key_ = rest_.substr(0, key_bytes);
  value_ = rest_.substr(key_bytes, value);
  rest_.remove_prefix(key_bytes + value);
  return true;
}

}  // namespace weir::run_format
