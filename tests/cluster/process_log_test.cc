// The log of a process that says much.
#include "weir/cluster/process_log.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "tests/cluster/temporary_folder.h"

namespace weir::cluster {
namespace {

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class ProcessLog : public testing::Test {
 protected:
  void SetUp() override {
    for (int& each : descriptors_) {
      each = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
      ASSERT_GE(each, 0);
    }
  }
  void TearDown() override {
    for (const int each : descriptors_) ::close(each);
  }
  void say(const std::string& text, int which = 0) {
    ASSERT_EQ(::write(descriptors_[which], text.data(), text.size()),
              static_cast<ssize_t>(text.size()));
  }
  Result<bool> rotate(std::uint64_t full) {
    return rotate_log(path_, full, {descriptors_[0], descriptors_[1]});
  }
  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/1-0.log";
  int descriptors_[2] = {-1, -1};
};

TEST_F(ProcessLog, BelowItsBoundStaysAsItIs) {
  say("one\n");
  EXPECT_FALSE(rotate(5).value());
  say("two\n");
  EXPECT_EQ(text_of(path_), "one\ntwo\n");
}

TEST_F(ProcessLog, ThatIsFullBecomesTheOlderOneAndNoLineIsLost) {
  std::string all;
  for (int i = 0; i < 1000; ++i) {
    const std::string line = "line " + std::to_string(i) + "\n";
    say(line, i % 2);
    all += line;
    static_cast<void>(rotate(2000).value());
    const std::string kept = text_of(older_log(path_)) + text_of(path_);
    ASSERT_TRUE(all.ends_with(kept));
    ASSERT_GE(kept.size(), std::min<std::size_t>(all.size(), 2000)) << "the newest are there";
    ASSERT_LE(kept.size(), 2 * 2020u);
  }
}

TEST_F(ProcessLog, ThatCannotBeRenamedGoesOnWhereItWas) {
  say("one\n");
  ASSERT_EQ(::mkdir(older_log(path_).c_str(), 0700), 0);
  EXPECT_FALSE(rotate(1).ok());
  say("two\n");
  EXPECT_EQ(text_of(path_), "one\ntwo\n");
}

}  // namespace
}  // namespace weir::cluster
