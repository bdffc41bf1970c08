// A world in memory for fuzzers of sources, sinks and checkpoints. One thread.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/fuzz/fuzz.h"
#include "weir/base/clock.h"
#include "weir/base/path.h"
#include "weir/base/storage.h"
#include "weir/runtime/environment.h"
#include "weir/runtime/source.h"

namespace weir::fuzz {

struct World {
  ManualClock clock;
  MemoryStorage storage;
  Environment env{&clock, &storage, nullptr, 1};
  SourceContext source{&env, "rows", 0, 1};

  World() { WEIR_CHECK(storage.make_dirs(".").ok(), "a folder can be made"); }
  /// Writes a file whole, with the folders above it.
  void put(const std::string& path, std::string_view bytes) {
    WEIR_CHECK(storage.make_dirs(parent_path(path)).ok(), "a folder can be made");
    WEIR_CHECK(write_file_atomically(storage, path, bytes).ok(), "a file can be written");
  }
};

struct Letters final : DeadLetterSink {
  std::vector<std::string> texts;  ///< of each letter, all that a reader says of it
  void add(DeadLetter letter) override { texts.push_back(encode_dead_letter(letter)); }
};

/// What a reader gave, as text. Only its order within the rows and within the letters counts, since
/// a batch and its letters travel apart.
struct Read {
  std::vector<std::string> rows;
  Letters letters;
  ReadStatus last = ReadStatus::more;
  bool failed = false;
};

/// Reads until the reader has no more at hand; `show` makes text of a row.
template <class T, class Show>
void drain(SplitReader<T>& reader, Read& out, Show show, int calls = 100'000) {
  Batch<T> batch;
  for (; calls > 0; --calls) {
    batch.clear();
    const auto status = reader.read(batch, out.letters);
    for (const T& row : batch) out.rows.push_back(show(row));
    out.failed = !status.ok();
    if (out.failed) return;
    out.last = *status;
    if (out.last != ReadStatus::more) return;
  }
  WEIR_CHECK(false, "a reader comes to an end");
}

}  // namespace weir::fuzz
