// Dead letters: the stored form, and its behaviour under damage.
#include "weir/runtime/letters.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "weir/base/clock.h"
#include "weir/runtime/letter_log.h"

namespace weir {
namespace {

DeadLetter full_letter() {
  DeadLetter letter;
  letter.id = "12.3.4";
  letter.step = "parse";
  letter.reason = DeadLetterReason::parked;
  letter.message = "what happened";
  letter.format = PayloadFormat::record;
  letter.bytes = std::string("\0raw\xff", 5);
  letter.schema = "{}";
  letter.input = 1;
  letter.source = "orders.csv@10";
  letter.key = "key";
  letter.key_hash = 0xfedcba9876543210ull;
  letter.keyed = true;
  letter.event_time_ms = -77;
  letter.seen_ms = 99;
  letter.headers = {{"csv.header", "a,b"}, {"", ""}};
  letter.attempt = 3;
  letter.first_failed = from_millis(1000);
  letter.last_failed = from_millis(2000);
  letter.job = "shop";
  letter.job_version = "v1";
  return letter;
}

TEST(Letters, StoreAndReadBackAllFields) {
  const std::string bytes = encode_dead_letter(full_letter());
  const auto back = decode_dead_letter(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(encode_dead_letter(*back), bytes);
  EXPECT_EQ(back->key_hash, full_letter().key_hash);
  EXPECT_EQ(back->headers, full_letter().headers);
  EXPECT_EQ(back->seen_ms, 99);
  const auto empty = decode_dead_letter(encode_dead_letter(DeadLetter{}));
  ASSERT_TRUE(empty.ok());
  EXPECT_EQ(empty->seen_ms, INT64_MIN);
  EXPECT_FALSE(empty->keyed);
}

TEST(Letters, DamageIsRefusedOrHarmless) {
  const std::string bytes = encode_dead_letter(full_letter());
  std::size_t refused = 0;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    refused += !decode_dead_letter(bytes.substr(0, size)).ok();
  }
  EXPECT_GT(refused, bytes.size() / 2);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string flipped = bytes;
      flipped[i] = static_cast<char>(flipped[i] ^ (1 << bit));
      const auto letter = decode_dead_letter(flipped);
      if (letter.ok()) {
        EXPECT_LE(letter->reason, DeadLetterReason::parked);
        EXPECT_LE(letter->format, PayloadFormat::record);
      }
    }
  }
}

TEST(Letters, NumbersThatDoNotFitAreRefused) {
  const auto with = [](std::uint64_t tag, std::int64_t number, const char* more = "") {
    std::string bytes, value;
    ByteWriter(value).zigzag(number);
    ByteWriter writer(bytes);
    writer.varint(tag);
    writer.string(value + more);
    return bytes;
  };
  constexpr std::uint64_t kReason = 3, kFormat = 5, kInput = 8, kHeader = 14, kAttempt = 15;
  EXPECT_TRUE(decode_dead_letter(with(kReason, 4)).ok());
  EXPECT_FALSE(decode_dead_letter(with(kReason, 5)).ok());
  EXPECT_FALSE(decode_dead_letter(with(kReason, 256)).ok());  // not the first one
  EXPECT_FALSE(decode_dead_letter(with(kFormat, -1)).ok());
  EXPECT_FALSE(decode_dead_letter(with(kInput, std::int64_t{1} << 32)).ok());
  EXPECT_FALSE(decode_dead_letter(with(kAttempt, 1, "more")).ok());
  EXPECT_FALSE(decode_dead_letter(with(kHeader, 7)).ok());
}

TEST(Letters, RowsSortInTheOrderOfArrival) {
  const std::vector<std::string> ids = {"1.0.0", "1.0.1", "1.0.10", "1.2.0", "2.0.0", "10.0.0"};
  std::vector<std::string> keys;
  for (const std::string& id : ids) keys.push_back(letter_row_key(id));
  EXPECT_TRUE(std::is_sorted(keys.begin(), keys.end()));
}

TEST(Letters, ALogNamesLettersAndKeepsTheNamesOfThoseThatFailedAgain) {
  ManualClock clock;
  StepMetrics metrics;
  LetterLog log(clock, "step", "shop", "v2", metrics);
  log.add(DeadLetter{});
  DeadLetter elsewhere;
  elsewhere.step = "other";
  log.add(elsewhere);
  log.add_again(full_letter(), Error{ErrorCode::user_code, "again"});
  std::uint32_t number = 5;
  const auto letters = log.take(7, 2, number);
  ASSERT_EQ(letters.size(), 3u);
  EXPECT_EQ(letters[0].id, "7.2.5");
  EXPECT_EQ(letters[0].step, "step");
  EXPECT_EQ(letters[1].id, "7.2.6");
  EXPECT_EQ(letters[1].step, "other");
  EXPECT_EQ(letters[2].id, "12.3.4");
  EXPECT_EQ(letters[2].attempt, 4u);
  EXPECT_EQ(letters[2].message, "again");
  EXPECT_EQ(letters[2].first_failed, from_millis(1000));
  EXPECT_EQ(number, 7u);
  EXPECT_TRUE(log.take(8, 2, number).empty());
}

TEST(Letters, OneThatFailedAgainAndThenSucceededIsGone) {
  ManualClock clock;
  StepMetrics metrics;
  LetterLog log(clock, "step", "shop", "v2", metrics);
  log.add_again(full_letter(), Error{ErrorCode::user_code, "again"});
  log.remove(full_letter().id);
  std::uint32_t number = 0;
  EXPECT_TRUE(log.take(7, 2, number).empty());
  EXPECT_EQ(log.take_removed(), std::vector<std::string>{full_letter().id});
}

}  // namespace
}  // namespace weir
