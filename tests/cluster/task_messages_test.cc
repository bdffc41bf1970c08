// What is read of messages between the processes of an attempt, and what is refused before any of
// it is acted upon. What such a message does with any bytes is tried by the fuzzers.
#include "weir/cluster/task_messages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::cluster {
namespace {

using ::testing::HasSubstr;

/// Counts what arrives.
class Heard final : public PeerMessages {
 public:
  TaskGateway* gateway(TaskId) override { return nullptr; }
  TaskListener* listener() override { return nullptr; }
  void counts(const std::vector<TaskCounts>& counts) override { last = counts; }
  void deploy(Deploy) override {}
  void end_received() override { ++ends; }
  std::vector<TaskCounts> last;
  int ends = 0;
};

TEST(TaskMessages, AreActedUponOnce) {
  Heard heard;
  ASSERT_TRUE(read_peer_message(encode_end(), heard).ok());
  EXPECT_EQ(heard.ends, 1);
  const std::vector<TaskCounts> counts = {{7, 3, {StepCounts{.records_in = 5}}}};
  ASSERT_TRUE(read_peer_message(encode_counts(counts), heard).ok());
  EXPECT_EQ(heard.last, counts);
}

TEST(TaskMessages, OfAnotherLengthThanTheySayAreRefusedAndDoNothing) {
  const std::string bytes = encode_end();
  const std::pair<std::string, const char*> cases[] = {
      {"", "0 bytes"},
      {bytes.substr(0, bytes.size() - 1), "no whole number of words"},
      {bytes.substr(0, 8), ""},
      {bytes + std::string(8, '\0'), "more behind its end"},
      {bytes + bytes, "more behind its end"},
      {bytes + std::string((std::size_t{64} << 20), '\0'), "larger than 64 MiB"},
  };
  for (const auto& [text, why] : cases) {
    Heard heard;
    const Status read = read_peer_message(text, heard);
    ASSERT_FALSE(read.ok()) << text.size();
    EXPECT_EQ(read.error().code, ErrorCode::corrupt);
    EXPECT_THAT(read.error().message, HasSubstr(why));
    EXPECT_EQ(heard.ends, 0);
  }
}

}  // namespace
}  // namespace weir::cluster
