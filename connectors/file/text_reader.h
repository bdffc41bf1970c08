// What the readers of lines, CSV and JSON share: where a split begins and ends, positions, line
// numbers, dead letters; and the walk over whole lines.
//
// Position := varint 1 (version), varint offset, varint line, fingerprint (connectors/file/input.h)
//   offset: decompressed bytes before the next record; line: its number, counted from 1
//
// A split with a range owns the lines that begin in [begin, end), wherever they end, so that every
// line has exactly one owner. Used by one thread at a time.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "weir/connectors/file/input.h"
#include "weir/connectors/file/untyped.h"

namespace weir::file::detail {

/// What a reader is told about its split.
struct SplitSetup {
  std::string name;  ///< of the file, for people
  std::uint64_t begin = 0, end = UINT64_MAX;
  std::size_t max_record = 0;
  PayloadFormat format = PayloadFormat::text;
};

/// Where a reader begins.
struct TextPosition {
  std::uint64_t offset = 0;
  std::uint64_t line = 1;
  Fingerprint fingerprint = {};

  std::string encode() const;
  /// The start of a split when `bytes` is empty.
  static Result<TextPosition> decode(std::string_view bytes, const SplitSetup& setup);
};

/// The base of all readers of this folder.
class TextReader : public UntypedReader {
 public:
  TextReader(std::unique_ptr<ByteInput> input, SplitSetup setup, const TextPosition& start);
  std::string position() const override;
  std::optional<double> progress() const override { return input_->remaining(); }
  bool caught_up() const override { return input_->caught_up(); }

 protected:
  enum class Next : std::uint8_t {
    ready,    ///< there is something to read
    again,    ///< call again: a slice of work was done
    waiting,  ///< the file may grow
    end,
  };
  static ReadStatus status_of(Next next);

  /// Skips a byte-order mark at the start of a file, and the line that another split owns at the
  /// start of a later one.
  Result<Next> enter();
  /// Goes on dropping a line that is too long, and reports it at its end.
  Result<Next> skip_giant(DeadLetterSink& dead);
  bool in_giant() const { return giant_bytes_ > 0; }
  /// Begins to drop the line at the start of the window, which is longer than max_record.
  void start_giant();
  /// The most bytes that a record may take, with its line end. What is longer is treated alike
  /// however much of it is at hand.
  std::size_t longest() const {
    return setup_.max_record < SIZE_MAX - 2 ? setup_.max_record + 2 : SIZE_MAX;
  }

  /// True when the split owns no line that begins at `record_offset_`. The first line of a file
  /// begins at 0, also behind a byte-order mark.
  bool past_end() const {
    const bool first_line = setup_.begin == 0 && line_ == 1;
    return record_offset_ >= setup_.end && !first_line;
  }
  DeadLetter letter(DeadLetterReason reason, std::string_view bytes, std::string message) const;
  DeadLetter too_large(std::string_view bytes, std::uint64_t size) const;

  std::unique_ptr<ByteInput> input_;
  SplitSetup setup_;
  std::uint64_t record_offset_;  // of the next record; behind the input's own while one is skipped
  std::uint64_t line_;           // of the next record

 private:
  Result<Next> skip_mark();
  Result<Next> skip_foreign_line();

  bool entered_;
  bool counts_lines_;
  std::string giant_head_;
  std::uint64_t giant_bytes_ = 0;
  char giant_last_ = 0;  // its last byte so far
};

/// Reads line by line out of blocks of whole lines.
class LineReader : public TextReader {
 public:
  using TextReader::TextReader;
  Result<ReadStatus> read(Rows& rows, DeadLetterSink& dead) final;

 protected:
  /// Announces the lines that come next; `block` stays in place until they are read.
  virtual void begin_block(std::string_view block) = 0;
  /// Reads one line, without its end, into `row`; false with `error` set when it cannot be read.
  virtual bool decode(std::string_view line, void* row, std::string& error) = 0;
  virtual bool skips_empty_lines() const = 0;

 private:
  Result<Next> next_block(DeadLetterSink& dead);
  std::size_t whole_lines(std::string_view window) const;
  void take_line(Rows& rows, DeadLetterSink& dead);

  std::string_view block_;  // the rest of the block, at the start of the input's window
  std::string error_;       // reused
};

}  // namespace weir::file::detail
