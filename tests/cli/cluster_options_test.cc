// Keys that are no secret.
#include "cli/cluster_options.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace weir::cli {
namespace {

namespace fs = std::filesystem;

class OpenKey : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "weir-key-XXXXXX").string();
    ASSERT_NE(::mkdtemp(name.data()), nullptr);
    folder_ = name;
    key_ = folder_ + "/host.key";
    std::ofstream(key_) << "secret";
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string with_mode(mode_t mode) {
    EXPECT_EQ(::chmod(key_.c_str(), mode), 0);
    return open_key(key_);
  }
  std::string folder_, key_;
};

TEST_F(OpenKey, IsOneThatOthersMayRead) {
  EXPECT_EQ(with_mode(0600), "");
  EXPECT_EQ(with_mode(0400), "");
  const std::string said = with_mode(0644);
  EXPECT_NE(said.find(key_ + " has mode 0644: everybody on this host can read it"),
            std::string::npos)
      << said;
  EXPECT_EQ(open_key(folder_ + "/none"), "");
  EXPECT_EQ(open_key(""), "");
}

TEST_F(OpenKey, IsOneThatAGroupMayReadUnlessItIsTheSystems) {
  if (::getuid() != 0) {
    EXPECT_NE(with_mode(0640).find("its group can read it"), std::string::npos);
    return;
  }
  EXPECT_EQ(with_mode(0640), "") << "of root: as systems keep keys that services share";
  ASSERT_EQ(::chown(key_.c_str(), 65534, 65534), 0);
  EXPECT_NE(with_mode(0640).find("its group can read it"), std::string::npos);
}

// As Kubernetes mounts secrets.
TEST_F(OpenKey, IsLookedForBehindLinks) {
  ASSERT_EQ(::chmod(key_.c_str(), 0444), 0);
  fs::create_symlink(key_, folder_ + "/link");
  EXPECT_NE(open_key(folder_ + "/link").find("mode 0444"), std::string::npos);
}

}  // namespace
}  // namespace weir::cli
