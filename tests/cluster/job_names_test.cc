// What a request may not name, and that the error says which field it was.
#include "weir/cluster/job_names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

namespace weir::cluster {
namespace {

using namespace std::string_literals;
using ::testing::StartsWith;

JobSpec good() {
  JobSpec spec;
  spec.name = "carts \xc3\xbc";
  spec.library = "carts.so";
  spec.library_hash = std::string(32, 'a');
  spec.settings = {{"input", "line one\nline two"}, {"empty", ""}};
  spec.options = {{"memory", "4GB"}};
  spec.state_dir = "/mnt/weir/" + std::string(240, 'd');
  spec.from = "s3://bucket/point";
  return spec;
}

TEST(JobNames, UsualOnesAreFine) {
  EXPECT_TRUE(check_names(good()).ok());
  EXPECT_TRUE(check_names(JobSpec()).ok());
}

TEST(JobNames, EachFieldIsCheckedAndNamed) {
  struct Case {
    const char* begins;
    std::function<void(JobSpec&)> spoil;
  };
  for (const Case& each : {
           Case{"'name' ", [](JobSpec& s) { s.name = "a\nb"; }},
           Case{"'name' ", [](JobSpec& s) { s.name = std::string(101, 'n'); }},
           Case{"'library' ", [](JobSpec& s) { s.library = "a\x1b[2J"; }},
           Case{"'library' ", [](JobSpec& s) { s.library = std::string(256, 'n'); }},
           Case{"'library_hash' ", [](JobSpec& s) { s.library_hash += "a"; }},
           Case{"'state_dir' ", [](JobSpec& s) { s.state_dir = "/a\0b"s; }},
           Case{"'state_dir' ", [](JobSpec& s) { s.state_dir = "/a/" + std::string(241, 'd'); }},
           Case{"'from' ", [](JobSpec& s) { s.from = "/a\xc2\x9b"; }},
           Case{"'settings (a name)' ", [](JobSpec& s) { s.settings["a\nb"] = ""; }},
           Case{"'settings (a name)' ", [](JobSpec& s) { s.settings[std::string(256, 'k')] = ""; }},
           Case{"'settings' has a setting ''", [](JobSpec& s) { s.settings[""] = "x"; }},
           Case{"'settings' has a setting 'a=b'", [](JobSpec& s) { s.settings["a=b"] = "x"; }},
           Case{"'settings.a' ", [](JobSpec& s) { s.settings["a"] = "x\0y"s; }},
           Case{"'options.memory' ", [](JobSpec& s) { s.options["memory"] = "4\nGB"; }},
       }) {
    JobSpec spec = good();
    each.spoil(spec);
    const Status refused = check_names(spec);
    ASSERT_FALSE(refused.ok()) << each.begins;
    EXPECT_EQ(refused.error().code, ErrorCode::invalid_argument);
    EXPECT_THAT(refused.error().message, StartsWith(each.begins));
  }
}

TEST(JobNames, PathsLeaveRoomForWhatIsWrittenBelow) {
  std::string path;
  for (int i = 0; i < 19; ++i) path += "/" + std::string(199, 'p');
  EXPECT_TRUE(check_path("to", path).ok());
  EXPECT_FALSE(check_path("to", path + "/").ok());
  EXPECT_TRUE(check_path("to", "s3://bucket/" + std::string(788, 'o')).ok());
  EXPECT_FALSE(check_path("to", "s3://bucket/" + std::string(789, 'o')).ok());
}

}  // namespace
}  // namespace weir::cluster
