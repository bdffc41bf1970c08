// See snapshot_files.h.
#include "weir/runtime/snapshot_files.h"

#include <algorithm>
#include <map>

#include "weir/runtime/letter_log.h"

namespace weir {

std::string state_file_name(const std::string& step, std::uint32_t subtask, CheckpointId id,
                            const std::string& attempt, std::uint64_t number, const char* kind) {
  return step + "-" + std::to_string(subtask) + "-" + std::to_string(id) + "-" + attempt + "-" +
         std::to_string(number) + "-" + kind + ".run";
}

Result<WrittenRun> write_rows(Storage& storage, const std::string& folder, const std::string& file,
                              RowBuffer& rows, bool look_up) {
  WrittenRun written;
  WEIR_ASSIGN(written.info, write_run(storage, folder, file, rows.rows(),
                                      [&](RunWriter& w) { return rows.write_to(w); }));
  if (look_up) {
    WEIR_ASSIGN(written.opened, RunLookup::open(storage, folder, written.info));
  }
  return written;
}

Status write_items(RunWriter& writer, std::vector<StateItem>& items) {
  std::sort(items.begin(), items.end(),
            [](const StateItem& a, const StateItem& b) { return a.key < b.key; });
  for (const StateItem& item : items) WEIR_TRY(writer.put(item.key, item.value));
  return {};
}

/// A removed letter is a tombstone, unless it has failed again since: then it has a new form.
Status write_letters(RunWriter& writer, const std::vector<DeadLetter>& letters,
                     const std::vector<std::string>& removed) {
  std::map<std::string, std::string> rows;
  for (const std::string& id : removed) rows[letter_row_key(id)] = "";
  for (const DeadLetter& letter : letters)
    rows[letter_row_key(letter.id)] = encode_dead_letter(letter);
  for (const auto& [key, value] : rows) {
    WEIR_TRY(value.empty() ? writer.erase(key) : writer.put(key, value));
  }
  return {};
}

}  // namespace weir
