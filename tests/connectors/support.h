// What the tests of sources share: a world in memory, and readers driven by hand.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "weir/base/clock.h"
#include "weir/base/storage.h"
#include "weir/file.h"
#include "weir/runtime/environment.h"

namespace weir::testing_support {

/// Runs nothing by itself: the tests call what they want run.
struct World {
  ManualClock clock;
  MemoryStorage storage;
  Environment env{&clock, &storage, nullptr, 1};
  SourceContext source{&env, "rows", 0, 1};

  void put(const std::string& path, std::string_view bytes) {
    const std::size_t slash = path.rfind('/');
    if (slash != std::string::npos) {
      ASSERT_TRUE(storage.make_dirs(path.substr(0, slash)).ok());
    }
    ASSERT_TRUE(write_file_atomically(storage, path, bytes).ok());
  }
};

struct DeadLetters final : DeadLetterSink {
  std::vector<DeadLetter> letters;
  void add(DeadLetter letter) override { letters.push_back(std::move(letter)); }
};

/// Everything one reader gives until its end, or until nothing more is at hand.
template <class T>
struct Drained {
  std::vector<T> rows;
  std::vector<std::string> positions;  ///< after each call of read that gave rows
  std::vector<std::size_t> counts;     ///< rows at each of these positions
  DeadLetters dead;
  ReadStatus last = ReadStatus::more;
  Status status;
};

template <class T>
void drain(SplitReader<T>& reader, Drained<T>& out, std::size_t rows_a_call = SIZE_MAX) {
  Batch<T> batch;
  for (int calls = 0; calls < 1'000'000; ++calls) {
    batch.clear();
    // A batch that is nearly full makes the reader stop after any wanted number of rows.
    const std::size_t wanted = std::min(rows_a_call, batch.capacity());
    const std::size_t filler = batch.capacity() - wanted;
    for (std::size_t i = 0; i < filler; ++i) batch.push_empty();
    Result<ReadStatus> status = reader.read(batch, out.dead);
    for (std::size_t i = filler; i < batch.size(); ++i) out.rows.push_back(std::move(batch[i]));
    if (!status.ok()) {
      out.status = status.error();
      return;
    }
    out.positions.push_back(reader.position());
    out.counts.push_back(out.rows.size());
    out.last = *status;
    if (out.last != ReadStatus::more) return;
  }
  ADD_FAILURE() << "the reader never ends";
}

template <class T>
Drained<T> read_split(const Source<T>& source, const SourceContext& context,
                      const std::string& split, const std::string& position = "",
                      std::size_t rows_a_call = SIZE_MAX) {
  Drained<T> out;
  Result<std::unique_ptr<SplitReader<T>>> reader = source.open(context, split, position);
  if (!reader.ok()) {
    out.status = reader.error();
    return out;
  }
  drain(**reader, out, rows_a_call);
  return out;
}

/// The rows of all splits, in the order of the splits.
template <class T>
Drained<T> read_all(const Source<T>& source, const SourceContext& context) {
  Drained<T> all;
  Result<std::vector<std::string>> splits = source.discover(context);
  if (!splits.ok()) {
    all.status = splits.error();
    return all;
  }
  for (const std::string& split : *splits) {
    Drained<T> one = read_split(source, context, split);
    if (!one.status.ok()) all.status = one.status;
    for (T& row : one.rows) all.rows.push_back(std::move(row));
    for (DeadLetter& letter : one.dead.letters) all.dead.add(std::move(letter));
  }
  return all;
}

/// Reading on from every position gives exactly the rest: no row more, no row less.
template <class T, class Same>
void expect_resumes_everywhere(const Source<T>& source, const SourceContext& context,
                               const std::string& split, Same same) {
  const Drained<T> whole = read_split(source, context, split, "", 1);
  ASSERT_TRUE(whole.status.ok()) << whole.status.error().message;
  for (std::size_t i = 0; i < whole.positions.size(); ++i) {
    const Drained<T> rest = read_split(source, context, split, whole.positions[i]);
    ASSERT_TRUE(rest.status.ok()) << rest.status.error().message;
    ASSERT_EQ(rest.rows.size() + whole.counts[i], whole.rows.size()) << "position " << i;
    for (std::size_t k = 0; k < rest.rows.size(); ++k) {
      ASSERT_TRUE(same(rest.rows[k], whole.rows[whole.counts[i] + k])) << i << " " << k;
    }
  }
}

/// Compressed forms of `plain`, in one or several frames.
std::string gzip(std::string_view plain);
std::string zstd(std::string_view plain);

}  // namespace weir::testing_support
