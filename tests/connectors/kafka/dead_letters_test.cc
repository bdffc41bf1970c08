// What a dead letter looks like in a Kafka topic.
#include "weir/connectors/kafka/dead_letters.h"

#include <gmock/gmock.h>

#include "weir/connectors/kafka/letter.h"
#include "weir/runtime/letters.h"

namespace weir::kafka {
namespace {

using ::testing::ElementsAre;

struct Visit {
  std::string user;
  std::int64_t page = 0;
};
WEIR_DESCRIBE(Visit, user, page);

DeadLetter from_kafka() {
  RawRecord record{"visits", 3, 258, from_millis(1000), "k1", "not json", {}};
  record.headers = {{"x-tenant", "acme"}, {"empty", std::nullopt}};
  const Message message(record);
  DeadLetter letter =
      detail::to_letter(message, DeadLetterReason::decode, PayloadFormat::json, "it is no JSON");
  letter.id = "12.4.0";
  letter.step = "read";
  letter.job = "shop";
  letter.attempt = 2;
  letter.last_failed = from_millis(5000);
  return letter;
}

/// "NAME=VALUE" of the headers that begin with `prefix`.
std::vector<std::string> headers(const DeadLetter& letter, const std::vector<LetterHeaders>& kinds,
                                 const std::string& prefix) {
  std::vector<std::string> found;
  for (const Header& header : detail::headers_of_letter(letter, kinds)) {
    if (header.name.starts_with(prefix)) {
      found.push_back(header.name.substr(prefix.size()) + "=" + header.value.value_or("(null)"));
    }
  }
  return found;
}

TEST(KafkaDeadLetters, KeepTheHeadersOfTheRecord) {
  const auto all = detail::headers_of_letter(from_kafka(), {});
  ASSERT_GE(all.size(), 2u);
  EXPECT_EQ(all[0].name + "=" + all[0].value.value_or("?"), "x-tenant=acme");
  EXPECT_EQ(all[1].name, "empty");
  EXPECT_EQ(all[1].value, std::nullopt);
}

TEST(KafkaDeadLetters, SayWhatWentWrongInWeirsOwnWords) {
  EXPECT_THAT(headers(from_kafka(), {}, "weir."),
              ElementsAre("id=12.4.0", "job=shop", "step=read", "reason=decode",
                          "message=it is no JSON", "attempt=2", "source=visits/3@258",
                          "format=json", "failed_at=1970-01-01T00:00:05.000Z"));
}

TEST(KafkaDeadLetters, SpeakTheWordsOfKafkaConnect) {
  EXPECT_THAT(headers(from_kafka(), {LetterHeaders::connect}, "__connect.errors."),
              ElementsAre("topic=visits", "partition=3", "offset=258", "connector.name=shop",
                          "task.id=4", "stage=VALUE_CONVERTER", "class.name=read",
                          "exception.class.name=weir.decode", "exception.message=it is no JSON",
                          "exception.stacktrace=weir.decode: it is no JSON\n\tat step read of job "
                          "shop\n\tat visits/3@258\n"));
  EXPECT_THAT(headers(from_kafka(), {LetterHeaders::streams}, "__connect"), ElementsAre());
}

TEST(KafkaDeadLetters, SpeakTheWordsOfKafkaStreams) {
  const auto said = headers(from_kafka(), {LetterHeaders::streams}, "__streams.errors.");
  EXPECT_THAT(said,
              ElementsAre("exception=weir.decode", ::testing::StartsWith("stacktrace="),
                          "message=it is no JSON", "topic=visits", "partition=3", "offset=258"));
}

TEST(KafkaDeadLetters, SpeakTheWordsOfSpringWithItsNumbersOfBytes) {
  const auto said = headers(from_kafka(), {LetterHeaders::spring}, "kafka_dlt-original-");
  EXPECT_THAT(said, ElementsAre("topic=visits", std::string("partition=\0\0\0\3", 14),
                                std::string("offset=\0\0\0\0\0\0\1\2", 15),
                                std::string("timestamp=\0\0\0\0\0\0\3\350", 18),
                                "timestamp-type=CREATE_TIME"));
}

TEST(KafkaDeadLetters, HaveTheKeyOfTheirRecordOrOfTheKeyedStep) {
  const auto key = [](const DeadLetter& letter) -> std::string {
    std::string out;
    return detail::append_letter_key(out, letter) ? out : "(none)";
  };
  EXPECT_EQ(key(from_kafka()), "k1");
  DeadLetter letter = make_record_letter(DeadLetterReason::user_error, Visit{"me", 7}, 0);
  EXPECT_EQ(key(letter), "(none)");
  letter.keyed = true;
  letter.key = encode_to_string(std::string("me"));
  EXPECT_EQ(key(letter), "me");
  letter.key = encode_to_string(std::int64_t{-5});
  EXPECT_EQ(key(letter), letter.key);
  EXPECT_THAT(headers(letter, {LetterHeaders::connect}, "__connect.errors.topic"), ElementsAre());
}

}  // namespace
}  // namespace weir::kafka
