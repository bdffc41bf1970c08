// Greetings: who may come in, and what a caller that may not is told.
#include "weir/net/hello.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::net {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Hello kMine{"build-1", "carts", 7, 0, "open sesame"};

std::string refusal(Hello theirs) {
  const Status status = check_hello(kMine, theirs);
  return status.ok() ? "" : status.error().message;
}

TEST(Hello, ReadsBack) {
  std::string bytes;
  write_hello(bytes, kMine);
  EXPECT_LT(bytes.size(), kMaxHello);
  const auto read = read_hello(bytes);
  ASSERT_TRUE(read.ok());
  EXPECT_EQ(read->build, kMine.build);
  EXPECT_EQ(read->job, kMine.job);
  EXPECT_EQ(read->attempt, kMine.attempt);
  EXPECT_EQ(read->process, kMine.process);
  EXPECT_EQ(read->token, kMine.token);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(read_hello(std::string_view(bytes).substr(0, size)).ok());
  }
  EXPECT_FALSE(read_hello(bytes + "x").ok());
}

TEST(Hello, AnotherVersionIsNamed) {
  std::string bytes;
  write_hello(bytes, kMine);
  bytes[4] = 2;
  EXPECT_THAT(read_hello(bytes).error().message, HasSubstr("version 2"));
}

TEST(Hello, StrangersOldAttemptsAndOtherBuildsAreRefused) {
  Hello same = kMine;
  same.process = 3;
  EXPECT_EQ(refusal(same), "");
  Hello old = kMine;
  old.attempt = 6;
  EXPECT_THAT(refusal(old), HasSubstr("attempt 6"));
  Hello built = kMine;
  built.build = "build-2";
  EXPECT_THAT(refusal(built), HasSubstr("build-2"));
  Hello other = kMine;
  other.job = "orders";
  EXPECT_THAT(refusal(other), HasSubstr("'orders'"));
}

TEST(Hello, ATokenIsComparedWholeAndNeverSaid) {
  for (const char* token : {"", "open", "open sesame!", "Open sesame", "open sesamf"}) {
    Hello theirs = kMine;
    theirs.token = token;
    EXPECT_THAT(refusal(theirs), HasSubstr("token")) << token;
    EXPECT_THAT(refusal(theirs), Not(HasSubstr("sesam")));
  }
}

}  // namespace
}  // namespace weir::net
