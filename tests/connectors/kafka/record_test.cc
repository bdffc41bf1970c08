// Records without a broker: positions, dead letters and back, and what decoders take from where.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/connectors/kafka/letter.h"
#include "weir/connectors/kafka/position.h"
#include "weir/connectors/kafka/source.h"

namespace weir::kafka {
namespace {

using detail::Partition;
using detail::Position;

struct Visit {
  std::string user;
  std::int64_t page = 0;
  std::optional<std::string> from;
  std::string tenant;
  EventTime at;
};
WEIR_DESCRIBE(Visit, user, page, from, tenant, at);

DeadLetter letter_of(const RawRecord& record) {
  return detail::to_letter(Message(record), DeadLetterReason::decode, PayloadFormat::json, "why");
}

TEST(KafkaPosition, ReadsBack) {
  EXPECT_EQ((Position{17, {}}.encode()), "17");
  EXPECT_EQ((Position{17, 20}.encode()), "17..20");
  EXPECT_EQ(Position::decode("17..20")->end, 20);
  for (const char* wrong : {"", "-1", "1..", "..2", "a", "1..2..3", "1 "}) {
    EXPECT_FALSE(Position::decode(wrong).ok()) << wrong;
  }
}

TEST(KafkaPosition, SplitsNameTopicAndPartition) {
  EXPECT_EQ(detail::to_string(Partition{"shop-events.v2", 3}), "shop-events.v2/3");
  EXPECT_EQ(*detail::parse_split("shop-events.v2/3"), (Partition{"shop-events.v2", 3}));
  for (const char* wrong : {"", "/3", "topic", "topic/", "topic/x", "topic/-1"}) {
    EXPECT_FALSE(detail::parse_split(wrong).ok()) << wrong;
  }
}

TEST(KafkaLetter, HoldsAllOfTheRecord) {
  RawRecord record{"visits", 2, 77, from_millis(1000), "key\xff", "not json", {}};
  record.headers = {{"trace", "1"}, {"trace", "2"}, {"none", std::nullopt}};
  const DeadLetter letter = letter_of(record);
  EXPECT_EQ(letter.source, "visits/2@77");
  EXPECT_EQ(letter.bytes, "not json");
  const RawRecord back = detail::from_letter(letter);
  EXPECT_EQ(back.topic, "visits");
  EXPECT_EQ(back.partition, 2);
  EXPECT_EQ(back.offset, 77);
  EXPECT_EQ(back.timestamp, from_millis(1000));
  EXPECT_EQ(back.key, "key\xff");
  EXPECT_EQ(back.value, "not json");
  ASSERT_EQ(back.headers.size(), 3U);
  EXPECT_EQ(Message(back).header("trace"), "2");
}

TEST(KafkaLetter, KeepsTheNamesOfHeadersThatLookRepeated) {
  RawRecord record{"visits", 0, 1, from_millis(0), {}, "x", {}};
  record.headers = {{"a", "1"}, {"a#2", "2"}, {"a", "3"}, {"a#2", "4"}, {"b#", "5"}};
  std::vector<std::string> names;
  for (const Header& header : detail::from_letter(letter_of(record)).headers) {
    names.push_back(header.name + "=" + header.value.value_or(""));
  }
  EXPECT_THAT(names, testing::UnorderedElementsAre("a=1", "a#2=2", "a=3", "a#2=4", "b#=5"));
}

TEST(KafkaLetter, ATombstoneStaysOneUntilItIsRepaired) {
  RawRecord record{"visits", 0, 1, from_millis(0), "k", std::nullopt, {}};
  DeadLetter letter = letter_of(record);
  EXPECT_EQ(detail::from_letter(letter).value, std::nullopt);
  letter.bytes = "{}";
  EXPECT_EQ(detail::from_letter(letter).value, "{}");
}

TEST(KafkaJson, KeyTimestampAndHeadersGoToTheirFields) {
  const auto visits = source<Visit>({.brokers = "none:1",
                                     .topic = "visits",
                                     .key_field = "user",
                                     .timestamp_field = "at",
                                     .header_fields = {{"tenant", "x-tenant"}}});
  RawRecord record{"visits", 0, 5, from_millis(1234), "u1", "{\"page\": 7,\n \"more\": []}", {}};
  record.headers = {{"x-tenant", "acme"}};
  const auto visit = visits->decode(letter_of(record));
  ASSERT_TRUE(visit.ok()) << visit.error().message;
  EXPECT_EQ(visit->user, "u1");
  EXPECT_EQ(visit->page, 7);
  EXPECT_EQ(visit->tenant, "acme");
  EXPECT_EQ(visit->at, from_millis(1234));
  EXPECT_EQ(visit->from, std::nullopt);

  record.headers.clear();
  const auto without = visits->decode(letter_of(record));
  ASSERT_FALSE(without.ok());
  EXPECT_THAT(without.error().message, testing::HasSubstr("header 'x-tenant' is missing"));
}

TEST(KafkaJson, AJobMayDecodeByItself) {
  const auto pages = source<Visit>({.brokers = "none:1", .topic = "visits"},
                                   [](const Message& message, Visit& visit, std::string& error) {
                                     if (!message.value()) throw std::runtime_error("a tombstone");
                                     visit.user = *message.value();
                                     error = "empty";
                                     return !visit.user.empty();
                                   });
  RawRecord record{"visits", 0, 5, from_millis(0), {}, "me", {}};
  EXPECT_EQ(pages->decode(letter_of(record))->user, "me");
  record.value = "";
  EXPECT_EQ(pages->decode(letter_of(record)).error().message, "empty");
  record.value.reset();
  EXPECT_THAT(pages->decode(letter_of(record)).error().message, testing::HasSubstr("tombstone"));
}

TEST(KafkaSettings, SecretsMustBeReferencesAndGuaranteesAreNotForSale) {
  const auto check = [](Settings settings) {
    const Status status = detail::Connection{"broker:9092", std::move(settings), "test"}.check();
    return status.ok() ? "" : status.error().message;
  };
  EXPECT_EQ(check({{"security.protocol", "SASL_SSL"}}), "");
  EXPECT_THAT(check({{"sasl.password", "hunter2"}}),
              testing::AllOf(testing::HasSubstr("env:NAME or file:PATH"),
                             testing::Not(testing::HasSubstr("hunter2"))));
  EXPECT_THAT(check({{"sasl.password", "env:WEIR_TEST_NO_SUCH_VARIABLE"}}),
              testing::HasSubstr("which is not set"));
  EXPECT_THAT(check({{"isolation.level", "read_uncommitted"}}),
              testing::HasSubstr("not for a job to make"));
  EXPECT_THAT(detail::Connection({"", {}, ""}).check().error().message,
              testing::HasSubstr("set .brokers"));
}

}  // namespace
}  // namespace weir::kafka
