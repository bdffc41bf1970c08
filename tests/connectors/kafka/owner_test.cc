// Who may write with a transactional id that somebody has taken over.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "weir/base/json.h"
#include "weir/base/schema.h"
#include "weir/connectors/kafka/progress.h"

namespace weir::kafka::detail {
namespace {

using ::testing::HasSubstr;

const OwnerRecord kMine{"a7_aaaa", "s-1", "/state/mine", "host-1"};

TEST(KafkaOwner, ReadsBackAlsoAsOlderVersionsWroteIt) {
  std::string text;
  to_json(text, kMine);
  const auto read = parse_owner(text);
  ASSERT_TRUE(read.ok()) << read.error().message;
  EXPECT_EQ(read->attempt, kMine.attempt);
  EXPECT_EQ(read->state, kMine.state);
  EXPECT_EQ(read->folder, kMine.folder);
  EXPECT_EQ(read->host, kMine.host);
  EXPECT_EQ(parse_owner(R"({"attempt":"a3_x"})").value().attempt, "a3_x");
  EXPECT_FALSE(parse_owner("").ok());
  EXPECT_FALSE(parse_owner("[]").ok());
}

TEST(KafkaOwner, AnotherAttemptOfTheJobHasFencedThisOne) {
  EXPECT_TRUE(check_owner(kMine, kMine, "id/0").ok());
  const Status fenced = check_owner(kMine, {"a8_bbbb", "s-1", "/moved", "host-2"}, "id/0");
  ASSERT_FALSE(fenced.ok());
  EXPECT_EQ(fenced.error().code, ErrorCode::fenced);
  EXPECT_THAT(fenced.error().message, HasSubstr("taken over"));
  EXPECT_THAT(fenced.error().message, HasSubstr("host-2"));
  EXPECT_EQ(check_owner(kMine, {"a8_bbbb", "", "", ""}, "id/0").error().code, ErrorCode::fenced);
}

TEST(KafkaOwner, AnotherJobIsNamedAndEndsThisOneForGood) {
  const Status other = check_owner(kMine, {"a3_bbbb", "s-2", "/state/theirs", "host-2"}, "id/0");
  ASSERT_FALSE(other.ok());
  EXPECT_EQ(other.error().code, ErrorCode::already_exists);
  EXPECT_FALSE(other.error().retryable);
  for (const char* part : {"host-2", "/state/theirs", "id/0", "another name"}) {
    EXPECT_THAT(other.error().message, HasSubstr(part));
  }
}

TEST(KafkaOwner, OnlyANewerAttemptOfTheJobKeepsThisOneFromBeginning) {
  const auto check = [](const std::string& attempt, const std::string& state) {
    return check_not_newer(kMine, {attempt, state, "", ""}, "id/0");
  };
  EXPECT_TRUE(check("a6_bbbb", "s-1").ok());
  EXPECT_TRUE(check("a7_aaaa", "s-1").ok());
  EXPECT_TRUE(check("a8_bbbb", "s-2").ok()) << "numbers of other folders say nothing";
  EXPECT_TRUE(check("a8_bbbb", "").ok());
  EXPECT_TRUE(check("", "s-1").ok());
  EXPECT_EQ(check("a8_bbbb", "s-1").error().code, ErrorCode::fenced);
  EXPECT_EQ(check("a10_bbbb", "s-1").error().code, ErrorCode::fenced) << "as numbers, not texts";
}

}  // namespace
}  // namespace weir::kafka::detail
