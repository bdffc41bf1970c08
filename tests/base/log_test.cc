// The log: one line a message, whatever the message holds.
#include "weir/base/log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace weir {
namespace {

std::string logged(LogLevel threshold, LogLevel level, std::string_view message) {
  set_log_level(threshold);
  ::testing::internal::CaptureStderr();
  log(level, "step events", message);
  set_log_level(LogLevel::info);
  return ::testing::internal::GetCapturedStderr();
}

TEST(Log, WritesTimeLevelComponentAndMessage) {
  const std::string line = logged(LogLevel::info, LogLevel::warn, "split 3 is idle");
  EXPECT_NE(line.find("Z warning step events: split 3 is idle\n"), std::string::npos) << line;
}

TEST(Log, DropsWhatIsBelowTheLevel) {
  EXPECT_EQ(logged(LogLevel::warn, LogLevel::info, "quiet"), "");
  EXPECT_EQ(logged(LogLevel::off, LogLevel::error, "quiet"), "");
  EXPECT_NE(logged(LogLevel::debug, LogLevel::debug, "loud"), "");
}

TEST(Log, KeepsForeignBytesOnOneLine) {
  const std::string line = logged(LogLevel::info, LogLevel::info, "a\nb\x1b[31m{}%s");
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_NE(line.find("a\\nb\\x1b[31m{}%s"), std::string::npos) << line;
}

}  // namespace
}  // namespace weir
