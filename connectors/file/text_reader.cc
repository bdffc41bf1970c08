// Lines and positions. Used by one thread at a time.
#include "weir/connectors/file/text_reader.h"

#include <algorithm>
#include <cstring>

namespace weir::file::detail {
namespace {

constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
/// Small enough to stay in the first cache levels between finding lines and decoding them.
constexpr std::size_t kBlockBytes = 32 * 1024;
/// How much of a record that is too large is kept in its dead letter.
constexpr std::size_t kKeptOfGiant = 64 * 1024;
/// Records looked at in one call of read, so that a file of dead letters does not hold up its task.
constexpr int kRecordsPerRead = 1024;

/// Brings what lies a block behind the line at `window` towards the cache: a block is looked
/// through at once when it begins, and of large inputs each page costs a walk through page tables.
[[gnu::always_inline]] inline void prefetch_next_block(std::string_view window,
                                                       std::size_t line_bytes) {
  if (window.size() < kBlockBytes + line_bytes) return;
  const char* ahead = window.data() + kBlockBytes;
  for (std::size_t i = 0; i < line_bytes; i += 64) __builtin_prefetch(ahead + i, 0, 2);
}

}  // namespace

std::string TextPosition::encode() const {
  std::string bytes;
  ByteWriter writer(bytes);
  writer.varint(1);
  writer.varint(offset);
  writer.varint(line);
  fingerprint.write(writer);
  return bytes;
}

Result<TextPosition> TextPosition::decode(std::string_view bytes, const SplitSetup& setup) {
  TextPosition result;
  result.offset = setup.begin;
  if (bytes.empty()) return result;
  ByteReader reader(bytes);
  const std::uint64_t version = reader.varint();
  result.offset = reader.varint();
  result.line = reader.varint();
  result.fingerprint = Fingerprint::read(reader);
  if (version == 1 && !reader.failed() && reader.at_end()) return result;
  return Error{ErrorCode::incompatible,
               "the saved position in input file '" + setup.name +
                   "' cannot be read; it was written by another version of Weir",
               false};
}

TextReader::TextReader(std::unique_ptr<ByteInput> input, SplitSetup setup,
                       const TextPosition& start)
    : input_(std::move(input)),
      setup_(std::move(setup)),
      record_offset_(start.offset),
      line_(start.line),
      entered_(start.offset != setup_.begin),
      counts_lines_(setup_.begin == 0) {}

std::string TextReader::position() const {
  return TextPosition{record_offset_, line_, input_->fingerprint()}.encode();
}

ReadStatus TextReader::status_of(Next next) {
  if (next == Next::end) return ReadStatus::end;
  return next == Next::waiting ? ReadStatus::empty : ReadStatus::more;
}

Result<TextReader::Next> TextReader::enter() {
  if (entered_) return Next::ready;
  return setup_.begin == 0 ? skip_mark() : skip_foreign_line();
}

Result<TextReader::Next> TextReader::skip_mark() {
  const std::string_view seen = input_->window().substr(0, kByteOrderMark.size());
  if (seen == kByteOrderMark) {
    input_->consume(seen.size());
    record_offset_ = input_->offset();
  } else if (seen == kByteOrderMark.substr(0, seen.size())) {
    WEIR_ASSIGN(const Fill fill, input_->fill());
    if (fill == Fill::grew) return Next::again;
    if (fill == Fill::waiting) return Next::waiting;
  }
  entered_ = true;
  return Next::ready;
}

/// The input begins one byte early, so that a line that begins exactly at `begin` is seen to.
Result<TextReader::Next> TextReader::skip_foreign_line() {
  const std::string_view window = input_->window();
  const std::size_t end = window.find('\n');
  input_->consume(end == std::string_view::npos ? window.size() : end + 1);
  if (end != std::string_view::npos) {
    record_offset_ = input_->offset();
    entered_ = true;
    return Next::ready;
  }
  WEIR_ASSIGN(const Fill fill, input_->fill());
  return fill == Fill::grew ? Next::again : Next::end;
}

void TextReader::start_giant() {
  const std::string_view window = input_->window();
  const std::string_view seen = window.substr(0, window.find('\n'));
  giant_head_.assign(seen.substr(0, std::min(kKeptOfGiant, setup_.max_record)));
  giant_bytes_ = seen.size();
  giant_last_ = seen.back();
  input_->consume(seen.size());
}

Result<TextReader::Next> TextReader::skip_giant(DeadLetterSink& dead) {
  Fill fill = Fill::grew;
  if (input_->window().empty()) {
    WEIR_ASSIGN(fill, input_->fill());
  }
  if (fill == Fill::waiting) return Next::waiting;
  const std::string_view window = input_->window();
  const std::size_t end = window.find('\n');
  const bool ended = fill == Fill::end || end != std::string_view::npos;
  const std::string_view content = window.substr(0, end);
  giant_bytes_ += content.size();
  if (!content.empty()) giant_last_ = content.back();
  input_->consume(end == std::string_view::npos ? content.size() : end + 1);
  if (!ended) return Next::again;
  dead.add(too_large(giant_head_, giant_bytes_ - (giant_last_ == '\r' ? 1 : 0)));
  giant_bytes_ = 0;
  giant_head_.clear();
  record_offset_ = input_->offset();
  ++line_;
  return Next::again;
}

DeadLetter TextReader::letter(DeadLetterReason reason, std::string_view bytes,
                              std::string message) const {
  DeadLetter result;
  result.reason = reason;
  result.format = setup_.format;
  result.bytes.assign(bytes);
  result.message = std::move(message);
  result.source = setup_.name + "@" + std::to_string(record_offset_);
  if (counts_lines_) result.source += " (line " + std::to_string(line_) + ")";
  return result;
}

DeadLetter TextReader::too_large(std::string_view bytes, std::uint64_t size) const {
  const std::string_view kept = bytes.substr(0, std::min(kKeptOfGiant, setup_.max_record));
  DeadLetter result =
      letter(DeadLetterReason::too_large, kept,
             "the record has " + std::to_string(size) +
                 " bytes, more than max_record = " + std::to_string(setup_.max_record) +
                 "; only its first " + std::to_string(kept.size()) + " are kept here");
  result.headers["size_bytes"] = std::to_string(size);
  return result;
}

Result<ReadStatus> LineReader::read(Rows& rows, DeadLetterSink& dead) {
  for (int budget = kRecordsPerRead; budget > 0 && !rows.full(); --budget) {
    if (block_.empty()) {
      WEIR_ASSIGN(const Next next, next_block(dead));
      if (next == Next::again) continue;
      if (next != Next::ready) return status_of(next);
    }
    take_line(rows, dead);
  }
  return ReadStatus::more;
}

/// How many bytes of the window are whole lines, at least one of them if there is one.
std::size_t LineReader::whole_lines(std::string_view window) const {
  if (window.empty()) return 0;
  const std::string_view near = window.substr(0, kBlockBytes);
  const void* found = memrchr(near.data(), '\n', near.size());
  std::size_t last = found == nullptr
                         ? std::string_view::npos
                         : static_cast<std::size_t>(static_cast<const char*>(found) - near.data());
  if (last == std::string_view::npos) last = window.find('\n', near.size());
  if (last == std::string_view::npos) return 0;
  const std::uint64_t owned = setup_.end > record_offset_ ? setup_.end - record_offset_ : 1;
  if (last + 1 > owned) last = window.find('\n', static_cast<std::size_t>(owned) - 1);
  return last + 1;
}

Result<TextReader::Next> LineReader::next_block(DeadLetterSink& dead) {
  WEIR_ASSIGN(const Next entered, enter());
  if (entered != Next::ready) return entered;
  if (in_giant()) return skip_giant(dead);
  if (past_end()) return Next::end;
  const std::string_view window = input_->window();
  std::size_t size = whole_lines(window);
  if (size == 0 && window.size() >= longest()) {
    start_giant();
    return Next::again;
  }
  if (size == 0) {
    WEIR_ASSIGN(const Fill fill, input_->fill());
    if (fill == Fill::grew) return Next::again;
    if (fill == Fill::waiting) return Next::waiting;
    if (window.empty()) return Next::end;
    size = window.size();  // the last line of a bounded file may lack its end
  }
  block_ = input_->window().substr(0, size);
  begin_block(block_);
  return Next::ready;
}

void LineReader::take_line(Rows& rows, DeadLetterSink& dead) {
  const void* found = std::memchr(block_.data(), '\n', block_.size());
  const std::size_t end =
      found == nullptr ? block_.size()
                       : static_cast<std::size_t>(static_cast<const char*>(found) - block_.data());
  std::string_view line = block_.substr(0, end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  if (line.size() > setup_.max_record) {
    dead.add(too_large(line, line.size()));
  } else if (!line.empty() || !skips_empty_lines()) {
    if (!decode(line, rows.add(), error_)) {
      rows.drop_last();
      dead.add(letter(DeadLetterReason::decode, line, error_));
    }
  }
  const std::size_t used = std::min(end + 1, block_.size());
  prefetch_next_block(input_->window(), used);
  block_.remove_prefix(used);
  input_->consume(used);
  record_offset_ += used;
  ++line_;
}

}  // namespace weir::file::detail
