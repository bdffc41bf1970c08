// Repairing dead letters before they are replayed: edits of the payload as JSON (letter_payload.h).
//
//   set      FIELD=VALUE   VALUE is JSON, or else text; text anyway where the field holds text now
//   rename   OLD=NEW
//   cast     FIELD=TYPE    int, double, string, bool or time (ISO 8601; numbers are milliseconds)
//   remove   FIELD
//   patch    JSON Patch (RFC 6902)
//   bytes    the whole payload anew, as raw bytes
//
// FIELD is a name, names joined by '.', or a JSON Pointer beginning with '/'. Pure: any thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "weir/base/json_tree.h"
#include "weir/base/result.h"
#include "weir/runtime/dead_letter.h"

namespace weir {

struct LetterEdit {
  enum class Kind : std::uint8_t { set, rename, cast, remove, patch, bytes };
  Kind kind = Kind::set;
  std::string text;
};

const char* to_string(LetterEdit::Kind kind);

/// The edit called `kind`. Errors: invalid_argument when there is no such kind, or `text` is not of
/// its form.
Result<LetterEdit> make_letter_edit(std::string_view kind, std::string text);

class LetterEditor {
 public:
  /// Prepares edits, applied in this order.
  static Result<LetterEditor> create(std::vector<LetterEdit> edits);

  bool empty() const { return edits_.empty(); }
  /// `letter` with its payload edited; without edits the same bytes. Error: invalid_argument with
  /// the id of the letter, the edit, and why it cannot be applied.
  Result<DeadLetter> apply(const DeadLetter& letter) const;

 private:
  struct Prepared {
    LetterEdit edit;
    JsonValue patch;  // parsed
  };
  std::vector<Prepared> edits_;
};

}  // namespace weir
