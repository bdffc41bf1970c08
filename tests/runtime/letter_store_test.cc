// Dead letters found by id among letters that are gone.
#include "weir/runtime/letter_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "tests/checkpoint/fixture.h"
#include "weir/runtime/letter_log.h"

namespace weir {
namespace {

using ::testing::ElementsAre;

std::string id_of(int number) { return "1.0." + std::to_string(number); }

DeadLetter letter(int number) {
  DeadLetter made;
  made.id = id_of(number);
  made.step = "parse";
  made.bytes = std::to_string(number);
  return made;
}

TEST(LetterStore, FindsLettersBetweenAndBehindThoseThatAreGone) {
  MemoryStorage memory;
  Storage* storage = &memory;
  ASSERT_TRUE(storage->make_dirs("/runs").ok());
  auto kept = testing::write_run(*storage, "/runs", "older", [] {
    std::map<std::string, std::optional<std::string>> rows;
    for (int i = 0; i < 100; ++i) rows[letter_row_key(id_of(i))] = encode_dead_letter(letter(i));
    return rows;
  }());
  ASSERT_TRUE(kept.ok());
  auto gone = testing::write_run(*storage, "/runs", "newer", [] {
    std::map<std::string, std::optional<std::string>> rows;
    for (int i = 0; i < 100; ++i)
      if (i != 40 && i != 41 && i != 99) rows[letter_row_key(id_of(i))] = std::nullopt;
    return rows;
  }());
  ASSERT_TRUE(gone.ok());
  Manifest manifest;
  manifest.dead_letters = {*kept, *gone};
  const auto find = [&](const std::vector<int>& numbers) {
    std::vector<std::string> ids, found;
    for (const int number : numbers) ids.push_back(id_of(number));
    const auto letters = find_letters(*storage, "/runs", manifest, ids);
    EXPECT_TRUE(letters.ok());
    for (const DeadLetter& l : *letters) found.push_back(l.bytes);
    return found;
  };
  EXPECT_THAT(find({0, 1, 39, 40}), ElementsAre("40"));
  EXPECT_THAT(find({99, 41, 40}), ElementsAre("40", "41", "99"));
  EXPECT_THAT(find({42, 50, 98}), ElementsAre());
  EXPECT_THAT(find({42, 99, 200}), ElementsAre("99"));
  EXPECT_THAT(find({39, 41, 60, 100}), ElementsAre("41"));
}

}  // namespace
}  // namespace weir
